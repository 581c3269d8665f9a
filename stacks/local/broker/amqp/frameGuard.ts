import { checkValue } from "./encoding.js";

/** The bytes "AMQP", with which a protocol header begins; as a frame's size they would be more than a gigabyte. */
const PROTOCOL = 0x41_4d_51_50;
const HEADER = 8;
const SIZE = 4;

/** The input is no AMQP: the connection has to end, since nobody can tell where the next frame begins. */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FramingError";
  }
}

/**
 * Stands between a socket and `rhea`, and passes on whole frames whose first value is well formed. `rhea` takes sizes
 * and counts at their word: see `encoding.ts`. What follows that value in a transfer is the message, which is checked
 * where it is decoded.
 */
export class FrameGuard {
  readonly #largest: number;
  readonly #pass: (bytes: Buffer) => void;
  /** The beginning of a frame whose end has not come. */
  #parts: Buffer[] = [];
  #held = 0;
  #awaited = 0;

  /** @param largest bytes of a frame, its header included. */
  constructor(largest: number, pass: (bytes: Buffer) => void) {
    this.#largest = largest;
    this.#pass = pass;
  }

  /**
   * Takes what came from the socket.
   * @throws FramingError or BrokerError if it is no AMQP; whole frames in front of the bad one have been passed on.
   */
  take(chunk: Buffer): void {
    const bytes = this.#joined(chunk);
    if (bytes === undefined) {
      return;
    }
    const { end, failure } = this.#whole(bytes);
    if (end > 0) {
      this.#pass(end === bytes.length ? bytes : bytes.subarray(0, end));
    }
    if (failure !== undefined) {
      throw failure;
    }
    if (end < bytes.length) {
      this.#parts = [bytes.subarray(end)];
      this.#held = bytes.length - end;
    }
  }

  /** The bytes held back with the new ones; undefined while the frame they begin is not whole. */
  #joined(chunk: Buffer): Buffer | undefined {
    if (this.#held === 0) {
      return chunk;
    }
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#awaited) {
      return undefined;
    }
    const bytes = Buffer.concat(this.#parts, this.#held);
    this.#parts = [];
    this.#held = 0;
    return bytes;
  }

  /** Checks frame after frame: where the last good one ends, and what is wrong with the one behind it. */
  #whole(bytes: Buffer): { readonly end: number; readonly failure?: unknown } {
    let at = 0;
    try {
      while (bytes.length - at >= SIZE) {
        const size = bytes.readUInt32BE(at);
        const length = size === PROTOCOL ? HEADER : size;
        if (length < HEADER || length > this.#largest) {
          throw new FramingError(`a frame of ${length} bytes: ${HEADER} to ${this.#largest} are taken`);
        }
        if (bytes.length - at < length) {
          this.#awaited = length;
          return { end: at };
        }
        if (size !== PROTOCOL) {
          checkFrame(bytes, at, at + length);
        }
        at += length;
      }
    } catch (failure) {
      return { end: at, failure };
    }
    this.#awaited = SIZE;
    return { end: at };
  }
}

function checkFrame(bytes: Buffer, start: number, end: number): void {
  const body = start + bytes.readUInt8(start + SIZE) * 4;
  if (body < start + HEADER || body > end) {
    throw new FramingError(`a frame whose data begin at ${body - start} of ${end - start} bytes`);
  }
  if (body < end) {
    checkValue(bytes, body, end);
  }
}
