import {
  type Context,
  ROOT_CONTEXT,
  SamplingDecision,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { describe, expect, test } from "vitest";
import { Replies } from "../../../runtime/bus/replies.js";
import type { Outcome, SinkMessage } from "../../../runtime/contract/index.js";
import { destinationOf, storeAttributes } from "../../../runtime/telemetry/otlp/attributes.js";
import { MessageIds, SpanTracing } from "../../../runtime/telemetry/otlp/tracing.js";
import { pipelineOf, sinkMessage } from "../bus/fakes.js";

const PRODUCER = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const SAMPLED = `00-${PRODUCER.traceId}-${PRODUCER.spanId}-01`;
const NOT_SAMPLED = `00-${PRODUCER.traceId}-${PRODUCER.spanId}-00`;
const DONE: Outcome = { kind: "done", duplicate: false };

function kit(sampler: Sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() }), change = pipelineOf()) {
  const exporter = new InMemorySpanExporter();
  const ids = new MessageIds();
  const provider = new TracerProvider({
    sampler,
    idGenerator: ids,
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracing = new SpanTracing({
    tracer: provider.getTracer("test"),
    sampler,
    ids,
    destination: destinationOf(change, "contoso.servicebus.windows.net"),
    store: { name: "gluster", attributes: storeAttributes(change) },
    close: () => provider.shutdown(),
  });
  const spans = (): ReadableSpan[] => exporter.getFinishedSpans();
  const named = (name: string): ReadableSpan => {
    const found = spans().filter((span) => span.name === name);
    expect(found, `spans named ${name} among ${spans().map((s) => s.name)}`).toHaveLength(1);
    return found[0] ?? expect.fail(name);
  };
  return { tracing, spans, named };
}

let count = 0;
const message = (properties: SinkMessage["properties"], change: Partial<SinkMessage> = {}): SinkMessage =>
  sinkMessage({ properties, messageId: `m-${++count}`, ...change });

/** One delivery from receipt to completion, with one call of the store. */
async function delivered({ tracing }: ReturnType<typeof kit>, what: SinkMessage, outcome: Outcome = DONE) {
  tracing.begin(what);
  await tracing.process([what], async (store) => {
    await store?.("publish", async () => undefined);
    return [outcome];
  });
  await tracing.settle(what, "complete", async () => undefined);
  tracing.end(what, "done");
}

describe("a delivery", () => {
  test("is a child of the producer's span, with process, the store's call and the settlement below it", async () => {
    const made = kit();
    const sessionId = "s-1";
    const what = message({ traceparent: SAMPLED, tracestate: "vendor=1" }, { correlationId: "c-9", sessionId });
    await delivered(made, what);
    const receive = made.named("receive renders");
    const process = made.named("process renders");
    const store = made.named("publish gluster");
    const settle = made.named("complete renders");

    expect(receive.parentSpanContext).toMatchObject({ ...PRODUCER, isRemote: true });
    expect(receive.spanContext().traceState?.serialize()).toBe("vendor=1");
    expect(process.parentSpanContext?.spanId).toBe(receive.spanContext().spanId);
    expect(store.parentSpanContext?.spanId).toBe(process.spanContext().spanId);
    expect(settle.parentSpanContext?.spanId).toBe(receive.spanContext().spanId);
    for (const span of made.spans()) expect(span.spanContext().traceId).toBe(PRODUCER.traceId);
    expect([receive, process, store, settle].map((span) => span.kind)).toEqual([
      SpanKind.CLIENT,
      SpanKind.CONSUMER,
      SpanKind.CLIENT,
      SpanKind.CLIENT,
    ]);

    const common = {
      "messaging.system": "servicebus",
      "messaging.destination.name": "renders",
      "server.address": "contoso.servicebus.windows.net",
      "messaging.message.id": what.messageId,
      "messaging.servicebus.message.delivery_count": 1,
      "messaging.servicebus.message.enqueued_time": 1_700_000_000,
      "messaging.message.conversation_id": "c-9",
      "stowage.session.id": "s-1",
    };
    const operation = (type: string, name = type) => ({
      "messaging.operation.type": type,
      "messaging.operation.name": name,
    });
    expect(receive.attributes).toEqual({ ...common, ...operation("receive"), "stowage.outcome": "done" });
    expect(process.attributes).toEqual({ ...common, ...operation("process") });
    const settled = { ...operation("settle", "complete"), "messaging.servicebus.disposition_status": "complete" };
    expect(settle.attributes).toEqual({ ...common, ...settled });
    expect(store.attributes).toEqual({ "stowage.sink": "gluster", "stowage.store.operation": "publish" });
    expect(process.links).toMatchObject([{ context: PRODUCER }]);
    for (const span of made.spans()) expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(made.tracing.pending).toBe(0);
  });

  test("takes the producer's context from Diagnostic-Id where there is no traceparent", async () => {
    const made = kit();
    await delivered(made, message({ "Diagnostic-Id": SAMPLED }));
    expect(made.named("receive renders").parentSpanContext).toMatchObject(PRODUCER);
  });

  test.each([
    ["none", {}],
    ["one that is no traceparent", { traceparent: "4bf92f35" }],
    ["one without a span", { traceparent: `00-${PRODUCER.traceId}-${"0".repeat(16)}-01` }],
    ["one of a forbidden version", { traceparent: `ff${SAMPLED.slice(2)}` }],
  ])("begins a trace under the id of its log lines where its message carries %s", async (_what, properties) => {
    const made = kit();
    const what = message(properties, { traceId: `${"a".repeat(31)}1` });
    await delivered(made, what);
    const receive = made.named("receive renders");
    expect(receive.parentSpanContext).toBeUndefined();
    expect(receive.spanContext().traceId).toBe(what.traceId);
    expect(made.named("process renders").links).toEqual([]);
  });

  test("of a subscription names topic and subscription; a row's write names its table", async () => {
    const pipeline = pipelineOf((p) => {
      p.source = { ...p.source, topic: "readings", subscription: "store" };
      delete p.source.queue;
    });
    expect(destinationOf(pipeline, "localhost:5671")).toMatchObject({
      name: "readings",
      attributes: { "messaging.destination.subscription.name": "store", "server.address": "localhost" },
    });
    pipeline.sink = {
      cassandra: {
        table: {
          ...{ keyspace: "telemetry", name: "readings", columns: {}, partitionKey: [], clusteringKey: [] },
          from: { time: { body: "at" } },
        },
        ...{ replication: { dc1: 3 }, consistency: "LOCAL_QUORUM" },
        ...{
          batchMaxRows: 10,
          batchMaxBytes: 1_000,
          flushMilliseconds: 5,
          maxInFlight: 2,
          batchBy: "partition" as const,
          ledger: false,
        },
      },
    };
    expect(storeAttributes(pipeline)).toEqual({
      "stowage.sink": "cassandra",
      "db.system.name": "cassandra",
      "db.namespace": "telemetry",
      "db.collection.name": "readings",
    });
  });
});

describe("what fails", () => {
  test("is an error with its code, and without its text", async () => {
    const made = kit();
    const what = message({ traceparent: SAMPLED });
    made.tracing.begin(what);
    const outcome: Outcome = { kind: "retry", code: "StoreUnavailable", description: "secret of the store" };
    const outcomes = await made.tracing.process([what], async (store) => {
      const error = Object.assign(new Error("secret of the store"), { code: "EIO" });
      await store?.("publish", () => Promise.reject(error)).catch(() => undefined);
      return [outcome];
    });
    expect(outcomes).toEqual([outcome]);
    const lost = Object.assign(new Error("secret of the bus"), { code: "MessageLockLost" });
    await expect(made.tracing.settle(what, "abandon", () => Promise.reject(lost))).rejects.toBe(lost);
    made.tracing.end(what, "lock_lost");
    const errors = made.spans().map((span) => [span.name, span.status, span.attributes["error.type"]]);
    const status = { code: SpanStatusCode.ERROR };
    expect(errors).toEqual([
      ["publish gluster", status, "EIO"],
      ["process renders", status, "StoreUnavailable"],
      ["abandon renders", status, "MessageLockLost"],
      ["receive renders", status, "lock_lost"],
    ]);
    expect(JSON.stringify(made.spans().map(({ attributes, events }) => ({ attributes, events })))).not.toContain(
      "secret",
    );
  });

  test("of a call that throws ends its span and is thrown on", async () => {
    const made = kit();
    const what = message({ traceparent: SAMPLED });
    made.tracing.begin(what);
    await expect(made.tracing.process([what], () => Promise.reject(new TypeError("x")))).rejects.toThrow("x");
    expect(made.named("process renders").attributes["error.type"]).toBe("TypeError");
  });

  test.each([
    ["done", SpanStatusCode.UNSET],
    ["duplicate", SpanStatusCode.UNSET],
    ["rescheduled", SpanStatusCode.UNSET],
    ["released", SpanStatusCode.UNSET],
    ["dead_lettered", SpanStatusCode.ERROR],
    ["abandoned", SpanStatusCode.ERROR],
    ["unsettled", SpanStatusCode.ERROR],
  ] as const)("or not: a delivery that ends %s has status %i", async (outcome, code) => {
    const made = kit();
    const what = message({});
    made.tracing.begin(what);
    made.tracing.end(what, outcome);
    expect(made.named("receive renders")).toMatchObject({
      status: { code },
      attributes: { "stowage.outcome": outcome },
    });
  });
});

describe("a delivery that is not sampled", () => {
  test.each<[string, Sampler]>([
    ["always on", new AlwaysOnSampler()],
    ["always off", new AlwaysOffSampler()],
    ["a ratio", new TraceIdRatioBasedSampler(0.5)],
    ["the parent, else on", new ParentBasedSampler({ root: new AlwaysOnSampler() })],
    ["the parent, else off", new ParentBasedSampler({ root: new AlwaysOffSampler() })],
    ["the parent, else a ratio", new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.5) })],
  ])("is told from one that is as the sampler decides: %s", (_what, sampler) => {
    const { tracing } = kit(sampler);
    const follows = (what: SinkMessage): boolean => {
      tracing.begin(what);
      return tracing.follows(what);
    };
    for (const traceId of [`0${"3".repeat(31)}`, `f${"3".repeat(31)}`]) {
      const decides = (context: Context): boolean =>
        sampler.shouldSample(context, traceId, "", SpanKind.CLIENT, {}, []).decision !== SamplingDecision.NOT_RECORD;
      expect(follows(message({}, { traceId }))).toBe(decides(ROOT_CONTEXT));
      for (const traceFlags of [TraceFlags.NONE, TraceFlags.SAMPLED]) {
        const parent = { traceId, spanId: PRODUCER.spanId, traceFlags, isRemote: true };
        const traceparent = `00-${traceId}-${PRODUCER.spanId}-0${traceFlags}`;
        expect(follows(message({ traceparent }, { traceId }))).toBe(
          decides(trace.setSpanContext(ROOT_CONTEXT, parent)),
        );
      }
    }
  });

  test("costs the decision: nothing else of it is read, and no span is begun", async () => {
    const { tracing, spans } = kit();
    const what = message({});
    const nobody = (name: string) => () => expect.fail(`its ${name} is read`);
    for (const name of ["properties", "enqueuedTime", "messageId"])
      Object.defineProperty(what, name, { get: nobody(name) });
    tracing.begin(what, { traceparent: NOT_SAMPLED });
    expect(tracing.follows(what)).toBe(false);
    tracing.end(what, "done");
    expect(tracing.pending).toBe(0);
    expect(spans()).toEqual([]);
  });
});

