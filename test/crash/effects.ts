import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

/** What a worker's sink noted of one attempt. */
export interface Note {
  what: "stored" | "duplicate" | "killed";
  messageId: string;
  deliveryCount: number;
  /** When the attempt began, in milliseconds since 1970. */
  began: number;
}

/** One effect as it lies in the store. */
export interface Effect {
  messageId: string;
  bodySha256: string;
  deliveryCount: number;
  worker: string;
}

const LINE = /^(stored|duplicate|killed) (\S+) (\d+) (\d+)$/;

/** Reads what the sinks of `sinks/effects.mjs` wrote into a folder: the log as it grows, and the effects. */
export class EffectsFolder {
  readonly notes: Note[] = [];
  private position = 0;
  private rest = "";

  constructor(readonly folder: string) {}

  /** Reads on in the log; gives what is new. A line that was cut off by a kill is left out. */
  follow(): Note[] {
    const path = join(this.folder, "effects.log");
    if (!existsSync(path)) return [];
    const file = openSync(path, "r");
    const chunk = Buffer.alloc(1024 * 1024);
    const fresh: Note[] = [];
    try {
      for (;;) {
        const size = readSync(file, chunk, 0, chunk.length, this.position);
        if (size === 0) break;
        this.position += size;
        const lines = (this.rest + chunk.toString("latin1", 0, size)).split("\n");
        this.rest = lines.pop() ?? "";
        for (const line of lines) {
          const [, what, messageId = "", deliveryCount, began] = LINE.exec(line) ?? [];
          if (what === "stored" || what === "duplicate" || what === "killed")
            fresh.push({ what, messageId, deliveryCount: Number(deliveryCount), began: Number(began) });
        }
      }
    } finally {
      closeSync(file);
    }
    this.notes.push(...fresh);
    return fresh;
  }

  /** Every effect that is in the store. */
  effects(): Effect[] {
    const keys = join(this.folder, "keys");
    if (!existsSync(keys)) return [];
    return readdirSync(keys).flatMap((part) =>
      readdirSync(join(keys, part)).map((name) => JSON.parse(readFileSync(join(keys, part, name), "utf8")) as Effect),
    );
  }
}
