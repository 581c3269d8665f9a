import { Code, Cursor, undecodable } from "./codec.js";

// A check that encoded values are what they say, before a decoder believes them. `rhea` reads a count and makes an
// array of that many places, and it reads four billion nothings from ten bytes; both end the process.

/** How deep values may nest: lists, maps, arrays and descriptors. A client's own messages stay below five. */
const DEEPEST = 32;
/** Elements that take no bytes, such as nulls, in one array. */
const MOST_EMPTY = 65_536;

/** Bytes that a value of a fixed width takes after its type code, by the code's upper half; -1 for the others. */
const WIDTH: readonly number[] = [-1, -1, -1, -1, 0, 1, 2, 4, 8, 16, -1, -1, -1, -1, -1, -1];

/** Type codes that `rhea` knows; it throws on any other, so they are refused here with a sentence. */
const KNOWN: ReadonlySet<number> = new Set([
  ...[0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x60, 0x61, 0x70, 0x71, 0x72],
  ...[0x73, 0x74, 0x80, 0x81, 0x82, 0x83, 0x84, 0x94, 0x98, 0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0],
  ...[0xd1, 0xe0, 0xf0],
]);

/**
 * Checks one value with its type code, and all that it holds: sizes and counts against the bytes there are, depth,
 * and type codes.
 * @param end where the bytes end that the value may take.
 * @returns where the value ends.
 */
export function checkValue(buffer: Buffer, at: number, end: number, depth = 0): number {
  if (depth > DEEPEST) {
    throw undecodable(`values nest more than ${DEEPEST} deep at ${at}`);
  }
  const code = byteAt(buffer, at, end);
  if (code === Code.Described) {
    const value = checkValue(buffer, at + 1, end, depth + 1);
    return checkValue(buffer, value, end, depth + 1);
  }
  return checkBody(buffer, at + 1, end, code, depth);
}

/** Checks an encoded message: known sections, one after another, and what each of them holds. */
export function checkMessage(encoded: Buffer): void {
  const cursor = new Cursor(encoded);
  while (cursor.remaining > 0) {
    const { value, end } = cursor.section();
    checkValue(encoded, value, end);
  }
}

/** Checks what follows a type code; inside an array many values share one. */
function checkBody(buffer: Buffer, at: number, end: number, code: number, depth: number): number {
  if (!KNOWN.has(code)) {
    throw undecodable(`0x${code.toString(16)} at ${at - 1} is no type code`);
  }
  const width = WIDTH[code >> 4] ?? -1;
  if (width >= 0) {
    return within(at + width, end, at);
  }
  const wide = (code & 0x10) !== 0;
  const size = wide ? uintAt(buffer, at, end) : byteAt(buffer, at, end);
  const body = at + (wide ? 4 : 1);
  const after = within(body + size, end, at);
  const kind = code & 0xe0;
  if (kind === 0xc0 || kind === 0xe0) {
    const count = wide ? uintAt(buffer, body, after) : byteAt(buffer, body, after);
    const items = body + (wide ? 4 : 1);
    const stop =
      kind === 0xc0 ? checkItems(buffer, items, after, count, depth) : checkArray(buffer, items, after, count, depth);
    if (stop !== after) {
      throw undecodable(`the ${size} bytes at ${body} hold ${count} values that end at ${stop}`);
    }
  }
  return after;
}

/** The values of a list, or the keys and values of a map. */
function checkItems(buffer: Buffer, from: number, end: number, count: number, depth: number): number {
  // Each takes a byte at least: a count beyond that is refused before anything is done that often.
  if (count > end - from) {
    throw undecodable(`${count} values at ${from} cannot lie in ${end - from} bytes`);
  }
  let at = from;
  for (let i = 0; i < count; i++) {
    at = checkValue(buffer, at, end, depth + 1);
  }
  return at;
}

function checkArray(buffer: Buffer, from: number, end: number, count: number, depth: number): number {
  let at = from;
  let code = byteAt(buffer, at, end);
  while (code === Code.Described) {
    at = checkValue(buffer, at + 1, end, depth + 1);
    code = byteAt(buffer, at, end);
  }
  at++;
  const width = WIDTH[code >> 4] ?? -1;
  if (!KNOWN.has(code)) {
    throw undecodable(`0x${code.toString(16)} at ${at - 1} is no type code`);
  }
  if (width >= 0) {
    if (width === 0 && count > MOST_EMPTY) {
      throw undecodable(`an array of ${count} empty values at ${from} is longer than ${MOST_EMPTY}`);
    }
    return within(at + width * count, end, from);
  }
  if (depth >= DEEPEST) {
    throw undecodable(`values nest more than ${DEEPEST} deep at ${from}`);
  }
  if (count > end - at) {
    throw undecodable(`${count} values at ${at} cannot lie in ${end - at} bytes`);
  }
  for (let i = 0; i < count; i++) {
    at = checkBody(buffer, at, end, code, depth + 1);
  }
  return at;
}

function within(at: number, end: number, from: number): number {
  if (at > end) {
    throw undecodable(`${at - from} bytes expected at ${from}, ${end - from} are there`);
  }
  return at;
}

function byteAt(buffer: Buffer, at: number, end: number): number {
  within(at + 1, end, at);
  return buffer.readUInt8(at);
}

function uintAt(buffer: Buffer, at: number, end: number): number {
  within(at + 4, end, at);
  return buffer.readUInt32BE(at);
}
