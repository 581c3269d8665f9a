import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.js";
import { FrameGuard } from "./frameGuard.js";
import { HeldOutput } from "./heldOutput.js";

/** Bytes of output gathered before they are handed to the socket at once. */
const SLAB = 64 * 1_024;
/** What a connection begins with: one that says little costs no more than this. */
const FIRST_SLAB = 1_024;
/** Payloads from this size on are handed over as they are, without a copy. */
const COPY_LIMIT = 16 * 1_024;
/** Output waiting in the socket beyond which no more messages are sent: a slow reader costs this, not all its credit. */
const HIGH_WATER = 1_024 * 1_024;
/** A frame without a body, which says no more than that there is somebody. */
const EMPTY_FRAME = Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]);
/** How long a socket that was ended may take to drain before it is destroyed. */
const END_GRACE_MS = 1_000;

/**
 * The socket as `rhea` uses it, with output gathered: everything that is written in one turn of the event loop leaves
 * in one write. `rhea` alone makes a system call of every frame. It tells `rhea` of every way in which a socket ends,
 * so that no heartbeat timer outlives it.
 */
export class Wire extends EventEmitter {
  readonly #socket: Duplex;
  readonly #name: string;
  #slab = Buffer.allocUnsafe(FIRST_SLAB);
  #from = 0;
  #to = 0;
  #scheduled = false;
  #ended = false;
  #backedUp = false;
  #onDrain: (() => void) | undefined;
  #onRefused: ((failure: unknown) => void) | undefined;
  #beforeOutput: (() => void) | undefined;
  readonly #guard: FrameGuard;
  #open = false;
  /** Something came, and nothing was said since. */
  #silent = false;
  /** Only where a fault was asked for. */
  #held: HeldOutput | undefined;
  readonly #flush = (): void => {
    this.#scheduled = false;
    if (this.#open && this.#silent && this.#to === this.#from && !this.#ended) {
      this.write(EMPTY_FRAME);
    }
    this.flush();
  };

  /**
   * @param socket TCP, TLS or WebSocket
   * @param name of the other end
   * @param largestFrame bytes of a frame that are taken from the other end
   */
  constructor(socket: Duplex, name: string, largestFrame: number) {
    super();
    this.#socket = socket;
    this.#name = name;
    this.#guard = new FrameGuard({
      largest: largestFrame,
      pass: (bytes) => this.emit("data", bytes),
      refuse: (failure) => this.#onRefused?.(failure),
    });
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#over(error));
    socket.on("end", () => this.#over(undefined));
    socket.on("close", () => this.#over(undefined));
    socket.on("drain", () => {
      this.#backedUp = false;
      this.#onDrain?.();
    });
  }

  /** Called when a socket that was backed up takes output again. */
  set onDrain(run: () => void) {
    this.#onDrain = run;
  }

  /**
   * Called before anything leaves: what the other end is about to be told has to be on the disk by then. If it throws,
   * nothing leaves any more and the connection is cut.
   */
  set beforeOutput(run: (() => void) | undefined) {
    this.#beforeOutput = run;
  }

  /** Called once, with why, when what came is no AMQP; nothing more is read after that. */
  set onRefused(run: (failure: unknown) => void) {
    this.#onRefused = run;
  }

  /**
   * Both ends have opened the connection. From now on, input that brings about no output is answered with an empty
   * frame. Most clients leave Nagle's algorithm on: what they send next waits until what they sent is acknowledged, and
   * without output to go along with, TCP acknowledges 40 ms later.
   */
  opened(): void {
    this.#open = true;
  }

  /** False while the other end reads too slowly. */
  get writable(): boolean {
    return !this.#backedUp && !this.#ended;
  }

  /**
   * Makes room for `bytes` in one piece, to be written at `at` of the buffer given back; `commit` says how far it got.
   * More than the slab holds is refused: write such things with `write`.
   */
  reserve(bytes: number): { readonly buffer: Buffer; readonly at: number } {
    if (bytes > SLAB) {
      throw new RangeError(`${bytes} bytes are more than the ${SLAB} of a slab.`);
    }
    if (this.#to + bytes > this.#slab.length) {
      this.#hand();
      this.#slab = Buffer.allocUnsafe(Math.max(bytes, Math.min(SLAB, this.#slab.length * 4)));
      this.#from = 0;
      this.#to = 0;
    }
    return { buffer: this.#slab, at: this.#to };
  }

  commit(at: number): void {
    this.#to = at;
    this.#schedule();
  }

  /** Appends bytes to the output. */
  write(bytes: Buffer): boolean {
    if (this.#ended) {
      return false;
    }
    if (bytes.length < COPY_LIMIT) {
      const { buffer, at } = this.reserve(bytes.length);
      this.commit(at + bytes.copy(buffer, at));
    } else {
      this.#hand();
      this.#send(bytes);
    }
    return true;
  }

  /** Hands all output to the socket now. */
  flush(): void {
    this.#hand();
  }

  /** Ends the socket once its output has left, and in any case soon. */
  end(): void {
    if (!this.#ended) {
      this.#hand();
      this.#held?.release();
      this.#ended = true;
      this.#socket.end();
      const timer = setTimeout(() => this.#socket.destroy(), END_GRACE_MS);
      timer.unref();
      this.#socket.once("close", () => clearTimeout(timer));
    }
  }

  /** Cuts the connection, output or not. */
  destroy(): void {
    this.#ended = true;
    this.#held?.drop();
    this.#socket.destroy();
  }

  /** Whether nothing is read or written. */
  get frozen(): boolean {
    return this.#held?.frozen === true;
  }

  /** Reads and writes nothing any more, and leaves the socket as it is. */
  freeze(clock: Clock): void {
    this.flush();
    this.#hold(clock).freeze();
    this.#socket.pause();
  }

  /** Goes on with what was held. */
  thaw(): void {
    this.#held?.thaw();
    this.#socket.resume();
  }

  /** Lets whatever is written from now on leave that much later. */
  delay(clock: Clock, milliseconds: number): void {
    this.flush();
    this.#hold(clock).delayMs = milliseconds;
  }

  #hold(clock: Clock): HeldOutput {
    this.#held ??= new HeldOutput(
      clock,
      (bytes) => this.#socket.write(bytes),
      () => {
        this.#backedUp = false;
        this.#onDrain?.();
      },
    );
    return this.#held;
  }

  /** What `rhea` calls the connection in its logs. */
  get_id_string(): string {
    return this.#name;
  }

  #take(chunk: Buffer): void {
    // What comes after the end is not looked at: nobody answers it.
    if (!this.#ended) {
      // A heartbeat wants no answer.
      this.#silent = chunk.length > EMPTY_FRAME.length;
      this.#guard.take(chunk);
      this.#schedule();
    }
  }

  #schedule(): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flush);
    }
  }

  #hand(): void {
    if (this.#to > this.#from) {
      const bytes = this.#slab.subarray(this.#from, this.#to);
      this.#from = this.#to;
      this.#send(bytes);
    }
  }

  #send(bytes: Buffer): void {
    this.#silent = false;
    if (this.#ended) {
      return;
    }
    try {
      this.#beforeOutput?.();
    } catch {
      this.destroy();
      return;
    }
    if (this.#held?.holding === true) {
      this.#held.push(bytes);
      this.#backedUp ||= this.#held.bytes > HIGH_WATER;
      return;
    }
    if (!this.#socket.write(bytes) && this.#socket.writableLength > HIGH_WATER) {
      this.#backedUp = true;
    }
  }

  #over(error: Error | undefined): void {
    if (!this.#ended) {
      this.end();
    }
    this.#held?.drop();
    const told = error === undefined ? this.emit("end") : this.emit("error", error);
    if (told) {
      this.removeAllListeners();
      // An error that comes after the end has nobody to tell.
      this.on("error", () => {});
    }
  }
}
