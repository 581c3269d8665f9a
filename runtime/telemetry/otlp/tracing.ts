import {
  type Attributes,
  type Context,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { type IdGenerator, RandomIdGenerator, type Sampler } from "@opentelemetry/sdk-trace";
import { errorCode } from "../../bus/errors.js";
import { DeliveryOutcome, type Outcome, type SinkMessage } from "../../contract/index.js";
import type { StoreTracing, TracedMessage, Tracing } from "../hooks.js";
import { type CarriedContext, carried, type ProducerContext, producerContextOf, producerTraceOf } from "../trace.js";
import { Attribute, type Destination } from "./attributes.js";
import { Sampling } from "./sampling.js";

/** Outcomes of a delivery after which something is to be looked at. */
const BAD: ReadonlySet<DeliveryOutcome> = new Set([
  DeliveryOutcome.DeadLettered,
  DeliveryOutcome.Abandoned,
  DeliveryOutcome.LockLost,
  DeliveryOutcome.Unsettled,
]);

/** Gives a trace that begins here the id that the message's log lines carry; else random ids. */
export class MessageIds implements IdGenerator {
  /** The next trace's id; taken once. */
  next: string | undefined;
  private readonly random = new RandomIdGenerator();

  generateTraceId(): string {
    const id = this.next ?? this.random.generateTraceId();
    this.next = undefined;
    return id;
  }

  generateSpanId(): string {
    return this.random.generateSpanId();
  }
}

/** What spans are made with. */
export interface SpanTracingOptions {
  tracer: Tracer;
  /** The tracer's own: it is asked before anything of a span is made. */
  sampler: Sampler;
  ids: MessageIds;
  destination: Destination;
  /** What the spans of store calls say about the store, and what they are named after. */
  store: { name: string; attributes: Attributes };
  /** Exports what is buffered, and ends. Never rejects. */
  close(): Promise<void>;
}

/** A delivery that is sampled. */
interface Open {
  span: Span;
  /** The context that the spans below it are made in. */
  context: Context;
}

/**
 * Deliveries as spans, by OpenTelemetry's conventions for messaging: `receive` from a message's receipt to the end of its
 * delivery, a child of the producer's span; below it `process` for each call of the sink, with the store's calls, and the
 * settlement. A call of the sink with several messages stands in the trace of the first that is sampled, and is linked
 * with all of them. A message that is not sampled costs the decision and nothing else.
 */
export class SpanTracing implements Tracing {
  private readonly open = new Map<TracedMessage, Open>();
  private readonly sampling: Sampling;
  private readonly receiveAttributes: Attributes;
  private readonly processAttributes: Attributes;

  constructor(private readonly options: SpanTracingOptions) {
    this.sampling = new Sampling(options.sampler);
    const { attributes } = options.destination;
    const operation = (name: string) => ({ [Attribute.OperationType]: name, [Attribute.OperationName]: name });
    this.receiveAttributes = { ...attributes, ...operation("receive") };
    this.processAttributes = { ...attributes, ...operation("process") };
  }

  begin(message: TracedMessage, carried: { readonly [name: string]: unknown } = message.properties): void {
    if (!this.sampling.isKept(message.traceId, producerTraceOf(carried))) return;
    const { tracer, ids, destination } = this.options;
    const producer = producerContextOf(carried);
    if (producer === undefined) ids.next = message.traceId;
    const parent = producer === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(producer));
    const span = tracer.startSpan(
      `receive ${destination.name}`,
      { kind: SpanKind.CLIENT, attributes: this.receiveAttributes },
      parent,
    );
    ids.next = undefined;
    if (!span.isRecording()) return;
    span.setAttributes(messageAttributes(message));
    if (producer !== undefined) span.addLink({ context: contextOf(producer) });
    this.open.set(message, { span, context: trace.setSpan(ROOT_CONTEXT, span) });
  }

  follows(message: TracedMessage): boolean {
    return this.open.size > 0 && this.open.has(message);
  }

  async process(
    messages: SinkMessage[],
    run: (store: StoreTracing | undefined) => Promise<Outcome[]>,
  ): Promise<Outcome[]> {
    const sampled = messages.flatMap((message) => this.open.get(message) ?? []);
    const [first, ...others] = sampled;
    if (first === undefined) return run(undefined);
    const { tracer, destination } = this.options;
    const [only] = messages;
    const about =
      only !== undefined && messages.length === 1
        ? messageAttributes(only)
        : { [Attribute.BatchCount]: messages.length };
    const span = tracer.startSpan(
      `process ${destination.name}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: { ...this.processAttributes, ...about },
        links: messages.flatMap((message) => this.linkTo(message, messages.length > 1)),
      },
      first.context,
    );
    for (const other of others) other.span.addLink({ context: span.spanContext() });
    const context = trace.setSpan(ROOT_CONTEXT, span);
    return this.following(span, async () => {
      const outcomes = await run((operation, call) => this.store(context, operation, call));
      const bad = outcomes.find((outcome) => outcome.kind !== "done");
      if (bad !== undefined) failed(span, bad.kind === "retry" ? bad.code : bad.reason);
      return outcomes;
    });
  }

  async settle<T>(message: TracedMessage, operation: string, run: () => Promise<T>): Promise<T> {
    const open = this.open.get(message);
    if (open === undefined) return run();
    const { tracer, destination } = this.options;
    const attributes = {
      ...destination.attributes,
      ...messageAttributes(message),
      [Attribute.OperationType]: "settle",
      [Attribute.OperationName]: operation,
      [Attribute.Disposition]: operation,
    };
    const name = `${operation} ${destination.name}`;
    return this.following(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, open.context), run);
  }

  contextOf(message: TracedMessage): CarriedContext | undefined {
    const open = this.open.get(message);
    if (open === undefined) return undefined;
    const { traceId, spanId, traceFlags: flags, traceState } = open.span.spanContext();
    const state = traceState?.serialize();
    return carried({ traceId, spanId, flags, ...(state ? { state } : {}) });
  }

  end(message: TracedMessage, outcome: DeliveryOutcome): void {
    if (this.open.size === 0) return;
    const open = this.open.get(message);
    if (open === undefined) return;
    this.open.delete(message);
    open.span.setAttribute(Attribute.Outcome, outcome);
    if (BAD.has(outcome)) failed(open.span, outcome);
    open.span.end();
  }

  /** Deliveries that are open and sampled. */
  get pending(): number {
    return this.open.size;
  }

  close(): Promise<void> {
    return this.options.close();
  }

  private store<T>(parent: Context, operation: string, run: () => Promise<T>): Promise<T> {
    const { tracer, store } = this.options;
    const attributes = { ...store.attributes, [Attribute.StoreOperation]: operation };
    const name = `${operation} ${store.name}`;
    return this.following(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent), run);
  }

  /** Ends the span with what is run, whatever becomes of it. */
  private async following<T>(span: Span, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      failed(span, errorCode(error));
      throw error;
    } finally {
      span.end();
    }
  }

  /** The producer's span, or where there is none this delivery's own: a message that has neither has no span at all. */
  private linkTo(message: SinkMessage, ofBatch: boolean): Link[] {
    const attributes = ofBatch ? messageAttributes(message) : {};
    const producer = producerContextOf(message.properties);
    if (producer !== undefined) return [{ context: contextOf(producer), attributes }];
    const own = this.open.get(message)?.span.spanContext();
    return own === undefined || !ofBatch ? [] : [{ context: own, attributes }];
  }
}

/** The error's text stays in the log: what a store says of a message may hold a piece of it. */
function failed(span: Span, type: string): void {
  span.setAttribute(Attribute.ErrorType, type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function contextOf({ traceId, spanId, flags, state }: ProducerContext): SpanContext {
  const context = { traceId, spanId, traceFlags: flags & 1, isRemote: true };
  return state === undefined ? context : { ...context, traceState: createTraceState(state) };
}

function messageAttributes(message: TracedMessage): Attributes {
  const { messageId, deliveryCount, enqueuedTime, correlationId, sessionId } = message;
  return {
    [Attribute.MessageId]: messageId,
    [Attribute.DeliveryCount]: deliveryCount,
    [Attribute.EnqueuedTime]: Math.floor(enqueuedTime.getTime() / 1000),
    ...(correlationId === undefined ? {} : { [Attribute.ConversationId]: correlationId }),
    ...(sessionId === undefined ? {} : { [Attribute.Session]: sessionId }),
  };
}
