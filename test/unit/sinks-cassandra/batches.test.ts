import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_PARTITIONS, MAX_SHARED_BYTES, RowQueue } from "../../../runtime/sinks/cassandra/batches.js";

interface TestRow {
  row: { partition: string; bytes: number; cells: undefined[] };
  replicas: string;
}
const rowOf = (partition: string, bytes = 10, replicas = "abc"): TestRow => ({
  row: { partition, bytes, cells: [] },
  replicas,
});
const LIMITS = { batchMaxRows: 3, batchMaxBytes: 1_000, flushMilliseconds: 20 };

/** What a queue gives when everything in it is due, in order. */
function drained(queue: RowQueue<TestRow>): TestRow[][] {
  const batches: TestRow[][] = [];
  for (let batch = queue.take(0, true); batch !== undefined; batch = queue.take(0, true)) batches.push(batch);
  return batches;
}

const bytesOf = (batch: TestRow[]): number => batch.reduce((sum, { row }) => sum + row.bytes, 0);
const partitionsOf = (batch: TestRow[]): string[] => [...new Set(batch.map(({ row }) => row.partition))];

const rows = fc.array(
  fc
    .record({
      partition: fc.integer({ min: 0, max: 30 }).map((n) => `p${n}`),
      bytes: fc.integer({ min: 1, max: 400 }),
    })
    .map(({ partition, bytes }) => rowOf(partition, bytes, `set ${Number(partition.slice(1)) % 2}`)),
  { maxLength: 200 },
);

