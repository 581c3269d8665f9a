import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { recordOf } from "../../../runtime/bus/sessionState.js";
import { CONTRACT_VERSION, type Connection, type Pipeline } from "../../../runtime/contract/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { Seeded } from "../../unit/broker-fuzz/seeded.js";
import { until } from "../workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "../workerProcess.js";
import { effectsOf, judgeOrder, type Order } from "./order.js";

/** What a run does. All that is random about it follows from the seed, save when the processes get their turns. */
export interface OrderingOptions {
  seed: number;
  sessions: number;
  /** Messages of each session. */
  messages: number;
  workers: number;
  /** Workers that are killed with SIGKILL, each at a random point, and started again. */
  kills: number;
  /** Workers that are ended with SIGTERM, each at a random point, and started again. */
  restarts: number;
  /** How long the messages may take in all, in seconds. */
  limitSeconds: number;
}

export interface OrderingRun extends Order {
  effects: number;
  deadLetters: number;
  /** Exit statuses of the workers that were ended with SIGTERM. */
  endings: (number | string)[];
  /** Sessions whose state, in the end, does not name their last message. */
  positionsMissing: string[];
  seconds: number;
}

/** A worker, and what it is called in the log of effects. */
interface Named {
  name: string;
  worker: RunningWorker;
}

const QUEUE = "ordered";
/** The shortest lock of the service, in seconds. */
const LOCK_SECONDS = 5;
/** Sessions that one worker works on at once. */
export const PLACES = 4;
/** A message takes up to twice so long, in milliseconds. */
const WORK_MILLISECONDS = 20;

/** What the workers are told: few places and a short quantum, so that sessions go from hand to hand. */
function change(log: string): (pipeline: Pipeline) => void {
  return (pipeline) => {
    pipeline.source = { ...pipeline.source, queue: QUEUE, sessions: true };
    Object.assign(pipeline.source, { lockDurationSeconds: LOCK_SECONDS, maxDeliveryCount: 10 });
    pipeline.sink = { module: { path: join(packageRoot(), "test/e2e/ordering/sink.mjs"), options: { log } } };
    Object.assign(pipeline.delivery, { concurrency: PLACES, sessionQuantumSeconds: 1, sessionIdleMilliseconds: 200 });
    Object.assign(pipeline.delivery, { expectedRestarts: 8, shutdownGraceSeconds: 5 });
    pipeline.replyQueues = [];
  };
}

/** Sends all sessions' messages at once, mixed by chance, each session's in its order. */
async function send(client: ServiceBusClient, names: string[], messages: number, random: Seeded): Promise<void> {
  const sender = client.createSender(QUEUE);
  const next = names.map((sessionId) => ({ sessionId, number: 0 }));
  while (next.length > 0) {
    const batch = [];
    while (batch.length < 200 && next.length > 0) {
      const at = random.below(next.length);
      const session = next[at];
      if (session === undefined) break;
      const { sessionId } = session;
      const body = {
        number: session.number,
        before: random.below(WORK_MILLISECONDS),
        after: random.below(WORK_MILLISECONDS),
      };
      batch.push({ sessionId, messageId: `${sessionId}-${session.number}`, body });
      session.number++;
      if (session.number === messages) next.splice(at, 1);
    }
    await sender.sendMessages(batch);
  }
  await sender.close();
}

/** Sessions whose state does not say that their last message is over. */
async function positionsMissing(client: ServiceBusClient, names: string[], messages: number): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) {
    const receiver = await client.acceptSession(QUEUE, name);
    const { position } = recordOf(await receiver.getSessionState());
    await receiver.close();
    if (position?.messageId !== `${name}-${messages - 1}` || position.settled > messages) missing.push(name);
  }
  return missing;
}

/** Carries messages of many sessions through workers that are killed and restarted, and judges their order. */
export async function runOrdering(options: OrderingOptions): Promise<OrderingRun> {
  await buildBundle();
  const broker = await BrokerProcess.start();
  const kit = new ProcessKit();
  const client = new ServiceBusClient(broker.address.connectionString);
  try {
    await broker.putQueue(QUEUE, { requiresSession: true, lockDurationSeconds: LOCK_SECONDS, maxDeliveryCount: 10 });
    return await carry(options, broker, kit, client);
  } finally {
    await client.close();
    await kit.close();
    await broker.close();
  }
}

