import { types } from "rhea";
import { ReceiveMode } from "../core/consumer.js";
import type { Content, PropertyChanges } from "../core/content.js";
import { BrokerError, BrokerErrorCode, messageLockLost } from "../core/errors.js";
import type { Lock } from "../core/message.js";
import type { Entity } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import type { SessionLock } from "../core/sessions.js";
import type { Settlement } from "../core/settlement.js";
import { AmqpContent } from "./content.js";
import { encodeDelivered } from "./delivered.js";
import type { LockTokens } from "./lockTokens.js";
import type { Answer, Request, StatusNames } from "./requests.js";

export const MANAGEMENT_STATUS: StatusNames = {
  code: "statusCode",
  description: "statusDescription",
  condition: "errorCondition",
};

const ASSOCIATED_LINK = "associated-link-name";
/** A peek's answer is one message: so many at most, and no more once they come to so many bytes. */
const PEEK_MESSAGES = 1_000;
const PEEK_BYTES = 1_024 * 1_024;

/** Type codes of the arrays in answers. */
const LONG = 0x81;
const TIMESTAMP = 0x83;

/** What an operation works with. */
export interface ManagementContext {
  readonly entity: Entity;
  readonly tokens: LockTokens;
  readonly locks: ReadonlyMap<number, Lock>;
  readonly maxMessageBytes: number;
  /** The session's lock, if a link of this connection holds it (that one, where a name is given). */
  heldSession(queue: Queue, sessionId: string, linkName: string | undefined): SessionLock;
}

type Operation = (request: Request, context: ManagementContext) => Answer;

function ok(body: unknown = {}): Answer {
  return { status: 200, description: "OK", body };
}

function invalid(what: string): BrokerError {
  return new BrokerError(BrokerErrorCode.InvalidArgument, what);
}

function field(request: Request, name: string): unknown {
  const { body } = request;
  return typeof body === "object" && body !== null ? new Map(Object.entries(body)).get(name) : undefined;
}

function list(request: Request, name: string): unknown[] {
  const value = field(request, name);
  if (!Array.isArray(value)) {
    throw invalid(`'${request.operation}' needs a list '${name}'.`);
  }
  return value;
}

function text(request: Request, name: string): string {
  const value = field(request, name);
  if (typeof value !== "string") {
    throw invalid(`'${request.operation}' needs a string '${name}'.`);
  }
  return value;
}

function optionalText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** `rhea` reads a long as a number where it can and as eight bytes where it cannot. */
function toNumber(value: unknown): number {
  if (typeof value === "number") {
    return value;
  }
  if (Buffer.isBuffer(value) && value.length === 8) {
    return Number(value.readBigInt64BE());
  }
  throw invalid(`${JSON.stringify(value)} is no number.`);
}

function queueOf(context: ManagementContext, operation: string): Queue {
  if (context.entity.kind === "topic") {
    throw new BrokerError(
      BrokerErrorCode.NotAllowed,
      `'${operation}' works on a queue or a subscription; '${context.entity.path}' is a topic.`,
    );
  }
  return context.entity.queue;
}

function linkName(request: Request): string | undefined {
  return optionalText(request.properties[ASSOCIATED_LINK]);
}

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
  return ok({ expirations: types.wrap_array(expirations, TIMESTAMP, undefined) });
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
    return { status: 204, description: "No Content" };
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
  for (const lock of locks) {
    queue.settle(lock, settlement);
  }
  return ok();
};

function scheduledContent(entry: unknown, context: ManagementContext): Content {
  const encoded = typeof entry === "object" && entry !== null && "message" in entry ? entry.message : undefined;
  if (!Buffer.isBuffer(encoded)) {
    throw invalid("A message to schedule has no encoded 'message'.");
  }
  if (encoded.length > context.maxMessageBytes) {
    throw new BrokerError(
      BrokerErrorCode.MessageTooLarge,
      `A message to schedule has ${encoded.length} bytes, more than the ${context.maxMessageBytes} that are allowed.`,
    );
  }
  return new AmqpContent(encoded);
}

const schedule: Operation = (request, context) => {
  const target = context.entity.kind === "topic" ? context.entity.topic : context.entity.queue;
  const numbers = target.send(list(request, "messages").map((entry) => scheduledContent(entry, context)));
  return ok({ "sequence-numbers": types.wrap_array(numbers, LONG, undefined) });
};

const cancelScheduled: Operation = (request, context) => {
  const target = context.entity.kind === "topic" ? context.entity.topic : context.entity.queue;
  target.cancelScheduled(list(request, "sequence-numbers").map(toNumber));
  return ok();
};

function sessionIn(
  request: Request,
  context: ManagementContext,
): { readonly queue: Queue; readonly lock: SessionLock } {
  const queue = queueOf(context, request.operation);
  return { queue, lock: context.heldSession(queue, text(request, "session-id"), linkName(request)) };
}

const renewSessionLock: Operation = (request, context) => {
  const { queue, lock } = sessionIn(request, context);
  return ok({ expiration: types.wrap_timestamp(queue.sessions?.renew(lock) ?? lock.lockedUntil) });
};

const getSessionState: Operation = (request, context) => {
  const { state } = sessionIn(request, context).lock.session;
  // An empty state is told as none.
  return ok({ "session-state": state === undefined || state.length === 0 ? null : Buffer.from(state) });
};

const setSessionState: Operation = (request, context) => {
  const { queue, lock } = sessionIn(request, context);
  const state = field(request, "session-state");
  queue.sessions?.setState(lock, Buffer.isBuffer(state) ? Buffer.from(state) : undefined);
  return ok();
};

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ["com.microsoft:renew-lock", renewLock],
  ["com.microsoft:peek-message", peek],
  ["com.microsoft:receive-by-sequence-number", receiveDeferred],
  ["com.microsoft:update-disposition", updateDisposition],
  ["com.microsoft:schedule-message", schedule],
  ["com.microsoft:cancel-scheduled-message", cancelScheduled],
  ["com.microsoft:renew-session-lock", renewSessionLock],
  ["com.microsoft:get-session-state", getSessionState],
  ["com.microsoft:set-session-state", setSessionState],
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
  return operation(request, context);
}
