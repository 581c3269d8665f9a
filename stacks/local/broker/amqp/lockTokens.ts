import { randomBytes } from "node:crypto";

/**
 * Lock tokens: half of it says which broker, half is the lock's number. A delivery carries it as its tag with the
 * first three groups in .NET's byte order, `$management` in the order of RFC 4122.
 */
export class LockTokens {
  readonly #prefix = randomBytes(8);
  readonly #reordered: Buffer;

  constructor() {
    const prefix = this.#prefix;
    this.#reordered = Buffer.concat([
      Buffer.from(prefix.subarray(0, 4)).reverse(),
      Buffer.from(prefix.subarray(4, 6)).reverse(),
      Buffer.from(prefix.subarray(6, 8)).reverse(),
    ]);
  }

  /** The 16 bytes of a delivery tag. */
  tag(lockId: number): Buffer {
    return this.#bytes(this.#reordered, lockId);
  }

  /** The 16 bytes of the same token in RFC order. */
  uuid(lockId: number): Buffer {
    return this.#bytes(this.#prefix, lockId);
  }

  /** The lock that a token in RFC order names; undefined if this broker never gave it. */
  lockId(uuid: unknown): number | undefined {
    if (!Buffer.isBuffer(uuid) || uuid.length !== 16 || !uuid.subarray(0, 8).equals(this.#prefix)) {
      return undefined;
    }
    return Number(uuid.readBigUInt64BE(8));
  }

  #bytes(prefix: Buffer, lockId: number): Buffer {
    const bytes = Buffer.allocUnsafe(16);
    prefix.copy(bytes);
    bytes.writeUInt32BE(Math.floor(lockId / 0x1_0000_0000), 8);
    bytes.writeUInt32BE(lockId % 0x1_0000_0000, 12);
    return bytes;
  }
}
