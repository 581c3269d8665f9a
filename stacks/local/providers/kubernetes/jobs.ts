import { performance } from "node:perf_hooks";
import { describeObject, type KubernetesObject, keyOf, listAt, numberAt, type ObjectKey, valueAt } from "./object.js";
import { type Outcome, podReasons } from "./outcome.js";
import type { Pace } from "./pods/pace.js";
import { type Pod, PodPhase } from "./pods/pod.js";
import type { PodRunner } from "./pods/runner.js";
import { parseTemplate } from "./pods/template.js";
import type { ObjectStore } from "./store.js";

// Longest delay between two pods of a job: MaxJobBackOff of Kubernetes' job controller.
const MAX_BACK_OFF_SECONDS = 600;
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
const BACK_OFF_LIMIT = 6;

/** Runs the jobs of a store. */
export class JobController {
  private readonly runs = new Map<string, JobRun>();

  constructor(
    private readonly store: ObjectStore,
    private readonly runner: PodRunner,
    private readonly pace: Pace,
  ) {}

  /** Begins a job that is new; what may change of one that is there changes nothing of its pods. */
  apply(object: KubernetesObject): void {
    const id = describeObject(object);
    if (this.runs.has(id) || listAt(object, "status", "conditions").length > 0) return;
    const run = new JobRun(this.store, this.runner, this.pace, object);
    this.runs.set(id, run);
    run.start();
  }

  /** Ends its pods. Settles when no process of them is left. */
  async remove(object: KubernetesObject): Promise<void> {
    const id = describeObject(object);
    const run = this.runs.get(id);
    this.runs.delete(id);
    await run?.remove();
  }

  /** `done` once it has completed, `failed` once it cannot. */
  outcome(object: KubernetesObject): Outcome {
    return this.runs.get(describeObject(object))?.outcome() ?? { done: true, failed: false, reasons: [] };
  }

  close(): void {
    for (const run of this.runs.values()) run.close();
  }
}

class JobRun {
  private readonly key: ObjectKey;
  private readonly pods = new Map<Pod, "active" | "succeeded" | "failed">();
  private readonly startedAt = performance.now();
  private readonly startTime = new Date().toISOString();
  private result: { type: "Complete" | "Failed"; reason: string; at: string } | undefined;
  private notBefore = 0;
  private closed = false;
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: ObjectStore,
    private readonly runner: PodRunner,
    private readonly pace: Pace,
    private readonly object: KubernetesObject,
  ) {
    this.key = keyOf(object);
  }

  start(): void {
    this.schedule();
  }

  async remove(): Promise<void> {
    this.close();
    await Promise.all([...this.pods.keys()].map((pod) => this.runner.stop(pod)));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  outcome(): Outcome {
    const reasons = [...this.pods.keys()].flatMap(podReasons);
    const done = this.result?.type === "Complete";
    const failed = this.result?.type === "Failed";
    const summary = `${this.count("succeeded")} of ${this.completions()} completions, ${this.count("failed")} failed pods`;
    return { done, failed, reasons: done ? [] : [failed ? `${this.result?.reason}: ${summary}` : summary, ...reasons] };
  }

  private number(field: string, otherwise: number): number {
    return numberAt(this.object, "spec", field) ?? otherwise;
  }

  private completions(): number {
    return this.number("completions", 1);
  }

  private count(state: "active" | "succeeded" | "failed"): number {
    return [...this.pods.values()].filter((s) => s === state).length;
  }

  private schedule(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (!this.closed) this.reconcile();
    });
  }

  private reconcile(): void {
    if (this.result !== undefined) return;
    for (const [pod, state] of this.pods) if (state === "active") this.judge(pod);
    this.decide();
    if (this.result === undefined && valueAt(this.object, ["spec", "suspend"]) !== true) this.begin();
    this.report();
  }

  private judge(pod: Pod): void {
    if (pod.phase === PodPhase.Succeeded) this.pods.set(pod, "succeeded");
    if (pod.phase !== PodPhase.Failed) return;
    this.pods.set(pod, "failed");
    const { secondMs, backOffSeconds } = this.pace;
    const delay = Math.min(backOffSeconds * 2 ** (this.count("failed") - 1), MAX_BACK_OFF_SECONDS);
    this.notBefore = performance.now() + delay * secondMs;
  }

  private decide(): void {
    const limit = this.number("backoffLimit", BACK_OFF_LIMIT);
    const restarts = [...this.pods.keys()].flatMap((p) => p.containers).reduce((sum, c) => sum + c.restarts, 0);
    const deadline = this.number("activeDeadlineSeconds", Number.POSITIVE_INFINITY);
    if (this.count("succeeded") >= this.completions()) this.finish("Complete", "CompletionsReached");
    // With restartPolicy OnFailure a pod is restarted in place, and its restarts count.
    else if (this.count("failed") > limit || restarts >= Math.max(1, limit))
      this.finish("Failed", "BackoffLimitExceeded");
    else if (performance.now() - this.startedAt >= deadline * 1_000) this.finish("Failed", "DeadlineExceeded");
  }

  private finish(type: "Complete" | "Failed", reason: string): void {
    this.result = { type, reason, at: new Date().toISOString() };
    clearTimeout(this.timer);
    for (const [pod, state] of this.pods) {
      if (state !== "active") continue;
      if (type === "Failed") this.pods.set(pod, "failed");
      void this.runner.stop(pod);
    }
  }

  private begin(): void {
    const active = this.count("active");
    const missing = Math.min(this.number("parallelism", 1), this.completions() - this.count("succeeded")) - active;
    const waitMs = this.notBefore - performance.now();
    if (waitMs <= 0) for (let count = 0; count < missing; count++) this.startPod();
    const deadline = this.number("activeDeadlineSeconds", Number.POSITIVE_INFINITY) * 1_000;
    const untilDeadline = this.startedAt + deadline - performance.now();
    const next = Math.min(waitMs > 0 ? waitMs : Number.POSITIVE_INFINITY, untilDeadline);
    clearTimeout(this.timer);
    if (Number.isFinite(next))
      this.timer = setTimeout(() => this.schedule(), Math.max(1, Math.min(next, 2 ** 30))).unref();
  }

  private startPod(): void {
    const pod = this.runner.start({
      prefix: this.key.name,
      namespace: this.key.namespace,
      owner: describeObject(this.object),
      template: parseTemplate(valueAt(this.object, ["spec", "template"])),
      changed: () => this.schedule(),
    });
    this.pods.set(pod, "active");
  }

  private report(): void {
    const { result } = this;
    const active = this.count("active");
    this.store.setStatus(this.key, {
      startTime: this.startTime,
      ...(result === undefined && active > 0 ? { active } : {}),
      succeeded: this.count("succeeded"),
      failed: this.count("failed"),
      ...(result === undefined ? {} : { conditions: [{ type: result.type, status: "True", reason: result.reason }] }),
      ...(result?.type === "Complete" ? { completionTime: result.at } : {}),
    });
  }
}