describe("a batch", () => {
  test("is one process span in the first sampled message's trace, linked with all, and they with it", async () => {
    const made = kit();
    const other = { traceId: `${"b".repeat(31)}1`, spanId: "c".repeat(16) };
    const unsampled = message({ traceparent: NOT_SAMPLED });
    const first = message({ traceparent: `00-${other.traceId}-${other.spanId}-01` });
    const orphan = message({}, { traceId: `${"d".repeat(31)}1` });
    const batch = [unsampled, first, orphan];
    for (const each of batch) made.tracing.begin(each);
    await made.tracing.process(batch, async () => batch.map(() => DONE));
    for (const each of batch) made.tracing.end(each, "done");

    const process = made.named("process renders");
    const received = made.spans().filter((span) => span.name === "receive renders");
    expect(received).toHaveLength(2);
    const orphans = received.find((span) => span.spanContext().traceId === orphan.traceId);
    expect(process.spanContext().traceId).toBe(other.traceId);
    expect(process.attributes["messaging.batch.message_count"]).toBe(3);
    expect(process.attributes["messaging.message.id"]).toBeUndefined();
    expect(
      process.links.map(({ context, attributes }) => [context.spanId, attributes?.["messaging.message.id"]]),
    ).toEqual([
      [PRODUCER.spanId, unsampled.messageId],
      [other.spanId, first.messageId],
      [orphans?.spanContext().spanId, orphan.messageId],
    ]);
    expect(orphans?.links.map(({ context }) => context.spanId)).toEqual([process.spanContext().spanId]);
  });
});

