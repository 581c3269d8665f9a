import type { OpenRecord } from "./record.js";

/**
 * Intents of other processes' deaths that are remembered at most: the messages that two dozen killed workers held.
 * The oldest give way; a verification pairs them by message all the same.
 */
const REMEMBERED = 4_096;

/** The intents of one chain that have no outcome yet, by message id. */
export class OpenIntents {
  private readonly byMessage = new Map<string, number[]>();

  constructor(carried: OpenRecord["open"] = []) {
    for (const [sequence, message] of carried) this.add(message, sequence);
  }

  add(message: string, sequence: number): void {
    const open = this.byMessage.get(message);
    if (open === undefined) this.byMessage.set(message, [sequence]);
    else open.push(sequence);
    if (this.byMessage.size <= REMEMBERED) return;
    for (const oldest of this.byMessage.keys()) {
      this.byMessage.delete(oldest);
      return;
    }
  }

  /** The message's intents that were open, oldest first: the last is the one that its outcome is of. */
  close(message: string): number[] {
    const open = this.byMessage.get(message) ?? [];
    this.byMessage.delete(message);
    return open;
  }

  /** As a record carries them on. */
  list(): OpenRecord["open"] {
    return [...this.byMessage]
      .flatMap(([message, open]) => open.map((sequence): [number, string] => [sequence, message]))
      .sort(([a], [b]) => a - b);
  }
}
