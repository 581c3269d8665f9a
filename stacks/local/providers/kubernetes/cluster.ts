import { InvalidInputError, type Problem, problem, within } from "../../../../runtime/contract/index.js";
import type { ObjectController } from "./controller.js";
import { CronJobController } from "./cronJobs.js";
import { DeploymentController } from "./deployments.js";
import { JobController } from "./jobs.js";
import { KindRole, kindOf, templatePath } from "./kinds.js";
import { describeObject, type KubernetesObject, keyOf, textAt, valueAt } from "./object.js";
import type { Outcome } from "./outcome.js";
import { unboundReason } from "./pods/claims.js";
import type { Pace } from "./pods/pace.js";
import type { PodRunner } from "./pods/runner.js";
import { notRunnable, parseTemplate, templateProblems } from "./pods/template.js";
import type { ObjectStore } from "./store.js";
import { unmet } from "./waitFor.js";

/** Namespaces that every cluster has. */
const NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** The config map by which pods know the API server. */
export const ROOT_AUTHORITY = "kube-root-ca.crt";

/** What acts on the objects of a cluster; without it they are only kept. */
export interface Effects {
  runner: PodRunner;
  controllers: readonly ObjectController[];
  pace: Pace;
}

/** The cluster: its objects, and what runs from them. */
export class Cluster {
  private readonly deployments: DeploymentController | undefined;
  private readonly jobs: JobController | undefined;
  private readonly cronJobs: CronJobController | undefined;
  /** What was applied last, for secrets: whoever else writes into them keeps what is theirs. */
  private readonly applied = new Map<string, KubernetesObject>();
  private authority: string | undefined;

  constructor(
    readonly store: ObjectStore,
    private readonly effects?: Effects,
    /** Namespaces that are there beside every cluster's own. */
    private readonly adopted: readonly string[] = [],
  ) {
    if (effects === undefined) return;
    this.deployments = new DeploymentController(store, effects.runner);
    const jobs = new JobController(store, effects.runner, effects.pace);
    this.jobs = jobs;
    this.cronJobs = new CronJobController(store, {
      begin: (job) => jobs.apply(job),
      remove: (job) => this.removeOne(job),
    });
  }

  /** An object, or one of the namespaces that every cluster has. */
  find(kind: string, namespace: string, name: string): KubernetesObject | undefined {
    const builtIn = kind === "Namespace" && (NAMESPACES.includes(name) || this.adopted.includes(name));
    return builtIn
      ? { apiVersion: "v1", kind, metadata: { name }, status: { phase: "Active" } }
      : this.store.get(kind, namespace, name);
  }

  /**
   * Gives each namespace the config map by which its pods know the API server, those that come later too.
   * @param authority the authority's certificate, PEM
   */
  publishAuthority(authority: string): void {
    this.authority = authority;
    const made = this.store.list("Namespace").map(({ metadata }) => metadata.name);
    for (const namespace of new Set([...NAMESPACES, ...this.adopted, ...made])) this.putAuthority(namespace);
  }

  /** Refuses what the API server would: an object that is there, a namespace that is not. Throws an error that says so. */
  admit(object: KubernetesObject): void {
    const { kind, namespace, name } = keyOf(object);
    if (this.find(kind, namespace, name) !== undefined) {
      throw new Error(`${describeObject(object)} is there already; choose another name, or import it`);
    }
    if (object.kind === "Release" && valueAt(object, ["spec", "createNamespace"]) === true) return;
    if (namespace !== "" && this.find("Namespace", "", namespace) === undefined) {
      throw new Error(
        `${describeObject(object)} cannot be made: there is no namespace ${namespace}; make it first and depend on it`,
      );
    }
  }

  /**
   * Keeps an object and begins to run it. Settles when that has begun, and for a kind with a controller when that is
   * done. Throws InvalidInputError for a workload that cannot be run here, before anything is kept.
   */
  async apply(object: KubernetesObject, signal: AbortSignal): Promise<void> {
    const problems = this.effects === undefined ? [] : workloadProblems(object);
    if (problems.length > 0) throw new InvalidInputError(describeObject(object), problems);
    const previous = this.store.get(object.kind, object.metadata.namespace ?? "", object.metadata.name);
    this.makeNamespace(object);
    const kept = this.store.put(object.kind === "Secret" ? this.merged(object, previous) : object);
    if (object.kind === "Namespace") this.putAuthority(object.metadata.name);
    await this.run(kept, previous, signal);
  }

  /** Ends what runs from an object and forgets it, for a namespace all that is in it. */
  async remove(object: KubernetesObject): Promise<KubernetesObject[]> {
    const inside = object.kind === "Namespace" ? this.inNamespace(object.metadata.name) : [];
    await Promise.all(inside.map((each) => this.removeOne(each)));
    await this.removeOne(object);
    return inside;
  }

  /** Begins to run what is in the store, as after a start from a kept state. */
  async resume(signal: AbortSignal): Promise<void> {
    for (const object of this.store.all()) {
      this.makeNamespace(object);
      if (object.kind === "Secret") this.applied.set(describeObject(object), object);
    }
    for (const object of this.store.all()) await this.run(object, undefined, signal);
  }

  /**
   * Begins a job of a CronJob. Throws where there is none, or where it may not run now.
   * @param args behind those of its first container, for this job alone
   */
  async trigger(namespace: string, name: string, args: readonly string[] = []): Promise<KubernetesObject> {
    if (this.cronJobs === undefined) throw new Error("this cluster runs no pods");
    return this.cronJobs.trigger(namespace, name, args);
  }