describe("batches", () => {
  test("hold every row once, in its order within the partition, one partition each, within the limits", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const queue = new RowQueue<TestRow>(LIMITS);
        for (const row of list) queue.add(row, 0);
        expect(queue.size).toBe(list.length);
        const made = drained(queue);
        expect(queue.size).toBe(0);
        expect(made.flat()).toHaveLength(list.length);
        for (const batch of made) {
          expect(partitionsOf(batch)).toHaveLength(1);
          expect(batch.length).toBeLessThanOrEqual(LIMITS.batchMaxRows);
          if (batch.length > 1) expect(bytesOf(batch)).toBeLessThanOrEqual(LIMITS.batchMaxBytes);
        }
        for (const name of partitionsOf(list)) {
          const of = (all: TestRow[]) => all.filter(({ row }) => row.partition === name);
          expect(of(made.flat())).toEqual(of(list));
        }
      }),
    );
  });

  test("by replica set hold partitions of one set, 10 and 40 KiB at most, and every row once", () => {
    const limits = { batchMaxRows: 100, batchMaxBytes: 65_536, flushMilliseconds: 20 };
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 200 }), (list, factor) => {
        const queue = new RowQueue<TestRow>(limits, ({ replicas }) => replicas);
        const large = list.map((each) => ({ ...each, row: { ...each.row, bytes: each.row.bytes * factor } }));
        for (const row of large) queue.add(row, 0);
        const made = drained(queue);
        expect(new Set(made.flat())).toEqual(new Set(large));
        expect(made.flat()).toHaveLength(large.length);
        for (const batch of made) {
          expect(new Set(batch.map(({ replicas }) => replicas)).size).toBe(1);
          expect(batch.length).toBeLessThanOrEqual(limits.batchMaxRows);
          const partitions = partitionsOf(batch);
          expect(partitions.length).toBeLessThanOrEqual(MAX_PARTITIONS);
          if (partitions.length > 1) expect(bytesOf(batch)).toBeLessThanOrEqual(MAX_SHARED_BYTES);
        }
      }),
    );
  });

  test("by replica set fill up with what waits for the same replicas, the longest waiting first", () => {
    const queue = new RowQueue<TestRow>({ ...LIMITS, batchMaxRows: 100 }, ({ replicas }) => replicas);
    for (let n = 0; n < 12; n++) queue.add(rowOf(`p${n}`), n);
    queue.add(rowOf("other", 10, "xyz"), 12);
    queue.add(rowOf("p0"), 13);
    const first = queue.take(20) ?? [];
    expect(partitionsOf(first)).toEqual(Array.from({ length: 10 }, (_, n) => `p${n}`));
    expect(first).toHaveLength(11);
    expect(queue.take(20)).toBeUndefined();
    expect(partitionsOf(queue.take(40, false, 1) ?? [])).toEqual(["p10"]);
    expect(partitionsOf(queue.take(40) ?? [])).toEqual(["p11"]);
    expect(partitionsOf(queue.take(40) ?? [])).toEqual(["other"]);
  });

  test("by replica set stay below the thresholds at which the nodes warn and refuse", () => {
    // unlogged_batch_across_partitions_warn_threshold, and four fifths of batch_size_fail_threshold.
    expect([MAX_PARTITIONS, MAX_SHARED_BYTES]).toEqual([10, 40_960]);
  });

  test("by replica set count what the nodes count: 40 bytes a row and 20 a cell beside the values", () => {
    const queue = new RowQueue<TestRow>({ ...LIMITS, batchMaxRows: 500, batchMaxBytes: 65_536 }, () => "abc");
    // 400 bytes of values a partition, 6,000 as the nodes count: six of them are 36,000, the seventh is too many.
    for (let n = 0; n < 8; n++)
      for (let i = 0; i < 40; i++) {
        const small = rowOf(`p${n}`, 10);
        queue.add({ ...small, row: { ...small.row, cells: Array.from({ length: 5 }, () => undefined) } }, 0);
      }
    expect(drained(queue).map((batch) => partitionsOf(batch).length)).toEqual([6, 2]);
  });

  test("by replica set are no larger than batchMaxBytes and batchMaxRows, as those of one partition", () => {
    const byBytes = new RowQueue<TestRow>({ ...LIMITS, batchMaxRows: 100, batchMaxBytes: 5_000 }, () => "abc");
    for (let n = 0; n < 6; n++) byBytes.add(rowOf(`p${n}`, 1_000), 0);
    expect(drained(byBytes).map(({ length }) => length)).toEqual([4, 2]);
    const byRows = new RowQueue<TestRow>({ ...LIMITS, batchMaxRows: 3 }, () => "abc");
    for (const partition of ["p0", "p0", "p1", "p1", "p2"]) byRows.add(rowOf(partition), 0);
    expect(drained(byRows).map((batch) => batch.map(({ row }) => row.partition))).toEqual([
      ["p0", "p0", "p2"],
      ["p1", "p1"],
    ]);
  });

  test("are of one partition where its replicas are not known", () => {
    const queue = new RowQueue<TestRow>(LIMITS, () => undefined);
    queue.add(rowOf("a"), 0);
    queue.add(rowOf("b"), 0);
    expect(drained(queue).map(partitionsOf)).toEqual([["a"], ["b"]]);
  });

  test("go when they are full, or their first row has waited long enough, the longest waiting first", () => {
    const queue = new RowQueue<TestRow>(LIMITS);
    expect(queue.dueAt).toBeUndefined();
    queue.add(rowOf("slow"), 0);
    for (let n = 0; n < 4; n++) queue.add(rowOf("flood"), 5);
    expect(queue.take(5)).toHaveLength(3);
    expect(queue.take(19)).toBeUndefined();
    expect(queue.dueAt).toBe(20);
    for (let n = 0; n < 2; n++) queue.add(rowOf("flood"), 19);
    // A partition that is always full does not keep one waiting whose time is over.
    expect(queue.take(20)?.[0]?.row.partition).toBe("slow");
    expect(queue.take(20)).toHaveLength(3);
    expect(queue.take(20)).toBeUndefined();
  });

  test("go on to fill while they wait for a place", () => {
    const queue = new RowQueue<TestRow>({ ...LIMITS, batchMaxRows: 100 });
    queue.add(rowOf("p"), 0);
    queue.add(rowOf("p"), 50);
    expect(queue.take(60)).toHaveLength(2);
  });

  test("lose what is taken out, and nothing else", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), (list, nth) => {
        const queue = new RowQueue<TestRow>(LIMITS, ({ replicas }) => replicas);
        for (const row of list) queue.add(row, 0);
        const unwanted = new Set(list.filter((_, i) => i % nth === 0));
        expect(new Set(queue.remove((row) => unwanted.has(row)))).toEqual(unwanted);
        expect(queue.size).toBe(list.length - unwanted.size);
        expect(new Set(drained(queue).flat())).toEqual(new Set(list.filter((row) => !unwanted.has(row))));
      }),
    );
  });
});
