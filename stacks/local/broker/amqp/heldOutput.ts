import type { Clock } from "../core/clock.js";

interface Part {
  readonly at: number;
  readonly bytes: Buffer;
}

/** Output that does not leave yet, because the network is made slow, or the connection half open. Its order is kept. */
export class HeldOutput {
  delayMs = 0;
  readonly #clock: Clock;
  readonly #write: (bytes: Buffer) => void;
  readonly #empty: () => void;
  #parts: Part[] = [];
  #bytes = 0;
  #frozen = false;
  #cancel: (() => void) | undefined;

  /** @param empty told whenever all that was held has left. */
  constructor(clock: Clock, write: (bytes: Buffer) => void, empty: () => void) {
    this.#clock = clock;
    this.#write = write;
    this.#empty = empty;
  }

  /** Whether what is written now has to wait, if only behind what waits already. */
  get holding(): boolean {
    return this.#frozen || this.delayMs > 0 || this.#parts.length > 0;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(bytes: Buffer): void {
    this.#parts.push({ at: this.#clock.now() + this.delayMs, bytes });
    this.#bytes += bytes.length;
    this.#arm();
  }

  freeze(): void {
    this.#frozen = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  thaw(): void {
    this.#frozen = false;
    this.#leave();
  }

  /** Lets everything go at once: the connection ends in good order. */
  release(): void {
    if (!this.#frozen) {
      this.#leave(Number.POSITIVE_INFINITY);
    }
  }

  /** Forgets everything: the connection is gone. */
  drop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#parts = [];
    this.#bytes = 0;
  }

  #leave(now = this.#clock.now()): void {
    const due = this.#parts.findIndex(({ at }) => at > now);
    const leaving = this.#parts.splice(0, due < 0 ? this.#parts.length : due);
    for (const { bytes } of leaving) {
      this.#bytes -= bytes.length;
      this.#write(bytes);
    }
    if (leaving.length > 0 && this.#parts.length === 0) {
      this.#empty();
    }
    this.#arm();
  }

  #arm(): void {
    const [first] = this.#parts;
    if (first === undefined || this.#frozen || this.#cancel !== undefined) {
      return;
    }
    this.#cancel = this.#clock.after(Math.max(0, first.at - this.#clock.now()), () => {
      this.#cancel = undefined;
      this.#leave();
    });
  }
}
