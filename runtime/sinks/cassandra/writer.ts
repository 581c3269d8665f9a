import { randomBytes } from "node:crypto";
import {
  BatchBy,
  type CassandraMetrics,
  type CassandraSink,
  type CassandraState,
  type Outcome,
  OutOfTime,
  PoisonReason,
  RetryCode,
  type SinkContext,
} from "../../contract/index.js";
import { type Clock, pause, systemClock } from "../../support/clock.js";
import { AdaptiveLimit } from "./adaptive.js";
import { FEW_PARTITIONS, MAX_PARTITIONS, RowQueue } from "./batches.js";
import { PROBE_MS } from "./client.js";
import type { Clients } from "./clientSource.js";
import { readToken } from "./cql.js";
import type { TimeRules } from "./eventTime.js";
import { type Failure, failureOf, type Refused } from "./failures.js";
import { HotPartitions, type HottestPartition } from "./hotPartitions.js";
import type { Row } from "./mapping.js";
import { CassandraOperation } from "./operations.js";
import { ReplicaSets } from "./replicaSets.js";
import { consistencyOf, RowSender } from "./rowSender.js";

/** What became of a row: written, over before it was written, or not written. */
export type Written = { kind: "written" } | { kind: "expired" } | Exclude<Outcome, { kind: "done" }>;

/** What of a sink's context the writer uses. */
export type WriteContext = Pick<SinkContext, "signal" | "call">;

/** What a writer is made of. */
export interface WriterOptions {
  clients: Clients;
  sink: CassandraSink;
  rules: TimeRules;
  /** The connection's datacenter. */
  localDatacenter: string;
  /** Says whether the table is still as it was prepared for. */
  intact(): Promise<boolean>;
  /** Rows that can be with the writer at once; with that many there is nothing to wait for. */
  capacity: number;
  /** Milliseconds since 1970, by which events are judged. */
  now(): number;
  /** Measures and waits. @default the machine's */
  clock?: Clock | undefined;
  /** @default nobody */
  metrics?: CassandraMetrics | undefined;
  /** Told when a partition becomes hot. @default nobody */
  hot?: ((hottest: HottestPartition) => void) | undefined;
}

/** A row that waits, and whose it is. */
interface Queued {
  row: Row;
  call: Call;
  /** Its place among the call's rows. */
  place: number;
}

const WRITTEN: Written = { kind: "written" };
const EXPIRED: Written = { kind: "expired" };

/** How often the same write is tried again in place, by what it failed of; what is not here is left to the engine. */
const TRIES_MORE: { [code: string]: number } = { [RetryCode.StoreTimeout]: 2, [RetryCode.StoreOverloaded]: 3 };
/** Wait before it is tried again, in milliseconds; doubled each time. */
const AGAIN_MS = 100;
/** Of the rows that can be here at once: while no more are, batches hold fewer partitions and are answered sooner. */
const QUIET_SHARE = 0.5;
/** A write that has taken so long, in milliseconds, is not tried again in place. */
const IN_PLACE_MS = 20_000;
/** What a ring answers to a batch, and never to a row, for its size alone. */
const BATCH_TOO_LARGE = /batch too large/i;
/** What Cassandra answers where a row would outlive the last date that it can hold. */
const BEYOND_LAST_DATE = /maximum supported expiration date/i;
/** What its guardrails answer to a timestamp that lies too far ahead or back. */
const TIMESTAMP_GUARD = /timestamp .*(?:after the maximum|before the minimum) allow/i;

/** One call of the sink: it is over when each of its rows is. */
class Call {
  readonly results: Written[] = [];
  private left: number;
  private end: () => void = () => undefined;
  readonly over: Promise<void>;

  constructor(
    count: number,
    readonly context: WriteContext,
    private readonly told: (place: number, written: Written) => void,
  ) {
    this.left = count;
    this.over = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  answer(place: number, written: Written): void {
    this.results[place] = written;
    this.told(place, written);
    this.left--;
    if (this.left === 0) this.end();
  }
}

/**
 * Writes rows in unlogged batches: of one partition each, which is one mutation sent once to each replica, or of partitions
 * with the same replicas. Batches fill across the sink's calls, and as many are in flight as the ring bears.
 */
export class RowWriter implements CassandraState {
  private readonly queue: RowQueue<Queued>;
  private readonly limiter: AdaptiveLimit;
  private readonly sender: RowSender;
  private readonly clock: Clock;
  private readonly hotPartitions: HotPartitions;
  private readonly select: string;
  private readonly stopping = new AbortController();
  private callOff: (() => void) | undefined;
  private rowsInFlight = 0;

