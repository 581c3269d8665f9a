import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planRollout, type RolloutPod, surgeOf } from "../../../stacks/local/providers/kubernetes/rollout.js";

const pod = fc.record({ current: fc.boolean(), available: fc.boolean() });
const situation = fc
  .record({
    replicas: fc.integer({ min: 0, max: 8 }),
    maxSurge: fc.integer({ min: 0, max: 4 }),
    maxUnavailable: fc.integer({ min: 0, max: 4 }),
    pods: fc.array(pod, { maxLength: 12 }),
  })
  .filter((s) => s.maxSurge + s.maxUnavailable > 0)
  .map(({ pods, ...rest }) => ({
    ...rest,
    maxUnavailable: Math.min(rest.maxUnavailable, Math.max(1, rest.replicas)),
    recreate: false,
    endingOld: 0,
    pods: pods.map((p, i): RolloutPod => ({ ...p, id: `pod-${i}` })),
  }));

describe("a rollout", () => {
  it("never starts a pod beyond replicas and surge", () => {
    fc.assert(
      fc.property(situation, (s) => {
        const { start } = planRollout(s);
        expect(start === 0 || s.pods.length + start <= s.replicas + s.maxSurge).toBe(true);
      }),
    );
  });

  it("never ends an old available pod that is needed", () => {
    fc.assert(
      fc.property(situation, (s) => {
        const { stop } = planRollout(s);
        const left = s.pods.filter((p) => !stop.includes(p.id));
        const old = s.pods.filter((p) => !p.current && p.available && stop.includes(p.id));
        // What a scale-down takes of the current ones is the user's wish, not the rollout's.
        const current = s.pods.filter((p) => p.current && p.available && stop.includes(p.id));
        const available = left.filter((p) => p.available).length + current.length;
        expect(old.length === 0 || available >= s.replicas - s.maxUnavailable).toBe(true);
      }),
    );
  });

  it("ends with exactly the replicas, all of the current template, once new pods become available", () => {
    fc.assert(
      fc.property(situation, (s) => {
        let pods = s.pods;
        for (let step = 0; step < 60; step++) {
          const { start, stop } = planRollout({ ...s, pods });
          const started = Array.from({ length: start }, (_, i) => ({
            id: `new-${step}-${i}`,
            current: true,
            available: false,
          }));
          pods = [
            ...pods.filter((p) => !stop.includes(p.id)).map((p) => ({ ...p, available: p.current || p.available })),
            ...started,
          ];
        }
        expect(pods.filter((p) => p.current && p.available)).toHaveLength(s.replicas);
        expect(pods.filter((p) => !p.current)).toEqual([]);
      }),
    );
  });

  it("with Recreate starts nothing before every old pod is gone", () => {
    const pods = [{ id: "old", current: false, available: true }];
    const rollout = { replicas: 2, maxSurge: 1, maxUnavailable: 0, recreate: true };
    expect(planRollout({ ...rollout, pods, endingOld: 0 })).toEqual({ start: 0, stop: ["old"] });
    expect(planRollout({ ...rollout, pods: [], endingOld: 1 })).toEqual({ start: 0, stop: [] });
    expect(planRollout({ ...rollout, pods: [], endingOld: 0 })).toEqual({ start: 2, stop: [] });
  });
});

describe("the share of a rollout", () => {
  it.each([
    [undefined, 1, { maxSurge: 1, maxUnavailable: 0 }],
    [undefined, 4, { maxSurge: 1, maxUnavailable: 1 }],
    [undefined, 10, { maxSurge: 3, maxUnavailable: 2 }],
    [{ maxSurge: "50%", maxUnavailable: 0 }, 3, { maxSurge: 2, maxUnavailable: 0 }],
    [{ maxSurge: 0, maxUnavailable: "10%" }, 3, { maxSurge: 0, maxUnavailable: 1 }],
  ])("%j of %i replicas is %j", (strategy, replicas, expected) =>
    expect(surgeOf(strategy, replicas)).toEqual(expected),
  );
});
