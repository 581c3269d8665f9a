import { hash, randomBytes } from "node:crypto";
import { z } from "zod";
import { AuditDestination } from "../../contract/index.js";

/** Version of the record's form; the first member of every line, so that a record is told from a line of the log. */
export const AUDIT_VERSION = 1;
/** How every record begins. */
export const RECORD_START = `{"audit":${AUDIT_VERSION},`;
/** `previous` of a chain's first record. */
export const GENESIS = "0".repeat(64);

/** A name for a chain, 16 hexadecimal digits, that no other has. */
export function newChain(): string {
  return randomBytes(8).toString("hex");
}

/** What a record tells. */
export const RecordKind = {
  /** A writer begins: the first record of each file, and of each process's output. */
  Open: "open",
  /** Something is about to be done for a message. */
  Intent: "intent",
  /** What became of it. */
  Outcome: "outcome",
  /** The intents that are open now, said again so that a restart need not read the whole file. */
  Checkpoint: "checkpoint",
  /** The writer ends in order. */
  Close: "close",
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const sequence = z.int().min(1);
/** Intents without an outcome: sequence number and message id. */
const openIntents = z.array(z.tuple([sequence, z.string()]));

const common = {
  audit: z.literal(AUDIT_VERSION),
  /** Names the chain: 16 hexadecimal digits, chosen when it began. */
  chain: z.string().regex(/^[0-9a-f]{16}$/),
  /** Place in the chain, from 1, without gaps. */
  sequence,
  /** Only in the first record of a group: hash of the group before; zeros in the chain's first. */
  previous: z.exactOptional(digest),
  /** RFC 3339, by the worker's clock. */
  time: z.iso.datetime(),
  /** Name of the worker's pod. */
  worker: z.string(),
  /** Client id of the worker's identity; absent where it has none. */
  identity: z.exactOptional(z.string()),
  pipeline: z.string(),
  /** Path of the source entity. */
  entity: z.string(),
  /** Only in the last record of a group: SHA-256 of the group's bytes, line feeds too, before this `,"hash":`. */
  hash: z.exactOptional(digest),
};

/** The process that writes, so that another can tell whether it lives. */
const processMark = z.strictObject({
  pid: z.int(),
  /** Start in clock ticks since the machine's, as /proc says. */
  started: z.exactOptional(z.string()),
  boot: z.exactOptional(z.string()),
});

/** What an earlier writer left behind its last whole record when it was killed. */
const torn = z.strictObject({ file: z.string(), bytes: z.int().min(1), sha256: digest });

const position = z.strictObject({ chain: z.string(), sequence: z.int().min(0), hash: digest });

const messageFields = {
  message: z.string(),
  trace: z.string(),
};

/** A record of each kind. */
export const recordSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    ...common,
    kind: z.literal(RecordKind.Open),
    destination: z.enum(AuditDestination),
    process: processMark,
    /** Intents that were open when it began. */
    open: openIntents,
    torn: z.exactOptional(z.array(torn)),
    /** The chain that this process wrote before, where it could not go on with it. */
    after: z.exactOptional(position),
  }),
  z.strictObject({
    ...common,
    ...messageFields,
    kind: z.literal(RecordKind.Intent),
    /** int64 as decimal text. */
    sequenceNumber: z.string(),
    delivery: z.int().min(1),
    attempt: z.int().min(1),
    session: z.exactOptional(z.string()),
    /** SHA-256 of the body. */
    body: digest,
    /** What is done: `store-result`, `execute-command`, `write-row`, `module`. */
    operation: z.string(),
    /** Issuer and subject of the producer, where its signature was verified. */
    producer: z.exactOptional(z.string()),
  }),
  z.strictObject({
    ...common,
    ...messageFields,
    kind: z.literal(RecordKind.Outcome),
    /** Sequence of its intent; absent where that is in the chain before (see `after` of an open record). */
    intent: z.exactOptional(sequence),
    /** Earlier intents of the message in this chain whose outcome nobody wrote: this one tells how it ended. */
    closes: z.exactOptional(z.array(sequence)),
    result: z.enum(["done", "retry", "poison"]),
    /** done: true where the effect was there before. */
    duplicate: z.exactOptional(z.boolean()),
    /** retry, poison: the code. */
    code: z.exactOptional(z.string()),
    /** What holds the effect. */
    object: z.exactOptional(z.string()),
  }),
  z.strictObject({ ...common, kind: z.literal(RecordKind.Checkpoint), process: processMark, open: openIntents }),
  z.strictObject({ ...common, kind: z.literal(RecordKind.Close) }),
]);

