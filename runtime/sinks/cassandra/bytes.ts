/** The native protocol's ways to write numbers, all big-endian. */

const HALF = 2 ** 32;

export function int8Bytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(1);
  bytes.writeInt8(value);
  return bytes;
}

export function int16Bytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32Bytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** An int64 from a safe integer or a bigint. */
export function int64Bytes(value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  if (typeof value === "bigint") bytes.writeBigInt64BE(value);
  else {
    const high = Math.floor(value / HALF);
    bytes.writeInt32BE(high, 0);
    bytes.writeUInt32BE(value - high * HALF, 4);
  }
  return bytes;
}

export function doubleBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

export function floatBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeFloatBE(value);
  return bytes;
}

/** A whole number of any size in two's complement, as few bytes as hold it. */
export function varintBytes(value: bigint): Buffer {
  // Of a negative number the digits of its complement say how long it is.
  const hex = (value < 0n ? ~value : value).toString(16);
  const digits = hex.length % 2 === 0 ? hex : `0${hex}`;
  const magnitude = Buffer.from(digits, "hex");
  // The first bit is the sign's.
  const bytes = (magnitude[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), magnitude]) : magnitude;
  if (value < 0n) for (let i = 0; i < bytes.length; i++) bytes[i] = ~(bytes[i] ?? 0) & 0xff;
  return bytes;
}

/** The whole number that such bytes are. */
export function varintOf(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString("hex")}`));
}

/** An unsigned number in as many bytes as it needs, 1 to 9: the ones that lead the first byte say how many follow. */
export function unsignedVintBytes(value: bigint): Buffer {
  let extra = 0;
  while (extra < 8 && value >> BigInt(7 * (extra + 1)) !== 0n) extra++;
  const bytes = Buffer.alloc(extra + 1);
  let rest = value;
  for (let i = extra; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  bytes[0] = (bytes[0] ?? 0) | (0xff & ~(0xff >> extra));
  return bytes;
}

/** A signed number as an unsigned one, small where it is small: 0, -1, 1, -2 … become 0, 1, 2, 3 … */
export function signedVintBytes(value: bigint): Buffer {
  return unsignedVintBytes(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
}

/** Reads one number from `at` on, and says where the next one begins. */
export function readUnsignedVint(bytes: Buffer, at: number): { value: bigint; next: number } {
  const first = bytes.readUInt8(at);
  const extra = Math.clz32(~(first << 24));
  let value = BigInt(first & (0xff >> Math.min(extra, 8)));
  for (let i = 1; i <= extra; i++) value = (value << 8n) | BigInt(bytes.readUInt8(at + i));
  return { value, next: at + extra + 1 };
}

/** See readUnsignedVint. */
export function readSignedVint(bytes: Buffer, at: number): { value: bigint; next: number } {
  const { value, next } = readUnsignedVint(bytes, at);
  return { value: BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)), next };
}
