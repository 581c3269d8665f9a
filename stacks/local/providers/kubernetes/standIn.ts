import { createRequire } from "node:module";
import { join } from "node:path";
import { packageRoot } from "../../../packageRoot.js";
import { type PropertyMap, ProviderStandIn, type ProviderState } from "../base/index.js";
import { KubernetesApi } from "./api/index.js";
import { Cluster, type Effects, ROOT_AUTHORITY } from "./cluster.js";
import { type ObjectController, untilFound } from "./controller.js";
import { KindRole, kindOf } from "./kinds.js";
import { describeObject, type KubernetesObject, objectId } from "./object.js";
import type { Images } from "./pods/command.js";
import { KUBELET_PACE, type Pace } from "./pods/pace.js";
import type { Rewrite } from "./pods/rewrite.js";
import { PodRunner, type PodSnapshot } from "./pods/runner.js";
import type { WorkloadIdentityWebhook } from "./pods/webhook.js";
import { KNOWN_TYPES, modelOf, objectsOf } from "./provider.js";
import { ServiceAccountIssuer } from "./serviceAccountIssuer.js";
import { ObjectStore } from "./store.js";

export interface KubernetesOptions {
  /** Where the state is kept; what it holds is there again, and with effects runs again, once the stand-in listens. */
  stateFile: string;
  /** True to run what is applied; false to keep objects only, for previews. @default true where `runDir` is given */
  effects?: boolean;
  /** Folder for pods' files, logs and process records; needed with effects. One stand-in at a time. */
  runDir?: string;
  /** What stands for an image. @default none: only containers with a command of their own run */
  images?: Images;
  /** What acts on operators' objects. */
  controllers?: readonly ObjectController[];
  /** The folder that a persistent volume is on this machine; throws for one that it does not know. */
  resolveHostPath?(volume: KubernetesObject): string;
  /** Variables that every container gets besides those of its spec. */
  baseEnv?: Record<string, string>;
  /** Namespaces that are there beforehand: those of operators that are installed already. @default none */
  namespaces?: readonly string[];
  /** Issuer of service account tokens. @default one of the stand-in's own, `https://kubernetes.default.svc.cluster.local` */
  issuer?: ServiceAccountIssuer;
  /** What gives pods with the label and the annotation an identity of Azure. @default no webhook is installed */
  webhook?: WorkloadIdentityWebhook;
  /** How fast delays, periods and back-off pass. @default as the kubelet's */
  pace?: Partial<Pace>;
  /** Longest wait in seconds for what states no time-out. @default 600, as Pulumi's provider */
  maxWaitSeconds?: number;
}

/** How a triggered job ended. */
export interface TriggeredJob {
  /** `namespace/name`. */
  job: string;
  completed: boolean;
  /** Why it did not complete, for a person; empty where it did. */
  reasons: string[];
  /** Files with what its pods printed. */
  logs: string[];
}

// Settings of the provider that change what it does, and that this stand-in does not have.
const REFUSED_SETTINGS = ["namespace", "enableConfigMapMutable", "enableSecretMutable", "renderYamlToDirectory"];

/** What a cluster's issuer is where nothing else is said. */
const CLUSTER_ISSUER = "https://kubernetes.default.svc.cluster.local";

/** A stand-in for Pulumi's Kubernetes provider and for the cluster behind it. Make it with `createKubernetesStandIn`. */
export class KubernetesStandIn {
  private readonly provider: ProviderStandIn;
  private readonly lifetime = new AbortController();
  private cluster: Cluster | undefined;
  private runner: PodRunner | undefined;
  private api: KubernetesApi | undefined;

  constructor(private readonly options: KubernetesOptions) {
    this.provider = new ProviderStandIn({
      name: "kubernetes",
      version: sdkVersion(),
      types: KNOWN_TYPES,
      model: (type) =>
        modelOf(type, { cluster: () => this.open(), maxWaitSeconds: this.options.maxWaitSeconds ?? 600 }),
      invokes: {},
      stateFile: options.stateFile,
      configure: refuseSettings,
    });
  }

  /** What the provider holds; change it to make drift. */
  get state(): ProviderState {
    return this.provider.state;
  }