  constructor(private readonly options: WriterOptions) {
    const { sink, clients, rules, now, localDatacenter, metrics } = options;
    this.clock = options.clock ?? systemClock;
    this.limiter = new AdaptiveLimit(sink.maxInFlight, this.clock);
    this.sender = new RowSender(clients, sink, rules, now);
    this.select = readToken(sink.table);
    this.hotPartitions = new HotPartitions(options.hot);
    const sets = new ReplicaSets(
      sink.table,
      () => clients.current(),
      localDatacenter,
      () => this.clock.now(),
    );
    this.queue = new RowQueue<Queued>(
      sink,
      sink.batchBy === BatchBy.ReplicaSet ? ({ row }) => sets.of(row) : () => undefined,
    );
    metrics?.watch(this);
  }

  get inFlight(): number {
    return this.limiter.inFlight;
  }

  get limit(): number {
    return this.limiter.limit;
  }

  get hottestShare(): number {
    return this.hotPartitions.hottest?.share ?? 0;
  }

  /** What became of each row, in the order given; `told` hears of each as soon as it is known. Never rejects. */
  async write(
    rows: readonly Row[],
    context: WriteContext,
    told: (place: number, written: Written) => void = () => undefined,
  ): Promise<Written[]> {
    const { signal } = context;
    if (signal.aborted || this.stopping.signal.aborted) return rows.map(interrupted);
    if (rows.length === 0) return [];
    const call = new Call(rows.length, context, told);
    const stop = (): void => this.giveBack((queued) => queued.call === call);
    signal.addEventListener("abort", stop, { once: true });
    const now = this.clock.now();
    for (const [place, row] of rows.entries()) this.queue.add({ row, call, place }, now);
    this.pump();
    await call.over;
    signal.removeEventListener("abort", stop);
    return call.results;
  }

  /** A read of another token each time, at the consistency of the writes. Throws where it is not answered. */
  async probe(): Promise<void> {
    const token = BigInt.asIntN(64, BigInt(`0x${randomBytes(8).toString("hex")}`));
    const options = { consistency: consistencyOf[this.options.sink.consistency], readTimeout: PROBE_MS };
    await this.options.clients.use((client) => client.execute(this.select, [token], options));
  }

  /** Sends nothing more: what waits is given back. */
  stop(): void {
    this.stopping.abort();
    this.callOff?.();
    this.giveBack(() => true);
  }

  private giveBack(which: (queued: Queued) => boolean): void {
    for (const { call, place } of this.queue.remove(which)) call.answer(place, interrupted());
  }

  /** Sends what is due while there is a place, and sees to it that it is called when the next batch is due. */
  private pump(): void {
    while (this.queue.size > 0) {
      if (!this.limiter.tryEnter()) return;
      const { capacity } = this.options;
      const held = this.queue.size + this.rowsInFlight;
      const eager = held >= capacity;
      const quiet = held <= capacity * QUIET_SHARE;
      const batch = this.queue.take(this.clock.now(), eager, quiet ? FEW_PARTITIONS : MAX_PARTITIONS);
      if (batch !== undefined) {
        void this.run(batch);
        continue;
      }
      this.limiter.leave();
      // A look that is planned already comes no later: what waits now came after what it was planned for.
      this.callOff ??= this.clock.after(Math.max(0, (this.queue.dueAt ?? 0) - this.clock.now()), () => {
        this.callOff = undefined;
        this.pump();
      });
      return;
    }
  }

  private async run(batch: Queued[]): Promise<void> {
    this.rowsInFlight += batch.length;
    this.count(batch);
    await this.deliver(batch, false);
    this.rowsInFlight -= batch.length;
    this.limiter.leave();
    this.pump();
  }

  /** Answers every row of the batch. `intact` is true where the table was looked at just now. Never rejects. */
  private async deliver(batch: Queued[], intact: boolean): Promise<void> {
    const { rows, failure } = await this.tried(batch);
    const [first] = rows;
    if (first === undefined) return;
    if (failure === undefined) return answer(rows, WRITTEN);
    if (failure.kind === "retry") {
      const { code, description } = failure;
      return answer(rows, { kind: "retry", code, description });
    }
    const split = rows.length > 1;
    const forSize = split && BATCH_TOO_LARGE.test(failure.description);
    if (!intact && !forSize && !(await this.tableIntact(first.call.context))) return answer(rows, noTable(failure));
    if (!split) return answer(rows, this.refused(first.row, failure));
    // One of them was refused, and the others with it; or they were too many.
    const half = rows.length >> 1;
    await this.deliver(rows.slice(0, half), !forSize);
    await this.deliver(rows.slice(half), !forSize);
  }

