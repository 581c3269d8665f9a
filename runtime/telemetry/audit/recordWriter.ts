import type { Outcome, SinkMessage } from "../../contract/index.js";
import { OpenIntents } from "./openIntents.js";
import { AUDIT_VERSION, type OpenRecord, type Position, type ProcessMark, RecordKind, RecordLines } from "./record.js";
import type { Continuation } from "./target.js";

/** Who writes, and what is done. */
export interface AuditAuthor {
  /** Name of the worker's pod. */
  worker: string;
  /** Client id of its identity; absent where it has none. */
  identity?: string;
  pipeline: string;
  /** Path of the source entity. */
  entity: string;
  /** What the sink does for a message. */
  operation: string;
}

/** What an outcome says of the store is cut here, in characters: a key of a row may be 64 KiB long. */
const OBJECT_LENGTH = 512;

/** Makes the lines of one chain, one after another. */
export class RecordWriter {
  /** What stands in each line before its sequence number, and behind its time: made once, not for every record. */
  private readonly begin: string;
  private readonly authored: ReadonlyMap<RecordKind, string>;
  private readonly operation: string;
  private readonly opens: OpenIntents;
  private readonly lines = new RecordLines();
  private time = { at: Number.NaN, text: "" };

  constructor(
    private readonly position: Position,
    author: AuditAuthor,
    carried: OpenRecord["open"],
  ) {
    const { worker, identity, pipeline, entity } = author;
    const who = members({ worker, ...(identity === undefined ? {} : { identity }), pipeline, entity });
    const kinds = Object.values(RecordKind).map((kind) => [kind, `","kind":"${kind}"${who}`] as const);
    this.begin = `{"audit":${AUDIT_VERSION},"chain":"${position.chain}","sequence":`;
    this.authored = new Map(kinds);
    this.operation = members({ operation: author.operation });
    this.opens = new OpenIntents(carried);
  }

  /** Where the chain stands behind the last group that `take` gave. */
  get at(): Position {
    return { ...this.position };
  }

  /** Ends the group. Gives all lines that were made since the last call; good until the next one is made. */
  take(): Buffer {
    this.seal();
    return this.lines.take();
  }

  private seal(): void {
    this.position.hash = this.lines.seal() ?? this.position.hash;
  }

  /**
   * The first line of a file or a process's output, a group of its own: a file that holds a line holds a record, also
   * where the rest of the write is lost. `from` is given at a start, absent at a rotation.
   */
  open(now: number, destination: OpenRecord["destination"], process: ProcessMark, from?: Continuation): void {
    const torn = from === undefined || from.torn.length === 0 ? {} : { torn: from.torn };
    const after = from?.after === undefined ? {} : { after: from.after };
    const open = this.opens.list();
    this.line(RecordKind.Open, now, members({ destination, process, open, ...torn, ...after }));
    this.seal();
  }

  checkpoint(now: number, process: ProcessMark): void {
    this.line(RecordKind.Checkpoint, now, members({ process, open: this.opens.list() }));
  }

  close(now: number): void {
    this.line(RecordKind.Close, now, "");
  }

  intent(now: number, message: SinkMessage, attempt: number): void {
    const { messageId, traceId, sequenceNumber, deliveryCount, sessionId, bodySha256, producer } = message;
    const session = sessionId === undefined ? "" : `,"session":${JSON.stringify(sessionId)}`;
    const signer = producer === undefined ? "" : `,"producer":${JSON.stringify(producer)}`;
    this.line(
      RecordKind.Intent,
      now,
      `,"message":${JSON.stringify(messageId)},"trace":"${traceId}","sequenceNumber":"${sequenceNumber}",` +
        `"delivery":${deliveryCount},"attempt":${attempt}${session},"body":"${bodySha256}"${this.operation}${signer}`,
    );
    this.opens.add(messageId, this.position.sequence);
  }

  outcome(now: number, message: SinkMessage, outcome: Outcome): void {
    const open = this.opens.close(message.messageId);
    const own = open.pop();
    const intent = own === undefined ? "" : `,"intent":${own}`;
    const closes = open.length === 0 ? "" : `,"closes":[${open.join()}]`;
    this.line(
      RecordKind.Outcome,
      now,
      `,"message":${JSON.stringify(message.messageId)},"trace":"${message.traceId}"${intent}${closes}` +
        resultOf(outcome),
    );
  }

  private line(kind: RecordKind, now: number, rest: string): void {
    const { position, lines } = this;
    if (lines.full) this.seal();
    position.sequence++;
    const previous = lines.begins ? `,"previous":"${position.hash}","time":"` : ',"time":"';
    lines.add(this.begin + position.sequence + previous + this.timeText(now) + this.authored.get(kind) + rest);
  }

  /** Many records are of the same millisecond. */
  private timeText(now: number): string {
    const at = Math.floor(now);
    if (at !== this.time.at) this.time = { at, text: new Date(at).toISOString() };
    return this.time.text;
  }
}

/** Members of an object as they stand in a line behind others. */
function members(values: object): string {
  return `,${JSON.stringify(values).slice(1, -1)}`;
}

function resultOf(outcome: Outcome): string {
  const result = `,"result":"${outcome.kind}"`;
  switch (outcome.kind) {
    case "done": {
      const object = outcome.object === undefined ? "" : `,"object":${JSON.stringify(cut(outcome.object))}`;
      return `${result},"duplicate":${outcome.duplicate}${object}`;
    }
    case "retry":
      return `${result},"code":${JSON.stringify(outcome.code)}`;
    case "poison":
      return `${result},"code":${JSON.stringify(outcome.reason)}`;
  }
}

function cut(text: string): string {
  return text.length > OBJECT_LENGTH ? `${text.slice(0, OBJECT_LENGTH - 1)}…` : text;
}
