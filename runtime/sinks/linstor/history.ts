import { createHash } from "node:crypto";
import { z } from "zod";
import { VolumeAction, VolumeResult } from "../../contract/index.js";
import type { LinstorApi, Properties } from "./api.js";
import { closeClaim } from "./claims.js";

/**
 * How many commands of one volume are remembered: so many that make or delete it, and so many others, which never push
 * those out. Of an older one the claim of its message id keeps the result.
 */
export const REMEMBERED_COMMANDS = 64;
/** LINSTOR keeps a property's value in a column of 4096 characters; a record stays well below. */
const MESSAGE_LENGTH = 1024;
const RECORD_KEY = /^[0-9a-f]{64}$/;

/** How far a command has come. */
export const Progress = {
  /** It was begun; whether it had its effect is to be seen from the volume. */
  Begun: "begun",
  Done: "done",
  Refused: "refused",
} as const;
export type Progress = (typeof Progress)[keyof typeof Progress];

const recordSchema = z.strictObject({
  /** Version of this shape. */
  v: z.literal(1),
  /** Place of the command among those of its volume, rising. */
  n: z.int().min(0),
  /** Message id of the command. */
  id: z.string(),
  /** SHA-256 of its body. */
  body: z.string(),
  action: z.enum(VolumeAction),
  progress: z.enum(Progress),
  /** UUID of the volume that it was about when it began; absent where there was none. */
  target: z.exactOptional(z.string()),
  /** Time of the last change, RFC 3339. */
  at: z.string(),
  nodes: z.array(z.string()).default([]),
  message: z.string().default(""),
});

/** A command in the history of its volume. */
export type CommandRecord = z.output<typeof recordSchema>;

/** The answer that a finished command was given. */
export function resultOf(record: CommandRecord): VolumeResult {
  return record.progress === Progress.Refused ? VolumeResult.Refused : VolumeResult.Done;
}

/** Key of a command: the SHA-256 of its entity and message id. */
export function commandKey(messageKey: string): string {
  return createHash("sha256").update(messageKey).digest("hex");
}

/** Name of the key-value store with a volume's history: 48 characters, LINSTOR's limit; compared without case. */
export function storeName(volume: string): string {
  return `stowage_${createHash("sha256").update(volume.toLowerCase()).digest("hex").slice(0, 40)}`;
}

/**
 * The commands of one volume that were begun or executed. They are kept in a key-value store of LINSTOR, one a
 * volume, and not in the volume's properties: it must survive the deletion of the volume, and a change of it must not
 * make every satellite adjust its devices.
 */
export class History {
  private constructor(
    private readonly api: LinstorApi,
    readonly volume: string,
    private readonly records: Map<string, CommandRecord>,
    private readonly now: () => Date,
  ) {}

  static async load(api: LinstorApi, volume: string, now: () => Date, signal: AbortSignal): Promise<History> {
    const props = (await api.store(storeName(volume), signal)) ?? {};
    const records = new Map<string, CommandRecord>();
    for (const [key, text] of Object.entries(props))
      if (RECORD_KEY.test(key)) records.set(key, readRecord(key, text, volume));
    return new History(api, volume, records, now);
  }

  find(key: string): CommandRecord | undefined {
    return this.records.get(key);
  }

  /** Milliseconds since 1970 of its last change; 0 for one without commands. */
  get lastChange(): number {
    return Math.max(0, ...[...this.records.values()].map((r) => Date.parse(r.at)));
  }

  /** Commands that were begun and have no outcome, by key; `except` is left out. */
  unfinished(except: string): [string, CommandRecord][] {
    return [...this.records].filter(([key, r]) => key !== except && r.progress === Progress.Begun);
  }

  /**
   * Writes records in one request, and forgets the oldest finished ones beyond the limit, once their claims have their
   * results. `n`, `v` and `at` are given here; a record that is there keeps its place.
   */
  async write(changes: [string, Omit<CommandRecord, "v" | "n" | "at">][], signal: AbortSignal): Promise<void> {
    const at = this.now().toISOString();
    const set: Properties = { volume: this.volume };
    for (const [key, change] of changes) {
      const record: CommandRecord = {
        ...change,
        v: 1,
        n: this.records.get(key)?.n ?? this.next(),
        at,
        message: change.message.slice(0, MESSAGE_LENGTH),
      };
      this.records.set(key, record);
      set[key] = JSON.stringify(record);
    }
    const written = changes.map(([key]) => key);
    const surplus = this.surplus().filter(([key]) => !written.includes(key));
    for (const [key, record] of surplus) {
      const closed = { bodySha256: record.body, volume: this.volume, result: resultOf(record) };
      await closeClaim(this.api, key, closed, new Date(record.at), signal);
    }
    const remove = surplus.map(([key]) => key);
    await this.api.changeStore(storeName(this.volume), { set, remove }, signal);
    for (const key of remove) this.records.delete(key);
  }

  private next(): number {
    return Math.max(-1, ...[...this.records.values()].map((r) => r.n)) + 1;
  }

  private surplus(): [string, CommandRecord][] {
    return [true, false].flatMap((decides) => {
      const alike = [...this.records].filter(([, r]) => decidesExistence(r) === decides);
      return alike
        .filter(([, r]) => r.progress !== Progress.Begun)
        .sort(([, a], [, b]) => a.n - b.n)
        .slice(0, Math.max(0, alike.length - REMEMBERED_COMMANDS));
    });
  }
}

/** True for a command that makes or deletes its volume: executed twice, it would cost data. */
function decidesExistence({ action }: CommandRecord): boolean {
  return action === VolumeAction.Create || action === VolumeAction.Delete;
}

/** A history that cannot be trusted: nothing is executed on its volume until a person has looked at it. */
export class HistoryUnreadable extends Error {
  constructor(volume: string, key: string, options: ErrorOptions) {
    super(
      `The history of volume ${volume}, LINSTOR's key-value store ${storeName(volume)}, is not readable at ${key}. ` +
        "Look at it, and delete the key where the command may be executed again.",
      options,
    );
    this.name = "HistoryUnreadable";
  }
}

function readRecord(key: string, text: string, volume: string): CommandRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    // Never taken for "not executed": a delete might run twice.
    throw new HistoryUnreadable(volume, key, { cause: error });
  }
}
