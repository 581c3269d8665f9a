import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { originalIdOf } from "../../bus/ids.js";
import { StowageError } from "../../contract/index.js";
import type { Clock } from "../../support/clock.js";
import { Browser } from "../browse.js";
import { Pacer } from "../concurrency.js";
import type { Namespace } from "../connect.js";
import type { EntityFacts } from "../entityFacts.js";
import { type MessageCondition, sequenceOf } from "../selection.js";
import { pathOf, receiverOf, senderOf, type Target } from "../target.js";
import { makePlan, type Plan } from "./plan.js";
import { type Kept, Replay, type ReplayOptions, replayCopy } from "./replay.js";
import { REPLAY_FOR_PROPERTY, type RuleReader, Siblings } from "./siblings.js";
import { complete, Step, Sweep, type SweepEnd } from "./sweep.js";

export type { Plan } from "./plan.js";
export type { Kept } from "./replay.js";
export { REPLAY_FOR_PROPERTY, type RuleReader, type RuleTest } from "./siblings.js";
export { SweepEnd } from "./sweep.js";

/** Limits of one run over a dead-letter queue. */
export interface RunLimits {
  /** Dead letters dealt with in a second, at most; 0 for no limit. */
  rate: number;
  /** Dead letters that are not meant, lie before one that is, and are held meanwhile; at most. */
  maxHeld: number;
}

export interface RunOptions extends RunLimits {
  namespace: Namespace;
  target: Target;
  means: MessageCondition;
  plan: Plan;
  clock: Clock;
  signal: AbortSignal;
  /** Told after each. */
  onProgress(done: number): void;
}

/** What came of a run. */
export interface RunResult {
  /** Meant, when the run began. */
  matched: number;
  /** Replayed or deleted. */
  done: number;
  /** Meant and still there, by their own fault; the first {@link MOST_KEPT} are named. */
  kept: number;
  /** Meant, and taken by somebody else meanwhile. */
  gone: number;
  keptFirst: Kept[];
  end: SweepEnd;
  /** Copies that were accepted although their dead letters are still there: their locks were lost. */
  uncompleted: number;
}

const MOST_KEPT = 20;
/** An empty answer within this time says that no more come, in milliseconds. */
const WAIT_MILLISECONDS = 3_000;
/** The longest lock that the service has: a dead letter whose lock was lost is free again by then. */
const LINGER_MILLISECONDS = 305_000;
const TAKE = 64;
const AT_ONCE = 16;

/** The dead letters of an entity, without taking one. There may be one only for an entity in one namespace's client. */
export function deadLetterBrowser(namespace: Namespace, target: Target): Browser {
  return new Browser(receiverOf(namespace.client, target, true));
}

/** Counts what is meant; nothing is taken. */
export { makePlan };

export interface ReplayRun extends RunOptions {
  /** What is known of the entity; undefined where nothing could be learnt. */
  facts: Pick<EntityFacts, "sessions" | "duplicateDetection"> | undefined;
  /** Reads the rules of a topic's subscriptions. */
  readRule: RuleReader;
}

/** What a replay sends copies with, beside the rules that are asked for each. */
function copying({
  target,
  facts,
}: Pick<ReplayRun, "target" | "facts">): Pick<ReplayOptions, "entity" | "newId" | "properties"> {
  return {
    entity: pathOf(target),
    // Not known: a new id is right on every entity, an old one is dropped silently on some.
    newId: facts?.duplicateDetection ?? true,
    properties: "queue" in target ? {} : { [REPLAY_FOR_PROPERTY]: target.subscription },
  };
}

/** Who a topic's copies would reach; undefined for a queue, which has no siblings. */
function siblingsOf({
  namespace,
  target,
  readRule,
  clock,
}: Pick<ReplayRun, "namespace" | "target" | "readRule" | "clock">) {
  if ("queue" in target) return undefined;
  const { topic, subscription } = target;
  return new Siblings({ admin: namespace.admin, topic, subscription, readRule, clock });
}

/** What a replay of these would refuse, without sending or taking one: the first {@link MOST_KEPT}. */
export async function dryReplay(run: ReplayRun, browser: Browser): Promise<Kept[]> {
  const siblings = siblingsOf(run);
  if (siblings === undefined) return [];
  await siblings.read();
  const kept: Kept[] = [];
  let met = 0;
  for await (const message of browser.messages({ signal: run.signal })) {
    if (met >= run.plan.matched || kept.length >= MOST_KEPT) break;
    if (!run.means(message)) continue;
    met++;
    await siblings.check(replayCopy(message, copying(run))).catch((error: unknown) => {
      if (!(error instanceof StowageError)) throw error;
      kept.push(named(message, error));
    });
  }
  return kept;
}

function named(message: ServiceBusReceivedMessage, { code, message: description }: StowageError): Kept {
  return { sequenceNumber: sequenceOf(message), messageId: originalIdOf(message), code, description };
}

/** Sends a copy of each that is meant and completes it once the copy was accepted. */
export async function replay(run: ReplayRun): Promise<RunResult> {
  const siblings = siblingsOf(run);
  await siblings?.read();
  const sender = senderOf(run.namespace.client, run.target);
  const keptFirst: Kept[] = [];
  const steps = new Replay({
    ...copying(run),
    ...{ sender, clock: run.clock, signal: run.signal },
    guard: async (copy) => siblings?.check(copy),
    pacer: new Pacer(run.rate, run.clock),
    onKept: (kept) => {
      if (keptFirst.length < MOST_KEPT) keptFirst.push(kept);
    },
  });
  try {
    // One at a time keeps what order there is among the copies of a session.
    const concurrency = run.facts?.sessions === false ? AT_ONCE : 1;
    const result = await sweep(run, concurrency, (held) => steps.step(held));
    return { matched: run.plan.matched, ...result, keptFirst, uncompleted: steps.uncompleted };
  } finally {
    await sender.close().catch(() => undefined);
  }
}

/** Deletes each that is meant. */
export async function purge(run: RunOptions): Promise<RunResult> {
  const pacer = new Pacer(run.rate, run.clock);
  const result = await sweep(run, AT_ONCE, async (held) => {
    await pacer.turn(run.signal);
    if (run.signal.aborted) {
      await held.receiver.abandonMessage(held.message).catch(() => undefined);
      return Step.Lost;
    }
    return (await complete(held)) ? Step.Done : Step.Lost;
  });
  return { matched: run.plan.matched, ...result, keptFirst: [], uncompleted: 0 };
}

async function sweep(
  run: RunOptions,
  concurrency: number,
  act: (held: Parameters<Replay["step"]>[0]) => Promise<Step>,
) {
  const { namespace, target, means, plan, clock, signal, rate, maxHeld } = run;
  let done = 0;
  const sweeping = new Sweep({
    openReceiver: () => receiverOf(namespace.client, target, true),
    act: async (held) => {
      const step = await act(held);
      if (step === Step.Done) run.onProgress(++done);
      return step;
    },
    // What waits for its turn waits under its lock: for no more than a few seconds.
    take: rate === 0 ? TAKE : Math.min(TAKE, Math.max(1, Math.ceil(rate * 2))),
    ...{ plan, means, concurrency, maxHeld, clock, signal },
    waitMilliseconds: WAIT_MILLISECONDS,
    lingerMilliseconds: LINGER_MILLISECONDS,
  });
  return sweeping.run();
}