async function carry(
  { seed, sessions, messages, workers, kills, restarts, limitSeconds }: OrderingOptions,
  broker: BrokerProcess,
  kit: ProcessKit,
  client: ServiceBusClient,
): Promise<OrderingRun> {
  const random = new Seeded(seed);
  const names = Array.from({ length: sessions }, (_, i) => `s${i}`);
  const log = join(kit.folder, "effects.log");
  const serviceBus = { fullyQualifiedNamespace: `127.0.0.1:${broker.address.port}`, developmentEmulator: true };
  const connection: Connection = { contractVersion: CONTRACT_VERSION, serviceBus };
  const pipeline = kit.pipeline("unused", change(log));
  let started = 0;
  const start = (): Named => {
    const name = `w${started++}`;
    return { name, worker: kit.start(pipeline, connection, { STOWAGE_LOG_LEVEL: "warn", HOSTNAME: name }) };
  };
  const total = sessions * messages;
  // In effects that were done by then. None in the last tenth: there a worker may have nothing left to lose.
  const ends = [...Array(kills).fill("SIGKILL"), ...Array(restarts).fill("SIGTERM")]
    .map((signal: NodeJS.Signals) => ({
      signal,
      after: Math.floor(total * 0.02) + random.below(Math.floor(total * 0.85)),
    }))
    .sort((a, b) => a.after - b.after);

  const running = Array.from({ length: workers }, start);
  const began = Date.now();
  const deadline = began + limitSeconds * 1_000;
  const sending = send(client, names, messages, random);
  const count = countLines(log);
  const endings: (number | string)[] = [];
  for (const { signal, after } of ends) {
    await until(`${after} of ${total} effects (seed ${seed})`, () => count() >= after, (deadline - Date.now()) / 1_000);
    const at = random.below(workers);
    const victim = running[at];
    if (victim === undefined) throw new Error(`There is no worker ${at}.`);
    // One that is still starting has nothing to lose.
    const { name, worker } = victim;
    const works = (): boolean => readFileSync(log, "utf8").includes(` ${name} `);
    await until(`${name} works (seed ${seed})`, works, (deadline - Date.now()) / 1_000);
    running[at] = start();
    worker.signal(signal);
    const ending = await worker.ended;
    if (signal === "SIGTERM") endings.push(ending);
  }
  await sending;
  const active = async (): Promise<boolean> => (await broker.counts(QUEUE)).active === 0;
  await until(`all ${total} are settled (seed ${seed})`, active, (deadline - Date.now()) / 1_000);
  const seconds = (Date.now() - began) / 1_000;
  for (const { worker } of running) {
    worker.signal("SIGTERM");
    endings.push(await worker.ended);
  }
  const effects = effectsOf(readFileSync(log, "utf8"));
  return {
    ...judgeOrder(effects, names, messages),
    effects: effects.length,
    deadLetters: (await broker.counts(QUEUE)).deadLetter,
    endings,
    positionsMissing: await positionsMissing(client, names, messages),
    seconds,
  };
}

/** Counts the lines of a growing file, reading it anew only when it has grown. */
function countLines(path: string): () => number {
  let size = 0;
  let lines = 0;
  return () => {
    if (!existsSync(path)) return 0;
    const now = statSync(path).size;
    if (now !== size) lines = readFileSync(path).reduce((sum, byte) => (byte === 10 ? sum + 1 : sum), 0);
    size = now;
    return lines;
  };
}

/** A run's figures, one line. */
export function figuresOf(
  { seed, sessions, messages, workers, kills, restarts }: OrderingOptions,
  run: OrderingRun,
): string {
  const total = sessions * messages;
  return (
    `ordering: ${total} messages in ${sessions} sessions by ${workers} workers in ${run.seconds.toFixed(1)} s ` +
    `(${Math.round(total / run.seconds)}/s); ${kills} kills, ${restarts} restarts, ${run.handOvers} hand-overs between ` +
    `workers; ${run.repeats} effects done again, highest delivery count ${run.highestDeliveryCount}; ` +
    `${run.violations.length} violations of order; STOWAGE_SEED=${seed}`
  );
}
