import { setTimeout as delay } from "node:timers/promises";
import type { BrokerProcess } from "../../support/brokerProcess.js";
import type { MeasuringClient } from "../broker/jobs.js";
import { KIBIBYTE } from "../broker/part.js";
import { cpuMicros, QUEUE, type Start, type Subject } from "./subject.js";

/** Messages that are taken before anything is counted: processes compile what they do often. */
const WARM_UP = 20_000;
/** Messages that are still there when counting ends, so that nobody runs dry. */
export const REST = 3_000;
const ARRAY = 100;
/** Of the bodies of one array: below the 256 KiB that the standard tier takes at once. */
const MOST_BYTES = 200 * KIBIBYTE;
const LOOK_MILLISECONDS = 5;
const LIMIT_MILLISECONDS = 180_000;

/** What one message took. */
export interface Taken {
  /** Microseconds of CPU of the subjects, all of them together. */
  micros: number;
  /** Messages a second. */
  rate: number;
}

/** Fills the queue. */
export async function fill(broker: BrokerProcess, client: MeasuringClient, messages: number, bytes = KIBIBYTE) {
  const { connectionString } = broker.address;
  const array = Math.max(1, Math.min(ARRAY, Math.floor(MOST_BYTES / bytes)));
  await client.run({ what: "send", connectionString, queue: QUEUE, messages, bytes, array, identified: true });
}

/** Waits until no more than `left` messages wait, and gives how many do. */
export async function until(broker: BrokerProcess, left: number, subjects: Subject[]): Promise<number> {
  const end = performance.now() + LIMIT_MILLISECONDS;
  for (;;) {
    const { active, deadLetter } = await Promise.race([broker.counts(QUEUE), ...subjects.map((s) => s.failed)]);
    if (deadLetter > 0) throw new Error(`${deadLetter} messages were dead-lettered: nothing was to be.`);
    if (active <= left) return active;
    if (performance.now() > end) throw new Error(`${active} messages still wait; ${left} should.`);
    await delay(LOOK_MILLISECONDS);
  }
}

/**
 * What processes take for so many messages that wait in a queue when they start. Looked at from outside, the same way
 * whatever they run: by the broker's count of messages and the system's count of CPU, between two moments at which all
 * of them are at work.
 */
export async function window(
  broker: BrokerProcess,
  client: MeasuringClient,
  messages: number,
  starts: readonly Start[],
): Promise<Taken> {
  const warmUp = Math.min(WARM_UP, messages) * starts.length;
  await fill(broker, client, messages + warmUp + REST);
  return drained(broker, messages, starts);
}

/** The same for a queue that is filled: `messages` and `REST` of them are looked at, what is before them warms up. */
export async function drained(broker: BrokerProcess, messages: number, starts: readonly Start[]): Promise<Taken> {
  const subjects: Subject[] = [];
  try {
    for (const start of starts) subjects.push(await start(broker));
    const cpu = () => subjects.reduce((sum, { pid }) => sum + cpuMicros(pid), 0);
    const first = await until(broker, messages + REST, subjects);
    const [cpuBefore, began] = [cpu(), performance.now()];
    const last = await until(broker, REST, subjects);
    const [cpuAfter, ended] = [cpu(), performance.now()];
    await until(broker, 0, subjects);
    const taken = first - last;
    return { micros: (cpuAfter - cpuBefore) / taken, rate: (taken * 1_000) / (ended - began) };
  } finally {
    await Promise.all(subjects.map((subject) => subject.close()));
  }
}
