import { hash } from "node:crypto";
import { messageKey } from "../../contract/index.js";
import {
  type AuditRecord,
  GENESIS,
  GROUP_RECORDS,
  GroupText,
  type OpenRecord,
  type Position,
  RecordKind,
} from "../../telemetry/audit/record.js";

/** How a chain is broken. */
export const BreakKind = {
  /** Records are missing at the beginning, or a file ends in the middle of one. */
  Cut: "cut",
  /** A group's hash is not the one of its content, or a line is no record. */
  Edited: "edited",
  /** Records are there in another order than they were written in. */
  Swapped: "swapped",
  /** Records are missing between two others. */
  Dropped: "dropped",
  /** A group was written anew, with a hash of its own: the next one follows from another. */
  Recomputed: "recomputed",
} as const;
export type BreakKind = (typeof BreakKind)[keyof typeof BreakKind];

/** The first place at which a chain does not hold. */
export interface ChainBreak {
  kind: BreakKind;
  file: string;
  /** From 1. */
  line: number;
  reason: string;
}

/** An intent without an outcome. */
export interface OpenIntent {
  chain: string;
  sequence: number;
  worker: string;
  entity: string;
  message: string;
  /** RFC 3339; absent where the record itself was not given. */
  time?: string;
  delivery?: number;
  attempt?: number;
}

/** Where a line stands. */
export interface Place {
  file: string;
  line: number;
}

/** Open intents that are kept by name; more of them are counted. */
const OPEN_KEPT = 100_000;

/** A record and where it stands. */
export interface Placed {
  record: AuditRecord;
  place: Place;
}

/** Follows one chain, record by record, and says where it breaks first. What a group tells counts once it holds. */
export class ChainCheck {
  readonly chain: string;
  readonly worker: string;
  readonly pipeline: string;
  readonly entity: string;
  readonly first: number;
  last: Position;
  lastTime: string;
  /** True where the writer ended in order at the last record. */
  ended = false;
  records = 0;
  /** Intents that no outcome of this chain tells of. */
  readonly open = new Map<string, OpenIntent[]>();
  openUnkept = 0;
  private found: ChainBreak | undefined;
  /** The group that has not ended yet. */
  private group: Placed[] = [];
  private readonly text = new GroupText();
  /** Sequence number of the record that was missing at the break, looked for behind it. */
  private missing: number | undefined;

  /** `from` are hashes that a chain may begin behind. */
  constructor(record: AuditRecord, place: Place, from: readonly string[]) {
    this.chain = record.chain;
    this.worker = record.worker;
    this.pipeline = record.pipeline;
    this.entity = record.entity;
    this.first = record.sequence;
    const previous = record.previous ?? "";
    this.last = { chain: record.chain, sequence: record.sequence - 1, hash: previous };
    this.lastTime = record.time;
    const begins = record.sequence === 1 && previous === GENESIS;
    if (!begins && !from.includes(previous))
      this.break(
        place,
        BreakKind.Cut,
        `the chain begins at sequence ${record.sequence}: the ${record.sequence - 1} records before it are missing. ` +
          "Give their files too, or --from with the head that was exported where they end",
      );
    if (!begins && record.kind === RecordKind.Open) this.carry(record);
  }

  get broken(): ChainBreak | undefined {
    return this.found;
  }

  /**
   * Takes the next record that was found, as the line says it. Gives the records of its group where it ends one that
   * holds and follows from those before; otherwise none.
   */
  take(record: AuditRecord, line: string, place: Place): Placed[] {
    if (this.found !== undefined) {
      this.lookFor(record, place);
      return [];
    }
    const holds = this.text.take(line);
    this.group.push({ record, place });
    const first = this.group[0]?.place ?? place;
    const one = this.group.length === 1;
    if (holds === false && one && record.previous !== undefined)
      this.break(place, BreakKind.Edited, "its hash is not the one of its content: it was edited");
    else if (record.sequence !== this.last.sequence + this.group.length) this.notNext(record, place);
    else if (one && record.previous !== this.last.hash) this.notFollowing(record, place);
    else if (!one && record.previous !== undefined)
      this.break(place, BreakKind.Edited, `the group that began in line ${first.line} has no end: it was edited`);
    else if (holds === false) this.break(first, BreakKind.Edited, groupEdited(first, place));
    else if (holds === undefined && this.group.length >= GROUP_RECORDS)
      this.break(place, BreakKind.Edited, `no worker writes more than ${GROUP_RECORDS} records in a group`);
    if (this.found !== undefined || holds !== true) return [];
    return this.hold();
  }

  /** The file ends, or what follows is of another writer: gives the bytes of a group that has no end, and its place. */
  unfinished(): { bytes: Buffer; place: Place } | undefined {
    const [first] = this.group;
    if (first === undefined || this.found !== undefined) return undefined;
    const bytes = Buffer.from(`${this.text.text}\n`);
    this.text.clear();
    this.group = [];
    return { bytes, place: first.place };
  }

  /** The group that has ended holds. */
  private hold(): Placed[] {
    const held = this.group;
    this.group = [];
    this.text.clear();
    for (const { record } of held) {
      this.last = { chain: record.chain, sequence: record.sequence, hash: record.hash ?? this.last.hash };
      this.lastTime = record.time;
      this.records++;
      this.ended = record.kind === RecordKind.Close;
      if (record.kind === RecordKind.Intent) this.intent(record);
      if (record.kind === RecordKind.Outcome) this.open.delete(messageKey(record.entity, record.message));
    }
    return held;
  }

