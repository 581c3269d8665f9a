import { randomUUID } from "node:crypto";
import {
  describeObject,
  type KubernetesObject,
  keyOf,
  listAt,
  numberAt,
  objectId,
  recordAt,
  textAt,
  textsAt,
} from "./object.js";
import { suffix } from "./pods/identity.js";
import type { ObjectStore, StoreChange } from "./store.js";

/** Jobs that are kept once they have ended: Kubernetes' defaults. */
const HISTORY = { Complete: 3, Failed: 1 } as const;

/** How the jobs of a CronJob are begun and taken away: by whoever runs jobs. */
export interface JobPort {
  begin(job: KubernetesObject): void;
  remove(job: KubernetesObject): Promise<void>;
}

/** Runs the jobs of CronJobs when it is told to; the schedule of a CronJob runs nothing here. */
export class CronJobController {
  private readonly unsubscribe: () => void;
  private readonly pruning = new Set<string>();

  constructor(
    private readonly store: ObjectStore,
    private readonly jobs: JobPort,
  ) {
    this.unsubscribe = store.onChange((change) => this.onChange(change));
  }

  /**
   * Begins the job that the next run by schedule would be. Throws where there is no such CronJob, or where its
   * `concurrencyPolicy` is Forbid and a job of it runs; with Replace that one ends first.
   * @param args behind those of its first container, for this job alone
   */
  async trigger(namespace: string, name: string, args: readonly string[] = []): Promise<KubernetesObject> {
    const cronJob = this.store.get("CronJob", namespace, name);
    if (cronJob === undefined) {
      const there = this.store.list("CronJob").map(objectId);
      throw new Error(`there is no CronJob ${namespace}/${name}; there are ${there.join(", ") || "none"}`);
    }
    const policy = textAt(cronJob, "spec", "concurrencyPolicy") ?? "Allow";
    const active = this.jobsOf(cronJob).filter((job) => endOf(job) === undefined);
    const [running] = active;
    if (running !== undefined && policy === "Forbid")
      throw new Error(`${describeObject(cronJob)} forbids two jobs at once, and ${running.metadata.name} runs`);
    if (policy === "Replace") for (const job of active) await this.jobs.remove(job);
    const job = this.store.put(jobOf(cronJob, args));
    this.report(cronJob, { lastScheduleTime: new Date().toISOString() });
    this.jobs.begin(job);
    return job;
  }

  /** Takes away what a CronJob that goes has begun. */
  async remove(cronJob: KubernetesObject): Promise<void> {
    await Promise.all(this.jobsOf(cronJob).map((job) => this.jobs.remove(job)));
  }

  close(): void {
    this.unsubscribe();
  }

  private jobsOf({ metadata }: KubernetesObject): KubernetesObject[] {
    return this.store
      .list("Job", metadata.namespace ?? "")
      .filter((job) =>
        listAt(job, "metadata", "ownerReferences").some((owner) => textAt(owner, "uid") === metadata.uid),
      );
  }

  private onChange({ key, object }: StoreChange): void {
    if (key.kind !== "Job") return;
    const owner = listAt(object, "metadata", "ownerReferences").find((each) => textAt(each, "kind") === "CronJob");
    const cronJob = this.store.get("CronJob", key.namespace, textAt(owner, "name") ?? "");
    if (cronJob === undefined || object === undefined) return;
    this.report(
      cronJob,
      endOf(object) === "Complete" ? { lastSuccessfulTime: textAt(object, "status", "completionTime") } : {},
    );
    // Whoever waits for the job is told of its end before it goes.
    setImmediate(() => this.prune(cronJob));
  }

  private report(cronJob: KubernetesObject, more: Record<string, unknown>): void {
    const { kind, namespace, name } = keyOf(cronJob);
    const status = recordAt(this.store.get(kind, namespace, name), "status") ?? {};
    const active = this.jobsOf(cronJob)
      .filter((job) => endOf(job) === undefined)
      .map(({ apiVersion, kind: jobKind, metadata }) => ({
        apiVersion,
        kind: jobKind,
        name: metadata.name,
        namespace,
      }));
    const { active: _before, ...kept } = status;
    this.store.setStatus(keyOf(cronJob), { ...kept, ...more, ...(active.length === 0 ? {} : { active }) });
  }

  /** Forgets the oldest of the jobs that have ended, beyond what the CronJob keeps. */
  private prune(cronJob: KubernetesObject): void {
    const limits = {
      Complete: numberAt(cronJob, "spec", "successfulJobsHistoryLimit") ?? HISTORY.Complete,
      Failed: numberAt(cronJob, "spec", "failedJobsHistoryLimit") ?? HISTORY.Failed,
    };
    for (const how of ["Complete", "Failed"] as const) {
      const ended = this.jobsOf(cronJob).filter((job) => endOf(job) === how && !this.pruning.has(objectId(job)));
      for (const job of ended.slice(0, Math.max(0, ended.length - limits[how]))) {
        const id = objectId(job);
        this.pruning.add(id);
        void this.jobs.remove(job).finally(() => this.pruning.delete(id));
      }
    }
  }
}

/** How a job ended; undefined while it runs. */
function endOf(job: KubernetesObject): "Complete" | "Failed" | undefined {
  const types = listAt(job, "status", "conditions").map((condition) => textAt(condition, "type"));
  return types.includes("Complete") ? "Complete" : types.includes("Failed") ? "Failed" : undefined;
}

function jobOf(cronJob: KubernetesObject, args: readonly string[]): KubernetesObject {
  const { name, namespace = "default", uid = "" } = cronJob.metadata;
  const template = recordAt(cronJob, "spec", "jobTemplate");
  const { apiVersion, kind } = cronJob;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${name}-${suffix()}`,
      namespace,
      uid: randomUUID(),
      labels: textsAt(template, "metadata", "labels"),
      annotations: { ...textsAt(template, "metadata", "annotations"), "cronjob.kubernetes.io/instantiate": "manual" },
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
    },
    spec: withArgs(recordAt(template, "spec") ?? {}, args),
  };
}

/** The job's spec, whose first container has further arguments. */
function withArgs(spec: Record<string, unknown>, args: readonly string[]): Record<string, unknown> {
  const own = structuredClone(spec);
  const container = recordAt(own, "template", "spec", "containers", 0);
  if (container !== undefined && args.length > 0) container["args"] = [...listAt(container, "args"), ...args];
  return own;
}
