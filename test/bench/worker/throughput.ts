import { mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { AUDIT_DEFAULTS } from "../../../runtime/contract/index.js";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { MeasuringClient } from "../broker/jobs.js";
import { type Part, type PartContext, ROUNDS } from "../broker/part.js";
import { profiled } from "../broker/profile.js";
import { atLeast, atMost, median, round } from "../report.js";
import { bareLoop, bundledWorker, QUEUE, type Start } from "./subject.js";
import { fill, type Taken, until, window } from "./window.js";

const MESSAGES = 60_000;
const LEAST_RATE = 0.95;
const MOST_CPU = 1.1;
const LEAST_RATE_WATCHED = 0.85;

/** Takes what is exported, and says that it was taken. */
async function collector(): Promise<{ server: Server; url: string; taken(): number }> {
  let taken = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      taken++;
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}`, taken: () => taken };
}

/** The worker with all that watches it: metrics and traces exported, one in a hundred sampled, and an audit in files. */
function watchedWorker(endpoint: string): Start {
  return bundledWorker({
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.01",
      OTEL_METRIC_EXPORT_INTERVAL: "1000",
      OTEL_METRIC_EXPORT_TIMEOUT: "1000",
      OTEL_BSP_SCHEDULE_DELAY: "1000",
    },
    change: (pipeline, folder) => {
      const directory = join(folder, "audit");
      mkdirSync(directory);
      pipeline.audit = { ...AUDIT_DEFAULTS, destination: "file", directory };
    },
  });
}

/** The worker's cost beside the bare loop's, at the same concurrency, in turn. */
export async function throughput(context: PartContext): Promise<Part> {
  const messages = context.scaled(MESSAGES);
  const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
  const client = await MeasuringClient.start();
  const { server, url, taken } = await collector();
  const subjects = { bare: bareLoop, worker: bundledWorker(), watched: watchedWorker(url) };
  const found: { [name in keyof typeof subjects]: Taken[] } = { bare: [], worker: [], watched: [] };
  try {
    for (let i = 1; i <= ROUNDS; i++) {
      for (const name of ["bare", "worker", "watched"] as const) {
        context.signal.throwIfAborted();
        const result = await window(broker, client, messages, [subjects[name]]);
        found[name].push(result);
        context.log(
          `round ${i} of ${ROUNDS}: ${name} ${round(result.micros)} us a message, ${Math.round(result.rate)}/s`,
        );
      }
    }
    if (taken() === 0) throw new Error("Nothing was exported to the collector: what was measured was not watched.");
  } finally {
    server.close();
    server.closeAllConnections();
    await client.close();
    await broker.close();
  }
  const over = (name: "worker" | "watched", what: keyof Taken) =>
    median(found[name].map((one, i) => one[what] / (found.bare[i]?.[what] ?? Number.NaN)));
  const middle = (name: keyof typeof subjects, what: keyof Taken) => round(median(found[name].map((one) => one[what])));
  const why = (start: Start) => () => profileOf(messages, start);
  const [ofWorker, ofWatched] = [why(subjects.worker), why(bundledWorker())];
  return {
    ratios: {
      rateOverBareLoop: atLeast(over("worker", "rate"), LEAST_RATE),
      cpuOverBareLoop: atMost(over("worker", "micros"), MOST_CPU),
      watchedRateOverBareLoop: atLeast(over("watched", "rate"), LEAST_RATE_WATCHED),
    },
    figures: {
      bareMicrosPerMessage: middle("bare", "micros"),
      workerMicrosPerMessage: middle("worker", "micros"),
      watchedMicrosPerMessage: middle("watched", "micros"),
      barePerSecond: middle("bare", "rate"),
      workerPerSecond: middle("worker", "rate"),
      watchedPerSecond: middle("watched", "rate"),
      watchedCpuOverBareLoop: round(over("watched", "micros")),
    },
    why: { rateOverBareLoop: ofWorker, cpuOverBareLoop: ofWorker, watchedRateOverBareLoop: ofWatched },
  };
}

/** Where the time of a subject goes. */
export function profileOf(messages: number, start: Start): Promise<string[]> {
  return profiled("cpu", async (execArgv) => {
    const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
    const client = await MeasuringClient.start();
    try {
      await fill(broker, client, messages);
      const subject = await start(broker, execArgv);
      try {
        await until(broker, 0, [subject]);
      } finally {
        await subject.close();
      }
    } finally {
      await client.close();
      await broker.close();
    }
  });
}
