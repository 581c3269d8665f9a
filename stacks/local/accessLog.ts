import type { AccessEvent } from "./broker/index.js";
import type { ExchangeEvent } from "./entra/index.js";
import { BoundedLog } from "./providers/kubernetes/index.js";

/** What stands in the log: what the bus and what Entra were asked. */
export type LoggedEvent = AccessEvent | ExchangeEvent;

/** The file's size at which a new one is begun, in bytes; the one before it is kept. */
const MAX_BYTES = 4 * 1_024 * 1_024;
/** Refusals that are kept in memory, for whoever asks for the latest. */
const KEPT_REFUSALS = 200;

/**
 * Who was let in and who was refused, where, and why: a line of JSON an event, in a file of bounded size (at most 8 MiB
 * with the one before it, `access.log.1`). No line holds a token.
 */
export class AccessLog {
  private readonly file: BoundedLog;
  private readonly latest: LoggedEvent[] = [];
  private count = 0;

  /** @param path of the file; its folder is made */
  constructor(readonly path: string) {
    this.file = new BoundedLog(path, MAX_BYTES);
  }

  /** Adds an event. Returns at once. */
  add(event: LoggedEvent): void {
    this.file.write(`${JSON.stringify({ ...event, at: new Date(event.at).toISOString() })}\n`);
    if (event.outcome !== "refused") return;
    this.count++;
    this.latest.push(event);
    if (this.latest.length > KEPT_REFUSALS) this.latest.shift();
  }

  /** How many were refused so far. */
  get refused(): number {
    return this.count;
  }

  /** The latest refusals, oldest first; at most 200. */
  refusals(): readonly LoggedEvent[] {
    return this.latest;
  }

  /** Settles when all that was added is in the file. */
  flushed(): Promise<void> {
    return this.file.flushed();
  }
}
