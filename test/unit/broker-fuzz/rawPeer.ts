import { connect, type Socket } from "node:net";

const ATTACH = 0x12;

/** A connection on which anything may be written; of what comes back, frames are counted by their performative. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #frames = new Map<number, number>();
  #empty = 0;
  readonly #attaches: Buffer[] = [];
  readonly #looking = new Set<() => void>();
  #rest = Buffer.alloc(0);
  #ended = false;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#read(chunk);
      this.#look();
    });
    // A reset is one of the broker's ways to end it.
    this.#socket.on("error", () => {});
    for (const event of ["end", "close"]) {
      this.#socket.on(event, () => {
        this.#ended = true;
        this.#look();
      });
    }
  }

  /** The other end has closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many frames came, by the code of their performative: 0x10 open to 0x18 close. */
  count(code: number): number {
    return this.#frames.get(code) ?? 0;
  }

  /** How many frames without a body came. */
  get empty(): number {
    return this.#empty;
  }

  /** Whether a link of that name was attached from the other end. */
  attached(name: string): boolean {
    return this.#attaches.some((frame) => frame.includes(name));
  }

  write(bytes: Buffer): void {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** Says that nothing more is written. */
  finish(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves to true once what was heard is enough, to false if that takes longer than the limit. */
  until(enough: () => boolean, limitMs: number): Promise<boolean> {
    if (enough()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (outcome: boolean): void => {
        clearTimeout(timer);
        this.#looking.delete(look);
        resolve(outcome);
      };
      const look = (): void => {
        if (enough()) finish(true);
      };
      const timer = setTimeout(() => finish(false), limitMs);
      this.#looking.add(look);
    });
  }

  #look(): void {
    for (const look of this.#looking) look();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 8) {
      const size = bytes.toString("latin1", at, at + 4) === "AMQP" ? 8 : bytes.readUInt32BE(at);
      if (bytes.length - at < size) break;
      // The broker's own frames: a described list, with a small number as its descriptor.
      if (size > 10 && bytes[at + 8] === 0 && bytes[at + 9] === 0x53) {
        const code = bytes[at + 10] ?? 0;
        this.#frames.set(code, (this.#frames.get(code) ?? 0) + 1);
        if (code === ATTACH) this.#attaches.push(Buffer.from(bytes.subarray(at, at + size)));
      }
      if (size === 8 && bytes[at] === 0) this.#empty++;
      at += size;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }
}
