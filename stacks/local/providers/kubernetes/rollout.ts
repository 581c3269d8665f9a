/** A pod of a deployment as a rollout sees it; pods that are being ended are left out. */
export interface RolloutPod {
  id: string;
  /** Made from the pod template as it is now. */
  current: boolean;
  /** Ready, and for `minReadySeconds`. */
  available: boolean;
}

export interface Rollout {
  replicas: number;
  /** How many pods there may be above `replicas`. */
  maxSurge: number;
  /** How many of `replicas` may be missing. */
  maxUnavailable: number;
  /** Strategy Recreate: every old pod is gone before a new one starts. */
  recreate: boolean;
  pods: readonly RolloutPod[];
  /** Old pods that are being ended. */
  endingOld: number;
}

/** The next step: how many current pods to start, which pods to end. */
export interface RolloutStep {
  start: number;
  stop: string[];
}

/**
 * The next step towards `replicas` pods of the current template. There are never more than `replicas` + `maxSurge`
 * pods, and an available pod is ended only while `replicas` - `maxUnavailable` others stay available, unless the
 * deployment is scaled down. The rules are those of Kubernetes' deployment controller (rolling.go).
 */
export function planRollout({ replicas, maxSurge, maxUnavailable, recreate, pods, endingOld }: Rollout): RolloutStep {
  const current = pods.filter((p) => p.current);
  const old = pods.filter((p) => !p.current);
  const surplus = unavailableFirst(current).slice(0, Math.max(0, current.length - replicas));
  if (recreate) {
    const waits = old.length + endingOld > 0;
    return { start: waits ? 0 : Math.max(0, replicas - current.length), stop: ids([...old, ...surplus]) };
  }
  const room = Math.max(0, replicas + maxSurge - pods.length);
  const start = Math.max(0, Math.min(replicas - current.length, room));
  return { start, stop: ids([...surplus, ...endableOld(current, old, replicas - maxUnavailable)]) };
}

function endableOld(current: readonly RolloutPod[], old: readonly RolloutPod[], minAvailable: number): RolloutPod[] {
  const missing = current.filter((p) => !p.available).length;
  // Pods beyond those that must be available, with the new ones that are not available yet counted as needed. As
  // unavailable old ones go first, what is left for the others is what is available and not needed.
  const budget = Math.max(0, current.length + old.length - minAvailable - missing);
  return unavailableFirst(old).slice(0, budget);
}

function unavailableFirst(pods: readonly RolloutPod[]): RolloutPod[] {
  return [...pods].sort((a, b) => Number(a.available) - Number(b.available));
}

function ids(pods: readonly RolloutPod[]): string[] {
  return pods.map((p) => p.id);
}

/**
 * `maxSurge` or `maxUnavailable` as a count: a number, or a share of the replicas, rounded up for the surge and down
 * for what may be missing.
 */
export function share(value: unknown, replicas: number, round: "up" | "down"): number {
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(String(value))?.[1];
  const exact = (replicas * Number(percent ?? 25)) / 100;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}

/** Both as counts; where both come to 0 one pod may be missing, as nothing could be rolled otherwise. */
export function surgeOf(strategy: unknown, replicas: number): { maxSurge: number; maxUnavailable: number } {
  const { maxSurge: surge, maxUnavailable: missing } = (strategy ?? {}) as Record<string, unknown>;
  const maxSurge = share(surge ?? "25%", replicas, "up");
  const maxUnavailable = share(missing ?? "25%", replicas, "down");
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}