  /** How what an object says stands. */
  outcome(object: KubernetesObject): Outcome {
    const live = this.store.get(object.kind, object.metadata.namespace ?? "", object.metadata.name) ?? object;
    const waiting = unmet(live);
    if (waiting !== undefined) return outcome(waiting.map((text) => `${text} does not hold`));
    if (this.effects === undefined) return outcome([]);
    if (object.kind === "Deployment") return this.deployments?.outcome(object) ?? outcome([]);
    if (object.kind === "Job") return this.jobOutcome(live);
    return object.kind === "PersistentVolumeClaim" ? this.claimOutcome(live) : outcome([]);
  }

  /** Stops to act on objects; the pods are the runner's to end. */
  close(): void {
    this.deployments?.close();
    this.cronJobs?.close();
    this.jobs?.close();
  }

  /** A release may make its namespace; it stays when the release goes. */
  private makeNamespace({ kind, metadata, spec }: KubernetesObject): void {
    const { namespace = "default" } = metadata;
    if (kind !== "Release" || spec?.["createNamespace"] !== true || this.find("Namespace", "", namespace)) return;
    this.store.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    this.putAuthority(namespace);
  }

  private putAuthority(namespace: string): void {
    if (this.authority === undefined) return;
    const data = { "ca.crt": this.authority };
    this.store.put({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: ROOT_AUTHORITY, namespace }, data });
  }

  /** The secret with what others have written into it since it was applied last, as server-side apply leaves it. */
  private merged(object: KubernetesObject, live: KubernetesObject | undefined): KubernetesObject {
    const before = this.applied.get(describeObject(object));
    this.applied.set(describeObject(object), object);
    if (before === undefined || live === undefined) return object;
    const theirs = Object.entries(live.data ?? {}).filter(
      ([key, value]) => before.data?.[key] !== value && object.data?.[key] === before.data?.[key],
    );
    return theirs.length === 0 ? object : { ...object, data: { ...object.data, ...Object.fromEntries(theirs) } };
  }

  private async run(
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (object.kind === "Deployment") this.deployments?.apply(object);
    if (object.kind === "Job") this.jobs?.apply(object);
    for (const controller of this.controllersOf(object)) {
      const status = await controller.applied(object, previous, signal, this.store);
      if (status !== undefined) this.store.setStatus(keyOf(object), status);
    }
  }

  private async removeOne(object: KubernetesObject): Promise<void> {
    if (object.kind === "Deployment") await this.deployments?.remove(object);
    if (object.kind === "CronJob")
      await this.cronJobs?.remove(this.store.get("CronJob", keyOf(object).namespace, object.metadata.name) ?? object);
    if (object.kind === "Job") await this.jobs?.remove(object);
    for (const controller of this.controllersOf(object)) await controller.removed(object, this.store);
    this.applied.delete(describeObject(object));
    this.store.remove(keyOf(object));
  }

  private controllersOf(object: KubernetesObject): ObjectController[] {
    return this.effects?.controllers.filter((c) => c.kinds.includes(object.kind)) ?? [];
  }

  private inNamespace(name: string): KubernetesObject[] {
    return this.store.all().filter((object) => object.metadata.namespace === name);
  }

  private jobOutcome(job: KubernetesObject): Outcome {
    // A job that is suspended waits for nothing.
    if (valueAt(job, ["spec", "suspend"]) === true) return outcome([]);
    return this.jobs?.outcome(job) ?? outcome([]);
  }

  private claimOutcome(claim: KubernetesObject): Outcome {
    const className = textAt(claim, "spec", "storageClassName") ?? "";
    const provisioned = this.store.get("StorageClass", "", className) !== undefined;
    // A class provisions a volume in a cluster, and nothing does so here: the pod that needs the claim says so.
    if (provisioned || textAt(claim, "status", "phase") === "Bound") return outcome([]);
    return outcome([unboundReason(this.store, claim)]);
  }
}

function outcome(reasons: string[]): Outcome {
  return { done: reasons.length === 0, failed: false, reasons };
}

/** What of a workload cannot be run here. */
function workloadProblems(object: KubernetesObject): Problem[] {
  const role = kindOf(object)?.role;
  const path = templatePath(object);
  if (path === undefined || (role !== KindRole.Runs && role !== KindRole.OnDemand)) return [];
  const template = valueAt(object, path);
  const malformed = templateProblems(template);
  const problems = malformed.length > 0 ? malformed : notRunnable(parseTemplate(template));
  return [...within(path.join("."), problems), ...unsupportedFields(object, path.slice(0, -1))];
}

function unsupportedFields(object: KubernetesObject, path: readonly string[]): Problem[] {
  const refused: Record<string, (value: unknown) => boolean> =
    object.kind === "Deployment"
      ? { paused: (value) => value === true }
      : {
          completionMode: (value) => value === "Indexed",
          podFailurePolicy: (value) => value !== undefined,
          successPolicy: (value) => value !== undefined,
        };
  return Object.entries(refused).flatMap(([field, isRefused]) => {
    const value = valueAt(object, [...path, field]);
    if (!isRefused(value)) return [];
    return [
      problem(`${path.join(".")}.${field}`, value, "cannot be run locally", "Leave it out, or run this in a cluster"),
    ];
  });
}
