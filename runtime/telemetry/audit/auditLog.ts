import { type Outcome, RetryCode, type SinkMessage, StowageError } from "../../contract/index.js";
import type { Audit } from "../hooks.js";
import type { Logger } from "../logger.js";
import type { WorkerMetrics } from "../metrics.js";
import { CHECKPOINT_BYTES } from "./chainFiles.js";
import type { Position } from "./record.js";
import { type AuditAuthor, RecordWriter } from "./recordWriter.js";
import { type AuditTarget, unavailable } from "./target.js";
import { thisProcess } from "./writerProcess.js";

/** Time as the log needs it. */
export interface AuditClock {
  /** Milliseconds since 1970. */
  now(): number;
  after(milliseconds: number, then: () => void): () => void;
}

export interface AuditLogOptions {
  author: AuditAuthor;
  target: AuditTarget;
  /** After so many records the head is exported. */
  headEvery: number;
  metrics: Pick<WorkerMetrics, "auditRecords" | "auditHead">;
  logger: Pick<Logger, "info" | "warn" | "error">;
  clock: AuditClock;
}

/** What one write may take; then nobody waits for it any longer and nothing is added to it. In milliseconds. */
export const WRITE_MILLISECONDS = 10_000;

/**
 * Writes of one turn of the event loop that need not wait for its end: the intents of all messages that came in one piece
 * from the socket, and their outcomes where the sink is quick. Each wait for the turn's end makes a message live a turn
 * longer, and with a bounded number in work there are fewer of them to share what a turn costs.
 */
const EARLY_WRITES = 2;

/** A record that waits to be chained and written. */
type Entry = { at: number } & (
  | { message: SinkMessage; attempt: number }
  | { message: SinkMessage; outcome: Outcome }
  | { close: true }
);

/** Records that are written at once, and those who wait for that. */
class Group {
  readonly entries: Entry[] = [];
  readonly written: Promise<void>;
  resolve: () => void = () => undefined;
  reject: (error: StowageError) => void = () => undefined;

  constructor() {
    this.written = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Whoever waits for it is told; where nobody does any more, that is no error of the process.
    this.written.catch(() => undefined);
  }
}

/**
 * The log of effects. What comes at once, beyond EARLY_WRITES within one turn of the event loop, and while a write is on
 * its way, is one write: intents and outcomes of all messages together. A record gets its place in the chain when it is written, so that a
 * write that fails leaves no gap.
 */
export class AuditLog implements Audit {
  private writer: RecordWriter | undefined;
  private written: Position | undefined;
  private pending: Group | undefined;
  private writing = false;
  /** Writes that did not wait for the end of this turn. */
  private early = 0;
  /** Why nothing can be written until the target is opened anew. */
  private broken: StowageError | undefined;
  /** Why nothing can be written until the write that is on its way ends. */
  private stalled: StowageError | undefined;
  private probing: Promise<void> | undefined;
  private closed = false;
  private carriedBytes = 0;
  private exported = 0;
  private exportedLabels: { sequence: string; head: string } | undefined;

  constructor(private readonly options: AuditLogOptions) {}

  /** Begins the chain, or goes on with it. Rejects with `AuditUnavailable`, after WRITE_MILLISECONDS at the latest. */
  start(): Promise<void> {
    return this.bounded(this.open());
  }

  private async open(): Promise<void> {
    const { target, author, clock } = this.options;
    const from = await target.open();
    const { chain, sequence, hash, open } = from;
    const writer = new RecordWriter({ chain, sequence, hash }, author, open);
    writer.open(clock.now(), target.destination, thisProcess(), from);
    await target.write(writer.take());
    this.writer = writer;
    this.carriedBytes = 0;
    this.broken = undefined;
    this.wrote(1, true);
  }

  /** The last record that was written. */
  get at(): Position | undefined {
    return this.written;
  }

  intent(messages: SinkMessage[], attempt: number): Promise<void> {
    const at = this.options.clock.now();
    return this.add(messages.map((message) => ({ at, message, attempt })));
  }

  outcomes(messages: SinkMessage[], outcomes: Outcome[]): Promise<void> {
    const at = this.options.clock.now();
    return this.add(messages.map((message, i) => ({ at, message, outcome: outcomes[i] ?? unanswered() })));
  }

  async probe(): Promise<void> {
    if (this.stalled !== undefined) throw this.stalled;
    // One at a time: what a volume never answers keeps its thread, and each probe would take one more.
    this.probing ??= (this.broken === undefined ? this.options.target.probe() : this.reopen()).finally(() => {
      this.probing = undefined;
    });
    await this.probing;
  }

  private async reopen(): Promise<void> {
    await this.open();
    this.options.logger.info("the audit can be written again");
  }

  async close(): Promise<void> {
    if (this.closed) return;
    const last = this.broken ?? this.stalled;
    const ended = last === undefined && this.writer !== undefined ? this.add([this.closing()]) : Promise.resolve();
    this.closed = true;
    try {
      await ended;
      await this.bounded(this.options.target.close());
    } catch (error) {
      this.options.logger.error({ description: error instanceof Error ? error.message : String(error) }, "audit");
    }
    if (this.written !== undefined) this.exportHead(this.written);
  }

