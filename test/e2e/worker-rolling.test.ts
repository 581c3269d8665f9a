import { readFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { readResults } from "../../stacks/local/gluster/index.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "./workerProcess.js";

/** Messages that wait while the workers are replaced. */
const BACKLOG = 60;
/** Says that it runs, works for a moment, and gives back what it got. */
const JOB = 'echo "$STOWAGE_MESSAGE_ID" >> "$STOWAGE_LEDGER"; sleep 0.05; cat';

let bus: BusKit;
let kit: ProcessKit;

beforeAll(buildBundle);
beforeEach(async () => {
  bus = await new BusKit().open({ maxDeliveryCount: 2 });
  kit = await new ProcessKit().open();
});
afterEach(async () => {
  await kit.close();
  await bus.close();
});

/** Starts a worker, and waits until it takes messages. */
async function ready(concurrency: number): Promise<RunningWorker> {
  const pipeline = kit.pipeline(JOB, (p) => {
    p.source.maxDeliveryCount = 2;
    p.delivery.expectedRestarts = 1;
    p.delivery.noProgressSeconds = 30;
    p.delivery.concurrency = concurrency;
    p.delivery.shutdownGraceSeconds = 10;
  });
  const worker = kit.start(pipeline, bus.connection);
  await until("the worker is ready", async () => (await worker.ask("/readyz")).status === 200);
  return worker;
}

test("a changed pipeline rolls through the workers under load: nothing is dropped, nothing is done twice", async () => {
  let workers = [await ready(2), await ready(2)];
  const ended: Promise<number | string>[] = [];
  let sent = 0;
  let rolled = false;
  const sending = (async () => {
    for (; !rolled; sent += 20) {
      await until("there is room for more", () => rolled || bus.broker.counts("renders").active < BACKLOG);
      await bus.send(
        `m-${sent}`,
        Array.from({ length: 20 }, (_, i) => Buffer.from(`${sent + i}\n`)),
      );
    }
  })();
  for (const concurrency of [3, 4])
    for (const old of workers) {
      const fresh = await ready(concurrency);
      old.signal("SIGTERM");
      ended.push(old.ended);
      workers = [...workers.filter((worker) => worker !== old), fresh];
    }
  rolled = true;
  await sending;
  await until("every message is stored", () => kit.manifests().length === sent, 60);
  expect(await Promise.all(ended)).toEqual([0, 0, 0, 0]);
  expect((await readResults(kit.volume, "renders")).broken).toEqual([]);
  const runs = readFileSync(kit.ledger, "utf8").trim().split("\n");
  expect(runs.length).toBe(new Set(runs).size);
  await until("the queue is empty", () => bus.broker.counts("renders").active === 0);
  expect(bus.broker.counts("renders").deadLetter).toBe(0);
}, 120_000);
