import { BrokerProcess } from "../../support/brokerProcess.js";
import { ChildProgram } from "../../support/childProgram.js";
import { atMost, median, round } from "../report.js";
import { MeasuringClient } from "./jobs.js";
import { KIBIBYTE, type Part, type PartContext, ROUNDS } from "./part.js";
import { profiled } from "./profile.js";

const QUEUE = "calm";
const SAMPLES = 500;
/** Light load: 200 messages a second. */
const EVERY_MS = 5;
/** Sent, stored, handed out: at most so many bare round trips. */
const MOST = 3;

/** The 99th of a hundred messages from send to receive, beside a bare round trip through `rhea`. */
export async function latency(context: PartContext): Promise<Part> {
  const { log, signal } = context;
  const pace = { samples: context.scaled(SAMPLES), everyMs: EVERY_MS, bytes: KIBIBYTE };
  const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
  const { program: echo, ready } = await ChildProgram.start<{ what: "" }, { port: number }>(
    "test/bench/broker/echo.ts",
  );
  const client = await MeasuringClient.start();
  const [ratios, through, bare]: [number[], number[], number[]] = [[], [], []];
  try {
    const { connectionString } = broker.address;
    for (let i = 0; i <= ROUNDS; i++) {
      signal.throwIfAborted();
      const { p99Ms: around = 0 } = await client.run({ what: "roundTrip", port: ready.port, ...pace });
      const { p99Ms: passed = 0 } = await client.run({
        what: "sendToReceive",
        connectionString,
        queue: QUEUE,
        ...pace,
      });
      if (i === 0) continue;
      ratios.push(passed / around);
      through.push(passed);
      bare.push(around);
      log(`latency ${i} of ${ROUNDS}: p99 ${round(passed)} ms through the broker, ${round(around)} ms bare`);
    }
  } finally {
    await client.close();
    await echo.close();
    await broker.close();
  }
  return {
    ratios: { p99OverBareRoundTrip: atMost(median(ratios), MOST) },
    figures: { p99SendToReceiveMs: round(median(through)), p99BareRoundTripMs: round(median(bare)) },
    why: { p99OverBareRoundTrip: () => profileBroker(pace) },
  };
}

function profileBroker(pace: { samples: number; everyMs: number; bytes: number }): Promise<string[]> {
  return profiled("cpu", async (execArgv) => {
    const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv });
    const client = await MeasuringClient.start();
    try {
      const { connectionString } = broker.address;
      await client.run({ what: "sendToReceive", connectionString, queue: QUEUE, ...pace });
    } finally {
      await client.close();
      await broker.close();
    }
  });
}