  private closing(): Entry {
    return { at: this.options.clock.now(), close: true };
  }

  private add(entries: Entry[]): Promise<void> {
    if (this.closed) return Promise.reject(unavailable("its target", new Error("the worker has closed it")));
    const failure = this.stalled ?? this.broken;
    if (failure !== undefined) return Promise.reject(failure);
    if (this.pending === undefined) {
      this.pending = new Group();
      this.schedule();
    }
    for (const entry of entries) this.pending.entries.push(entry);
    return this.pending.written;
  }

  /**
   * A write once all that runs now has run, or at the end of this turn of the event loop; not before the one that is on
   * its way has ended.
   */
  private schedule(): void {
    if (this.writing) return;
    const pump = (): void => void this.pump();
    if (this.early === EARLY_WRITES) {
      setImmediate(pump);
      return;
    }
    if (this.early === 0)
      setImmediate(() => {
        this.early = 0;
      });
    this.early++;
    process.nextTick(pump);
  }

  private async pump(): Promise<void> {
    const group = this.pending;
    if (group === undefined || this.writing) return;
    this.writing = true;
    this.pending = undefined;
    try {
      await this.write(group);
      group.resolve();
    } catch (error) {
      this.fail(group, error instanceof StowageError ? error : unavailable("its target", error));
    }
    // What lives on for a while keeps all that it points to: a group that is over lets go of its messages.
    group.entries.length = 0;
    this.writing = false;
    this.stalled = undefined;
    if (this.pending !== undefined) this.schedule();
  }

  private async write(group: Group): Promise<void> {
    const { target, clock } = this.options;
    const { writer } = this;
    if (writer === undefined) throw new Error("it was not started");
    const callOff = clock.after(WRITE_MILLISECONDS, () => this.stall(group));
    try {
      const carried = await this.carry(writer);
      for (const entry of group.entries) chain(writer, entry);
      const bytes = writer.take();
      await target.write(bytes);
      this.carriedBytes += bytes.length;
      this.wrote(group.entries.length + (carried ? 1 : 0), false);
    } finally {
      callOff();
    }
  }

  /** What goes ahead of the group: the first record of the next file, or a checkpoint; false where nothing does. */
  private async carry(writer: RecordWriter): Promise<boolean> {
    const { target, clock } = this.options;
    if (!target.full && this.carriedBytes < CHECKPOINT_BYTES) return false;
    this.carriedBytes = 0;
    if (target.full) {
      await target.next();
      writer.open(clock.now(), target.destination, thisProcess());
    } else writer.checkpoint(clock.now(), thisProcess());
    return true;
  }

  private wrote(records: number, first: boolean): void {
    const { metrics, headEvery } = this.options;
    metrics.auditRecords.inc(records);
    const at = this.writer?.at;
    this.written = at;
    if (at !== undefined && (first || at.sequence - this.exported >= headEvery)) this.exportHead(at);
  }

  private exportHead({ chain, sequence, hash }: Position): void {
    const { metrics, logger } = this.options;
    this.exported = sequence;
    if (this.exportedLabels !== undefined) metrics.auditHead.remove(this.exportedLabels);
    this.exportedLabels = { sequence: String(sequence), head: hash };
    metrics.auditHead.set(this.exportedLabels, 1);
    logger.info({ auditChain: chain, auditSequence: sequence, auditHead: hash }, "audit head");
  }

  /** Nobody waits for this write any longer. It goes on, and until it ends nothing is added to the chain. */
  private stall(group: Group): void {
    const words = `a write takes longer than ${WRITE_MILLISECONDS / 1000} s`;
    this.stalled = unavailable("its target", new Error(words));
    this.refuse(group, this.stalled);
  }

  private fail(group: Group, error: StowageError): void {
    this.broken = error;
    this.refuse(group, error);
  }

  private refuse(group: Group, error: StowageError): void {
    this.options.logger.error({ code: error.code, description: error.message }, "audit records cannot be written");
    group.reject(error);
    this.pending?.reject(error);
    this.pending = undefined;
  }

  private async bounded(work: Promise<void>): Promise<void> {
    let callOff = (): void => undefined;
    const limit = new Promise<never>((_, reject) => {
      const words = `a write takes longer than ${WRITE_MILLISECONDS / 1000} s`;
      callOff = this.options.clock.after(WRITE_MILLISECONDS, () => reject(unavailable("its target", new Error(words))));
    });
    try {
      await Promise.race([work, limit]);
    } finally {
      callOff();
    }
  }
}

function chain(writer: RecordWriter, entry: Entry): void {
  if ("close" in entry) writer.close(entry.at);
  else if ("outcome" in entry) writer.outcome(entry.at, entry.message, entry.outcome);
  else writer.intent(entry.at, entry.message, entry.attempt);
}

/** What the engine makes of an outcome that the sink did not give. */
function unanswered(): Outcome {
  return { kind: "retry", code: RetryCode.StoreUnavailable, description: "" };
}
