import { until } from "../e2e/workerKit.js";
import { ProcessKit } from "../e2e/workerProcess.js";
import { BrokerProcess } from "../support/brokerProcess.js";
import { EffectsFolder } from "./effects.js";
import { Fleet } from "./fleet.js";
import { CrashKind, crashPipeline, LOCK_SECONDS, MAX_DELIVERY_COUNT, NO_PROGRESS_SECONDS } from "./kinds.js";
import type { PlannedMessage } from "./plan.js";
import { connectionTo, send } from "./run.js";

/** Faults whose end is measured. */
export const RecoveryFault = { Detach: "detach", Drop: "drop", HalfOpen: "halfOpen" } as const;
export type RecoveryFault = (typeof RecoveryFault)[keyof typeof RecoveryFault];

/** Milliseconds from a fault to the first message that came after it. */
export interface RecoveryFigures {
  count: number;
  p50: number;
  max: number;
  /** What was promised. */
  bound: number;
}

export interface RecoveryReport {
  figures: { [fault in RecoveryFault]?: RecoveryFigures };
  broken: string[];
}

/**
 * What is promised, in milliseconds. A half-open connection looks like an empty queue: the watchdog replaces the
 * receivers after its time, which are on the same connection, and the client after as long again.
 */
export const RECOVERY_BOUNDS: { readonly [fault in RecoveryFault]: number } = {
  detach: 2_000,
  drop: 2_000,
  halfOpen: 2 * NO_PROGRESS_SECONDS * 1_000 + 4_000,
};
const QUEUE = "recovery";
const CONCURRENCY = 16;
/** How long each message takes, in milliseconds: so that many are waiting whenever a fault comes. */
const MILLISECONDS = 20;
/** Messages for each second of a fault's bound: more than one worker can store. */
const PER_SECOND = (1_000 / MILLISECONDS) * CONCURRENCY;

/** Disturbs one worker that is busy, and measures how long it takes until messages come again. */
export async function recoveryRun(
  times: { [fault in RecoveryFault]: number },
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<RecoveryReport> {
  const broker = await BrokerProcess.start();
  const kit = await new ProcessKit().open();
  let fleet: Fleet | undefined;
  try {
    await broker.putQueue(QUEUE, { lockDurationSeconds: LOCK_SECONDS, maxDeliveryCount: MAX_DELIVERY_COUNT });
    const folder = new EffectsFolder(`${kit.folder}/${QUEUE}`);
    const pipeline = crashPipeline(CrashKind.Single, QUEUE, { folder: folder.folder, volume: kit.volume, seed: 0 });
    pipeline.delivery.concurrency = CONCURRENCY;
    fleet = new Fleet(kit, pipeline, connectionTo(broker), 1);
    const figures: RecoveryReport["figures"] = {};
    for (const fault of Object.values(RecoveryFault)) {
      const measured: number[] = [];
      for (let i = 0; i < times[fault]; i++) {
        signal.throwIfAborted();
        measured.push(await measure(broker, folder, fault, `${fault}-${i}`));
        log(`recovery: ${fault} ${i + 1} of ${times[fault]}: ${measured.at(-1)} ms`);
      }
      const sorted = measured.sort((a, b) => a - b);
      const [p50 = 0, max = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
      if (sorted.length > 0) figures[fault] = { count: sorted.length, p50, max, bound: RECOVERY_BOUNDS[fault] };
    }
    const ends = fleet.ends.length;
    const broken = [...(ends > 0 ? [`the worker ended ${ends} times`] : []), ...(await fleet.end())];
    for (const [fault, { max, bound }] of Object.entries(figures))
      if (max > bound) broken.push(`after ${fault} messages came after ${max} ms, not within ${bound}`);
    return { figures, broken };
  } finally {
    fleet?.abandon();
    await kit.close();
    await broker.close();
  }
}

/** Milliseconds from the fault to the first message that was not on its way before it. */
async function measure(
  broker: BrokerProcess,
  folder: EffectsFolder,
  fault: RecoveryFault,
  prefix: string,
): Promise<number> {
  const bound = RECOVERY_BOUNDS[fault];
  const body = { kind: "good", milliseconds: MILLISECONDS } as const;
  // A half-open connection is over only when its queue is still full by then; it is idle meanwhile.
  const count = fault === RecoveryFault.HalfOpen ? PER_SECOND * 4 : (PER_SECOND * (bound + 2_000)) / 1_000;
  const messages = Array.from(
    { length: count },
    (_, number): PlannedMessage => ({ messageId: `${prefix}-${number}`, body: { ...body, number } }),
  );
  await send(broker, QUEUE, messages);
  folder.follow();
  await until("the worker stores messages", () => folder.follow().length > 0, 20);
  const hit =
    fault === RecoveryFault.Detach
      ? await broker.fault({ kind: "detach", entity: QUEUE })
      : await broker.fault(fault === RecoveryFault.Drop ? { kind: "drop" } : { kind: "freeze" });
  const at = Date.now();
  if (hit === 0) throw new Error(`${fault} hit nothing`);
  // What was on its way is as much as there is credit for; the next one came over a new link.
  let after: number[] = [];
  await until(
    `messages come again after ${fault}`,
    () => {
      const begun = folder.follow().map(({ began }) => began - at);
      after = [...after, ...begun.filter((time) => time > 0)].sort((a, b) => a - b);
      return after.length > CONCURRENCY;
    },
    (bound * 2) / 1_000,
  );
  if (fault === RecoveryFault.HalfOpen) await broker.fault({ kind: "thaw" });
  await until("the queue is empty", async () => (await broker.counts(QUEUE)).active === 0, 60);
  return after[CONCURRENCY] ?? Number.POSITIVE_INFINITY;
}
