import { checkValue } from "./encoding.js";

/** The bytes "AMQP", with which a protocol header begins; as a frame's size they would be more than a gigabyte. */
const PROTOCOL = 0x41_4d_51_50;
const HEADER = 8;
const SIZE = 4;
/** SASL and AMQP have one each. */
const MOST_HEADERS = 2;

/** The input is no AMQP: the connection has to end, since nobody can tell where the next frame begins. */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FramingError";
  }
}

export interface FrameGuardOptions {
  /** Bytes of the largest frame that is taken, its header included. */
  readonly largest: number;
  /** Given whole frames, one or more at a time. */
  readonly pass: (bytes: Buffer) => void;
  /** Told once that the input is no AMQP, after everything in front of the bad frame was passed on. */
  readonly refuse: (failure: unknown) => void;
}

/** What a look at some bytes found. */
interface Found {
  /** Where the last whole frame ends. */
  readonly end: number;
  /** Bytes of the frame behind it, as far as that is known: four before its size is there. */
  readonly awaited?: number;
  /** A protocol header follows, after the first one. */
  readonly layer?: boolean;
  readonly failure?: unknown;
}

/**
 * Stands between a socket and `rhea`, and passes on whole frames whose first value is well formed. `rhea` takes sizes
 * and counts at their word: see `encoding.ts`. What follows that value in a transfer is the message, which is checked
 * where it is decoded.
 */
export class FrameGuard {
  readonly #options: FrameGuardOptions;
  /** The beginning of a frame whose end has not come, or what waits for the next layer. */
  #parts: Buffer[] = [];
  #held = 0;
  #awaited = 0;
  #waiting = false;
  #headers = 0;
  #refused = false;

  constructor(options: FrameGuardOptions) {
    this.#options = options;
  }

  /** Takes what came from the socket. */
  take(chunk: Buffer): void {
    if (this.#refused) {
      return;
    }
    if (this.#held > 0) {
      this.#hold(chunk);
      if (this.#waiting || this.#held < this.#awaited) {
        return;
      }
    }
    this.#look(this.#held > 0 ? this.#release() : chunk);
  }

  #look(bytes: Buffer): void {
    const { end, awaited, layer, failure } = this.#find(bytes);
    if (end > 0) {
      this.#options.pass(end === bytes.length ? bytes : bytes.subarray(0, end));
    }
    if (failure !== undefined) {
      this.#refused = true;
      this.#options.refuse(failure);
      return;
    }
    if (end < bytes.length) {
      this.#hold(bytes.subarray(end));
      this.#awaited = awaited ?? SIZE;
    }
    if (layer === true) {
      // A client may send on without waiting for the outcome of SASL; `rhea` opens the next layer a few ticks later,
      // and would read the header of a layer that is not open yet as the size of a frame.
      this.#waiting = true;
      setImmediate(() => {
        this.#waiting = false;
        this.#look(this.#release());
      });
    }
  }

  #hold(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#held += bytes.length;
  }

  #release(): Buffer {
    const bytes = Buffer.concat(this.#parts, this.#held);
    this.#parts = [];
    this.#held = 0;
    return bytes;
  }

  #find(bytes: Buffer): Found {
    let at = 0;
    try {
      while (bytes.length - at >= SIZE) {
        const size = bytes.readUInt32BE(at);
        const header = size === PROTOCOL;
        const length = header ? HEADER : size;
        if (length < HEADER || length > this.#options.largest) {
          throw new FramingError(`a frame of ${length} bytes: ${HEADER} to ${this.#options.largest} are taken`);
        }
        if (bytes.length - at < length) {
          return { end: at, awaited: length };
        }
        if (!header) {
          checkFrame(bytes, at, at + length);
        } else if (this.#headers > 0 && at > 0) {
          return { end: at, layer: true };
        } else if (++this.#headers > MOST_HEADERS) {
          throw new FramingError(`a protocol header after the ${MOST_HEADERS} that a connection begins with`);
        }
        at += length;
      }
    } catch (failure) {
      return { end: at, failure };
    }
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
