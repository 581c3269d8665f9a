import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { median } from "../report.js";
import type { Part, PartContext } from "./part.js";
import { QUEUE, rounds } from "./throughput.js";

const MESSAGES = 5_000;
const TIMES = 3;

/** What a data folder costs: the same race as in memory, with every message on the disk before it is acknowledged. */
export async function durable(context: PartContext): Promise<Part> {
  const data = mkdtempSync(join(tmpdir(), "stowage-bench-data-"));
  const broker = await BrokerProcess.start({ queues: [QUEUE], data }, { execArgv: [] });
  try {
    context.log("with a data folder:");
    const { sent, received } = await rounds(context, broker, context.scaled(MESSAGES), TIMES);
    return {
      ratios: {},
      figures: {
        durableSentPerSecond: Math.round(median(sent.map(({ rate }) => rate))),
        durableCompletedPerSecond: Math.round(median(received.map(({ rate }) => rate))),
      },
      why: {},
    };
  } finally {
    await broker.close();
    rmSync(data, { recursive: true, force: true });
  }
}
