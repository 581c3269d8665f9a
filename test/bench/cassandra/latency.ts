import { setTimeout as delay } from "node:timers/promises";
import { DeliveryOutcome } from "../../../runtime/contract/index.js";
import { CassandraOperation } from "../../../runtime/sinks/cassandra/operations.js";
import { type Part, type PartContext, ROUNDS } from "../broker/part.js";
import { atMost, median, round } from "../report.js";
import { QUEUE, type Subject } from "../worker/subject.js";
import { until } from "../worker/window.js";
import { TEN } from "./rows.js";
import type { Setting } from "./setting.js";

/** What of the bare driver's 99th of a hundred the pipeline's may be. */
const MOST = 4;
/**
 * How long each side of a round is under load, in seconds; the first tenth is not counted. Long enough that each side meets
 * what the ring does from time to time: the nodes of a local ring flush their memtables about every 21,000, 28,000 and 35,000 rows.
 */
const SECONDS = 12;
/** How long the worker may take until it listens, in milliseconds. */
const START_MS = 30_000;
const TABLE = "latency";

/**
 * How long messages take from the broker's acknowledgement to their producer until they are completed, which comes after
 * their row, at half of the most that the pipeline does; beside it the bare driver's batches, as large and as many.
 */
export async function latency(setting: Setting, context: PartContext, most: number): Promise<Part> {
  const { broker, driver } = setting;
  const perSecond = Math.round(most / 2);
  const count = context.scaled(perSecond * SECONDS);
  await setting.table(TABLE);
  const worker = await setting.worker(TABLE)(broker);
  const [ratios, pipeline, bare, sizes]: [number[], number[], number[], number[]] = [[], [], [], []];
  try {
    for (let i = 0; i <= ROUNDS; i++) {
      context.signal.throwIfAborted();
      const before = await written(worker);
      const through = await enqueueToRow(setting, worker, count, perSecond);
      const after = await written(worker);
      const size = Math.max(1, Math.round((after.rows - before.rows) / (after.batches - before.batches)));
      const from = setting.owe(TABLE, count);
      const { p99Ms } = await driver.run({ what: "pacedBatches", table: TABLE, from, count, size, perSecond });
      if (i === 0) continue;
      ratios.push(through / p99Ms);
      pipeline.push(through);
      bare.push(p99Ms);
      sizes.push(size);
      context.log(
        `latency ${i} of ${ROUNDS} at ${perSecond}/s: p99 ${round(through)} ms from enqueue to row; ` +
          `${round(p99Ms)} ms of the bare driver in batches of ${size}`,
      );
    }
  } finally {
    await worker.close();
  }
  return {
    ratios: { p99OverBareDriver: atMost(median(ratios), MOST) },
    figures: {
      p99EnqueueToRowMs: round(median(pipeline)),
      p99BareDriverMs: round(median(bare)),
      rowsPerBatchAtHalfLoad: median(sizes),
      messagesPerSecondAtHalfLoad: perSecond,
    },
    why: {},
  };
}

async function enqueueToRow(setting: Setting, worker: Subject, count: number, perSecond: number): Promise<number> {
  const { broker, producer } = setting;
  await broker.watch(QUEUE);
  const from = setting.owe(TABLE, count);
  await producer.run({ what: "pace", from, count, partitions: TEN, perSecond });
  await until(broker, 0, [worker]);
  const ages = (await broker.fates(QUEUE)).map(({ ageMs }) => ageMs);
  if (ages.length !== count) throw new Error(`${ages.length} messages were settled, and ${count} were sent.`);
  // In the order in which they were settled: a map keeps it.
  const counted = ages.slice(Math.floor(count / 10)).sort((a, b) => a - b);
  return counted[Math.floor(counted.length * 0.99)] ?? Number.NaN;
}

/** Rows that a worker has written, and the requests that they went in. */
async function written(worker: Subject): Promise<{ rows: number; batches: number }> {
  const address = await addressOf(worker);
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const value = (name: string, label: string): number => {
    const line = text.split("\n").find((one) => one.startsWith(`${name}{`) && one.includes(label));
    return Number(line?.slice(line.lastIndexOf(" ")) ?? 0);
  };
  return {
    rows: value("stowage_messages_total", `outcome="${DeliveryOutcome.Done}"`),
    batches: value("stowage_store_call_seconds_count", `operation="${CassandraOperation.Write}",result="ok"`),
  };
}

/** Where a worker serves its metrics: it says so soon after its start. */
async function addressOf(worker: Subject): Promise<string> {
  const end = performance.now() + START_MS;
  for (;;) {
    const found = /"address":"([^"]+)"/.exec(worker.log().slice(0, 10_000))?.[1];
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`The worker does not listen after ${START_MS} ms: ${worker.log()}`);
    await Promise.race([delay(50), worker.failed]);
  }
}