  /** Notes a break that is not in the order of the records. Only the first counts. */
  break({ file, line }: Place, kind: BreakKind, reason: string): void {
    this.found ??= { kind, file, line, reason };
  }

  private notFollowing(record: AuditRecord, place: Place): void {
    const words =
      record.previous === undefined
        ? `sequence ${record.sequence} begins a group and does not name the hash of the one before`
        : `sequence ${record.sequence} does not follow from the group before it, which has another hash than the one ` +
          "that it names";
    this.break(place, BreakKind.Recomputed, `${words}: one of the two was written anew`);
  }

  private notNext(record: AuditRecord, place: Place): void {
    const expected = this.last.sequence + this.group.length;
    if (record.sequence > expected) this.missing = expected;
    const { kind, reason } = difference(record.sequence, expected);
    this.break(place, kind, reason);
  }

  /** A record that was taken for dropped and comes later was moved. */
  private lookFor(record: AuditRecord, { file, line }: Place): void {
    if (this.found === undefined || record.sequence !== this.missing) return;
    this.missing = undefined;
    this.found.kind = BreakKind.Swapped;
    this.found.reason += `; it stands in ${file}, line ${line}`;
  }

  private intent(record: Extract<AuditRecord, { kind: "intent" }>): void {
    const { chain, sequence, worker, entity, message, time, delivery, attempt } = record;
    this.keep({ chain, sequence, worker, entity, message, time, delivery, attempt });
  }

  private carry({ open, worker, entity }: OpenRecord): void {
    for (const [sequence, message] of open) this.keep({ chain: this.chain, sequence, worker, entity, message });
  }

  private keep(intent: OpenIntent): void {
    const key = messageKey(intent.entity, intent.message);
    const known = this.open.get(key);
    if (known !== undefined) known.push(intent);
    else if (this.open.size < OPEN_KEPT) this.open.set(key, [intent]);
    else this.openUnkept++;
  }
}

/** What is wrong with a group of several records whose hash is not the one of its content. */
function groupEdited(first: Place, last: Place): string {
  return (
    `the hash of the group of lines ${first.line} to ${last.line} is not the one of its content: one of its ` +
    "records was edited"
  );
}

/** What a record's number says about the ones before it that is not the one expected. */
function difference(sequence: number, expected: number): { kind: BreakKind; reason: string } {
  if (sequence < expected)
    return {
      kind: BreakKind.Swapped,
      reason:
        `sequence ${sequence} stands behind ${expected - 1}: it is not in its place, or there twice, or two workers of ` +
        "one name wrote this chain",
    };
  const gap = sequence - expected;
  const missing = `${gap} ${gap === 1 ? "record is" : "records are"} missing`;
  return { kind: BreakKind.Dropped, reason: `sequence ${sequence} follows ${expected - 1}: ${missing}` };
}

/** An end of a file that no line feed ends, or what a record says of one. */
interface End extends Place {
  bytes: number;
  sha256: string;
  chain: ChainCheck | undefined;
  /** Where the chain stood there. */
  sequence: number;
}

/** Ends that killed writers left, against the records that tell of them. */
export class TornEnds {
  private readonly ends: End[] = [];
  private told: (End & { name: string })[] = [];

  /** A file ends in the middle of a line; `chain` is the one of its last record. */
  end(place: Place, bytes: Buffer, chain: ChainCheck | undefined): void {
    const sequence = chain?.last.sequence ?? 0;
    this.ends.push({ ...place, bytes: bytes.length, sha256: hash("sha256", bytes), chain, sequence });
  }

  /** A writer says what one before it left. Only for a record whose predecessor was given. */
  tell(record: OpenRecord, place: Place, chain: ChainCheck): void {
    const { sequence } = record;
    for (const { file: name, bytes, sha256 } of record.torn ?? [])
      this.told.push({ ...place, bytes, sha256, name, chain, sequence });
  }

  /**
   * Breaks the chains whose ends do not fit. Gives what is to be said of those that nobody could tell of yet, and the
   * files that hold no record and that no record tells of.
   */
  settle(): { notes: string[]; unknown: string[] } {
    const notes: string[] = [];
    const unknown: string[] = [];
    for (const end of this.ends) {
      const told = this.told.find(({ sha256, bytes }) => sha256 === end.sha256 && bytes === end.bytes);
      this.told = this.told.filter((other) => other !== told);
      if (told !== undefined) continue;
      const words = `${end.file} ends in the middle of a record, with ${end.bytes} bytes`;
      if (end.chain === undefined) unknown.push(end.file);
      else if (end.chain.last.sequence > end.sequence)
        end.chain.break(end, BreakKind.Cut, `${words}, and the record that follows does not tell of it`);
      else notes.push(`${words}: its writer was killed there, or writes now, or it was cut; --head tells`);
    }
    for (const { chain, name, bytes, ...place } of this.told)
      chain?.break(place, BreakKind.Cut, `${bytes} torn bytes at the end of ${name}, of which it tells, are not there`);
    return { notes, unknown };
  }
}
