import pino from "pino";
import type { AmqpMessage } from "../../../runtime/bus/copy.js";
import { Engine } from "../../../runtime/bus/engine.js";
import type { PeekedMessage } from "../../../runtime/bus/peeker.js";
import type { Bus } from "../../../runtime/bus/source.js";
import type { ExitCode, Outcome, Pipeline, Sink, SinkContext, SinkMessage } from "../../../runtime/contract/index.js";
import { type Audit, createMetrics, type WorkerMetrics } from "../../../runtime/telemetry/index.js";
import { FakeReceiver, type FakeSession } from "./fakeBus.js";
import { clientError, deferred, FakeClock, pipelineOf } from "./fakes.js";

type Work = (message: SinkMessage, context: SinkContext) => Promise<Outcome>;

/** An engine on fakes, and all that a test looks at. */
export interface EngineKit {
  clock: FakeClock;
  engine: Engine;
  receivers: FakeReceiver[];
  /** Sessions that the bus still has to give. */
  sessions: FakeSession[];
  /** The bus refuses to give a session, or a link to a new receiver, with this error. */
  refuse(error: Error | undefined): void;
  /** A message is in the entity that nobody gets. */
  waits(sequenceNumber: string): void;
  /** Copies that were sent for later. */
  scheduled: AmqpMessage[];
  /** Message ids, in the order in which the sink began them. */
  began: string[];
  metrics: WorkerMetrics;
  lines: { [field: string]: unknown }[];
  noProgress: string[];
  /** Exit statuses that came with them. */
  codes: ExitCode[];
  busClosed(): boolean;
  /** Times that the client was replaced. */
  recycled(): number;
  /** A metric's value by name and labels. */
  value(name: string, labels?: { [name: string]: string }): Promise<number>;
}

export function engineKit(
  work: Work,
  change: (pipeline: Pipeline) => void = () => undefined,
  probe: () => Promise<void> = async () => undefined,
  audit?: Audit,
): EngineKit {
  const clock = new FakeClock();
  const pipeline = pipelineOf(change);
  const metrics = createMetrics({ pipeline: pipeline.name, sink: "gluster" });
  const receivers: FakeReceiver[] = [];
  const sessions: FakeSession[] = [];
  const scheduled: AmqpMessage[] = [];
  const began: string[] = [];
  const lines: { [field: string]: unknown }[] = [];
  const noProgress: string[] = [];
  const codes: ExitCode[] = [];
  let closed = false;
  let recycled = 0;
  let refusal: Error | undefined;
  let oldest: PeekedMessage | undefined;
  const bus: Bus = {
    createReceiver: () => {
      const receiver = new FakeReceiver(clock);
      receiver.refusal = refusal;
      receivers.push(receiver);
      return receiver;
    },
    acceptNextSession: async () => {
      if (refusal !== undefined) throw refusal;
      const session = sessions.shift();
      if (session !== undefined) return session;
      const longPoll = deferred<void>();
      clock.after(15_000, () => longPoll.resolve());
      await longPoll.promise;
      const late = sessions.shift();
      if (late !== undefined) return late;
      throw clientError("ServiceTimeout");
    },
    waiting: { peekOldest: async () => oldest },
    deadLetters: { peekOldest: async () => undefined },
    counts: async () => ({ active: 0, dead_letter: 0 }),
    createSender: () => ({
      sendMessages: async () => undefined,
      scheduleMessages: async (copy) => void scheduled.push(copy),
      close: async () => undefined,
    }),
    recycle: async () => {
      recycled++;
    },
    close: async () => {
      closed = true;
    },
  };
  const sink: Sink = {
    batching: { maxMessages: 1, maxWaitMilliseconds: 0 },
    start: async () => undefined,
    stop: async () => undefined,
    probe,
    process: (batch, context) =>
      Promise.all(
        batch.map((message) => {
          began.push(message.messageId);
          return work(message, context);
        }),
      ),
  };
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const engine = new Engine({
    ...{ pipeline, sink, bus, metrics, logger, clock, audit },
    random: () => 1,
    onNoProgress: (reason, code) => {
      noProgress.push(reason);
      codes.push(code);
    },
  });
  const value = async (name: string, labels: { [name: string]: string } = {}): Promise<number> => {
    const metric = await metrics.registry.getSingleMetric(name)?.get();
    const found = metric?.values.find((v) => Object.entries(labels).every(([key, text]) => v.labels[key] === text));
    return found?.value ?? 0;
  };
  return {
    ...{ clock, engine, receivers, sessions, scheduled, began, metrics, lines, noProgress, codes, value },
    refuse: (error) => {
      refusal = error;
    },
    waits: (sequenceNumber) => {
      oldest = { sequenceNumber, enqueuedAt: clock.now() };
    },
    busClosed: () => closed,
    recycled: () => recycled,
  };
}
