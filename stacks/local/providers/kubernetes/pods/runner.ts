import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject } from "../object.js";
import type { ServiceAccountIssuer } from "../serviceAccountIssuer.js";
import type { ObjectStore, StoreChange } from "../store.js";
import { bindClaims } from "./claims.js";
import type { Images } from "./command.js";
import { podIdentity, suffix } from "./identity.js";
import type { Pace } from "./pace.js";
import { Pod, type PodPhase } from "./pod.js";
import { PortPool } from "./ports.js";
import { ContainerRecords } from "./records.js";
import type { Rewrite } from "./rewrite.js";
import type { PodTemplate } from "./template.js";
import type { WorkloadIdentityWebhook } from "./webhook.js";

export interface PodRunnerOptions {
  store: ObjectStore;
  /** Folder of this run: pods' files, logs and process records. One runner at a time. */
  runDir: string;
  images: Images;
  /** The folder that a persistent volume is on this machine. Throws for one that it does not know. */
  resolveHostPath(volume: KubernetesObject): string;
  /** Variables that every container gets besides those of its spec. */
  baseEnv: Record<string, string>;
  pace: Pace;
  /** Issues service account tokens. @default nobody: what mounts one cannot start */
  issuer?: ServiceAccountIssuer;
  /** What gives pods an identity of Azure. @default nothing */
  webhook?: WorkloadIdentityWebhook;
}

/** A pod as it is shown. */
export interface PodSnapshot {
  name: string;
  namespace: string;
  /** What it belongs to: `Deployment default/web`. */
  owner: string;
  phase: PodPhase | "Terminating";
  ready: boolean;
  /** Restarts of all its containers. */
  restarts: number;
  /** Process id of its first container; absent while that does not run. */
  pid?: number;
  /** Container port to local port. */
  ports: Record<number, number>;
  /** Log file of its first container. */
  log: string;
  /** Why it is not ready. */
  problems: string[];
}

/** A pod to be run. */
export interface PodRequest {
  /** Name of the pod without its random end: `web-5d4f`. */
  prefix: string;
  namespace: string;
  owner: string;
  template: PodTemplate;
  /** Called after every change of the pod. */
  changed(pod: Pod): void;
}

/** How often it is looked for tokens that are to be renewed, in seconds of a spec. */
const TOKEN_SECONDS = 10;
// Logs of pods that are gone are kept for whoever looks for the reason.
const KEPT_LOGS = 40;

/** Runs pods as processes of this machine. */
export class PodRunner {
  private readonly running = new Map<string, Pod>();
  private readonly ended: string[] = [];
  private readonly portPool = new PortPool();
  private readonly unsubscribe: () => void;
  private readonly renewal: NodeJS.Timeout;

  private constructor(
    private readonly options: PodRunnerOptions,
    private readonly records: ContainerRecords,
  ) {
    this.unsubscribe = options.store.onChange((change) => this.onChange(change));
    bindClaims(options.store);
    this.renewal = setInterval(() => this.renewTokens(), options.pace.secondMs * TOKEN_SECONDS).unref();
  }

  /**
   * Ends what an earlier, killed run left in the folder, and begins. Throws where another process holds the folder.
   */
  static async open(options: PodRunnerOptions): Promise<PodRunner> {
    return new PodRunner(options, await ContainerRecords.open(options.runDir, randomUUID()));
  }

  /** Starts a pod and returns at once. */
  start(request: PodRequest): Pod {
    const { store, runDir, images, baseEnv, pace, issuer, webhook } = this.options;
    const name = `${request.prefix}-${suffix()}`;
    const identity = podIdentity(name, request.namespace, randomUUID(), request.template);
    const pod = new Pod({
      identity,
      template: request.template,
      owner: request.owner,
      folder: join(runDir, "pods", `${identity.namespace}.${name}`),
      logDir: join(runDir, "logs"),
      store,
      images,
      baseEnv,
      resolveHostPath: (volume) => this.options.resolveHostPath(volume),
      issuer,
      webhook,
      records: this.records,
      ports: this.portPool,
      pace,
      changed: (changed) => request.changed(changed),
    });
    this.running.set(pod.id, pod);
    pod.start();
    return pod;
  }

  /** Ends a pod within its grace period and forgets it. Settles when no process of it is left. */
  async stop(pod: Pod, atMostSeconds?: number): Promise<void> {
    await pod.stop(atMostSeconds);
    if (!this.running.delete(pod.id)) return;
    this.ended.push(...pod.containers.map((c) => c.log.path));
    for (const path of this.ended.splice(0, this.ended.length - KEPT_LOGS)) {
      for (const file of [path, `${path}.1`]) rmSync(file, { force: true });
    }
  }

  /** True while a pod is there that was given this uid. */
  hasPod(uid: string): boolean {
    return [...this.running.values()].some(({ identity }) => identity.uid === uid);
  }

  pods(): PodSnapshot[] {
    return [...this.running.values()].map(snapshot);
  }

  /** What was rewritten for the pods that are there. */
  rewrites(): Rewrite[] {
    return [...this.running.values()].flatMap((pod) => pod.rewrites());
  }

  /**
   * Sends a signal to the first process of a pod's first container that runs.
   * @param pod `namespace/name`, or a name that is unique
   * Throws where there is no such pod or nothing of it runs.
   */
  kill(pod: string, signal: NodeJS.Signals): void {
    const found = [...this.running.values()].find((p) => p.id === pod || p.identity.name === pod);
    if (found === undefined)
      throw new Error(`there is no pod ${pod}; there are ${[...this.running.keys()].join(", ") || "none"}`);
    if (!found.containers.some((container) => container.kill(signal)))
      throw new Error(`no container of pod ${pod} runs`);
  }

  /** Ends every pod within its grace period, bounded by `atMostSeconds`, and gives the folder up. */
  async close(atMostSeconds?: number): Promise<void> {
    this.unsubscribe();
    clearInterval(this.renewal);
    await Promise.all([...this.running.values()].map((pod) => this.stop(pod, atMostSeconds)));
    this.records.close();
  }

  private renewTokens(): void {
    // A token that cannot be renewed now stays as it is, and is tried again: it holds for a while yet.
    for (const pod of this.running.values()) void pod.renewTokens().catch(() => undefined);
  }

  private onChange({ key, object, previous }: StoreChange): void {
    // A status is written by this runner and its controllers: nothing waits for one but that of a claim.
    const statusOnly = object !== undefined && previous?.metadata.generation === object.metadata.generation;
    if (key.kind === "PersistentVolume" || key.kind === "PersistentVolumeClaim") {
      if (!statusOnly) bindClaims(this.options.store);
    } else if (statusOnly) return;
    for (const pod of this.running.values()) {
      pod.poke();
      if (key.kind === "ConfigMap" || key.kind === "Secret") pod.refreshFiles();
    }
  }
}

function snapshot(pod: Pod): PodSnapshot {
  const main = pod.containers.at(-1);
  const first = pod.containers.find((c) => c.pid !== undefined) ?? main;
  return {
    name: pod.identity.name,
    namespace: pod.identity.namespace,
    owner: pod.owner,
    phase: pod.stopping ? "Terminating" : pod.phase,
    ready: pod.ready,
    restarts: pod.containers.reduce((sum, c) => sum + c.restarts, 0),
    ...(first?.pid === undefined ? {} : { pid: first.pid }),
    ports: Object.fromEntries(pod.ports),
    log: first?.log.path ?? "",
    problems: pod.problems(),
  };
}
