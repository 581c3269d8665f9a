import { setTimeout as delay } from "node:timers/promises";
import { ServiceBusClient } from "@azure/service-bus";
import { CONTRACT_VERSION, type Connection, sha256 } from "../../runtime/contract/index.js";
import { ProcessKit } from "../e2e/workerProcess.js";
import { BrokerProcess, type MessageFate } from "../support/brokerProcess.js";
import { bringAbout } from "./faults.js";
import { Fleet } from "./fleet.js";
import { CrashKind, crashPipeline, LOCK_SECONDS, MAX_DELIVERY_COUNT } from "./kinds.js";
import { type FaultKind, type PlannedMessage, planOf } from "./plan.js";
import { type CrashStore, storeOf } from "./store.js";

export interface CrashRunOptions {
  kind: CrashKind;
  seed: number;
  messages: number;
  faults: number;
  workers: number;
  /** Of the pipeline. @default as every pipeline has it */
  expectedRestarts?: number;
  /** A line about how it goes. */
  log(line: string): void;
  signal: AbortSignal;
}

/** What a run came to. It holds where `broken` is empty. */
export interface CrashReport {
  kind: CrashKind;
  seed: number;
  seconds: number;
  messages: number;
  effects: number;
  deadLetters: number;
  /** What was promised and did not come true. */
  broken: string[];
  /** How often each fault was brought about. */
  faults: { [kind in FaultKind]?: number };
  /** Times that the killer killed its worker. */
  killed: number;
  workersStarted: number;
  /** Deliveries beyond the first of each message. */
  redeliveries: number;
  /** The most deliveries that a message needed which does nobody any harm. */
  highestInnocentDelivery: number;
  /** Second deliveries that the sinks recognised; of the volume, results of runs that died before they counted. */
  duplicates: number;
}

/** Without an effect, a fault or a dead letter for so long a run is given up, in milliseconds. */
const STANDSTILL_MILLISECONDS = 90_000;
const LOOK_MILLISECONDS = 100;
/** A hold of a session counts for the message that it began with: the killer's first may have begun with another. */
const UNCOUNTED = 1;
const SEND_AT_ONCE = 500;

/** One run: messages into a queue, workers that are disturbed while they carry them, and what came of it. */
export async function crashRun(options: CrashRunOptions): Promise<CrashReport> {
  const { kind, seed, messages: count, log } = options;
  const queue = `crash-${kind}`;
  const broker = await BrokerProcess.start();
  const kit = await new ProcessKit().open();
  let fleet: Fleet | undefined;
  try {
    const plan = planOf(kind, seed, count, options.faults);
    const requiresSession = kind === CrashKind.Session;
    await broker.putQueue(queue, {
      lockDurationSeconds: LOCK_SECONDS,
      maxDeliveryCount: MAX_DELIVERY_COUNT,
      requiresSession,
    });
    await broker.watch(queue);
    await send(broker, queue, plan.messages);
    const { store, folder } = storeOf(kind, kit, queue);
    const began = performance.now();
    const pipeline = crashPipeline(kind, queue, { folder, volume: kit.volume, seed });
    if (options.expectedRestarts !== undefined) pipeline.delivery.expectedRestarts = options.expectedRestarts;
    fleet = new Fleet(kit, pipeline, connectionTo(broker), options.workers);
    const run = { options, plan, broker, queue, store, fleet };
    await disturb(run);
    const seconds = (performance.now() - began) / 1_000;
    const ended = await fleet.end();
    log(`${kind}: everything is settled after ${Math.round(seconds)} s`);
    return await reportOf(run, seconds, ended);
  } finally {
    fleet?.abandon();
    await kit.close();
    await broker.close();
  }
}

interface Run {
  options: CrashRunOptions;
  plan: ReturnType<typeof planOf>;
  broker: BrokerProcess;
  queue: string;
  store: CrashStore;
  fleet: Fleet;
}

/** How a worker reaches a broker of the tests. */
export function connectionTo(broker: BrokerProcess): Connection {
  const serviceBus = { fullyQualifiedNamespace: `127.0.0.1:${broker.address.port}`, developmentEmulator: true };
  return { contractVersion: CONTRACT_VERSION, serviceBus };
}

/** Sends messages, many at a time, in their order. */
export async function send(broker: BrokerProcess, queue: string, messages: PlannedMessage[]): Promise<void> {
  const client = new ServiceBusClient(broker.address.connectionString);
  try {
    const sender = client.createSender(queue);
    for (let from = 0; from < messages.length; from += SEND_AT_ONCE)
      await sender.sendMessages(
        messages.slice(from, from + SEND_AT_ONCE).map(({ body, ...rest }) => ({ ...rest, body: bodyOf(body) })),
      );
  } finally {
    await client.close();
  }
}

function bodyOf(body: PlannedMessage["body"]): Buffer {
  return Buffer.from(JSON.stringify(body));
}

/** Brings the faults about as the work goes on, until nothing is left in the queue. */
async function disturb({ options, plan, broker, queue, store, fleet }: Run): Promise<void> {
  const { kind, log, signal } = options;
  const left = [...plan.faults];
  const lasting = new Set<Promise<void>>();
  let [seen, moved, active] = [-1, Date.now(), Number.POSITIVE_INFINITY];
  while (active > 0 || left.length > 0 || lasting.size > 0) {
    signal.throwIfAborted();
    if (fleet.broken.length > 0) throw new Error(fleet.broken.join("\n"));
    const progress = store.progress();
    const counts = await broker.counts(queue);
    for (let next = left[0]; next !== undefined && next.at <= progress; next = left[0]) {
      left.shift();
      log(`${kind}: ${next.kind} at ${progress} of ${options.messages} effects`);
      const fault = bringAbout(next, { fleet, broker, entity: queue }).finally(() => lasting.delete(fault));
      lasting.add(fault);
    }
    if (progress !== seen || counts.active !== active || lasting.size > 0) moved = Date.now();
    [seen, active] = [progress, counts.active];
    if (Date.now() - moved > STANDSTILL_MILLISECONDS)
      throw new Error(
        `${kind}: nothing has moved for ${STANDSTILL_MILLISECONDS / 1_000} s at ${progress} effects, with ${active} ` +
          `messages in the queue, ${counts.locked} of them locked. Replay: --kind ${kind} --seed ${options.seed}`,
      );
    await delay(LOOK_MILLISECONDS);
  }
}

