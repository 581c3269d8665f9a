import { hash } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { OpenIntents } from "./openIntents.js";
import { type AuditRecord, GroupText, isRecord, type ProcessMark, RecordKind, readRecord } from "./record.js";
import type { Continuation } from "./target.js";

/** Ending of an audit file's name. */
export const AUDIT_FILE = ".audit.jsonl";
const NUMBER_DIGITS = 8;
/** Bytes of a file from one checkpoint to the next: a restart reads about so much. */
export const CHECKPOINT_BYTES = 2 * 1024 * 1024;
/** Of the end of a file so much is read at first, in bytes: a checkpoint lies in it, unless the records are huge. */
const TAIL_BYTES = CHECKPOINT_BYTES + 1024 * 1024;
/** A file without a record that is younger than this may be one that its writer has just made, in milliseconds. */
const YOUNG_MILLISECONDS = 10_000;

/** The files of one chain: `renders.pod-1.00000001.audit.jsonl`, the number rising. */
export class ChainFiles {
  constructor(
    private readonly directory: string,
    /** First part of the names: pipeline and worker. */
    readonly name: string,
  ) {}

  path(number: number): string {
    return join(this.directory, this.fileName(number));
  }

  fileName(number: number): string {
    return `${this.name}.${String(number).padStart(NUMBER_DIGITS, "0")}${AUDIT_FILE}`;
  }

  /** Numbers of the files that are there, rising. */
  async numbers(): Promise<number[]> {
    const prefix = `${this.name}.`;
    return (await readdir(this.directory))
      .filter((file) => file.startsWith(prefix) && file.endsWith(AUDIT_FILE))
      .map((file) => file.slice(prefix.length, -AUDIT_FILE.length))
      .filter((digits) => /^\d{8,}$/.test(digits))
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Where the chain ends, and who wrote there; undefined where no file holds a record. */
  async end(numbers: number[]): Promise<ChainEnd | undefined> {
    const torn: Continuation["torn"] = [];
    for (const number of numbers.toReversed()) {
      const tail = await readTail(this.path(number));
      if (tail.torn.length > 0)
        torn.unshift({ file: this.fileName(number), bytes: tail.torn.length, sha256: hash("sha256", tail.torn) });
      if (tail.last === undefined || tail.head === undefined) continue;
      const { chain, sequence, entity } = tail.last;
      const at = { chain, sequence, hash: tail.head, open: tail.open.list(), torn };
      return { at, entity, writer: tail.last.kind === RecordKind.Close ? undefined : tail.writer };
    }
    return undefined;
  }

  /** True for a file that somebody may be about to write its first record into. */
  async justMade(number: number): Promise<boolean> {
    const { size, mtimeMs } = await stat(this.path(number));
    return size === 0 && Date.now() - mtimeMs < YOUNG_MILLISECONDS;
  }
}

/** The end of a chain. */
export interface ChainEnd {
  at: Continuation;
  /** Path of the entity that the last record is of. */
  entity: string;
  /** Who wrote there; undefined where the writer ended in order. */
  writer: ProcessMark | undefined;
}

interface Tail {
  /** Last record of the last whole group. */
  last: AuditRecord | undefined;
  /** That group's hash. */
  head: string | undefined;
  writer: ProcessMark | undefined;
  open: OpenIntents;
  /** The bytes behind the last whole group that follows from those before it. */
  torn: Buffer;
}

/**
 * Reads the end of a file, from the last record that says which intents are open. What does not follow from what is
 * before it counts as torn: a chain goes on from its last whole group.
 */
async function readTail(path: string): Promise<Tail> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    for (let bytes = Math.min(size, TAIL_BYTES); ; bytes = size) {
      const buffer = Buffer.alloc(bytes);
      await file.read(buffer, 0, bytes, size - bytes);
      const tail = tailOf(buffer, bytes === size);
      if (tail !== undefined) return tail;
    }
  } finally {
    await file.close();
  }
}

/** Undefined where the bytes do not reach back to a record that says which intents are open. */
function tailOf(buffer: Buffer, whole: boolean): Tail | undefined {
  // A part of a file begins in the middle of a line, as a rule.
  let from = whole ? 0 : buffer.indexOf("\n") + 1;
  const tail: Tail = {
    ...{ last: undefined, head: undefined, writer: undefined },
    ...{ open: new OpenIntents(), torn: Buffer.alloc(0) },
  };
  const group = new GroupText();
  let records: AuditRecord[] = [];
  let at = from;
  for (let end = buffer.indexOf("\n", at); end >= 0; end = buffer.indexOf("\n", at)) {
    const line = buffer.toString("utf8", at, end);
    const read = readRecord(line);
    at = end + 1;
    if (!isRecord(read)) break;
    if (records.length === 0 && read.previous === undefined && tail.last === undefined && !whole) {
      // The end of a group that begins before this part of the file.
      from = at;
      continue;
    }
    const expected = records.length > 0 ? undefined : (tail.head ?? read.previous);
    if (read.previous !== expected || (records.length === 0 && read.previous === undefined)) break;
    records.push(read);
    const holds = group.take(line);
    if (holds === false) break;
    if (holds === undefined) continue;
    for (const record of records) follow(tail, record);
    tail.last = read;
    tail.head = read.hash;
    group.clear();
    records = [];
    from = at;
  }
  if (!whole && tail.writer === undefined) return undefined;
  tail.torn = buffer.subarray(from);
  return tail;
}

/** What a record changes of what is open. */
function follow(tail: Tail, record: AuditRecord): void {
  if (record.kind === RecordKind.Open || record.kind === RecordKind.Checkpoint) {
    tail.open = new OpenIntents(record.open);
    tail.writer = record.process;
  }
  if (record.kind === RecordKind.Intent) tail.open.add(record.message, record.sequence);
  if (record.kind === RecordKind.Outcome) tail.open.close(record.message);
}
