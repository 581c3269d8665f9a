import { BrokerProcess } from "../../support/brokerProcess.js";
import { atMost, round } from "../report.js";
import { MeasuringClient } from "./jobs.js";
import type { Part, PartContext } from "./part.js";
import { profiled } from "./profile.js";

const MEBIBYTE = 1_024 * 1_024;
const QUEUE = "stock";
const MESSAGES = 1_000_000;
const BYTES = 200;
const ENTITIES = 10_000;
/** MiB of the broker's process, all in all. */
const MOST_FOR_MESSAGES = 1_024;
const MOST_FOR_ENTITIES = 300;
/** More than a million messages are counted for. */
const MAX_BYTES = 4 * 1_024 * MEBIBYTE;
/** Arrays as long as a message may be. */
const ARRAY = 500;

/** What a million waiting messages take, and ten thousand queues: the whole process, once garbage is collected. */
export async function memory(context: PartContext): Promise<Part> {
  const messages = context.scaled(MESSAGES);
  const entities = context.scaled(ENTITIES);
  const [stock, queues] = [await fill(context, messages, []), await furnish(context, entities, [])];
  return {
    ratios: {
      mebibytesForAMillionMessages: atMost(stock.rss, MOST_FOR_MESSAGES),
      mebibytesForTenThousandEntities: atMost(queues.rss, MOST_FOR_ENTITIES),
    },
    figures: { heapMebibytesForAMillionMessages: stock.heap, secondsToMakeTenThousandEntities: queues.seconds },
    why: {
      mebibytesForAMillionMessages: () =>
        profiled("heap", async (execArgv) => void (await fill(context, Math.ceil(messages / 10), execArgv))),
      mebibytesForTenThousandEntities: () =>
        profiled("heap", async (execArgv) => void (await furnish(context, entities, execArgv))),
    },
  };
}

async function fill({ log, signal }: PartContext, messages: number, execArgv: string[]) {
  const broker = await BrokerProcess.start(
    { queues: [QUEUE], maxBytes: MAX_BYTES },
    { execArgv: ["--expose-gc", ...execArgv] },
  );
  const client = await MeasuringClient.start();
  try {
    const { connectionString } = broker.address;
    // In parts, so that it can be stopped between them.
    for (let left = messages; left > 0; left -= Math.min(left, 250_000)) {
      signal.throwIfAborted();
      const now = Math.min(left, 250_000);
      await client.run({ what: "send", connectionString, queue: QUEUE, messages: now, bytes: BYTES, array: ARRAY });
      log(`memory: ${messages - left + now} messages wait`);
    }
    const { active } = await broker.counts(QUEUE);
    if (active !== messages) throw new Error(`${active} messages wait in the broker; ${messages} were sent.`);
    const { rss, heapUsed, external } = await broker.memory();
    return { rss: round(rss / MEBIBYTE), heap: round((heapUsed + external) / MEBIBYTE) };
  } finally {
    await client.close();
    await broker.close();
  }
}

async function furnish({ log }: PartContext, entities: number, execArgv: string[]) {
  const broker = await BrokerProcess.start({}, { execArgv: ["--expose-gc", ...execArgv] });
  try {
    const began = performance.now();
    await broker.putQueues("queue-", entities);
    const seconds = round((performance.now() - began) / 1_000);
    const { rss } = await broker.memory();
    log(`memory: ${entities} queues`);
    return { rss: round(rss / MEBIBYTE), seconds };
  } finally {
    await broker.close();
  }
}
