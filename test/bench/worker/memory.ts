import { BrokerProcess } from "../../support/brokerProcess.js";
import { MeasuringClient } from "../broker/jobs.js";
import { KIBIBYTE, type Part, type PartContext } from "../broker/part.js";
import { profiled } from "../broker/profile.js";
import { atMost, round } from "../report.js";
import { bundledWorker, peakMebibytes, QUEUE } from "./subject.js";
import { fill, until } from "./window.js";

/** As many messages in work as a pipeline may have, each for a while: only the limit in bytes keeps them from the memory. */
const GREEDY = bundledWorker({
  change: (pipeline) => {
    pipeline.delivery.concurrency = 2_000;
    if (pipeline.sink.module !== undefined) pipeline.sink.module.options = { wait: "50" };
  },
});

const SMALL = { messages: 1_000_000, bytes: KIBIBYTE, most: 200, start: bundledWorker() };
/** As large as the standard tier takes, with room for the properties; 2 GiB of them: thirty times what may be held. */
const LARGE = { messages: 8_000, bytes: 255 * KIBIBYTE, most: 300, start: GREEDY };
/** So many messages are taken while a process is watched: what it holds does not grow after that. */
const TAKEN = { small: 100_000, large: 4_000 };
/** What the broker may hold: the million messages, and what it needs to know of each. */
const MAX_BYTES = 6 * 1_024 ** 3;
/** What the queue may hold: more than the million messages, which its size without a word (1 GiB) is too small for. */
const QUEUE_MEGABYTES = 5_120;
/** Arrays that are sent before it is looked whether to stop. */
const STEP = 250_000;

/** The most that a worker's process holds while far more waits than it could. */
export async function memory(context: PartContext): Promise<Part> {
  const small = await peak(context, SMALL, TAKEN.small);
  const large = await peak(context, LARGE, TAKEN.large);
  const why = (size: typeof SMALL, taken: number) => () =>
    profiled("heap", async (execArgv) => void (await peak(context, { ...size, messages: 2 * taken }, taken, execArgv)));
  return {
    ratios: {
      mebibytesWithSmallBodies: atMost(small, SMALL.most),
      mebibytesWithLargeBodies: atMost(large, LARGE.most),
    },
    figures: {},
    why: { mebibytesWithSmallBodies: why(SMALL, TAKEN.small), mebibytesWithLargeBodies: why(LARGE, TAKEN.large) },
  };
}

async function peak(
  { log, signal, scaled }: PartContext,
  { messages, bytes, start }: typeof SMALL,
  taken: number,
  execArgv: string[] = [],
): Promise<number> {
  const waiting = scaled(messages);
  const broker = await BrokerProcess.start({ maxBytes: MAX_BYTES }, { execArgv: [] });
  const client = await MeasuringClient.start();
  try {
    await broker.putQueue(QUEUE, { maxSizeInMegabytes: QUEUE_MEGABYTES });
    for (let left = waiting; left > 0; left -= Math.min(left, STEP)) {
      signal.throwIfAborted();
      await fill(broker, client, Math.min(left, STEP), bytes);
    }
    const subject = await start(broker, execArgv);
    try {
      await until(broker, waiting - Math.min(scaled(taken), waiting), [subject]);
      const found = round(peakMebibytes(subject.pid));
      log(`memory: ${found} MiB at most, with ${waiting} messages of ${bytes} bytes waiting at first`);
      return found;
    } finally {
      await subject.close();
    }
  } finally {
    await client.close();
    await broker.close();
  }
}