interface DeadLetter {
  messageId: string;
  reason: string;
}

/** What lies in the dead-letter queue. */
export async function deadLettersOf(broker: BrokerProcess, queue: string): Promise<DeadLetter[]> {
  const client = new ServiceBusClient(broker.address.connectionString);
  try {
    const receiver = client.createReceiver(queue, { subQueueType: "deadLetter", receiveMode: "receiveAndDelete" });
    const found: DeadLetter[] = [];
    for (
      let { deadLetter: left } = await broker.counts(queue);
      left > 0;
      { deadLetter: left } = await broker.counts(queue)
    )
      for (const { messageId, deadLetterReason } of await receiver.receiveMessages(left, { maxWaitTimeInMs: 5_000 }))
        found.push({ messageId: String(messageId), reason: deadLetterReason ?? "none" });
    return found;
  } finally {
    await client.close();
  }
}

async function reportOf(run: Run, seconds: number, ended: string[]): Promise<CrashReport> {
  const { options, plan, broker, queue, fleet, store } = run;
  const { kind, seed } = options;
  const { stored, broken, duplicates, killed: noted } = await store.read();
  const dead = await deadLettersOf(broker, queue);
  const fates = await broker.fates(queue);
  const innocent = highest(plan.messages, fates, stored);
  const killers = plan.messages.filter(({ body }) => body.kind === "killer").map(({ messageId }) => messageId);
  const delivered = fates.filter(({ messageId }) => killers.includes(messageId)).reduce((n, f) => n + f.deliveries, 0);
  const killed = Math.max(noted, delivered);
  const faults: CrashReport["faults"] = {};
  for (const fault of plan.faults) faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
  return {
    kind,
    seed,
    seconds: Math.round(seconds),
    messages: plan.messages.length,
    effects: stored.length,
    deadLetters: dead.length,
    broken: [
      ...broken,
      ...brokenEffects(plan.messages, stored),
      ...brokenDeadLetters(plan.messages, dead),
      ...ended,
      ...(killed > MAX_DELIVERY_COUNT + (kind === CrashKind.Session ? UNCOUNTED : 0)
        ? [`the killer killed ${killed} times`]
        : []),
    ],
    faults,
    killed,
    workersStarted: fleet.ends.length,
    redeliveries: fates.reduce((sum, { deliveries }) => sum + Math.max(0, deliveries - 1), 0),
    highestInnocentDelivery: innocent,
    duplicates,
  };
}

/** Every good message has its effect once, with its own body, and nothing else has one. */
function brokenEffects(messages: PlannedMessage[], stored: { messageId: string; bodySha256: string }[]): string[] {
  const left = new Map(
    messages.filter(({ body }) => body.kind === "good").map(({ messageId, body }) => [messageId, sha256(bodyOf(body))]),
  );
  const broken: string[] = [];
  for (const { messageId, bodySha256 } of stored) {
    const expected = left.get(messageId);
    if (expected === undefined) broken.push(`${messageId} has an effect that it should not have, or a second one`);
    else if (expected !== bodySha256) broken.push(`${messageId} has the effect of another body`);
    left.delete(messageId);
  }
  return [...broken, ...[...left.keys()].map((messageId) => `${messageId} is lost: it has no effect`)];
}

/** The dead letters are exactly the poison and the killer, each once. */
function brokenDeadLetters(messages: PlannedMessage[], dead: DeadLetter[]): string[] {
  const reasons: { [kind: string]: readonly string[] } = {
    poison: ["SinkRefused", "JobRefused"],
    killer: ["MaxDeliveryCountExceeded", "AttemptsExhausted"],
  };
  const left = new Map(
    messages
      .filter(({ body }) => body.kind !== "good")
      .map(({ messageId, body }) => [messageId, reasons[body.kind] ?? []]),
  );
  const broken: string[] = [];
  for (const { messageId, reason } of dead) {
    const allowed = left.get(messageId);
    if (allowed === undefined) broken.push(`${messageId} is dead-lettered with ${reason}, and is good, or there twice`);
    else if (!allowed.includes(reason)) broken.push(`${messageId} is dead-lettered with ${reason}, not ${allowed}`);
    left.delete(messageId);
  }
  return [...broken, ...[...left.keys()].map((messageId) => `${messageId} is not dead-lettered`)];
}

/** The most deliveries of a message that has an effect, by the broker and by the sinks. */
function highest(
  messages: PlannedMessage[],
  fates: MessageFate[],
  stored: { messageId: string; deliveryCount: number }[],
): number {
  const good = new Set(messages.filter(({ body }) => body.kind === "good").map(({ messageId }) => messageId));
  const counts = [
    ...fates.filter(({ messageId }) => good.has(messageId)).map(({ deliveries }) => deliveries),
    ...stored.map(({ deliveryCount }) => deliveryCount),
  ];
  return counts.reduce((most, count) => Math.max(most, count), 0);
}
