import type { Cluster } from "./cluster.js";
import { describeObject, type KubernetesObject } from "./object.js";
import { pause } from "./pods/pace.js";
import { skipsAwait, statedTimeout } from "./waitFor.js";

const LOOK_MS = 50;
/** Time that a controller has for its reason once its wait is over, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/**
 * Applies an object and waits until it is what it says, as Pulumi's provider does: a Deployment until it is
 * available, a Job until it has completed, a claim until it is bound, any object until its `pulumi.com/waitFor` holds.
 * @param defaultSeconds time to wait where neither the program nor the object gives one
 * @returns why it did not become so; empty where it did. Rejects where it was not kept at all.
 */
export async function applyAndWait(
  cluster: Cluster,
  object: KubernetesObject,
  givenSeconds: number,
  defaultSeconds: number,
  cancelled: AbortSignal,
): Promise<string[]> {
  const seconds = givenSeconds > 0 ? givenSeconds : (statedTimeout(object) ?? defaultSeconds);
  const timeout = AbortSignal.timeout(seconds * 1_000);
  const signal = AbortSignal.any([cancelled, timeout]);
  const what = describeObject(object);
  const problem = await controlled(cluster, object, signal);
  if (problem !== undefined) return [`${what}: ${problem}`];
  if (skipsAwait(object)) return [];
  for (;;) {
    const { done, failed, reasons } = cluster.outcome(object);
    if (done) return [];
    if (failed) return [`${what} failed`, ...reasons];
    if (cancelled.aborted) return [`${what}: the wait was cancelled`, ...reasons];
    if (timeout.aborted) return [`${what} is not ready after ${seconds} s`, ...reasons];
    await pause(LOOK_MS, signal);
  }
}

/** Applies it. An error of a controller is a reason, as the object is kept by then; one before that is thrown. */
async function controlled(
  cluster: Cluster,
  object: KubernetesObject,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { kind, metadata } = object;
  const before = cluster.store.get(kind, metadata.namespace ?? "", metadata.name);
  try {
    await untilAborted(cluster.apply(object, signal), signal);
    return undefined;
  } catch (error) {
    if (cluster.store.get(kind, metadata.namespace ?? "", metadata.name) === before) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** A controller that does not look at its signal holds nothing up; one that does may say what it waited for. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const ended = work.finally(() => done.abort());
  ended.catch(() => undefined);
  const aborted = new Promise<never>((_resolve, reject) => {
    const late = () => reject(new Error("it did not become ready in time, or the run was cancelled"));
    const fail = () => {
      const timer = setTimeout(late, LAST_WORDS_MS);
      done.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    };
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true, signal: done.signal });
  });
  await Promise.race([ended, aborted]);
}