  /**
   * Takes over what the state holds and listens on a free port of 127.0.0.1. With effects it first ends what a killed
   * run left in the run folder. Rejects where a living process holds that folder.
   */
  async listen(): Promise<{ port: number }> {
    const { runDir, effects = runDir !== undefined } = this.options;
    if (effects && runDir === undefined) throw new Error("the kubernetes stand-in needs runDir to run pods");
    const store = new ObjectStore();
    for (const object of objectsOf(this.provider.state)) store.put(object);
    try {
      const running = effects && runDir !== undefined ? await this.run(store, runDir) : undefined;
      this.cluster = new Cluster(store, running, this.options.namespaces);
      if (this.api !== undefined) this.cluster.publishAuthority(this.api.authority);
      await this.cluster.resume(this.lifetime.signal);
      return await this.provider.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Stops listening and ends every pod within its grace period. Settles when no process of them is left.
   * @param atMostSeconds bound for the grace periods
   */
  async close(atMostSeconds?: number): Promise<void> {
    this.lifetime.abort();
    await this.provider.close();
    this.cluster?.close();
    await this.runner?.close(atMostSeconds);
    this.runner = undefined;
    await this.api?.close();
    this.api = undefined;
  }

  /** The pods that are there. */
  pods(): PodSnapshot[] {
    return this.runner?.pods() ?? [];
  }

  /** What was rewritten for them: mount paths, ports and images, and nothing else. */
  rewrites(): Rewrite[] {
    return this.runner?.rewrites() ?? [];
  }

  /** Objects from which a cluster would run pods and from which nothing runs here. */
  notRun(): KubernetesObject[] {
    return this.objects().filter((object) => kindOf(object)?.role === KindRole.NotRun);
  }

  /** What would run by a schedule, and runs here by `trigger`. */
  onDemand(): KubernetesObject[] {
    return this.objects().filter((object) => kindOf(object)?.role === KindRole.OnDemand);
  }

  /**
   * Runs a CronJob now, and waits until its job has ended, at most until the signal is aborted. Rejects where there is no
   * such CronJob, or where it forbids two jobs at once and one runs.
   * @param args behind those of its first container, for this job alone
   */
  async trigger(
    namespace: string,
    name: string,
    signal: AbortSignal,
    args: readonly string[] = [],
  ): Promise<TriggeredJob> {
    const cluster = this.open();
    const job = await cluster.trigger(namespace, name, args);
    const outcome = await untilFound(cluster.store, signal, () => {
      const found = cluster.outcome(job);
      return found.done || found.failed ? found : undefined;
    });
    const logs = this.pods()
      .filter((pod) => pod.owner === describeObject(job))
      .map((pod) => pod.log);
    return { job: objectId(job), completed: outcome.done, reasons: outcome.reasons, logs };
  }

  /** Every object, with its status; not the config map that the cluster itself gives each namespace. */
  objects(): KubernetesObject[] {
    const all = this.cluster?.store.all() ?? [];
    return all.filter(({ kind, metadata }) => kind !== "ConfigMap" || metadata.name !== ROOT_AUTHORITY);
  }

  /**
   * Sends a signal to the first process of a pod, for tests of crashes.
   * @param pod `namespace/name`, or a name that is unique
   */
  kill(pod: string, signal: NodeJS.Signals): void {
    if (this.runner === undefined) throw new Error("this stand-in runs no pods");
    this.runner.kill(pod, signal);
  }

  private async run(store: ObjectStore, runDir: string): Promise<Effects> {
    const { images = () => undefined, baseEnv = {}, controllers = [] } = this.options;
    const pace = { ...KUBELET_PACE, ...this.options.pace };
    const resolveHostPath = (volume: KubernetesObject) => this.resolve(volume);
    const { issuer = new ServiceAccountIssuer(CLUSTER_ISSUER), webhook } = this.options;
    const identity = { issuer, ...(webhook === undefined ? {} : { webhook }) };
    const hasPod = (uid: string) => this.runner?.hasPod(uid) === true;
    this.api = await KubernetesApi.listen({ store, issuer, hasPod });
    const environment = { ...this.api.environment, ...baseEnv };
    const runner = await PodRunner.open({
      store,
      runDir,
      images,
      resolveHostPath,
      baseEnv: environment,
      pace,
      ...identity,
    });
    this.runner = runner;
    return { runner, controllers, pace };
  }

  private open(): Cluster {
    if (this.cluster === undefined) throw new Error("the kubernetes stand-in does not listen");
    return this.cluster;
  }

  private resolve(volume: KubernetesObject): string {
    const { resolveHostPath } = this.options;
    if (resolveHostPath !== undefined) return resolveHostPath(volume);
    throw new Error(`persistent volume ${volume.metadata.name} is no folder on this machine`);
  }
}

/** Makes a stand-in; it acts once it listens. */
export function createKubernetesStandIn(options: KubernetesOptions): KubernetesStandIn {
  return new KubernetesStandIn(options);
}

function refuseSettings(settings: PropertyMap): void {
  const given = REFUSED_SETTINGS.filter(
    (name) => !["", "false", false, null, undefined].includes(plain(settings[name])),
  );
  if (given.length === 0) return;
  throw new Error(`the stand-in for kubernetes has no setting ${given.join(", ")}; remove it from the provider`);
}

function plain(value: unknown): string | boolean | null | undefined {
  return typeof value === "string" || typeof value === "boolean" || value === null ? value : undefined;
}

/** The version of the SDK that the program uses: the engine asks for that of the provider. */
function sdkVersion(): string {
  const manifest: unknown = createRequire(join(packageRoot(), "package.json"))("@pulumi/kubernetes/package.json");
  const version = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  return String(version);
}
