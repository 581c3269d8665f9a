import { availableParallelism } from "node:os";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { MeasuringClient } from "../broker/jobs.js";
import { type Part, type PartContext, ROUNDS } from "../broker/part.js";
import { atLeast, atMost, median, round } from "../report.js";
import { bundledWorker, QUEUE } from "./subject.js";
import { profileOf } from "./throughput.js";
import { type Taken, window } from "./window.js";

const MESSAGES = 40_000;
const MOST_CPU = 1.05;
const LEAST_RATE = 1.8;
/** Two workers, the broker, and whoever measures: with fewer cores they wait for each other, not for the queue. */
const CORES = 4;

/** Two workers on one queue beside one: what a message costs, and how many more there are. */
export async function pair(context: PartContext): Promise<Part> {
  const messages = context.scaled(MESSAGES);
  const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
  const client = await MeasuringClient.start();
  const worker = bundledWorker();
  const [one, two]: [Taken[], Taken[]] = [[], []];
  try {
    for (let i = 1; i <= ROUNDS; i++) {
      context.signal.throwIfAborted();
      const [alone, both] = [
        await window(broker, client, messages, [worker]),
        await window(broker, client, messages, [worker, worker]),
      ];
      one.push(alone);
      two.push(both);
      context.log(
        `pair ${i} of ${ROUNDS}: one ${round(alone.micros)} us, ${Math.round(alone.rate)}/s; ` +
          `two ${round(both.micros)} us, ${Math.round(both.rate)}/s`,
      );
    }
  } finally {
    await client.close();
    await broker.close();
  }
  const over = (what: keyof Taken) => median(two.map((both, i) => both[what] / (one[i]?.[what] ?? Number.NaN)));
  const cores = availableParallelism();
  const enough = cores >= CORES;
  if (!enough) context.log(`${cores} cores: the rate of two workers is shown, and judged from ${CORES} cores on`);
  const why = () => profileOf(messages, worker);
  return {
    ratios: {
      twoWorkersCpuOverOne: atMost(over("micros"), MOST_CPU),
      ...(enough ? { twoWorkersRateOverOne: atLeast(over("rate"), LEAST_RATE) } : {}),
    },
    figures: { cores, ...(enough ? {} : { twoWorkersRateOverOne: round(over("rate")) }) },
    why: { twoWorkersCpuOverOne: why, twoWorkersRateOverOne: why },
  };
}
