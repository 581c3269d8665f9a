import { messageKey } from "../../contract/index.js";
import { type AuditRecord, isRecord, RecordKind, readRecord, Unreadable } from "../../telemetry/audit/record.js";
import { BreakKind, type ChainBreak, ChainCheck, type OpenIntent, type Place, TornEnds } from "./chain.js";
import { type ExportedHead, type HeadResult, Heads } from "./heads.js";
import { type FileLine, linesOf, sizesOf } from "./lines.js";

export interface VerifyOptions {
  files: string[];
  /** Heads that were exported; each must stand in one of the chains. */
  heads?: ExportedHead[];
  /** Hashes of records that a chain may begin behind: the files up to them are kept elsewhere. */
  from?: string[];
  /** Told now and then how many bytes of how many are read. */
  progress?: (read: number, total: number) => void;
}

/** One chain, as far as it holds. */
export interface ChainReport {
  chain: string;
  worker: string;
  pipeline: string;
  entity: string;
  /** Sequence numbers of its first and last record that hold, and the last one's hash and time. */
  first: number;
  last: number;
  head: string;
  time: string;
  records: number;
  /** True where its writer ended in order. */
  ended: boolean;
  /** Records behind the last head that was given and found: nothing proves these against a recomputation. */
  unproven: number;
  broken?: ChainBreak;
}

export interface VerifyReport {
  /** True where every chain holds, and every head that was given stands in one. */
  verified: boolean;
  records: number;
  chains: ChainReport[];
  heads: HeadResult[];
  /** Intents without an outcome in any of the files, oldest first; at most OPEN_SHOWN. */
  open: OpenIntent[];
  openTotal: number;
  /** Files that hold no record: of a worker that was killed before its first, or emptied. */
  empty: string[];
  /** What is worth knowing and breaks nothing. */
  notes: string[];
}

/** Open intents that a report names. */
const OPEN_SHOWN = 1_000;

/**
 * Proves that the records of some files are those that were written, in order and without gaps; reads each file once,
 * and once more where a worker died, to find out whether another one ended its work. In memory are the open intents
 * and a line. Throws an InvalidInputError for what is no file.
 */
export async function verifyAudit(options: VerifyOptions): Promise<VerifyReport> {
  const { files, heads: wanted = [], from = [], progress = () => undefined } = options;
  const sizes = await sizesOf(files);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const check = new Verification(wanted, from);
  let read = 0;
  for (const file of await inOrder(files))
    await check.file(file, (bytes) => {
      read += bytes;
      progress(read, total);
    });
  return check.report(files);
}

class Verification {
  private readonly chains = new Map<string, ChainCheck>();
  private readonly torn = new TornEnds();
  private readonly heads: Heads;
  private readonly empty: string[] = [];
  private readonly stray: ChainBreak[] = [];

  constructor(
    wanted: readonly ExportedHead[],
    private readonly from: readonly string[],
  ) {
    this.heads = new Heads(wanted);
  }

  async file(file: string, read: (bytes: number) => void): Promise<void> {
    const reading: Reading = {
      ...{ file, chain: undefined, chains: new Set<ChainCheck>(), rest: undefined },
      ...{ ofFile: undefined, foreign: undefined, torn: false },
    };
    for await (const lines of linesOf(file, read)) for (const line of lines) this.line(reading, line);
    this.unfinished(reading);
    if (reading.chain === undefined && !reading.torn) this.empty.push(file);
  }

  async report(files: string[]): Promise<VerifyReport> {
    const { notes, unknown } = this.torn.settle();
    const empty = [...this.empty, ...unknown];
    const chains = [...this.chains.values()];
    const heads = this.heads.results(chains);
    const open = await this.stillOpen(files);
    const openTotal = open.length + chains.reduce((sum, { openUnkept }) => sum + openUnkept, 0);
    const whole = chains.length > 0 && this.stray.length === 0 && chains.every((chain) => chain.broken === undefined);
    return {
      verified: whole && unknown.length === 0 && heads.every((head) => head.chain !== undefined),
      records: chains.reduce((sum, { records }) => sum + records, 0),
      chains: [...this.stray.map(strayReport), ...chains.map((chain) => chainReport(chain, heads))],
      heads,
      open: open.slice(0, OPEN_SHOWN),
      openTotal,
      empty,
      notes,
    };
  }

  private line(reading: Reading, line: FileLine): void {
    const place: Place = { file: reading.file, line: line.number };
    const read = line.whole ? readRecord(line.text) : undefined;
    if (read === undefined) {
      reading.torn = true;
      reading.rest = { place, bytes: line.bytes ?? Buffer.alloc(0) };
      return;
    }
    if (isRecord(read)) this.record(reading, read, line.text, place);
    else if (read === Unreadable.Foreign) this.foreign(reading, place);
    else this.unreadable(reading, place, WORDS[read]);
  }

  /** What a killed writer left at a file's end: a group without its end, a part of a line, or both. */
  private unfinished({ chain, rest, chains }: Reading): void {
    for (const each of chains) {
      const left = each.unfinished();
      // In collected output the part of a line is of the chain that was written last.
      const part = each === chain ? rest : undefined;
      if (left !== undefined)
        this.torn.end(left.place, part === undefined ? left.bytes : Buffer.concat([left.bytes, part.bytes]), each);
      else if (part !== undefined) this.torn.end(part.place, part.bytes, each);
    }
    if (chain === undefined && rest !== undefined) this.torn.end(rest.place, rest.bytes, undefined);
  }

