import { setTimeout as delay } from "node:timers/promises";
import { types } from "cassandra-driver";
import { answerParent } from "../../support/childProgram.js";
import type { DriverJob, DriverReport, RingAddress } from "./jobs.js";
import { clientOf, valuesOf, WRITE } from "./plainClient.js";
import { insertInto, readingOf } from "./rows.js";

// The driver alone, as anybody would use it for speed: prepared, unlogged batches of one partition each.

/** Partitions that batches go to, each to one. */
const PARTITIONS = 100;

const ring: RingAddress = JSON.parse(process.argv[2] ?? "{}");
const client = clientOf(ring);

async function writeBatch(table: string, from: number, size: number): Promise<void> {
  const query = insertInto(table);
  const { device } = readingOf(from, PARTITIONS);
  const queries = Array.from({ length: size }, (_, i) => ({
    query,
    params: valuesOf({ ...readingOf(from + i, 1), device }, types.Uuid.random()),
  }));
  await client.batch(queries, { ...WRITE, logged: false });
}

async function batches({ table, from, count, size, inFlight }: DriverJob & { what: "batches" }): Promise<number[]> {
  const times: number[] = [];
  let next = from;
  const end = from + count;
  const loop = async (): Promise<void> => {
    while (next < end) {
      const first = next;
      next = Math.min(end, first + size);
      const began = performance.now();
      await writeBatch(table, first, next - first);
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return times;
}

/** Each batch is begun when it is due, whatever became of those before it: what is late counts as late. */
async function pacedBatches(job: DriverJob & { what: "pacedBatches" }): Promise<number[]> {
  const { table, from, count, size, perSecond } = job;
  const times: number[] = [];
  const all: Promise<void>[] = [];
  const began = performance.now();
  for (let sent = 0; sent < count; sent += size) {
    const due = began + (sent * 1_000) / perSecond;
    if (due > performance.now()) await delay(due - performance.now());
    const write = writeBatch(table, from + sent, Math.min(size, count - sent));
    all.push(write.then(() => void times.push(performance.now() - due)));
  }
  await Promise.all(all);
  return times;
}

function p99(times: number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
}

async function run(job: DriverJob): Promise<DriverReport> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const times = await (job.what === "batches" ? batches(job) : pacedBatches(job));
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - began) / 1_000, cpuMicros: user + system, p99Ms: p99(times) };
}

client.connect().then(
  () => answerParent(true, run, () => client.shutdown()),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
