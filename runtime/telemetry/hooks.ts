import type { Outcome, SinkMessage } from "../contract/index.js";
import type { DeliveryOutcome } from "./metrics.js";
import type { CarriedContext } from "./trace.js";

/** Runs one call of the store as a span below the sink's. */
export type StoreTracing = <T>(operation: string, run: () => Promise<T>) => Promise<T>;

/** What of a message its spans tell; also of one that no sink can read. */
export interface TracedMessage
  extends Pick<
    SinkMessage,
    "messageId" | "deliveryCount" | "enqueuedTime" | "traceId" | "correlationId" | "sessionId"
  > {
  properties: { [name: string]: unknown };
}

/**
 * Follows deliveries as spans. The engine calls it at each step, and not at all where it is absent: that is what makes
 * "off" cost nothing. No member throws.
 */
export interface Tracing {
  /**
   * A message was received: where its trace is kept its span begins, as a child of the producer's context that the message
   * carries. `carried` is where that context stands: the properties as they came, which need not be made for a sink.
   * @default the message's properties
   */
  begin(message: TracedMessage, carried?: { readonly [name: string]: unknown }): void;
  /** Whether a span is open for the message. What has none is no matter of the calls below: they cost it something. */
  follows(message: TracedMessage): boolean;
  /**
   * Runs one call of the sink as a span of its own, linked to all messages of the batch. `run` is given what makes spans
   * of its calls of the store; nothing where none of the messages is sampled.
   */
  process(messages: SinkMessage[], run: (store: StoreTracing | undefined) => Promise<Outcome[]>): Promise<Outcome[]>;
  /** Runs the settlement of one message as a span. `operation` is `complete`, `abandon` or `dead_letter`. */
  settle<T>(message: TracedMessage, operation: string, run: () => Promise<T>): Promise<T>;
  /** Where an answer to the message stands in its trace: below its span. Undefined where the message is not sampled. */
  contextOf(message: TracedMessage): CarriedContext | undefined;
  /** The delivery is over. */
  end(message: TracedMessage, outcome: DeliveryOutcome): void;
  /** Exports what is buffered, within a bounded time, and ends. */
  close(): Promise<void>;
}

/**
 * The append-only log of effects. The engine calls it around each call of the sink, and not at all where the pipeline
 * has none. Where a record cannot be written, nothing is done that would go without one.
 */
export interface Audit {
  /**
   * Writes what is about to be done; the sink is called once the records are handed to the system. A promise only where
   * that has to be waited for. Rejects (or throws) with a StowageError `AuditUnavailable` where they cannot be written.
   */
  intent(messages: SinkMessage[], attempt: number): Promise<void> | undefined;
  /**
   * Writes what became of each message, in the order of the messages. No message is settled before this resolves: an
   * effect whose outcome is not on record comes again, and its intent is closed then. Rejects like `intent`.
   */
  outcomes(messages: SinkMessage[], outcomes: Outcome[]): Promise<void> | undefined;
  /** Rejects where no record can be written now. */
  probe(): Promise<void>;
  /** Writes out what is buffered, and ends: nothing is written after it. */
  close(): Promise<void>;
}
