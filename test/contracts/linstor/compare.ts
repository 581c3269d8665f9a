import { isLosslessNumber } from "lossless-json";
import { canonical, type Entry, entriesOf, isObject, type Parsed, parseExactly } from "./canonical.js";

/** What an answer was: HTTP status (null without one) and text. */
export interface Answered {
  status: number | null;
  text: string;
}

export interface Comparison {
  /** What differs, one line each; empty where all agrees. */
  differences: string[];
  /** True where the return codes came in the very order of the recording, too. */
  sameOrder: boolean;
}

/** Keys whose values differ from run to run or from machine to machine: only their types are compared. */
const VALUE_DIFFERS = new Set([
  // Given anew each time.
  ...["uuid", "UUID", "created_at", "create_timestamp", "eviction_timestamp", "secret", "DrbdCurrentGi"],
  ...["error_report_ids"],
  // Of the recording machine's disks and kernel.
  ...["device_path", "backing_device", "allocated_size_kib", "free_capacity", "total_capacity"],
  ...["max_vlm_size_in_kib", "available_size_in_kib", "capacity_in_kib", "storage_providers"],
  // Texts for people; the message itself is compared.
  ...["cause", "details", "correction"],
]);

/** `usable_size_kib` of a storage volume is what its file takes, of a DRBD volume its size: compared by type. */
const SIZES = new Set(["usable_size_kib"]);

/** Maps with keys of their own, whose values are compared by type: what a machine's kernel cannot do. */
const FREE_KEYS = new Set(["unsupported_providers", "unsupported_layers"]);

function typeOf(value: Parsed): string {
  if (isLosslessNumber(value)) return /^-?\d+$/.test(value.toString()) ? "integer" : "decimal";
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Compares an answer with the recorded one. */
export function compare(recorded: Answered, actual: Answered): Comparison {
  if (recorded.status !== actual.status)
    return { differences: [`status ${actual.status}, recorded ${recorded.status}: ${actual.text}`], sameOrder: false };
  if (recorded.status === null) return { differences: [], sameOrder: true };
  const [was, is] = [parseExactly(recorded.text), parseExactly(actual.text)];
  const [entriesWere, entriesAre] = [entriesOf(was), entriesOf(is)];
  if (entriesWere !== undefined && entriesAre !== undefined) return compareEntries(entriesWere, entriesAre);
  const differences: string[] = [];
  compareValues(was, is, "$", differences);
  return { differences, sameOrder: true };
}

function compareEntries(recorded: Entry[], actual: Entry[]): Comparison {
  const [was, is] = [canonical(recorded), canonical(actual)];
  const differences: string[] = [];
  if (was.length !== is.length) differences.push(`${is.length} entries, recorded ${was.length}`);
  was.forEach((entry, i) => {
    const other = is[i];
    if (other === undefined) differences.push(`[${i}] is missing: ${entry.code} ${entry.message}`);
    else if (entry.code !== other.code)
      differences.push(`[${i}] ret_code ${other.code} (${other.message}), recorded ${entry.code} (${entry.message})`);
    else if (entry.message !== other.message)
      differences.push(`[${i}] message "${other.message}", recorded "${entry.message}"`);
    else compareValues(entry.fields, other.fields, `[${i}]`, differences);
  });
  const codes = (entries: Entry[]) => entries.map((e) => e.code).join();
  return { differences, sameOrder: codes(recorded) === codes(actual) };
}

/** Collects where types, keys, lengths or comparable values differ. */
export function compareValues(was: Parsed, is: Parsed, at: string, out: string[], byType = false): void {
  const [wasType, isType] = [typeOf(was), typeOf(is)];
  if (wasType !== isType) {
    out.push(`${at} is ${isType}, recorded ${wasType}`);
    return;
  }
  if (Array.isArray(was) && Array.isArray(is)) {
    if (!byType && was.length !== is.length) out.push(`${at} has ${is.length} items, recorded ${was.length}`);
    was.forEach((item, i) => {
      if (i < is.length) compareValues(item, is[i], `${at}[${i}]`, out, byType);
    });
    return;
  }
  if (isObject(was) && isObject(is)) {
    compareObjects(was, is, at, out, byType);
    return;
  }
  const text = (value: Parsed) => (isLosslessNumber(value) ? value.toString() : JSON.stringify(value));
  if (!byType && text(was) !== text(is)) out.push(`${at} is ${text(is)}, recorded ${text(was)}`);
}

function compareObjects(
  was: { [key: string]: unknown },
  is: { [key: string]: unknown },
  at: string,
  out: string[],
  byType: boolean,
): void {
  for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const path = `${at}.${key}`;
    if (FREE_KEYS.has(key)) {
      const first = (of: unknown) => (isObject(of) ? Object.values(of)[0] : of);
      compareValues(first(was[key]), first(is[key]), `${path}.*`, out, true);
    } else if (!(key in is)) out.push(`${path} is missing`);
    else if (!(key in was)) out.push(`${path} is more than was recorded`);
    else compareValues(was[key], is[key], path, out, byType || VALUE_DIFFERS.has(key) || SIZES.has(key));
  }
}
