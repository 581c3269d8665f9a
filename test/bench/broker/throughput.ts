import { BrokerProcess } from "../../support/brokerProcess.js";
import { atLeast, atMost, median, round } from "../report.js";
import { type Job, type JobReport, MeasuringClient } from "./jobs.js";
import { KIBIBYTE, type Part, type PartContext, ROUNDS } from "./part.js";
import { profiled } from "./profile.js";

/** The queue over which the race goes. */
export const QUEUE = "race";
const ARRAY = 100;
/** Messages of one round: two seconds of receiving, half a second of sending. */
const MESSAGES = 20_000;
/** The server's CPU for a message over the client's own. */
const MOST_RECEIVING = 0.5;
const MOST_SENDING = 1.0;
/** Of the rate that the client's own CPU allows, so much is reached: the rest it waited for the broker. */
const LEAST_BUSY = 0.95;

interface Race extends JobReport {
  /** The server's CPU over the client's. */
  ratio: number;
  rate: number;
}

/** One job, and what it cost on both sides. */
async function race(broker: BrokerProcess, client: MeasuringClient, job: Job & { messages: number }): Promise<Race> {
  const before = await broker.cpu();
  const report = await client.run(job);
  const server = (await broker.cpu()) - before;
  return { ...report, ratio: server / report.cpuMicros, rate: job.messages / report.seconds };
}

/** Sends as many messages as it then receives, so often. */
export async function rounds(
  { log, signal }: PartContext,
  broker: BrokerProcess,
  messages: number,
  times: number,
): Promise<{ sent: Race[]; received: Race[] }> {
  const client = await MeasuringClient.start();
  const { connectionString } = broker.address;
  const [sent, received]: [Race[], Race[]] = [[], []];
  try {
    for (let i = 0; i <= times; i++) {
      signal.throwIfAborted();
      const to = { connectionString, queue: QUEUE, messages };
      const sending = await race(broker, client, { what: "send", ...to, bytes: KIBIBYTE, array: ARRAY });
      const receiving = await race(broker, client, { what: "receive", ...to });
      // The first round is not counted: both sides compile.
      if (i === 0) continue;
      sent.push(sending);
      received.push(receiving);
      log(
        `round ${i} of ${times}: sent ${Math.round(sending.rate)}/s (server ${round(sending.ratio)} of the client's CPU), ` +
          `completed ${Math.round(receiving.rate)}/s (${round(receiving.ratio)}; client busy ${round(receiving.busy)})`,
      );
    }
    return { sent, received };
  } finally {
    await client.close();
  }
}

const middle = (races: readonly Race[], of: (race: Race) => number) => median(races.map(of));

/** How much the broker takes for a message, and whether a client ever waits for it. */
export async function throughput(context: PartContext): Promise<Part> {
  const messages = context.scaled(MESSAGES);
  const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
  try {
    const { sent, received } = await rounds(context, broker, messages, ROUNDS);
    const why = () => profileBroker(context, messages);
    return {
      ratios: {
        serverOverClientCpuReceiving: atMost(
          middle(received, (r) => r.ratio),
          MOST_RECEIVING,
        ),
        serverOverClientCpuSending: atMost(
          middle(sent, (r) => r.ratio),
          MOST_SENDING,
        ),
        rateOverClientsOwn: atLeast(
          middle(received, (r) => r.busy),
          LEAST_BUSY,
        ),
      },
      figures: {
        completedPerSecond: Math.round(middle(received, (r) => r.rate)),
        sentPerSecond: Math.round(middle(sent, (r) => r.rate)),
        clientMicrosPerCompleted: round(middle(received, (r) => r.cpuMicros) / messages),
        clientMicrosPerSent: round(middle(sent, (r) => r.cpuMicros) / messages),
      },
      why: { serverOverClientCpuReceiving: why, serverOverClientCpuSending: why, rateOverClientsOwn: why },
    };
  } finally {
    await broker.close();
  }
}

function profileBroker(context: PartContext, messages: number): Promise<string[]> {
  return profiled("cpu", async (execArgv) => {
    const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv });
    try {
      await rounds(context, broker, messages, 1);
    } finally {
      await broker.close();
    }
  });
}
