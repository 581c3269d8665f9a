import { types } from "rhea";
import { sessionsNotRequired } from "../core/errors.js";
import type { Queue } from "../core/queue.js";
import type { SessionLock } from "../core/sessions.js";
import { Code } from "./codec.js";
import {
  field,
  invalid,
  linkName,
  type ManagementContext,
  NO_CONTENT,
  type Operation,
  ok,
  queueOf,
  text,
  toNumber,
  toTime,
} from "./managementFields.js";
import type { Request } from "./requests.js";

// The operations of `$management` on sessions.

/** Ids in one answer to a list of sessions. */
const MOST_SESSIONS_LISTED = 1_000;
/** From here on a time means no time: .NET's latest, by which clients ask for sessions with messages. */
const LATEST_TIME = Date.UTC(9999, 11, 31);

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

function count(request: Request, name: string, most: number): number {
  const value = toNumber(field(request, name) ?? 0);
  if (!Number.isInteger(value) || value < 0) {
    throw invalid(`'${name}' is ${value}: it must be a whole number from 0 on.`);
  }
  return Math.min(value, most);
}

/** Session ids, in order: those that have messages, or those whose state was set after the time given. */
const listSessions: Operation = (request, context) => {
  const queue = queueOf(context, request.operation);
  if (queue.sessions === undefined) {
    throw sessionsNotRequired(queue.path);
  }
  const since = toTime(field(request, "last-updated-time"));
  const skip = count(request, "skip", Number.MAX_SAFE_INTEGER);
  const top = count(request, "top", MOST_SESSIONS_LISTED);
  const ids = queue.sessions.list(since >= LATEST_TIME ? undefined : since, skip, top);
  return ids.length === 0
    ? NO_CONTENT
    : ok({ skip: types.wrap_int(skip), "sessions-ids": types.wrap_array(ids, Code.String32, undefined) });
};

export const SESSION_OPERATIONS: readonly (readonly [string, Operation])[] = [
  ["com.microsoft:renew-session-lock", renewSessionLock],
  ["com.microsoft:get-session-state", getSessionState],
  ["com.microsoft:set-session-state", setSessionState],
  ["com.microsoft:get-message-sessions", listSessions],
];