  /** Those of the rows that still have time to live; the others are answered. */
  private living(batch: Queued[]): Queued[] {
    const { rules, now, metrics } = this.options;
    const at = now();
    return batch.filter(({ row, call, place }) => {
      if (row.change === "delete" || rules.secondsLeft(row, at) !== undefined) return true;
      metrics?.outOfTime(OutOfTime.Expired);
      call.answer(place, EXPIRED);
      return false;
    });
  }

  /**
   * Sends the rows, and the very same again after what may pass at once. Gives those that are not answered yet, whose time
   * to live was not over at the last try, and what failed unless they are written.
   */
  private async tried(batch: Queued[]): Promise<{ rows: Queued[]; failure?: Failure }> {
    const { metrics } = this.options;
    const began = this.clock.now();
    let rows = batch;
    for (let tries = 0; ; tries++) {
      rows = this.living(rows);
      const [first] = rows;
      if (first === undefined) return { rows };
      const bytes = rows.reduce((sum, { row }) => sum + row.bytes, 0);
      const sentAt = this.clock.now();
      metrics?.sent(rows.length, bytes);
      try {
        const sent = rows.map(({ row }) => row);
        await first.call.context.call(CassandraOperation.Write, () => this.sender.send(sent));
        this.limiter.answered(sentAt, rows.length);
        return { rows };
      } catch (error) {
        const failure = failureOf(error);
        if (failure.kind === "refused") return { rows, failure };
        if (failure.strain) this.limiter.overloaded(sentAt);
        const wanted = !this.stopping.signal.aborted && rows.some(({ call }) => !call.context.signal.aborted);
        const more = tries < (TRIES_MORE[failure.code] ?? 0) && this.clock.now() - began < IN_PLACE_MS;
        if (!wanted || !more) return { rows, failure };
        await pause(this.clock, AGAIN_MS * 2 ** tries, this.stopping.signal);
      }
    }
  }

  private tableIntact({ call }: WriteContext): Promise<boolean> {
    return call(CassandraOperation.CheckSchema, this.options.intact).catch(() => false);
  }

  /** A row that is refused alone is poison, unless every row of the table would be. */
  private refused(row: Row, { description }: Refused): Written {
    if (BEYOND_LAST_DATE.test(description))
      return {
        kind: "retry",
        code: RetryCode.StoreUnavailable,
        description: `The table's timeToLive is longer than this ring can hold; shorten it: ${description}`,
      };
    const guarded = TIMESTAMP_GUARD.test(description);
    return {
      kind: "poison",
      reason: guarded ? PoisonReason.EventTimeOutOfRange : PoisonReason.InvalidValue,
      description: `Cassandra refuses the row: ${description} ${guarded ? "" : this.largestOf(row)}`.trimEnd(),
    };
  }

  /** The column that is the likeliest cause: its name, its type and its size. */
  private largestOf({ cells }: Row): string {
    const sizes = Object.entries(this.options.sink.table.columns).map(([name, { type }], place) => ({
      ...{ name, type },
      bytes: cells[place]?.length ?? 0,
    }));
    const [largest] = sizes.sort((a, b) => b.bytes - a.bytes);
    if (largest === undefined || largest.bytes === 0) return "";
    return `Its largest value is that of column ${largest.name} (${largest.type}), ${largest.bytes} bytes.`;
  }

  private count(batch: Queued[]): void {
    let partition: string | undefined;
    let rows = 0;
    for (const { row } of batch) {
      if (row.partition !== partition) {
        if (partition !== undefined) this.hotPartitions.add(partition, rows);
        partition = row.partition;
        rows = 0;
      }
      rows++;
    }
    if (partition !== undefined) this.hotPartitions.add(partition, rows);
  }
}

function answer(batch: Queued[], written: Written): void {
  for (const { call, place } of batch) call.answer(place, written);
}

/** A dropped table must not empty the queue. */
function noTable({ description }: Refused): Written {
  return {
    kind: "retry",
    code: RetryCode.StoreUnavailable,
    description: `The table is not as it was when the worker started: ${description}`,
  };
}

function interrupted(): Written {
  return { kind: "retry", code: RetryCode.Interrupted, description: "The work was stopped." };
}
