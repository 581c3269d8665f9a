import {
  type DoneOutcome,
  type Outcome,
  type PoisonOutcome,
  PoisonReason,
  RetryCode,
  type RetryOutcome,
} from "../contract/index.js";

/** Why a sink of one's own may refuse a message for ever. */
export const SinkPoison = {
  InvalidBody: PoisonReason.InvalidBody,
  MissingValue: PoisonReason.MissingValue,
  InvalidValue: PoisonReason.InvalidValue,
  MessageIdReused: PoisonReason.MessageIdReused,
  PartitionKeyMismatch: PoisonReason.PartitionKeyMismatch,
  StorageRefused: PoisonReason.StorageRefused,
  /** Any other reason; its description says which. */
  SinkRefused: PoisonReason.SinkRefused,
} as const;
export type SinkPoison = (typeof SinkPoison)[keyof typeof SinkPoison];

/** Why an attempt of a sink of one's own may fail. The first two say that the store is down: intake stops. */
export const SinkRetry = {
  StoreUnavailable: RetryCode.StoreUnavailable,
  StoreTimeout: RetryCode.StoreTimeout,
  /** This message cannot be stored yet; others may. */
  NotReady: RetryCode.NotReady,
  /** The context's signal fired. */
  Interrupted: RetryCode.Interrupted,
} as const;
export type SinkRetry = (typeof SinkRetry)[keyof typeof SinkRetry];

/** The effect is durable. `duplicate`: it was before this attempt. `object` is what holds it, for the audit. */
export function done(more: Partial<Omit<DoneOutcome, "kind">> = {}): DoneOutcome {
  return { kind: "done", duplicate: false, ...more };
}

/** This attempt failed, another may succeed; after at least `delayMilliseconds`, where given. */
export function retry(
  code: SinkRetry,
  description: string,
  more: Pick<RetryOutcome, "delayMilliseconds"> = {},
): RetryOutcome {
  return { kind: "retry", code, description, ...more };
}

/** No attempt can succeed: the message is dead-lettered with this description, which a person reads. */
export function poison(description: string, reason: SinkPoison = SinkPoison.SinkRefused): PoisonOutcome {
  return { kind: "poison", reason, description };
}

const POISONS: ReadonlySet<unknown> = new Set(Object.values(SinkPoison));
const RETRIES: ReadonlySet<unknown> = new Set(Object.values(SinkRetry));
/** Longest delay that a sink may ask for, in milliseconds: a day. */
const MAX_DELAY_MILLISECONDS = 86_400_000;

/**
 * What a sink of one's own gave for a batch, as outcomes. What is no outcome becomes a retry with `InvalidOutcome`, never
 * done; where the number of outcomes is wrong none of them can be matched to its message.
 */
export function checkedOutcomes(given: unknown, messages: number, sink: string): Outcome[] {
  if (!Array.isArray(given) || given.length !== messages) {
    const why = Array.isArray(given)
      ? `${given.length} outcomes for ${messages} messages`
      : `${kindOf(given)}, not a list of outcomes`;
    return Array.from({ length: messages }, () => invalid(sink, why));
  }
  const outcomes: Outcome[] = [];
  // By index: a hole in the list counts as undefined.
  for (let i = 0; i < messages; i++) outcomes.push(checkedOutcome(given[i], sink));
  return outcomes;
}

function checkedOutcome(given: unknown, sink: string): Outcome {
  const wrong = (why: string): Outcome => invalid(sink, why);
  if (given instanceof Promise) {
    given.catch(() => undefined);
    return wrong("a promise for a message: wait for it, with Promise.all for a batch");
  }
  if (!isRecord(given)) return wrong(`${kindOf(given)} for a message`);
  switch (given["kind"]) {
    case "done":
      return checkedDone(given) ?? wrong("done with a duplicate, object or replies of a wrong type");
    case "retry": {
      const { code, description, delayMilliseconds: delay } = given;
      if (!RETRIES.has(code)) return wrong(`retry with the code ${text(code)}: it may be ${listed(RETRIES)}`);
      if (typeof description !== "string") return wrong("retry without a description");
      if (delay === undefined) return { kind: "retry", code: code as SinkRetry, description };
      if (typeof delay !== "number" || !(delay >= 0) || delay > MAX_DELAY_MILLISECONDS)
        return wrong(`retry with a delay that is no number from 0 to ${MAX_DELAY_MILLISECONDS} ms`);
      return { kind: "retry", code: code as SinkRetry, description, delayMilliseconds: delay };
    }
    case "poison": {
      const { reason, description } = given;
      if (!POISONS.has(reason)) return wrong(`poison with the reason ${text(reason)}: it may be ${listed(POISONS)}`);
      if (typeof description !== "string") return wrong("poison without a description");
      return { kind: "poison", reason: reason as SinkPoison, description };
    }
    default:
      return wrong(`an object whose kind is ${text(given["kind"])}: it may be done, retry, poison`);
  }
}

function checkedDone(given: Record): Outcome | undefined {
  const { duplicate = false, object, replies } = given;
  if (typeof duplicate !== "boolean") return undefined;
  if (object !== undefined && typeof object !== "string") return undefined;
  if (replies !== undefined && !(Array.isArray(replies) && replies.every(isReply))) return undefined;
  const outcome: DoneOutcome = { kind: "done", duplicate };
  if (object !== undefined) outcome.object = object;
  if (replies !== undefined) outcome.replies = replies;
  return outcome;
}

function isReply(reply: unknown): boolean {
  if (!isRecord(reply)) return false;
  const { queue, kind, body, subject, sessionId } = reply;
  const named = typeof queue === "string" && typeof kind === "string" && isRecord(body);
  return named && [subject, sessionId].every((each) => each === undefined || typeof each === "string");
}

type Record = { readonly [key: string]: unknown };

function isRecord(value: unknown): value is Record {
  return typeof value === "object" && value !== null;
}

function invalid(sink: string, why: string): Outcome {
  return { kind: "retry", code: RetryCode.InvalidOutcome, description: `The sink ${sink} gave ${why}.` };
}

function listed(codes: ReadonlySet<unknown>): string {
  return [...codes].join(", ");
}

/** A code as it is shown: its text, cut, or its type. */
function text(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
