import { ServiceBusClient, type ServiceBusReceivedMessage } from "@azure/service-bus";
import pino from "pino";
import { type Bus, Engine, openBus, systemClock } from "../../runtime/bus/index.js";
import {
  CONTRACT_VERSION,
  type Connection,
  type Outcome,
  type Pipeline,
  type Sink,
  type SinkContext,
  type SinkMessage,
} from "../../runtime/contract/index.js";
import { createMetrics } from "../../runtime/telemetry/index.js";
import { Broker, type QueueSettings } from "../../stacks/local/broker/index.js";
import { pipelineOf } from "../unit/bus/fakes.js";

/** What a test's sink does with one message. */
export type Work = (message: SinkMessage, context: SinkContext) => Promise<Outcome>;

/** Everything is done. */
export const done: Outcome = { kind: "done", duplicate: false };

/** A broker with the queues `renders` and `answers`, a client, and engines on it; all of it ends with `close`. */
export class BusKit {
  readonly broker = new Broker();
  private readonly engines: { engine: Engine; stopped: boolean }[] = [];
  private clientOfTest: ServiceBusClient | undefined;

  async open(settings: QueueSettings = {}, port = 0): Promise<this> {
    this.broker.putQueue("renders", { lockDurationSeconds: 5, maxDeliveryCount: 3, ...settings });
    this.broker.putQueue("answers", {});
    await this.broker.listen({ port });
    return this;
  }

  get port(): number {
    return Number(this.connection.serviceBus.fullyQualifiedNamespace.split(":")[1]);
  }

  get client(): ServiceBusClient {
    this.clientOfTest ??= new ServiceBusClient(this.broker.connectionString());
    return this.clientOfTest;
  }

  get connection() {
    const address = /sb:\/\/([^;]+);/.exec(this.broker.connectionString())?.[1] ?? "";
    const serviceBus = { fullyQualifiedNamespace: address, developmentEmulator: true };
    return { contractVersion: CONTRACT_VERSION, serviceBus };
  }

  /** Starts an engine whose sink is `work`, over the bus that `open` gives. */
  async engine(
    work: Work,
    change: (pipeline: Pipeline) => void = () => undefined,
    batch = 1,
    open: (connection: Connection, pipeline: Pipeline) => Promise<Bus> = openBus,
    probe: () => Promise<void> = async () => undefined,
  ) {
    const pipeline = pipelineOf((p) => {
      p.source.lockDurationSeconds = 5;
      change(p);
    });
    const metrics = createMetrics({ pipeline: pipeline.name, sink: "gluster" });
    const sink: Sink = {
      batching: { maxMessages: batch, maxWaitMilliseconds: 5 },
      start: async () => undefined,
      stop: async () => undefined,
      probe,
      process: (messages, context) => Promise.all(messages.map((message) => work(message, context))),
    };
    const engine = new Engine({
      ...{ pipeline, sink, metrics, clock: systemClock, random: Math.random },
      bus: await open(this.connection, pipeline),
      logger: pino({ level: process.env["STOWAGE_LOG_LEVEL"] ?? "silent" }),
      onNoProgress: () => undefined,
    });
    const running = { engine, stopped: false };
    this.engines.push(running);
    engine.start();
    const value = async (name: string, labels: { [name: string]: string } = {}): Promise<number> => {
      const metric = await metrics.registry.getSingleMetric(name)?.get();
      const found = metric?.values.find((v) =>
        Object.entries(labels).every(([key, text]) => String(v.labels[key]) === text),
      );
      return found?.value ?? 0;
    };
    const stop = (): Promise<boolean> => {
      running.stopped = true;
      return engine.stop();
    };
    return { engine, stop, value };
  }

  /** Sends bodies with ids `prefix-0`, `prefix-1`, …; in one session where `sessionId` is given. */
  async send(prefix: string, bodies: unknown[], sessionId?: string): Promise<void> {
    const sender = this.client.createSender("renders");
    const messages = bodies.map((body, i) => ({
      body,
      messageId: `${prefix}-${i}`,
      ...(sessionId === undefined ? {} : { sessionId }),
    }));
    for (let from = 0; from < messages.length; from += 500) await sender.sendMessages(messages.slice(from, from + 500));
    await sender.close();
  }

  /** What lies in the dead-letter queue. */
  async deadLetters(count: number): Promise<ServiceBusReceivedMessage[]> {
    const receiver = this.client.createReceiver("renders", { subQueueType: "deadLetter" });
    const messages: ServiceBusReceivedMessage[] = [];
    while (messages.length < count) {
      const more = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 5_000 });
      if (more.length === 0) throw new Error(`only ${messages.length} of ${count} dead letters came`);
      messages.push(...more);
    }
    await receiver.close();
    return messages;
  }

  async close(): Promise<void> {
    await Promise.all(this.engines.filter((e) => !e.stopped).map((e) => e.engine.stop()));
    await this.clientOfTest?.close();
    await this.broker.close();
  }
}

/** Waits until the condition holds, at most `seconds`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 15): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
