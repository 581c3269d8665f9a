import { types } from "rhea";
import { ReceiveMode } from "../core/consumer.js";
import type { Content, PropertyChanges } from "../core/content.js";
import { BrokerError, BrokerErrorCode, messageLockLost } from "../core/errors.js";
import type { Lock } from "../core/message.js";
import type { Settlement } from "../core/settlement.js";
import { Code } from "./codec.js";
import { AmqpContent } from "./content.js";
import { encodeDelivered } from "./delivered.js";
import {
  field,
  invalid,
  linkName,
  list,
  type ManagementContext,
  NO_CONTENT,
  type Operation,
  ok,
  optionalText,
  queueOf,
  targetOf,
  text,
  toNumber,
  toTime,
} from "./managementFields.js";
import { RULE_OPERATIONS } from "./managementRules.js";
import { SESSION_OPERATIONS } from "./managementSessions.js";
import type { Answer, Request, StatusNames } from "./requests.js";

export const MANAGEMENT_STATUS: StatusNames = {
  code: "statusCode",
  description: "statusDescription",
  condition: "errorCondition",
};

const UPDATE_DISPOSITION = "com.microsoft:update-disposition";
/** A peek's answer is one message: so many at most, and no more once they come to so many bytes. */
const PEEK_MESSAGES = 1_000;
const PEEK_BYTES = 1_024 * 1_024;
/** The service's own limit on one batch delete. */
const DELETED_MESSAGES = 4_000;

function lockOf(token: unknown, context: ManagementContext): Lock {
  const id = context.tokens.lockId(token);
  const lock = id === undefined ? undefined : context.locks.get(id);
  if (lock === undefined || lock.message.home.path !== context.entity.path) {
    throw messageLockLost(context.entity.path);
  }
  return lock;
}

const renewLock: Operation = (request, context) => {
  const queue = queueOf(context, request.operation);
  const locks = list(request, "lock-tokens").map((token) => lockOf(token, context));
  const expirations = locks.map((lock) => queue.renew(lock));
  return ok({ expirations: types.wrap_array(expirations, Code.Timestamp, undefined) });
};

const peek: Operation = (request, context) => {
  const queue = queueOf(context, request.operation);
  const wanted = Math.min(toNumber(field(request, "message-count") ?? 1), PEEK_MESSAGES);
  const from = Math.max(0, toNumber(field(request, "from-sequence-number") ?? 0));
  const messages = queue.peek(
    from,
    { messages: wanted, bytes: PEEK_BYTES },
    optionalText(field(request, "session-id")),
  );
  if (messages.length === 0) {
    return NO_CONTENT;
  }
  return ok({ messages: messages.map((message) => ({ message: encodeDelivered(message, undefined) })) });
};

const receiveDeferred: Operation = (request, context) => {
  const queue = queueOf(context, request.operation);
  const sessionId = optionalText(field(request, "session-id"));
  const session =
    queue.sessions === undefined || sessionId === undefined
      ? undefined
      : context.heldSession(queue, sessionId, linkName(request));
  const mode =
    toNumber(field(request, "receiver-settle-mode") ?? 1) === 0 ? ReceiveMode.ReceiveAndDelete : ReceiveMode.PeekLock;
  const received = queue.receiveDeferred(list(request, "sequence-numbers").map(toNumber), mode, session);
  return ok({
    messages: received.map(({ message, lock }) => ({
      message: encodeDelivered(message, lock?.lockedUntil),
      ...(lock === undefined ? {} : { "lock-token": types.wrap_uuid(context.tokens.uuid(lock.id)) }),
    })),
  });
};

function changesIn(request: Request): { readonly changes?: PropertyChanges } {
  const value = field(request, "properties-to-modify");
  return typeof value === "object" && value !== null ? { changes: new Map(Object.entries(value)) } : {};
}

