/** Why a session is stopped, as it is kept in the session's state. */
export interface SessionStop {
  /** The message whose dead-lettering stopped the session. */
  messageId: string;
  /** Its reason. */
  reason: string;
  /** When, ISO 8601. */
  at: string;
}

/** How far a session is: the last message of it that is over, stored or dead-lettered. */
export interface SessionPosition {
  /** int64 as decimal text. */
  sequenceNumber: string;
  messageId: string;
  /** Messages that were over by then; those of a hold that ended without a word may be missing, see `SessionProgress`. */
  settled: number;
  /** When it was over, ISO 8601. */
  at: string;
}

/** The message that a hold of the session began with. */
export interface SessionBegun {
  /** int64 as decimal text. */
  sequenceNumber: string;
  /** Holds in a row that began with it and came to no end of it, this one included. */
  holds: number;
}

/** What workers keep in a session's state. */
export interface SessionRecord {
  position?: SessionPosition;
  begun?: SessionBegun;
  stopped?: SessionStop;
}

/** The key under which a worker keeps its part of a session's state. */
const OWN = "stowage";

/** What a session's state holds of a worker's; empty where it holds nothing, or is somebody else's. */
export function recordOf(state: unknown): SessionRecord {
  const own = objectOf(objectOf(decoded(state))?.[OWN]);
  const [position, begun, stopped] = ["position", "begun", "stopped"].map((key) => objectOf(own?.[key]));
  const record: SessionRecord = {};
  if (position !== undefined && isText(position["sequenceNumber"]))
    record.position = {
      sequenceNumber: position["sequenceNumber"],
      messageId: textOf(position["messageId"]),
      settled: countOf(position["settled"]),
      at: textOf(position["at"]),
    };
  if (begun !== undefined && isText(begun["sequenceNumber"]))
    record.begun = { sequenceNumber: begun["sequenceNumber"], holds: countOf(begun["holds"]) };
  if (stopped !== undefined)
    record.stopped = {
      messageId: textOf(stopped["messageId"]),
      reason: textOf(stopped["reason"]),
      at: textOf(stopped["at"]),
    };
  return record;
}

/**
 * The state with this record in it; whatever else an object holds there is kept. A state that is no object has no place
 * for a key: it is kept as text, or as Base64 where it is no text, under `stowage.replaced`.
 */
export function withRecord(state: unknown, record: SessionRecord): object {
  const object = objectOf(decoded(state));
  const replaced = isForeign(state) ? { replaced: asText(state) } : {};
  const before = objectOf(object?.[OWN]);
  const kept = before?.["replaced"] === undefined ? {} : { replaced: before["replaced"] };
  return { ...object, [OWN]: { ...kept, ...replaced, ...record } };
}

/**
 * The state without a worker's part, as it is to be written. Empty bytes where nothing is left: the client cannot write
 * null, and an empty state comes back as none.
 */
export function withoutRecord(state: unknown): object {
  const { [OWN]: own, ...rest } = objectOf(decoded(state)) ?? {};
  const replaced = objectOf(own)?.["replaced"];
  if (replaced !== undefined) return { ...rest, [OWN]: { replaced } };
  return Object.keys(rest).length === 0 ? Buffer.alloc(0) : rest;
}

/** True for a state that is somebody else's and no JSON object: a record in it would replace it. */
export function isForeign(state: unknown): boolean {
  if (state === undefined || state === null || state === "") return false;
  if (state instanceof Uint8Array && state.byteLength === 0) return false;
  const value = decoded(state);
  return value !== null && objectOf(value) === undefined;
}

/** The client hands a state over as it came: bytes, text, or what it has parsed. */
function decoded(state: unknown): unknown {
  if (state instanceof Uint8Array) return decoded(Buffer.from(state).toString("utf8"));
  if (typeof state !== "string") return state;
  try {
    return JSON.parse(state);
  } catch {
    return undefined;
  }
}

function asText(state: unknown): string {
  if (!(state instanceof Uint8Array)) return typeof state === "string" ? state : (JSON.stringify(state) ?? "");
  const text = Buffer.from(state).toString("utf8");
  return Buffer.from(text, "utf8").equals(state) ? text : Buffer.from(state).toString("base64");
}

function objectOf(value: unknown): { [key: string]: unknown } | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
    ? { ...value }
    : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function textOf(value: unknown): string {
  return isText(value) ? value : "unknown";
}

function countOf(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
