/** An IPv4 range as numbers: `first` and `last` address, both inclusive. */
export interface Range {
  first: number;
  last: number;
}

const RANGE = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;
const ADDRESS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

function toNumber(octets: string[]): number | undefined {
  const numbers = octets.map(Number);
  if (numbers.some((n) => n > 255)) return undefined;
  return numbers.reduce((sum, n) => sum * 256 + n, 0);
}

/** The number of an IPv4 address, or undefined where it is none. */
export function address(text: string): number | undefined {
  const match = ADDRESS.exec(text);
  return match === null ? undefined : toNumber(match.slice(1, 5));
}

/** The range of `10.20.1.0/24`, or undefined where it is none or has host bits set. */
export function range(text: string): Range | undefined {
  const match = RANGE.exec(text);
  const length = Number(match?.[5]);
  const first = match === null ? undefined : toNumber(match.slice(1, 5));
  if (first === undefined || length > 32) return undefined;
  const size = 2 ** (32 - length);
  return first % size === 0 ? { first, last: first + size - 1 } : undefined;
}