function settlementIn(request: Request): Settlement {
  const status = text(request, "disposition-status");
  const reason = optionalText(field(request, "deadletter-reason"));
  const description = optionalText(field(request, "deadletter-description"));
  switch (status) {
    case "completed":
      return { kind: "complete" };
    case "abandoned":
      return { kind: "abandon", ...changesIn(request) };
    // Spelled like this on the wire.
    case "defered":
      return { kind: "defer", ...changesIn(request) };
    case "unlocked":
      return { kind: "release" };
    case "suspended":
      return {
        kind: "deadLetter",
        ...(reason === undefined ? {} : { reason }),
        ...(description === undefined ? {} : { description }),
        ...changesIn(request),
      };
    default:
      throw invalid(`'${status}' is no disposition: completed, abandoned, defered, suspended or unlocked are.`);
  }
}

const updateDisposition: Operation = (request, context) => {
  const queue = queueOf(context, request.operation);
  const settlement = settlementIn(request);
  const locks = list(request, "lock-tokens").map((token) => lockOf(token, context));
  const enlisted = request.transaction === undefined ? undefined : context.enlist(request.transaction);
  for (const lock of locks) {
    if (enlisted === undefined) {
      queue.settle(lock, settlement);
    } else {
      enlisted.transaction.settle(queue, lock, settlement, enlisted.part);
    }
  }
  return ok();
};

function scheduledContent(entry: unknown, context: ManagementContext): Content {
  const encoded = typeof entry === "object" && entry !== null && "message" in entry ? entry.message : undefined;
  if (!Buffer.isBuffer(encoded)) {
    throw invalid("A message to schedule has no encoded 'message'.");
  }
  const limit = targetOf(context).rules.maxMessageBytes ?? context.maxMessageBytes;
  if (encoded.length > limit) {
    throw new BrokerError(
      BrokerErrorCode.MessageTooLarge,
      `A message to schedule has ${encoded.length} bytes, more than the ${limit} that are allowed.`,
    );
  }
  return new AmqpContent(encoded);
}

/** Deletes waiting messages without handing them out; what is locked, deferred or scheduled stays. */
const batchDelete: Operation = (request, context) => {
  const queue = queueOf(context, request.operation);
  const wanted = toNumber(field(request, "message-count"));
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > DELETED_MESSAGES) {
    throw invalid(`'message-count' is ${wanted}: 1 to ${DELETED_MESSAGES} messages are deleted at once.`);
  }
  const before = toTime(field(request, "enqueued-time-utc"));
  const sessionId = optionalText(field(request, "session-id"));
  const session =
    queue.sessions === undefined || sessionId === undefined
      ? undefined
      : context.heldSession(queue, sessionId, linkName(request));
  const deleted = queue.purge(wanted, before, session);
  return deleted === 0 ? NO_CONTENT : ok({ "message-count": types.wrap_int(deleted) });
};

const schedule: Operation = (request, context) => {
  const numbers = targetOf(context).send(list(request, "messages").map((entry) => scheduledContent(entry, context)));
  return ok({ "sequence-numbers": types.wrap_array(numbers, Code.Long, undefined) });
};

const cancelScheduled: Operation = (request, context) => {
  targetOf(context).cancelScheduled(list(request, "sequence-numbers").map(toNumber));
  return ok();
};

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["com.microsoft:renew-lock", renewLock],
  ["com.microsoft:peek-message", peek],
  ["com.microsoft:receive-by-sequence-number", receiveDeferred],
  [UPDATE_DISPOSITION, updateDisposition],
  ["com.microsoft:schedule-message", schedule],
  ["com.microsoft:cancel-scheduled-message", cancelScheduled],
  ["com.microsoft:batch-delete-messages", batchDelete],
  ...SESSION_OPERATIONS,
  ...RULE_OPERATIONS,
]);

/** Answers a request to `$management`; a refusal is thrown. */
export function answerManagement(request: Request, context: ManagementContext): Answer {
  const operation = OPERATIONS.get(request.operation);
  if (operation === undefined) {
    throw new BrokerError(
      BrokerErrorCode.NotImplemented,
      `$management of '${context.entity.path}' does not know '${request.operation}'. It knows ${[...OPERATIONS.keys()].join(", ")}.`,
    );
  }
  if (request.transaction !== undefined && request.operation !== UPDATE_DISPOSITION) {
    throw new BrokerError(
      BrokerErrorCode.NotImplemented,
      `'${request.operation}' cannot be part of a transaction here: of $management, '${UPDATE_DISPOSITION}' alone can.`,
    );
  }
  return operation(request, context);
}
