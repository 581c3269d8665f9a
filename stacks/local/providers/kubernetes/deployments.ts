import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import {
  canonicalJson,
  describeObject,
  type KubernetesObject,
  keyOf,
  numberAt,
  type ObjectKey,
  recordAt,
  textAt,
  valueAt,
} from "./object.js";
import { type Outcome, podReasons, replicaWords } from "./outcome.js";
import type { Pod } from "./pods/pod.js";
import type { PodRunner } from "./pods/runner.js";
import { parseTemplate } from "./pods/template.js";
import { WaitingReason } from "./pods/waiting.js";
import { planRollout, surgeOf } from "./rollout.js";
import type { ObjectStore, StoreChange } from "./store.js";

interface Replica {
  pod: Pod;
  /** Of the template that it was made from. */
  hash: string;
}

/** Runs the deployments of a store. */
export class DeploymentController {
  private readonly runs = new Map<string, DeploymentRun>();
  private readonly unsubscribe: () => void;

  constructor(
    private readonly store: ObjectStore,
    private readonly runner: PodRunner,
  ) {
    this.unsubscribe = store.onChange((change) => this.onChange(change));
  }

  /** Begins to bring the pods to what the deployment says. Returns at once. */
  apply(object: KubernetesObject): void {
    const id = describeObject(object);
    let run = this.runs.get(id);
    if (run === undefined) {
      run = new DeploymentRun(this.store, this.runner, keyOf(object));
      this.runs.set(id, run);
    }
    run.apply(object);
  }

  /** Ends the pods. Settles when no process of them is left. */
  async remove(object: KubernetesObject): Promise<void> {
    const id = describeObject(object);
    const run = this.runs.get(id);
    this.runs.delete(id);
    await run?.remove();
  }

  /**
   * How the rollout of a deployment stands: `done` once every replica is of the current template and available, and
   * no other is left.
   */
  outcome(object: KubernetesObject): Outcome {
    return (
      this.runs.get(describeObject(object))?.outcome() ?? { done: false, failed: false, reasons: ["it is not run"] }
    );
  }

  /** Stops to roll anything; the pods are the runner's to end. */
  close(): void {
    this.unsubscribe();
    for (const run of this.runs.values()) run.close();
  }

  private onChange({ key }: StoreChange): void {
    if (key.kind !== "ScaledObject") return;
    for (const run of this.runs.values()) if (run.key.namespace === key.namespace) run.rescale();
  }
}

// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
const PROGRESS_DEADLINE_SECONDS = 600;

class DeploymentRun {
  private replicas: Replica[] = [];
  private wanted = 1;
  private hash = "";
  private closed = false;
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;
  private progressAt = performance.now();
  private progressMark = "";
  private readonly ending = new Set<Promise<void>>();
  private endingOld = 0;

  constructor(
    private readonly store: ObjectStore,
    private readonly runner: PodRunner,
    readonly key: ObjectKey,
  ) {}

  apply(object: KubernetesObject): void {
    this.hash = createHash("sha256")
      .update(canonicalJson(valueAt(object, ["spec", "template"])))
      .digest("hex")
      .slice(0, 10);
    this.progressAt = performance.now();
    this.rescale();
    this.schedule();
  }

  /** Takes the number of replicas from the spec, or from the autoscaler's minimum where the spec leaves it out. */
  rescale(): void {
    const object = this.object();
    if (object === undefined) return;
    this.wanted = numberAt(object, "spec", "replicas") ?? this.autoscaled() ?? this.wanted;
    this.schedule();
  }