/** One record, as it is read. */
export type AuditRecord = z.output<typeof recordSchema>;
export type OpenRecord = Extract<AuditRecord, { kind: "open" }>;
export type TornEnd = z.output<typeof torn>;
export type ProcessMark = z.output<typeof processMark>;
/** Where a chain stands. */
export type Position = z.output<typeof position>;

const HASH_NAME = ',"hash":"';
const HASH_END = '"}';
const HASH_LENGTH = HASH_NAME.length + 64 + HASH_END.length;

/** Records of one group at most: what a reader keeps until it knows that they hold. */
export const GROUP_RECORDS = 1_024;

/**
 * Groups of records as they are written, in one buffer that is used again for each write. A group is encoded once, for
 * its hash and for the write: with a hash a record, hashing is what an audit costs most.
 */
export class RecordLines {
  private buffer = Buffer.allocUnsafe(64 * 1024);
  private length = 0;
  /** The group that is not sealed yet: whole lines, and the last record up to its hash. */
  private group = "";
  private records = 0;

  /** True where the next record begins a group. */
  get begins(): boolean {
    return this.records === 0;
  }

  /** True where the group takes no more records. */
  get full(): boolean {
    return this.records >= GROUP_RECORDS;
  }

  /** Adds a record that is written up to where its hash may stand. */
  add(text: string): void {
    this.group = this.records === 0 ? text : `${this.group}}\n${text}`;
    this.records++;
  }

  /** Ends the group, and gives its hash; undefined where it has no record. */
  seal(): string | undefined {
    if (this.records === 0) return undefined;
    const bytes = Buffer.byteLength(this.group);
    this.reserve(bytes + HASH_LENGTH + 1);
    const from = this.length;
    // ASCII alone, as a rule: then copying the characters takes half as long as encoding them.
    const end = from + this.buffer.write(this.group, from, bytes === this.group.length ? "latin1" : "utf8");
    const own = hash("sha256", this.buffer.subarray(from, end));
    this.length = end + this.buffer.write(`${HASH_NAME}${own}${HASH_END}\n`, end, "latin1");
    this.group = "";
    this.records = 0;
    return own;
  }

  /** The groups that were sealed since the last call; good until the next one is. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.length);
    this.length = 0;
    return taken;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

/** Why a line is not a record as a writer writes it. */
export const Unreadable = {
  /** It is not a record at all. */
  Foreign: "foreign",
  /** It begins as a record does, and its form is not one: no writer of this version wrote it. */
  Malformed: "malformed",
} as const;
export type Unreadable = (typeof Unreadable)[keyof typeof Unreadable];

/**
 * Reads one line, without its line feed. It must be byte for byte what a writer makes of the record: two texts never
 * count as one record. Whether it is what was written, its group tells: see GroupText.
 */
export function readRecord(line: string): AuditRecord | Unreadable {
  if (!line.startsWith(RECORD_START)) return Unreadable.Foreign;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return Unreadable.Malformed;
  }
  const read = recordSchema.safeParse(value);
  return read.success && JSON.stringify(value) === line ? read.data : Unreadable.Malformed;
}

/** True for what `readRecord` gives where there is a record. */
export function isRecord(read: AuditRecord | Unreadable): read is AuditRecord {
  return typeof read === "object";
}

const CHAIN = new RegExp(`^\\{"audit":${AUDIT_VERSION},"chain":"([0-9a-f]{16})","sequence":\\d+,("previous":)?`);

/** The chain of a line that begins as a record does; undefined of any other. Does not read the rest. */
export function chainOf(line: string): string | undefined {
  return CHAIN.exec(line)?.[1];
}

/** True for a line that begins as the first record of a group does. */
export function beginsGroup(line: string): boolean {
  return CHAIN.exec(line)?.[2] !== undefined;
}

/** The lines of one group, without their line feeds, as they are read. */
export class GroupText {
  private readonly lines: string[] = [];

  get length(): number {
    return this.lines.length;
  }

  /** Gives true where the line ends the group and its hash is the one of the group's bytes, false where it is not. */
  take(line: string): boolean | undefined {
    this.lines.push(line);
    const end = line.slice(-HASH_LENGTH);
    // No text in a record can hold this: in one, a quotation mark stands behind a backslash.
    if (!end.startsWith(HASH_NAME)) return undefined;
    const text = this.text;
    return hash("sha256", text.slice(0, -HASH_LENGTH)) === end.slice(HASH_NAME.length, -HASH_END.length);
  }

  /** All lines, a line feed between each two. */
  get text(): string {
    return this.lines.join("\n");
  }

  clear(): void {
    this.lines.length = 0;
  }
}
