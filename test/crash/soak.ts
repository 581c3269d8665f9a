import { setTimeout as delay } from "node:timers/promises";
import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import type { RunningWorker } from "../e2e/workerProcess.js";
import { ProcessKit } from "../e2e/workerProcess.js";
import { BrokerProcess } from "../support/brokerProcess.js";
import { Seeded } from "../unit/broker-fuzz/seeded.js";
import { EffectsFolder } from "./effects.js";
import { Fleet } from "./fleet.js";
import { CrashKind, crashPipeline, LOCK_SECONDS, MAX_DELIVERY_COUNT } from "./kinds.js";
import { connectionTo } from "./run.js";
import { type Sample, slopeOf } from "./trend.js";

export interface SoakOptions {
  kind: typeof CrashKind.Single | typeof CrashKind.Session;
  seed: number;
  /** How long, in seconds; the first third is warm-up. */
  seconds: number;
  /** Time between two faults of links, in seconds. */
  faultSeconds: number;
  log(line: string): void;
  signal: AbortSignal;
}

export interface SoakReport {
  kind: CrashKind;
  seconds: number;
  messages: number;
  /**
   * The worker's resident memory after the warm-up: its slope by least squares, and how much the lowest of the second half
   * is above the lowest of the first, as a share.
   */
  rssMib: { mean: number; slopePerMinute: number; growth: number };
  /** Links of the entity and connections of the broker, each time that they were counted. */
  links: number[];
  connections: number[];
  /** What keeps the worker's event loop going: sockets, timers, requests; medians of both halves after the warm-up. */
  activeResources: { first: number; last: number };
  broken: string[];
}

const QUEUE = "soak";
const CONCURRENCY = 16;
const PER_SECOND = 100;
const SESSIONS = 40;
const SAMPLE_MILLISECONDS = 1_000;
/** How long it takes until a worker that is gone is known to be, in milliseconds. */
const END_MILLISECONDS = 500;
const MIB = 1_024 * 1_024;
/**
 * The most that the floor may rise from the first half after the warm-up to the second, as a share. What is resident goes
 * up and down by half of itself as garbage gathers and is collected, in minutes: a leak is what raises the floor.
 */
const MOST_GROWTH = 0.1;
/** Less than this is less than one rise and fall, in seconds. */
const LEAST_FITTED_SECONDS = 240;
/** Resources of the event loop that may come and go: timers and requests of the moment, and of sessions one each. */
const RESOURCE_NOISE = { [CrashKind.Single]: 12, [CrashKind.Session]: 12 + CONCURRENCY } as const;
/** Sessions are asked for at once beside those that are held; each has a link. */
const ASKED_SESSIONS = 8;

/** A worker under steady load whose links are lost again and again: neither memory nor links nor listeners may grow. */
export async function soakRun(options: SoakOptions): Promise<SoakReport> {
  const { kind, seed, seconds } = options;
  const broker = await BrokerProcess.start();
  const kit = await new ProcessKit().open();
  const producer = new AbortController();
  let fleet: Fleet | undefined;
  try {
    const requiresSession = kind === CrashKind.Session;
    const settings = { lockDurationSeconds: LOCK_SECONDS, maxDeliveryCount: MAX_DELIVERY_COUNT, requiresSession };
    await broker.putQueue(QUEUE, settings);
    const folder = new EffectsFolder(`${kit.folder}/${QUEUE}`);
    const pipeline = crashPipeline(kind, QUEUE, { folder: folder.folder, volume: kit.volume, seed });
    pipeline.delivery.concurrency = CONCURRENCY;
    fleet = new Fleet(kit, pipeline, connectionTo(broker), 1);
    const [worker] = fleet.running;
    if (worker === undefined) throw new Error("no worker was started");
    const sent = produce(broker, options, producer.signal);
    sent.catch(() => producer.abort());
    const watched = await watch(broker, worker, options).catch(async (error: unknown) => {
      await delay(END_MILLISECONDS);
      throw new Error(`The watching ended. Workers that ended: ${JSON.stringify(fleet?.ends)}`, { cause: error });
    });
    producer.abort();
    const messages = await sent;
    while ((await broker.counts(QUEUE)).active > 0) await delay(100, undefined, { signal: options.signal });
    const stored = folder.effects().length;
    const ends = fleet.ends.length;
    const { rss, resources, links, connections } = watched;
    // A busy machine takes some seconds until the worker holds what it may.
    const warm = <T>(samples: readonly T[]): T[] => samples.filter((_, i) => (rss[i]?.at ?? 0) >= seconds / 3);
    const [fitted, held] = [warm(rss), warm(resources)];
    const mean = fitted.reduce((sum, { value }) => sum + value, 0) / fitted.length;
    const slope = slopeOf(fitted);
    const growth = floorOf(fitted, 0.5, 1) / floorOf(fitted, 0, 0.5) - 1;
    const activeResources = { first: median(held, 0, 0.5), last: median(held, 0.5, 1) };
    const broken = [
      ...(ends > 0 ? [`the worker ended ${ends} times`] : []),
      ...(await fleet.end()),
      ...(stored === messages ? [] : [`${stored} of ${messages} messages have an effect`]),
      ...brokenMemory(growth, seconds),
      ...brokenLinks(kind, links, connections),
      ...(activeResources.last > activeResources.first + RESOURCE_NOISE[kind]
        ? [`active resources grew from ${activeResources.first} to ${activeResources.last}`]
        : []),
    ];
    const rssMib = { mean: round(mean / MIB), slopePerMinute: round((slope * 60) / MIB), growth: round(growth) };
    return { kind, seconds, messages, rssMib, links, connections, activeResources, broken };
  } finally {
    producer.abort();
    fleet?.abandon();
    await kit.close();
    await broker.close();
  }
}

