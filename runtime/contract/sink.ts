import type { PoisonReason, RetryCode } from "./codes.js";

/** A message as a sink sees it. The bus is not visible through it. */
export interface SinkMessage {
  /** Idempotency key: the entity's path, a line feed, the id under which the message was first sent. */
  key: string;
  /** Path of the source entity. */
  entity: string;
  /** The id under which the message was first sent; `stowage-original-id` of a copy. */
  messageId: string;
  /** The body as it was sent; a value body is its JSON text in UTF-8. */
  body: Buffer;
  /** SHA-256 of `body`, 64 hexadecimal digits; computed when first asked for. */
  readonly bodySha256: string;
  contentType?: string;
  subject?: string;
  correlationId?: string;
  sessionId?: string;
  partitionKey?: string;
  replyTo?: string;
  replyToSessionId?: string;
  properties: { [name: string]: string | number | boolean | Date | null };
  enqueuedTime: Date;
  /** int64 as decimal text. */
  sequenceNumber: string;
  /** 1 for the first delivery. */
  deliveryCount: number;
  /** Trace id of the producer's `traceparent`, or one of the worker's own; 32 hexadecimal digits. */
  traceId: string;
  /** Issuer and subject that signed it, with a space between; set where the pipeline requires signatures. */
  producer?: string;
}

/** A message that the engine sends before it settles the request. Its id is derived from the request's. */
export interface Reply {
  /** One of the pipeline's reply queues. */
  queue: string;
  /** Distinguishes several replies to one request; part of the derived message id. */
  kind: string;
  body: object;
  subject?: string;
  sessionId?: string;
}

/** What became of a message. */
export type Outcome = DoneOutcome | RetryOutcome | PoisonOutcome;

/** The effect is durable. `duplicate` is true where it already was before this attempt. */
export interface DoneOutcome {
  kind: "done";
  duplicate: boolean;
  /** What holds the effect, for the audit: `renders/42.png`, `volume pvc-1`, `telemetry.readings [device-7, …]`. */
  object?: string;
  replies?: Reply[];
}

/** This attempt failed; another may succeed. */
export interface RetryOutcome {
  kind: "retry";
  code: RetryCode;
  description: string;
  /** Wait at least so long, in milliseconds. */
  delayMilliseconds?: number;
}

/** No attempt can succeed. */
export interface PoisonOutcome {
  kind: "poison";
  reason: PoisonReason;
  /** What was wrong where, for a person; at most 4,096 characters reach the broker (its limit). */
  description: string;
}

export interface SinkContext {
  /** Fires when the lock is lost or the process must end: stop, settle nothing. */
  signal: AbortSignal;
  /** 1 for the first attempt within this delivery. */
  attempt: number;
  /**
   * Makes one call of the store and measures it: `stowage_store_call_seconds` and, where traces are on, a span.
   * `operation` is from a short closed list of the sink's (`write`, `spawn`): it becomes a label.
   */
  call<T>(operation: string, run: () => Promise<T>): Promise<T>;
}

/** What the project's own sinks are called with beside it. */
export interface EarlySinkContext extends SinkContext {
  /**
   * Takes the outcome of one message before the call is over: it waits for no neighbour any more. The first outcome counts,
   * here or at the end, where the call gives all of them. Absent where outcomes are recorded together, by an audit.
   */
  readonly settled?: ((message: SinkMessage, outcome: Outcome) => void) | undefined;
}

/** What is at the far end, as `stowage doctor` shows it. */
export interface StoreInfo {
  /** Product and version: `Cassandra 5.0.6`. */
  version: string;
}

/** Where messages go. One outcome for each message, in the order given. */
export interface Sink {
  /** Connects, and refuses with a StowageError what can never work (a folder without its volume's marker). */
  start(signal: AbortSignal): Promise<void>;
  /** Never throws for a message's sake; a throw is a retry of the whole batch with `StoreUnavailable`. */
  process(batch: SinkMessage[], context: SinkContext): Promise<Outcome[]>;
  /** Throws where the store is not usable now. It does what an effect does, at the cost of one. */
  probe(): Promise<void>;
  stop(): Promise<void>;
  /** Asks the store what it is; rejects where it is not reached. Called after `start` only. */
  info?(): Promise<StoreInfo>;
  /** How the engine batches: the most messages a call may carry, and how long it waits for more. */
  readonly batching: { maxMessages: number; maxWaitMilliseconds: number };
}
