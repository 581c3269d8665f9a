import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { Lock } from "../core/message.js";
import type { Entity, Namespace } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import type { SessionLock } from "../core/sessions.js";
import type { Topic } from "../core/topic.js";
import type { LockTokens } from "./lockTokens.js";
import type { Answer, Request } from "./requests.js";
import type { Enlistment } from "./transactions.js";

// What the operations of `$management` have in common: what they work with, and how they read a request's body.

const ASSOCIATED_LINK = "associated-link-name";

/** What an operation works with. */
export interface ManagementContext {
  readonly entity: Entity;
  readonly namespace: Namespace;
  readonly tokens: LockTokens;
  readonly locks: ReadonlyMap<number, Lock>;
  readonly maxMessageBytes: number;
  /** How a request takes part in the transaction of that id. */
  enlist(id: Buffer): Enlistment;
  /** The session's lock, if a link of this connection holds it (that one, where a name is given). */
  heldSession(queue: Queue, sessionId: string, linkName: string | undefined): SessionLock;
}

export type Operation = (request: Request, context: ManagementContext) => Answer;

export function ok(body: unknown = {}): Answer {
  return { status: 200, description: "OK", body };
}

export const NO_CONTENT: Answer = { status: 204, description: "No Content" };

export function invalid(what: string): BrokerError {
  return new BrokerError(BrokerErrorCode.InvalidArgument, what);
}

export function field(request: Request, name: string): unknown {
  const { body } = request;
  return typeof body === "object" && body !== null ? new Map(Object.entries(body)).get(name) : undefined;
}

export function list(request: Request, name: string): unknown[] {
  const value = field(request, name);
  if (!Array.isArray(value)) {
    throw invalid(`'${request.operation}' needs a list '${name}'.`);
  }
  return value;
}

export function text(request: Request, name: string): string {
  const value = field(request, name);
  if (typeof value !== "string") {
    throw invalid(`'${request.operation}' needs a string '${name}'.`);
  }
  return value;
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** `rhea` reads a long as a number where it can and as eight bytes where it cannot. */
export function toNumber(value: unknown): number {
  if (typeof value === "number") {
    return value;
  }
  if (Buffer.isBuffer(value) && value.length === 8) {
    return Number(value.readBigInt64BE());
  }
  throw invalid(`${JSON.stringify(value)} is no number.`);
}

/** A timestamp in milliseconds since 1970; Infinity where there is none. */
export function toTime(value: unknown): number {
  if (value === undefined || value === null) {
    return Number.POSITIVE_INFINITY;
  }
  // Beyond what a date holds, its time is no number: then it is later than any.
  const time = value instanceof Date ? value.getTime() : toNumber(value);
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

export function queueOf(context: ManagementContext, operation: string): Queue {
  if (context.entity.kind === "topic") {
    throw new BrokerError(
      BrokerErrorCode.NotAllowed,
      `'${operation}' works on a queue or a subscription; '${context.entity.path}' is a topic.`,
    );
  }
  return context.entity.queue;
}

export function targetIn(entity: Entity): Queue | Topic {
  return entity.kind === "topic" ? entity.topic : entity.queue;
}

export function targetOf({ entity }: ManagementContext): Queue | Topic {
  return targetIn(entity);
}

export function linkName(request: Request): string | undefined {
  return optionalText(request.properties[ASSOCIATED_LINK]);
}
