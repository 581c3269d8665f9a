/** Every way in which the engine refuses something. The AMQP layer turns each into the condition clients know. */
export const BrokerErrorCode = {
  EntityNotFound: "EntityNotFound",
  EntityDisabled: "EntityDisabled",
  EntityAlreadyExists: "EntityAlreadyExists",
  MessageLockLost: "MessageLockLost",
  SessionLockLost: "SessionLockLost",
  SessionCannotBeLocked: "SessionCannotBeLocked",
  MessageNotFound: "MessageNotFound",
  MessageTooLarge: "MessageTooLarge",
  QuotaExceeded: "QuotaExceeded",
  Timeout: "Timeout",
  TransactionUnknown: "TransactionUnknown",
  TransactionRolledBack: "TransactionRolledBack",
  TransactionTimedOut: "TransactionTimedOut",
  NotAllowed: "NotAllowed",
  /** A message without a session id, for an entity with sessions. */
  SessionIdMissing: "SessionIdMissing",
  NotImplemented: "NotImplemented",
  InvalidArgument: "InvalidArgument",
  Undecodable: "Undecodable",
  DetachForced: "DetachForced",
  UnauthorizedAccess: "UnauthorizedAccess",
  ExpiredToken: "ExpiredToken",
  ServiceBusy: "ServiceBusy",
  Internal: "Internal",
} as const;
export type BrokerErrorCode = (typeof BrokerErrorCode)[keyof typeof BrokerErrorCode];

/** A refusal: a stable code, and a sentence that names the entity and what was asked. */
export class BrokerError extends Error {
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, message: string) {
    super(message);
    this.name = "BrokerError";
    this.code = code;
  }
}

/** What the service says of an address that names nothing; clients recognise the sentence, not only the condition. */
export function entityNotFound(path: string): BrokerError {
  return new BrokerError(BrokerErrorCode.EntityNotFound, `The messaging entity '${path}' could not be found.`);
}

/** What the service says of a name that is to be made and is there. */
export function entityAlreadyExists(path: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.EntityAlreadyExists,
    `Conflict. The messaging entity '${path}' already exists.`,
  );
}

/** What the service says of an entity whose status forbids what was tried. */
export function entityDisabled(path: string): BrokerError {
  return new BrokerError(BrokerErrorCode.EntityDisabled, `The messaging entity '${path}' is currently disabled.`);
}

/** What the service says to whoever shows a token whose time is over. */
export function expiredToken(expiresAt: number): BrokerError {
  const time = new Date(Number.isFinite(expiresAt) ? expiresAt : 0)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+/, "");
  return new BrokerError(
    BrokerErrorCode.ExpiredToken,
    `ExpiredToken: The token is expired. Expiration time: '${time}'.`,
  );
}

/** What the service says to whoever lacks a right. `claims`: `Send`, `Listen`, or several with commas. */
export function unauthorized(claims: string, resource: string, trail: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.UnauthorizedAccess,
    `Unauthorized access. '${claims}' claim(s) are required to perform this operation. Resource: '${resource}'. ${trail}`,
  );
}

/** What the service says when it wants to be asked later. */
export function serviceBusy(path: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.ServiceBusy,
    `The request was terminated because the entity is being throttled. Please wait 10 seconds and try again. Entity: '${path}'.`,
  );
}

/** What the service says to whoever settles or renews a message after its lock ended. */
export function messageLockLost(path: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.MessageLockLost,
    `The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue. Entity: '${path}'.`,
  );
}

/** What the service says to whoever works on a session after its lock ended. */
export function sessionLockLost(path: string, sessionId: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.SessionLockLost,
    `The session lock has expired on the MessageSession. Accept a new MessageSession. Session: '${sessionId}', entity: '${path}'.`,
  );
}

function notAllowed(message: string): BrokerError {
  return new BrokerError(BrokerErrorCode.NotAllowed, message);
}

/** A message without a session id was sent to an entity with sessions. */
export function sessionIdNotSet(path: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.SessionIdMissing,
    `The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session support enabled can only receive messages that have the SessionId set to a valid value. Entity: '${path}'.`,
  );
}

/** A receiver without a session on an entity with sessions. */
export function sessionsRequired(path: string): BrokerError {
  return notAllowed(
    `It is not possible for an entity that requires sessions to create a non-sessionful message receiver. Entity: '${path}'.`,
  );
}

/** A receiver for a session on an entity without sessions. */
export function sessionsNotRequired(path: string): BrokerError {
  return notAllowed(
    `A sessionful message receiver cannot be created on an entity that does not require sessions. Entity: '${path}'.`,
  );
}

/** A receiver on an entity that passes everything on. */
export function forwardingHasNoReceivers(path: string): BrokerError {
  return notAllowed(`Cannot create a message receiver on an entity with auto-forwarding enabled. Entity: '${path}'.`);
}

/** The links of an entity whose settings changed; clients attach again. */
export function entityUpdated(path: string): BrokerError {
  return new BrokerError(
    BrokerErrorCode.DetachForced,
    `The link is force detached by the broker because the messaging entity '${path}' was updated.`,
  );
}

/** A message was settled in a transaction that is not discharged, and was to be settled again. */
export function settledInTransaction(path: string): BrokerError {
  return notAllowed(`The message is settled in a transaction that has not been discharged. Entity: '${path}'.`);
}

/** A message lock was to be renewed inside a session. */
export function noLockOfItsOwn(path: string, sessionId: string): BrokerError {
  return notAllowed(`A message of session '${sessionId}' in '${path}' has no lock of its own: renew the session's.`);
}

/** A message in a dead-letter queue was to be dead-lettered. */
export function deadLetteredAgain(path: string): BrokerError {
  return notAllowed(
    `'${path}' is a dead-letter queue: its messages can be completed, abandoned or deferred, not dead-lettered again.`,
  );
}