/** Sends at a steady rate until it is told to stop; gives how many messages were taken. */
async function produce(broker: BrokerProcess, { kind, seed }: SoakOptions, signal: AbortSignal): Promise<number> {
  const retryOptions = { maxRetries: 100, retryDelayInMs: 50, maxRetryDelayInMs: 200, timeoutInMs: 5_000 };
  const client = new ServiceBusClient(broker.address.connectionString, { retryOptions });
  const random = new Seeded(seed);
  const sender = client.createSender(QUEUE);
  let count = 0;
  try {
    while (!signal.aborted) {
      const messages = Array.from({ length: PER_SECOND / 10 }, (_, i): ServiceBusMessage => {
        const number = count + i;
        const sessionId = kind === CrashKind.Session ? { sessionId: `s-${random.below(SESSIONS)}` } : {};
        const body = Buffer.from(JSON.stringify({ kind: "good", number, milliseconds: random.below(20) }));
        return { messageId: `m-${number}`, body, ...sessionId };
      });
      // Twice sent, where an answer was lost with its link, is one effect all the same.
      await sender.sendMessages(messages);
      count += messages.length;
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await client.close();
  }
  return count;
}

interface Watched {
  rss: Sample[];
  resources: number[];
  links: number[];
  connections: number[];
}

/** Samples the worker, and takes its links and connections away in turns, which counts them. */
async function watch(broker: BrokerProcess, worker: RunningWorker, options: SoakOptions): Promise<Watched> {
  const { seconds, faultSeconds, log, signal } = options;
  const watched: Watched = { rss: [], resources: [], links: [], connections: [] };
  const began = performance.now();
  let [faults, told] = [0, 0];
  for (;;) {
    const at = (performance.now() - began) / 1_000;
    if (at >= seconds) return watched;
    const { text } = await worker.ask("/metrics");
    watched.rss.push({ at, value: metricOf(text, "process_resident_memory_bytes") });
    watched.resources.push(metricOf(text, "nodejs_active_resources_total"));
    // What was logged is not needed, and would be what grows here.
    const listening = worker.line("listening");
    worker.lines.splice(0, worker.lines.length, ...(listening === undefined ? [] : [listening]));
    if (at >= (faults + 1) * faultSeconds) {
      if (faults % 2 === 0) watched.links.push(await broker.fault({ kind: "detach", entity: QUEUE }));
      else watched.connections.push(await broker.fault({ kind: "drop" }));
      faults++;
    }
    if (at >= told + 60) {
      told += 60;
      log(`soak ${options.kind}: ${Math.round(at)} s, ${round((watched.rss.at(-1)?.value ?? 0) / MIB)} MiB`);
    }
    await delay(SAMPLE_MILLISECONDS, undefined, { signal });
  }
}

/** The sum of a metric's lines, without labels or with any. */
function metricOf(metrics: string, name: string): number {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  if (lines.length === 0) throw new Error(`the worker has no metric ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

function brokenMemory(growth: number, seconds: number): string[] {
  if ((seconds * 2) / 3 < LEAST_FITTED_SECONDS || growth <= MOST_GROWTH) return [];
  return [
    `the floor of resident memory rose by ${round(growth * 100)} % after the warm-up, more than ${MOST_GROWTH * 100} %`,
  ];
}

/** The producer has one link and one connection; all others are the worker's. */
function brokenLinks(kind: CrashKind, links: number[], connections: number[]): string[] {
  const mostLinks = 1 + (kind === CrashKind.Session ? CONCURRENCY + ASKED_SESSIONS : 1);
  const most = { links: Math.max(0, ...links), connections: Math.max(0, ...connections) };
  return [
    ...(most.links > mostLinks ? [`${most.links} links at one time, more than ${mostLinks}: ${links.join(" ")}`] : []),
    ...(most.connections > 3 ? [`${most.connections} connections at one time: ${connections.join(" ")}`] : []),
  ];
}

/** The lowest value of a part of the samples. */
function floorOf(samples: readonly Sample[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return Math.min(...part.map(({ value }) => value));
}

function median(values: readonly number[], from: number, to: number): number {
  const part = values.slice(Math.floor(values.length * from), Math.ceil(values.length * to)).sort((a, b) => a - b);
  return part[Math.floor(part.length / 2)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
