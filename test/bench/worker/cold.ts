import { BrokerProcess } from "../../support/brokerProcess.js";
import { MeasuringClient } from "../broker/jobs.js";
import { type Part, type PartContext, ROUNDS } from "../broker/part.js";
import { atMost, median, round } from "../report.js";
import { bundledWorker, QUEUE } from "./subject.js";
import { profileOf } from "./throughput.js";
import { fill, until } from "./window.js";

/** Seconds from the start of the process to its first message settled. */
const MOST_SECONDS = 1;

/** How soon a worker that is started has dealt with a message that waits. */
export async function cold({ log, signal }: PartContext): Promise<Part> {
  const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
  const client = await MeasuringClient.start();
  const worker = bundledWorker();
  const times: number[] = [];
  try {
    // The first is not counted: the files are read from the disk.
    for (let i = 0; i <= ROUNDS; i++) {
      signal.throwIfAborted();
      await fill(broker, client, 1);
      const began = performance.now();
      const subject = await worker(broker);
      try {
        await until(broker, 0, [subject]);
        const seconds = (performance.now() - began) / 1_000;
        if (i > 0) times.push(seconds);
        if (i > 0) log(`cold start ${i} of ${ROUNDS}: first message settled after ${round(seconds)} s`);
      } finally {
        await subject.close();
      }
    }
  } finally {
    await client.close();
    await broker.close();
  }
  return {
    ratios: { secondsToFirstMessage: atMost(median(times), MOST_SECONDS) },
    figures: {},
    why: { secondsToFirstMessage: () => profileOf(1, worker) },
  };
}
