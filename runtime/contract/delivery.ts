/** What a poison message does to the rest of its session. */
export const SessionPoison = {
  /** The poison is dead-lettered and the session goes on with the next message. */
  Skip: "skip",
  /** The poison is dead-lettered, and so is every later message of that session (`SessionStopped`). */
  Stop: "stop",
} as const;
export type SessionPoison = (typeof SessionPoison)[keyof typeof SessionPoison];

/** What becomes of the worker's part of a session's state once the session is empty. */
export const EmptySessionState = {
  /** It stays: who looks sees how far the session is, and the next messages are counted on from there. */
  Keep: "keep",
  /** It is taken out. What an application keeps there stays; a session that is stopped stays so. */
  Clear: "clear",
} as const;
export type EmptySessionState = (typeof EmptySessionState)[keyof typeof EmptySessionState];

/** How a message waits that its sink wants to be tried again after a delay of its own. */
export const DelayedRetry = {
  /** Under its lock, which is renewed; it takes one of the places of `concurrency`. */
  Hold: "hold",
  /**
   * As a scheduled copy, and the message is completed once the entity has the copy. Queues without sessions only; the
   * worker's identity gets the send right on the queue. The copy counts as the same message in every effect.
   */
  Schedule: "schedule",
} as const;
export type DelayedRetry = (typeof DelayedRetry)[keyof typeof DelayedRetry];

/** Retries of the Azure client itself at one operation: connecting, settling, renewing, sending. */
export interface ClientRetries {
  /** Tries after the first, 0 to 10. Receiving is tried for ever by the client's design; `noProgressSeconds` bounds it. */
  maxRetries: number;
  /** Wait before the first of them in milliseconds, 10 to 60000. Doubles each time. */
  retryDelayMilliseconds: number;
  /** The longest wait in milliseconds, 10 to 300000. */
  maxRetryDelayMilliseconds: number;
  /** Time limit of one try in seconds, 1 to 120. A request for the next session waits so long for one. */
  timeoutSeconds: number;
}

/** Limits of delivery. Nothing here is unlimited. */
export interface PipelineDelivery {
  /** Messages (sessions, where there are sessions) in work at once, 1 to 2000. */
  concurrency: number;
  /** Bytes of message bodies held at once, 1 MiB (1048576) to 4 GiB; taking stops above it. */
  maxHeldBytes: number;
  /** Attempts at one message in place, 1 to 20, before it is given back to the entity. */
  attempts: number;
  /** Wait before the second attempt in milliseconds, 10 to 60000; doubles each time, with full jitter. */
  retryBaseMilliseconds: number;
  /** The longest wait between attempts in milliseconds, 10 to 300000. */
  retryMaxMilliseconds: number;
  /** What becomes of a message whose sink asks for a delay. */
  delayedRetry: DelayedRetry;
  /**
   * Deliveries that one message may lose to restarts of workers (crashes, evictions, roll-outs), 0 to 1999. The entity's
   * maxDeliveryCount must be greater: outside sessions each of them costs a delivery, and one is left for the work.
   */
  expectedRestarts: number;
  /** Longest time a message's lock is renewed for, in seconds, 5 to 86400: the time limit of one message. */
  maxProcessingSeconds: number;
  /**
   * Longest time a message is held under renewal while its store is down, in seconds, 5 to 86400. Then it is given back,
   * at the cost of a delivery outside sessions; on its last delivery it is held on.
   */
  maxOutageSeconds: number;
  /**
   * The 99th percentile of how long a message takes, in seconds, 0.001 to 86400, as the team expects or has measured it.
   * A lock that is shorter is warned about at start and in the metrics, since each such message lives on renewals.
   * @default not stated: the worker warns by what it measures
   */
  slowSeconds?: number;
  /** Time for what is in work to finish after SIGTERM, in seconds, 1 to 600. */
  shutdownGraceSeconds: number;
  /** What poison does to its session. */
  onPoison: SessionPoison;
  /**
   * How long a session without a message is kept, in milliseconds, 50 to 60000. While all places are taken and another
   * session waits for one, it makes room after 50 already.
   */
  sessionIdleMilliseconds: number;
  /**
   * How long one session is worked on at a stretch, in seconds, 1 to 3600. Then, while all places are taken and another
   * session waits, it makes room after the message that it is at, which costs no delivery. With none waiting it goes on.
   */
  sessionQuantumSeconds: number;
  /**
   * What becomes of the worker's part of the state of a session that is empty. What is kept is up to 500 bytes for each
   * session id that ever was, and counts against the entity's size: where ids do not come again, an order's or a job's,
   * clear it.
   * @default keep
   */
  emptySessionState?: EmptySessionState;
  /**
   * Without progress for so long although messages wait, the receivers are replaced, after as long again the client,
   * after as long again the process ends with status 4. In seconds, 10 to 3600, and more than two lock durations.
   */
  noProgressSeconds: number;
  /** Retries of the Azure client at single operations. */
  client: ClientRetries;
}

/**
 * How delivery goes where nothing is said. A lock is at most 300 s (Azure's limit): what goes on for longer lives on
 * renewals, and `noProgressSeconds` is above two of the longest.
 */
export const DELIVERY_DEFAULTS: Readonly<PipelineDelivery> = {
  concurrency: 16,
  maxHeldBytes: 64 * 1024 * 1024,
  attempts: 3,
  retryBaseMilliseconds: 200,
  retryMaxMilliseconds: 10_000,
  delayedRetry: DelayedRetry.Hold,
  expectedRestarts: 3,
  maxProcessingSeconds: 300,
  maxOutageSeconds: 3_600,
  shutdownGraceSeconds: 30,
  onPoison: SessionPoison.Skip,
  sessionIdleMilliseconds: 2_000,
  sessionQuantumSeconds: 30,
  emptySessionState: EmptySessionState.Keep,
  noProgressSeconds: 660,
  client: { maxRetries: 3, retryDelayMilliseconds: 250, maxRetryDelayMilliseconds: 5_000, timeoutSeconds: 15 },
};