describe("a message that is not sampled", () => {
  test.each<[string, Sampler, SinkMessage["properties"]]>([
    ["by its producer", new ParentBasedSampler({ root: new AlwaysOnSampler() }), { traceparent: NOT_SAMPLED }],
    ["by the worker", new ParentBasedSampler({ root: new AlwaysOffSampler() }), {}],
  ])("%s makes no span, and what it runs is run as it is", async (_who, sampler, properties) => {
    const made = kit(sampler);
    const what = message(properties);
    made.tracing.begin(what);
    const handed: unknown[] = [];
    await made.tracing.process([what], async (store) => {
      handed.push(store);
      return [DONE];
    });
    expect(await made.tracing.settle(what, "complete", async () => 7)).toBe(7);
    made.tracing.end(what, "done");
    expect(handed).toEqual([undefined]);
    expect(made.spans()).toEqual([]);
    expect(made.tracing.pending).toBe(0);
  });
});

describe("an answer", () => {
  const PASSED_ON = `00-${PRODUCER.traceId}-${PRODUCER.spanId}`;

  /** What an answer to the message carries of its trace. */
  async function answered(what: SinkMessage, tracing?: SpanTracing): Promise<{ [name: string]: unknown }> {
    const sent: { [name: string]: unknown }[] = [];
    const sendMessages = async (answer: { applicationProperties?: object }): Promise<void> => {
      sent.push({ ...answer.applicationProperties });
    };
    const sender = { sendMessages, scheduleMessages: async () => undefined, close: async () => undefined };
    await new Replies(["answers"], () => sender, tracing).send(what, { queue: "answers", kind: "outcome", body: {} });
    return sent[0] ?? expect.fail("nothing was sent");
  }

  test("stands below the message's span, in the producer's trace, with its state", async () => {
    const { tracing, named } = kit();
    const what = message({ traceparent: SAMPLED, tracestate: "vendor=1" });
    tracing.begin(what);
    const carried = await answered(what, tracing);
    tracing.end(what, "done");
    const { spanId } = named("receive renders").spanContext();
    expect(carried).toEqual({ traceparent: `00-${PRODUCER.traceId}-${spanId}-01`, tracestate: "vendor=1" });
  });

  test("begins below the message's span where there was no producer's", async () => {
    const { tracing, named } = kit();
    const what = message({});
    tracing.begin(what);
    const carried = await answered(what, tracing);
    tracing.end(what, "done");
    expect(carried).toEqual({ traceparent: `00-${what.traceId}-${named("receive renders").spanContext().spanId}-01` });
  });

  test.each([
    ["its traceparent", { traceparent: SAMPLED, tracestate: "vendor=1" }, `${PASSED_ON}-01`],
    ["its Diagnostic-Id", { "Diagnostic-Id": SAMPLED }, `${PASSED_ON}-01`],
    ["that it is not sampled", { traceparent: NOT_SAMPLED }, `${PASSED_ON}-00`],
  ])("passes on the producer's place where traces are off: %s", async (_what, properties, traceparent) => {
    const { tracestate } = { tracestate: undefined, ...properties };
    const carried = await answered(message(properties));
    expect(carried).toEqual({ traceparent, ...(tracestate === undefined ? {} : { tracestate }) });
  });

  test("passes it on where the message is not sampled, and else carries the id of the log's lines", async () => {
    const { tracing } = kit();
    const unsampled = message({ traceparent: NOT_SAMPLED });
    tracing.begin(unsampled);
    expect(await answered(unsampled, tracing)).toEqual({ traceparent: NOT_SAMPLED });
    const plain = message({});
    expect(await answered(plain)).toEqual({
      traceparent: expect.stringMatching(`^00-${plain.traceId}-[0-9a-f]{16}-00$`),
    });
  });
});
