/** Why a session is stopped, as it is kept in the session's state. */
export interface SessionStop {
  /** The message whose dead-lettering stopped the session. */
  messageId: string;
  /** Its reason. */
  reason: string;
  /** When, ISO 8601. */
  at: string;
}

/** The key under which a worker keeps its part of a session's state. */
const OWN = "stowage";

/** The stop that a session's state holds; undefined where it holds none, or is somebody else's. */
export function stopOf(state: unknown): SessionStop | undefined {
  const own = objectOf(objectOf(decoded(state))?.[OWN]);
  const stopped = objectOf(own?.["stopped"]);
  if (stopped === undefined) return undefined;
  const text = (name: string): string => (typeof stopped[name] === "string" ? stopped[name] : "unknown");
  return { messageId: text("messageId"), reason: text("reason"), at: text("at") };
}

/** The state with the stop in it; whatever else an object holds there is kept. */
export function withStop(state: unknown, stopped: SessionStop): object {
  return { ...objectOf(decoded(state)), [OWN]: { stopped } };
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

function objectOf(value: unknown): { [key: string]: unknown } | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
