import type { Pod } from "./pods/pod.js";

/** How what was applied stands. */
export interface Outcome {
  /** It is what it should be. */
  done: boolean;
  /** It cannot become so any more. */
  failed: boolean;
  /** Why it is not done, for a person, the most telling last. */
  reasons: string[];
}

const LOG_LINES = 5;

/** What a pod that is not ready says of itself: its containers' reasons and the last lines of their logs. */
export function podReasons(pod: Pod): string[] {
  const problems = pod.ready ? [] : pod.problems();
  if (problems.length === 0) return [];
  const logs = pod.containers.flatMap((c) => {
    const lines = c.ready ? [] : c.log.tail(LOG_LINES);
    return lines.length === 0
      ? []
      : [`pod ${pod.id}, last lines of ${c.spec.name} (${c.log.path}): ${lines.join(" | ")}`];
  });
  return [...problems.map((p) => `pod ${pod.id}: ${p}`), ...logs];
}

export function replicaWords(available: number, wanted: number): string {
  return `${available} of ${wanted} replicas ${available === 1 && wanted === 1 ? "is" : "are"} available`;
}