  async remove(): Promise<void> {
    this.close();
    for (const replica of this.replicas) this.end(replica);
    await Promise.all(this.ending);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  outcome(): Outcome {
    const { updated, available, old } = this.counts();
    const pods = this.replicas.filter((r) => r.hash === this.hash).map((r) => r.pod);
    const done = !this.scheduled && updated === this.wanted && available === this.wanted && old === 0;
    // No other object can bring a program that this machine does not have.
    const hopeless = pods.some((pod) =>
      pod.containers.some((c) => c.state.phase === "waiting" && c.state.reason === WaitingReason.ErrImagePull),
    );
    const late = !done && this.isLate();
    return {
      done,
      failed: hopeless || late,
      reasons: done
        ? []
        : [
            ...(late ? [`it made no progress for ${this.deadlineSeconds()} s (progressDeadlineSeconds)`] : []),
            replicaWords(available, this.wanted),
            ...pods.flatMap(podReasons),
          ],
    };
  }

  private object(): KubernetesObject | undefined {
    return this.store.get(this.key.kind, this.key.namespace, this.key.name);
  }

  /** The minimum of the KEDA object that scales this deployment, at least 1; undefined where there is none. */
  private autoscaled(): number | undefined {
    const scaler = this.store
      .list("ScaledObject", this.key.namespace)
      .find(
        (o) =>
          textAt(o, "spec", "scaleTargetRef", "name") === this.key.name &&
          (textAt(o, "spec", "scaleTargetRef", "kind") ?? "Deployment") === "Deployment",
      );
    return scaler === undefined ? undefined : Math.max(1, numberAt(scaler, "spec", "minReplicaCount") ?? 0);
  }

  private schedule(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    // Once for all changes of one turn: stopping three pods is one look, not three.
    setImmediate(() => {
      this.scheduled = false;
      if (!this.closed) this.reconcile();
    });
  }

  private reconcile(): void {
    const object = this.object();
    if (object === undefined) return;
    const { maxSurge, maxUnavailable } = surgeOf(recordAt(object, "spec", "strategy", "rollingUpdate"), this.wanted);
    const step = planRollout({
      replicas: this.wanted,
      maxSurge,
      maxUnavailable,
      recreate: textAt(object, "spec", "strategy", "type") === "Recreate",
      pods: this.replicas.map(({ pod, hash }) => ({
        id: pod.id,
        current: hash === this.hash,
        available: this.isAvailable(pod),
      })),
      endingOld: this.endingOld,
    });
    for (const replica of this.replicas.filter((r) => step.stop.includes(r.pod.id))) this.end(replica);
    for (let count = 0; count < step.start; count++) this.begin(object);
    this.report(object);
  }

  private begin(object: KubernetesObject): void {
    const pod = this.runner.start({
      prefix: `${this.key.name}-${this.hash}`,
      namespace: this.key.namespace,
      owner: describeObject(object),
      template: parseTemplate(valueAt(object, ["spec", "template"])),
      changed: () => this.schedule(),
    });
    this.replicas.push({ pod, hash: this.hash });
  }

  private end(replica: Replica): void {
    this.replicas = this.replicas.filter((r) => r !== replica);
    this.endingOld += 1;
    const ended = this.runner.stop(replica.pod).finally(() => {
      this.endingOld -= 1;
      this.ending.delete(ended);
      this.schedule();
    });
    this.ending.add(ended);
  }

  private minReadyMs(): number {
    return (numberAt(this.object(), "spec", "minReadySeconds") ?? 0) * 1_000;
  }

  private isAvailable(pod: Pod): boolean {
    return pod.readySince !== undefined && performance.now() - pod.readySince >= this.minReadyMs();
  }

  private counts(): { updated: number; ready: number; available: number; old: number } {
    const current = this.replicas.filter((r) => r.hash === this.hash);
    return {
      updated: current.length,
      ready: this.replicas.filter((r) => r.pod.ready).length,
      available: current.filter((r) => this.isAvailable(r.pod)).length,
      old: this.replicas.length - current.length,
    };
  }

  private deadlineSeconds(): number {
    return numberAt(this.object(), "spec", "progressDeadlineSeconds") ?? PROGRESS_DEADLINE_SECONDS;
  }

  private isLate(): boolean {
    return performance.now() - this.progressAt >= this.deadlineSeconds() * 1_000;
  }

  /** Writes the status, and looks again when time alone changes it: a pod ready for long enough, a deadline over. */
  private report(object: KubernetesObject): void {
    const { updated, ready, available, old } = this.counts();
    const mark = [updated, ready, available, old].join();
    if (mark !== this.progressMark) this.progressAt = performance.now();
    this.progressMark = mark;
    const complete = updated === this.wanted && available === this.wanted && old === 0;
    const allAvailable = this.replicas.filter((r) => this.isAvailable(r.pod)).length;
    const { maxUnavailable } = surgeOf(recordAt(object, "spec", "strategy", "rollingUpdate"), this.wanted);
    const enough = allAvailable >= this.wanted - maxUnavailable;
    const late = !complete && this.isLate();
    this.store.setStatus(this.key, {
      observedGeneration: object.metadata.generation ?? 1,
      replicas: this.replicas.length,
      updatedReplicas: updated,
      readyReplicas: ready,
      availableReplicas: allAvailable,
      unavailableReplicas: Math.max(0, this.wanted - allAvailable),
      conditions: [
        {
          type: "Available",
          status: enough ? "True" : "False",
          reason: `MinimumReplicas${enough ? "A" : "Una"}vailable`,
        },
        {
          type: "Progressing",
          status: late ? "False" : "True",
          reason: late ? "ProgressDeadlineExceeded" : complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
        },
      ],
    });
    clearTimeout(this.timer);
    const waitMs = complete || late ? undefined : this.nextLookMs();
    if (waitMs !== undefined) this.timer = setTimeout(() => this.schedule(), Math.max(1, waitMs)).unref();
  }

  private nextLookMs(): number {
    const now = performance.now();
    const waiting = this.replicas.flatMap(({ pod }) =>
      pod.readySince === undefined || this.isAvailable(pod) ? [] : [pod.readySince + this.minReadyMs() - now],
    );
    return Math.min(...waiting, this.progressAt + this.deadlineSeconds() * 1_000 - now);
  }
}
