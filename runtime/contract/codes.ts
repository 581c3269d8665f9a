/** Why a message is dead-lettered: the closed list of reasons a worker gives. */
export const PoisonReason = {
  /** The body is not what the sink reads (not JSON, wrong shape). */
  InvalidBody: "InvalidBody",
  /** A value that the sink needs is missing. */
  MissingValue: "MissingValue",
  /** A value is there but does not fit its column or field. */
  InvalidValue: "InvalidValue",
  /** The event's time lies too far ahead, is older than the pipeline takes, or a deletion is older than tombstones are kept. */
  EventTimeOutOfRange: "EventTimeOutOfRange",
  /** The message has no id, so that a redelivery could not be told from a new message. */
  MissingMessageId: "MissingMessageId",
  /** The same entity and message id came before with another body. */
  MessageIdReused: "MessageIdReused",
  /** The message's partition key is not the one its body gives. */
  PartitionKeyMismatch: "PartitionKeyMismatch",
  /** ReplyTo names an entity that the pipeline does not list. */
  ReplyNotAllowed: "ReplyNotAllowed",
  /** The job ended with an error that it says is permanent (exit status 65). */
  JobRefused: "JobRefused",
  /** The job printed more than its limit. */
  JobOutputTooLarge: "JobOutputTooLarge",
  /** LINSTOR answered with an error that no retry can mend. */
  StorageRefused: "StorageRefused",
  /** The message is not signed by a producer that the pipeline trusts, or its signature does not hold. */
  UnverifiedProducer: "UnverifiedProducer",
  /** A sink of one's own says that no attempt can succeed. */
  SinkRefused: "SinkRefused",
  /** An earlier message of this session was poison, and the pipeline stops such sessions. */
  SessionStopped: "SessionStopped",
  /** All attempts and all deliveries are used up. */
  AttemptsExhausted: "AttemptsExhausted",
} as const;
export type PoisonReason = (typeof PoisonReason)[keyof typeof PoisonReason];

/** Why an attempt failed although another may succeed. Stable: alerts are written on them. */
export const RetryCode = {
  JobFailed: "JobFailed",
  JobTimeout: "JobTimeout",
  StoreUnavailable: "StoreUnavailable",
  StoreTimeout: "StoreTimeout",
  /** The store says that it has more to do than it can. */
  StoreOverloaded: "StoreOverloaded",
  NotReady: "NotReady",
  Interrupted: "Interrupted",
  /** A sink of one's own returned what is no outcome. */
  InvalidOutcome: "InvalidOutcome",
  /** The keys that a producer's signature is checked with cannot be had now. */
  KeysUnavailable: "KeysUnavailable",
  /** The audit record of what is about to be done cannot be written. */
  AuditUnavailable: "AuditUnavailable",
} as const;
export type RetryCode = (typeof RetryCode)[keyof typeof RetryCode];

/** Exit status of a worker and of the command. */
export const ExitCode = {
  Ok: 0,
  /** It ran, and what was asked for did not come true. */
  Failed: 1,
  /** The input is wrong; nothing was touched. */
  InvalidInput: 2,
  /** Something that is needed is missing (a program, a port); nothing was started. */
  MissingRequirement: 3,
  /** The worker made no progress and could not recover. */
  NoProgress: 4,
  /** The bus, or Entra ID, refuses the worker's identity, and has done so for longer than new rights take to count. */
  Refused: 5,
  /** Ended by SIGINT (128 + 2). */
  Interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An error of the data path: a stable code, and a sentence that names the thing, the value and what to do. */
export class StowageError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "StowageError";
  }
}

/** A command cannot begin: something is missing on the far side, a right, an entity, a way to get there. */
export class NotBegunError extends StowageError {
  readonly exitCode = ExitCode.MissingRequirement;
}
