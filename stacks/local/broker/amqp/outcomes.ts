import type { Typed } from "rhea/typings/types";
import type { PropertyChanges } from "../core/content.js";
import type { Settlement } from "../core/settlement.js";

// What a receiver says of a delivery, from the outcome in its disposition.

const ACCEPTED = 0x24;
const REJECTED = 0x25;
const RELEASED = 0x26;
const MODIFIED = 0x27;

const BY_NAME: ReadonlyMap<unknown, number> = new Map([
  ["amqp:accepted:list", ACCEPTED],
  ["amqp:rejected:list", REJECTED],
  ["amqp:released:list", RELEASED],
  ["amqp:modified:list", MODIFIED],
]);

const REASON = "DeadLetterReason";
const DESCRIPTION = "DeadLetterErrorDescription";

/** What a decoded AMQP value holds: a list or map holds an array of such values. */
function inside(typed: unknown): unknown {
  return typeof typed === "object" && typed !== null && "value" in typed ? typed.value : undefined;
}

function field(list: unknown, index: number): unknown {
  const fields = inside(list);
  return Array.isArray(fields) ? fields[index] : undefined;
}

/** A map's entries; the values stay typed, so that they are encoded again as they were. */
function mapOf(typed: unknown): Map<string, unknown> {
  const flat = inside(typed);
  const entries = new Map<string, unknown>();
  if (Array.isArray(flat)) {
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const key = inside(flat[i]);
      if (typeof key === "string") {
        entries.set(key, flat[i + 1]);
      }
    }
  }
  return entries;
}

function changesIn(typed: unknown): { readonly changes?: PropertyChanges } {
  const changes = mapOf(typed);
  return changes.size === 0 ? {} : { changes };
}

/** Takes a text out of a map; absent if it is null or something else. */
function takeText(from: Map<string, unknown>, key: string): string | undefined {
  const value = inside(from.get(key));
  from.delete(key);
  return typeof value === "string" ? value : undefined;
}

/** What an outcome asks for; undefined for a state that is none. A settled delivery without one is given back. */
export function settlementOf(state: Typed | null | undefined): Settlement | undefined {
  if (state === null || state === undefined) {
    return { kind: "release" };
  }
  const descriptor = inside(state.descriptor);
  switch (typeof descriptor === "number" ? descriptor : BY_NAME.get(descriptor)) {
    case ACCEPTED:
      return { kind: "complete" };
    case RELEASED:
      return { kind: "release" };
    case MODIFIED:
      // `rhea` reads a boolean in its long form, which Python's client writes, as 0 or 1.
      return { kind: inside(field(state, 1)) ? "defer" : "abandon", ...changesIn(field(state, 2)) };
    case REJECTED: {
      const info = mapOf(field(field(state, 0), 2));
      const reason = takeText(info, REASON);
      const description = takeText(info, DESCRIPTION);
      return {
        kind: "deadLetter",
        ...(reason === undefined ? {} : { reason }),
        ...(description === undefined ? {} : { description }),
        ...(info.size === 0 ? {} : { changes: info }),
      };
    }
    default:
      return undefined;
  }
}
