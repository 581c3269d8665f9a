import { randomBytes, randomUUID } from "node:crypto";
import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import { create_container, type EventContext } from "rhea";
import { answerParent } from "../../support/childProgram.js";
import type { Job, JobReport } from "./jobs.js";

// The measuring client: the unmodified official one, in a process of its own, one job at a time. `jobs.ts` has what
// it is asked.

/** Arrays that are on their way at once: enough that the client does not wait for a settlement. */
const ARRAYS_AT_ONCE = 4;
/** Calls of one subscription at once: half of what a link may have unsettled. */
const CALLS = 1_000;

const clients = new Map<string, ServiceBusClient>();

/** One client for each broker, so that no job measures how a connection is made. */
function clientOf(connectionString: string): ServiceBusClient {
  const existing = clients.get(connectionString);
  if (existing !== undefined) return existing;
  const made = new ServiceBusClient(connectionString);
  clients.set(connectionString, made);
  return made;
}

async function measured(work: () => Promise<void>): Promise<JobReport> {
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1_000;
  const busy = performance.eventLoopUtilization(loop).utilization;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuMicros: user + system, busy };
}

/** What a producer of a pipeline says of a message beside its body. */
function identity(): Omit<ServiceBusMessage, "body"> {
  const flags = Math.random() < 0.01 ? "01" : "00";
  const traceparent = `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-${flags}`;
  return { messageId: randomUUID(), contentType: "application/json", applicationProperties: { traceparent } };
}

async function send(job: Job & { what: "send" }): Promise<JobReport> {
  const { connectionString, queue, messages, bytes, array, identified } = job;
  const sender = clientOf(connectionString).createSender(queue);
  const body = Buffer.alloc(bytes, "x");
  const made = identified === true ? () => ({ ...identity(), body }) : () => ({ body });
  const batch = (): ServiceBusMessage[] => Array.from({ length: array }, made);
  // Opens the link.
  const first = Math.min(array, messages);
  await sender.sendMessages(batch().slice(0, first));
  let left = messages - first;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      const now = Math.min(array, left);
      left -= now;
      await sender.sendMessages(now === array ? batch() : batch().slice(0, now));
    }
  };
  const report = await measured(async () => {
    await Promise.all(Array.from({ length: ARRAYS_AT_ONCE }, loop));
  });
  await sender.close();
  return report;
}

async function receive({ connectionString, queue, messages }: Job & { what: "receive" }): Promise<JobReport> {
  const receiver = clientOf(connectionString).createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 });
  let [received, settled] = [0, 0];
  const report = await measured(
    () =>
      new Promise<void>((resolve, reject) => {
        const handlers = {
          // Settled by hand: when the client's own completion is over is not told to anybody.
          processMessage: async (message: Parameters<typeof receiver.completeMessage>[0]) => {
            if (++received > messages) return;
            await receiver.completeMessage(message);
            if (++settled === messages) resolve();
          },
          processError: async ({ error }: { error: Error }) => reject(error),
        };
        receiver.subscribe(handlers, { maxConcurrentCalls: CALLS, autoCompleteMessages: false });
      }),
  );
  await receiver.close();
  return report;
}

/** The 99th of a hundred, of what was measured after the first tenth: what is slow once at the start is no tail. */
function p99(latencies: readonly number[]): number {
  const settled = latencies.slice(Math.floor(latencies.length / 10)).sort((a, b) => a - b);
  return settled[Math.min(settled.length - 1, Math.floor(settled.length * 0.99))] ?? 0;
}

/** Begins something so often with pauses, and waits until all of it has come back. */
async function paced(samples: number, everyMs: number, begin: (sample: number) => void): Promise<void> {
  for (let sample = 0; sample < samples; sample++) {
    begin(sample);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Notes when each sample began and when it came back. */
class Stopwatch {
  readonly latencies: number[] = [];
  readonly done: Promise<void>;
  readonly #began: number[] = [];
  readonly #samples: number;
  #resolve: () => void = () => {};

  constructor(samples: number) {
    this.#samples = samples;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  begin(sample: number): void {
    this.#began[sample] = performance.now();
  }

  end(sample: number): void {
    this.latencies.push(performance.now() - (this.#began[sample] ?? 0));
    if (this.latencies.length === this.#samples) this.#resolve();
  }
}

async function sendToReceive(job: Job & { what: "sendToReceive" }): Promise<JobReport> {
  const { connectionString, queue, samples, everyMs, bytes } = job;
  const watch = new Stopwatch(samples);
  const body = Buffer.alloc(bytes, "x");
  const client = clientOf(connectionString);
  const receiver = client.createReceiver(queue);
  const failed = new Promise<never>((_resolve, reject) => {
    receiver.subscribe({
      processMessage: async ({ applicationProperties }) => watch.end(Number(applicationProperties?.["sample"])),
      processError: async ({ error }) => reject(error),
    });
  });
  const sender = client.createSender(queue);
  const report = await measured(async () => {
    await paced(samples, everyMs, (sample) => {
      watch.begin(sample);
      sender.sendMessages({ body, applicationProperties: { sample } }).catch(() => {});
    });
    await Promise.race([watch.done, failed]);
  });
  await receiver.close();
  await sender.close();
  return { ...report, p99Ms: p99(watch.latencies) };
}

async function roundTrip({ port, samples, everyMs, bytes }: Job & { what: "roundTrip" }): Promise<JobReport> {
  const watch = new Stopwatch(samples);
  const body = Buffer.alloc(bytes, "x");
  const connection = create_container().connect({ host: "127.0.0.1", port, reconnect: false });
  const receiver = connection.open_receiver("echo");
  receiver.on("message", ({ message }: EventContext) =>
    watch.end(Number(message?.["application_properties"]?.["sample"])),
  );
  const sender = connection.open_sender("echo");
  await new Promise<void>((resolve) => {
    sender.once("sendable", () => resolve());
  });
  const report = await measured(async () => {
    await paced(samples, everyMs, (sample) => {
      watch.begin(sample);
      sender.send({ body, application_properties: { sample } });
    });
    await watch.done;
  });
  connection.close();
  return { ...report, p99Ms: p99(watch.latencies) };
}

function run(job: Job): Promise<JobReport> {
  switch (job.what) {
    case "send":
      return send(job);
    case "receive":
      return receive(job);
    case "sendToReceive":
      return sendToReceive(job);
    case "roundTrip":
      return roundTrip(job);
  }
}

answerParent(true, run, async () => {
  await Promise.all([...clients.values()].map((client) => client.close()));
});
