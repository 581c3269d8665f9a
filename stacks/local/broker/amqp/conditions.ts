import { BrokerError, BrokerErrorCode } from "../core/errors.js";

/** The AMQP error conditions by which the official clients know each refusal. */
const CONDITIONS: Readonly<Record<BrokerErrorCode, string>> = {
  EntityNotFound: "amqp:not-found",
  EntityDisabled: "com.microsoft:entity-disabled",
  EntityAlreadyExists: "com.microsoft:entity-already-exists",
  MessageLockLost: "com.microsoft:message-lock-lost",
  SessionLockLost: "com.microsoft:session-lock-lost",
  SessionCannotBeLocked: "com.microsoft:session-cannot-be-locked",
  MessageNotFound: "com.microsoft:message-not-found",
  MessageTooLarge: "amqp:link:message-size-exceeded",
  QuotaExceeded: "amqp:resource-limit-exceeded",
  Timeout: "com.microsoft:timeout",
  TransactionUnknown: "amqp:transaction:unknown-id",
  TransactionRolledBack: "amqp:transaction:rollback",
  TransactionTimedOut: "amqp:transaction:timeout",
  NotAllowed: "amqp:not-allowed",
  SessionIdMissing: "amqp:not-allowed",
  NotImplemented: "amqp:not-implemented",
  InvalidArgument: "com.microsoft:argument-error",
  Undecodable: "amqp:decode-error",
  DetachForced: "amqp:link:detach-forced",
  UnauthorizedAccess: "amqp:unauthorized-access",
  ExpiredToken: "com.microsoft:auth-failed",
  ServiceBusy: "com.microsoft:server-busy",
  Internal: "amqp:internal-error",
};

/** The status a `$management` request is answered with. */
const STATUS: Readonly<Record<BrokerErrorCode, number>> = {
  EntityNotFound: 404,
  EntityDisabled: 400,
  EntityAlreadyExists: 409,
  MessageLockLost: 410,
  SessionLockLost: 410,
  SessionCannotBeLocked: 410,
  MessageNotFound: 404,
  MessageTooLarge: 403,
  QuotaExceeded: 403,
  Timeout: 408,
  TransactionUnknown: 404,
  TransactionRolledBack: 400,
  TransactionTimedOut: 408,
  NotAllowed: 400,
  SessionIdMissing: 400,
  NotImplemented: 501,
  InvalidArgument: 400,
  Undecodable: 400,
  DetachForced: 503,
  UnauthorizedAccess: 401,
  ExpiredToken: 401,
  ServiceBusy: 503,
  Internal: 500,
};

export interface AmqpCondition {
  readonly condition: string;
  readonly description: string;
}

export function conditionOf(error: BrokerError): AmqpCondition {
  return { condition: CONDITIONS[error.code], description: error.message };
}

export function statusOf(error: BrokerError): number {
  return STATUS[error.code];
}

/** Any failure as a refusal; what is not one is a fault of the broker, and is said as such. */
export function asBrokerError(error: unknown): BrokerError {
  return error instanceof BrokerError
    ? error
    : new BrokerError(
        BrokerErrorCode.Internal,
        `The broker failed: ${error instanceof Error ? error.message : String(error)}.`,
      );
}
