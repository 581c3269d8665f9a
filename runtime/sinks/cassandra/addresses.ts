import { isIPv4, isIPv6 } from "node:net";
import { WrongValue } from "./unfit.js";

/** Four or sixteen bytes of an address. */
export function addressBytes(value: unknown): Buffer {
  if (typeof value === "string") {
    if (isIPv4(value)) return Buffer.from(value.split(".").map(Number));
    if (isIPv6(value) && !value.includes("%")) return sixteen(value);
  }
  throw new WrongValue("must be an IPv4 or IPv6 address without a zone");
}

function sixteen(text: string): Buffer {
  const [head = "", tail] = text.split("::");
  const before = bytesOf(head);
  const after = tail === undefined ? [] : bytesOf(tail);
  return Buffer.from([...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after]);
}

function bytesOf(groups: string): number[] {
  if (groups === "") return [];
  return groups.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** An address in its one text form: of IPv6 the one of RFC 5952, in hexadecimal groups throughout. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  const zeros = longestZeros(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

function longestZeros(groups: number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: i + 1 - length, length };
  }
  return longest;
}