  private record(reading: Reading, record: AuditRecord, line: string, place: Place): void {
    let chain = this.chains.get(record.chain);
    if (chain === undefined) {
      chain = new ChainCheck(record, place, this.from);
      this.chains.set(record.chain, chain);
    }
    const begun = chain.records > 0;
    reading.chain = chain;
    reading.chains.add(chain);
    for (const held of chain.take(record, line, place)) {
      this.heads.take(held.record);
      if (begun && held.record.kind === RecordKind.Open) this.torn.tell(held.record, held.place, chain);
    }
    if (record.kind !== RecordKind.Open) return;
    reading.ofFile ??= record.destination === "file";
    if (reading.ofFile && reading.foreign !== undefined) this.foreign(reading, reading.foreign);
  }

  /** Lines of the worker's log stand between records on standard output; in a file nothing does. */
  private foreign(reading: Reading, place: Place): void {
    if (reading.ofFile === true) this.unreadable(reading, place, "it is not a record");
    else reading.foreign ??= place;
  }

  private unreadable(reading: Reading, place: Place, reason: string): void {
    if (reading.chain !== undefined) reading.chain.break(place, BreakKind.Edited, reason);
    else this.stray.push({ ...place, kind: BreakKind.Edited, reason });
  }

  /** Open intents of one chain may have been ended by a worker that writes another. */
  private async stillOpen(files: string[]): Promise<OpenIntent[]> {
    const open = new Map<string, OpenIntent[]>();
    for (const chain of this.chains.values())
      for (const [key, intents] of chain.open) open.set(key, [...(open.get(key) ?? []), ...intents]);
    if (open.size > 0 && this.chains.size > 1)
      for (const file of files) for await (const lines of linesOf(file)) for (const line of lines) closeBy(line, open);
    return [...open.values()].flat().sort((a, b) => (a.time ?? "").localeCompare(b.time ?? ""));
  }
}

/** What is wrong with a line that begins as a record does. */
const WORDS: Readonly<Record<Exclude<Unreadable, "foreign">, string>> = {
  [Unreadable.Malformed]: "it is not in the form in which a worker writes records: it was edited",
};

/** How far a file is read. */
interface Reading {
  file: string;
  /** The chain of the last record. */
  chain: ChainCheck | undefined;
  /** All chains that it has records of. */
  chains: Set<ChainCheck>;
  /** What no line feed ends. */
  rest: { place: Place; bytes: Buffer } | undefined;
  /** True where a worker wrote the file itself, false where its output was collected; undefined before it is known. */
  ofFile: boolean | undefined;
  /** The first line that is no record. */
  foreign: Place | undefined;
  /** True where it ends in the middle of a line. */
  torn: boolean;
}

/** An outcome ends the intents for its message that are of another chain and older. */
function closeBy({ text, whole }: FileLine, open: Map<string, OpenIntent[]>): void {
  if (!whole || !text.includes(`"kind":"${RecordKind.Outcome}"`)) return;
  const record = readRecord(text);
  if (!isRecord(record) || record.kind !== RecordKind.Outcome) return;
  const key = messageKey(record.entity, record.message);
  const left = open.get(key)?.filter(({ chain, time }) => chain === record.chain || (time ?? "") > record.time);
  if (left === undefined) return;
  if (left.length === 0) open.delete(key);
  else open.set(key, left);
}

function chainReport(check: ChainCheck, heads: HeadResult[]): ChainReport {
  const { chain, worker, pipeline, entity, first, last, lastTime: time, records, ended, broken } = check;
  const proven = Math.max(first - 1, ...heads.filter((head) => head.chain === chain).map((head) => head.sequence ?? 0));
  return {
    ...{ chain, worker, pipeline, entity, first, records, ended, time },
    last: last.sequence,
    head: last.hash,
    unproven: last.sequence - proven,
    ...(broken === undefined ? {} : { broken }),
  };
}

/** What stands before any record of a file, of which nothing is known. */
function strayReport(broken: ChainBreak): ChainReport {
  const unknown = { chain: "", worker: "", pipeline: "", entity: "", head: "", time: "" };
  return { ...unknown, first: 0, last: 0, records: 0, ended: false, unproven: 0, broken };
}

/** Files in the order of their chains: by the chain of the first record, and its place there. */
async function inOrder(files: string[]): Promise<string[]> {
  const first = await Promise.all(files.map(async (file) => ({ file, record: await firstRecord(file) })));
  return first
    .sort((a, b) => {
      const [one, other] = [a.record, b.record];
      if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
      return one.chain === other.chain ? one.sequence - other.sequence : one.chain < other.chain ? -1 : 1;
    })
    .map(({ file }) => file);
}

async function firstRecord(file: string): Promise<AuditRecord | undefined> {
  for await (const lines of linesOf(file))
    for (const { text } of lines) {
      const read = readRecord(text);
      if (isRecord(read)) return read;
    }
  return undefined;
}
