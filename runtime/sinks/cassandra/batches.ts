import type { CassandraSink } from "../../contract/index.js";
import type { Row } from "./mapping.js";

/** Partitions in one batch at most: the server's threshold for a warning (unlogged_batch_across_partitions_warn_threshold). */
export const MAX_PARTITIONS = 10;
/**
 * The same while there is little to write. A coordinator applies the partitions of a batch one after another, and waits for
 * its commit log's group at each: ten take 29 ms where two take 9 (20 rows, groups of 5 ms, on a ring that is not busy).
 */
export const FEW_PARTITIONS = 5;
/** Bytes of a batch of several partitions at most: the server refuses such batches above 50 KiB (batch_size_fail_threshold). */
export const MAX_SHARED_BYTES = 40 * 1024;
/**
 * What the server counts of a row beside its values: timestamp, time to live and deletion time of each cell, and those of
 * the row's own marker. In bytes.
 */
const SERVER_BYTES = { cell: 20, row: 40 } as const;
/** Neighbours that are looked at to fill one batch: a bound on the work, not on the batch. */
const MAX_LOOKS = 64;

/** What a row must have to be batched. */
export interface Batchable {
  row: Pick<Row, "partition" | "bytes" | "cells">;
}

/** Limits of the batches that are cut. */
export interface BatchLimits extends Pick<CassandraSink, "batchMaxRows" | "batchMaxBytes"> {
  /** How long a row waits for others of its partition, in milliseconds. */
  flushMilliseconds: number;
}

/** Rows of one partition that wait to be sent together. */
interface Waiting<T> {
  partition: string;
  /** Which replicas hold the partition; undefined where that is not known, or does not matter. */
  replicas: string | undefined;
  rows: T[];
  bytes: number;
  /** What the server counts of them. */
  serverBytes: number;
  /** When the first of them came, in milliseconds. */
  since: number;
}

/**
 * Rows that wait to be sent, gathered by partition across all calls of the sink. What waits for a place goes on to fill:
 * the busier the ring, the fuller the batches. Pure: the caller says what time it is.
 */
export class RowQueue<T extends Batchable> {
  /** By partition; the oldest first. */
  private readonly open = new Map<string, Waiting<T>>();
  private readonly full: Waiting<T>[] = [];
  /** Those of `open` by their replicas, the oldest first; empty where batches hold one partition each. */
  private readonly neighbours = new Map<string, Set<Waiting<T>>>();
  private count = 0;

  /** `replicasOf` names the replicas of a row's partition where rows of several partitions may share a batch. */
  constructor(
    private readonly limits: BatchLimits,
    private readonly replicasOf: (row: T) => string | undefined = () => undefined,
  ) {}

  /** Rows that wait. */
  get size(): number {
    return this.count;
  }

  add(row: T, now: number): void {
    const { partition, bytes } = row.row;
    const { batchMaxRows, batchMaxBytes } = this.limits;
    let waiting = this.open.get(partition);
    if (waiting !== undefined && waiting.bytes + bytes > batchMaxBytes) {
      this.fill(waiting);
      waiting = undefined;
    }
    waiting ??= this.begin(row, now);
    waiting.rows.push(row);
    waiting.bytes += bytes;
    if (waiting.replicas !== undefined) waiting.serverBytes += serverBytes(row);
    this.count++;
    if (waiting.rows.length >= batchMaxRows || waiting.bytes >= batchMaxBytes) this.fill(waiting);
  }

  /** When the next batch is due, in milliseconds; undefined where nothing waits. */
  get dueAt(): number | undefined {
    const [oldestFull] = this.full;
    if (oldestFull !== undefined) return oldestFull.since;
    const oldest = first(this.open.values());
    return oldest === undefined ? undefined : oldest.since + this.limits.flushMilliseconds;
  }

  /**
   * The batch that has waited longest of those that are due: full ones, and those whose time is over. `eager` takes what is
   * there, due or not: nothing more can come. Of `partitions` at most. Undefined where none is due.
   */
  take(now: number, eager = false, partitions = MAX_PARTITIONS): T[] | undefined {
    const oldest = first(this.open.values());
    const [oldestFull] = this.full;
    const due = oldest !== undefined && (eager || oldest.since + this.limits.flushMilliseconds <= now);
    if (oldestFull !== undefined && !(due && oldest.since < oldestFull.since)) {
      this.full.shift();
      this.count -= oldestFull.rows.length;
      return oldestFull.rows;
    }
    if (oldest === undefined || !due) return undefined;
    this.close(oldest);
    const rows = this.withNeighbours(oldest, partitions);
    this.count -= rows.length;
    return rows;
  }

  /** Takes out the rows for which `unwanted` holds. */
  remove(unwanted: (row: T) => boolean): T[] {
    const removed: T[] = [];
    const keep = (waiting: Waiting<T>): boolean => {
      const staying: T[] = [];
      for (const row of waiting.rows) (unwanted(row) ? removed : staying).push(row);
      if (staying.length === waiting.rows.length) return true;
      waiting.rows = staying;
      waiting.bytes = waiting.rows.reduce((sum, { row }) => sum + row.bytes, 0);
      waiting.serverBytes = waiting.rows.reduce((sum, row) => sum + serverBytes(row), 0);
      return waiting.rows.length > 0;
    };
    for (const waiting of [...this.open.values()]) if (!keep(waiting)) this.close(waiting);
    const full = this.full.filter(keep);
    this.full.splice(0, this.full.length, ...full);
    this.count -= removed.length;
    return removed;
  }

  private begin(row: T, since: number): Waiting<T> {
    const { partition } = row.row;
    const replicas = this.replicasOf(row);
    const waiting: Waiting<T> = { partition, replicas, rows: [], bytes: 0, serverBytes: 0, since };
    this.open.set(partition, waiting);
    if (replicas === undefined) return waiting;
    const others = this.neighbours.get(replicas);
    if (others === undefined) this.neighbours.set(replicas, new Set([waiting]));
    else others.add(waiting);
    return waiting;
  }

  private fill(waiting: Waiting<T>): void {
    this.close(waiting);
    this.full.push(waiting);
  }

  private close(waiting: Waiting<T>): void {
    this.open.delete(waiting.partition);
    if (waiting.replicas === undefined) return;
    const others = this.neighbours.get(waiting.replicas);
    others?.delete(waiting);
    if (others?.size === 0) this.neighbours.delete(waiting.replicas);
  }

  /** The rows, and those of other partitions of the same replicas, the longest waiting first, as far as they fit. */
  private withNeighbours(waiting: Waiting<T>, most: number): T[] {
    const others = waiting.replicas === undefined ? undefined : this.neighbours.get(waiting.replicas);
    if (others === undefined) return waiting.rows;
    const rows = waiting.rows;
    let bytes = waiting.serverBytes;
    let partitions = 1;
    let looks = 0;
    for (const other of others) {
      if (partitions >= most || rows.length === this.limits.batchMaxRows || looks === MAX_LOOKS) break;
      looks++;
      if (rows.length + other.rows.length > this.limits.batchMaxRows) continue;
      if (bytes + other.serverBytes > Math.min(MAX_SHARED_BYTES, this.limits.batchMaxBytes)) continue;
      this.close(other);
      rows.push(...other.rows);
      bytes += other.serverBytes;
      partitions++;
    }
    return rows;
  }
}

/** About what the server counts of a row in a batch of several partitions, in bytes. */
function serverBytes({ row }: Batchable): number {
  return row.bytes + SERVER_BYTES.row + SERVER_BYTES.cell * row.cells.length;
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
