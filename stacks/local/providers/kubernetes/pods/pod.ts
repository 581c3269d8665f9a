import { join } from "node:path";
import type { KubernetesObject } from "../object.js";
import type { ServiceAccountIssuer } from "../serviceAccountIssuer.js";
import type { ObjectStore } from "../store.js";
import type { Images } from "./command.js";
import { ContainerRunner } from "./container.js";
import { type PodIdentity, podId } from "./identity.js";
import { type Pace, pause } from "./pace.js";
import type { PortPool } from "./ports.js";
import type { ContainerRecords } from "./records.js";
import type { Rewrite } from "./rewrite.js";
import type { Container, PodTemplate } from "./template.js";
import { PodVolumes } from "./volumes.js";
import { injectWorkloadIdentity, type WorkloadIdentityWebhook } from "./webhook.js";

export const PodPhase = {
  Pending: "Pending",
  Running: "Running",
  Succeeded: "Succeeded",
  Failed: "Failed",
} as const;
export type PodPhase = (typeof PodPhase)[keyof typeof PodPhase];

/** What a pod needs of the runner. */
export interface PodContext {
  identity: PodIdentity;
  template: PodTemplate;
  /** What it belongs to, `Deployment default/web`. */
  owner: string;
  folder: string;
  logDir: string;
  store: ObjectStore;
  images: Images;
  baseEnv: Record<string, string>;
  resolveHostPath(volume: KubernetesObject): string;
  issuer: ServiceAccountIssuer | undefined;
  webhook: WorkloadIdentityWebhook | undefined;
  records: ContainerRecords;
  ports: PortPool;
  pace: Pace;
  changed(pod: Pod): void;
}

/** One pod: its init containers one after another, then its containers together. */
export class Pod {
  phase: PodPhase = PodPhase.Pending;
  /** True once `stop` was called. */
  stopping = false;
  /** Why it cannot begin, where it is not a container that says so. */
  blocked: string | undefined;
  /** When it became ready last, on the clock of `performance.now()`; undefined while it is not. */
  readySince: number | undefined;
  readonly containers: ContainerRunner[] = [];
  /** Container port to local port. */
  readonly ports = new Map<number, number>();

  private volumes: PodVolumes;
  private readonly halt = new AbortController();
  private poked = new AbortController();
  private ended: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;

  constructor(private readonly context: PodContext) {
    this.volumes = this.volumesOf(context.template);
  }

  get id(): string {
    return podId(this.context.identity);
  }

  get identity(): PodIdentity {
    return this.context.identity;
  }

  get owner(): string {
    return this.context.owner;
  }

  get ready(): boolean {
    return this.readySince !== undefined;
  }

  /** Starts it. Returns at once. */
  start(): void {
    this.ended = this.run().catch((error: unknown) => {
      this.blocked = error instanceof Error ? error.message : String(error);
      this.finish(PodPhase.Failed);
    });
  }

  /** Settles when every container has ended for good. */
  async whenEnded(): Promise<void> {
    await this.ended;
  }

  /**
   * Ends it within its grace period, or a shorter one. Settles when no process of it is left and its folder is gone.
   * @param atMostSeconds bound for the grace period
   */
  stop(atMostSeconds = Number.POSITIVE_INFINITY): Promise<void> {
    this.stopping = true;
    this.readySince = undefined;
    this.halt.abort();
    this.stopped ??= this.end(Math.min(this.context.template.spec.terminationGracePeriodSeconds, atMostSeconds));
    return this.stopped;
  }

  /** Looks again at what it waits for. */
  poke(): void {
    this.poked.abort();
    for (const container of this.containers) container.poke();
  }

  /** Writes mounted config maps and secrets anew. */
  refreshFiles(): void {
    for (const container of this.containers) container.refreshFiles();
  }

  /** Writes mounted service account tokens anew that are to be renewed. */
  async renewTokens(): Promise<void> {
    await Promise.all(this.containers.map((container) => container.renewTokens()));
  }

  rewrites(): Rewrite[] {
    const all = this.containers.flatMap((c) => [...c.rewrites.values()]);
    return [...new Map(all.map((r) => [`${r.what} ${r.from} ${r.to}`, r])).values()];
  }

  /** Why it is not ready, for a person; empty where it is. */
  problems(): string[] {
    if (this.blocked !== undefined) return [this.blocked];
    return this.containers.flatMap((c) => {
      if (c.ready) return [];
      const name = `container ${c.spec.name}`;
      if (c.state.phase === "waiting") return [`${name}: ${c.state.reason} ${c.state.message}`.trim()];
      if (c.state.phase === "terminated") {
        return c.state.exitCode === 0 ? [] : [`${name}: ${c.state.reason}, ${c.state.message}`];
      }
      const failed =
        c.lastProbeFailure ?? (c.lastTermination === undefined ? undefined : `before, it ${c.lastTermination}`);
      return [`${name}: ${failed ?? "is not ready yet"}`];
    });
  }

  private async run(): Promise<void> {
    const { pace } = this.context;
    while (!this.stopping && !this.mayBegin()) {
      this.poked = new AbortController();
      await pause(pace.secondMs, AbortSignal.any([this.poked.signal, this.halt.signal]));
    }
    if (this.stopping) return;
    await this.takePorts();
    const template = this.admitted();
    this.volumes = this.volumesOf(template);
    const policy = template.spec.restartPolicy;
    for (const spec of template.spec.initContainers) {
      if (this.stopping) return;
      const exit = await this.add(spec, policy === "Always" ? "OnFailure" : policy).run();
      if (exit.exitCode !== 0) return this.finish(PodPhase.Failed);
    }
    if (this.stopping) return;
    const mains = template.spec.containers.map((spec) => this.add(spec, policy));
    const exits = await Promise.all(mains.map((container) => container.run()));
    this.finish(exits.every((exit) => exit.exitCode === 0) ? PodPhase.Succeeded : PodPhase.Failed);
  }

  /** The pod as the cluster's webhook lets it in. */
  private admitted(): PodTemplate {
    const { template, webhook, store, identity } = this.context;
    if (webhook === undefined) return template;
    const account = store.get("ServiceAccount", identity.namespace, identity.serviceAccountName);
    return injectWorkloadIdentity(template, account, webhook);
  }

  private volumesOf({ spec }: PodTemplate): PodVolumes {
    const { identity, folder, store, issuer } = this.context;
    const resolveHostPath = (volume: KubernetesObject) => this.context.resolveHostPath(volume);
    return new PodVolumes(spec, { store, pod: identity, folder, resolveHostPath, issuer });
  }

  private mayBegin(): boolean {
    const { namespace, serviceAccountName } = this.context.identity;
    const there =
      serviceAccountName === "default" ||
      this.context.store.get("ServiceAccount", namespace, serviceAccountName) !== undefined;
    const blocked = there ? undefined : `FailedCreate service account ${namespace}/${serviceAccountName} is not there`;
    if (blocked !== this.blocked) {
      this.blocked = blocked;
      this.context.changed(this);
    }
    return there;
  }

  private async takePorts(): Promise<void> {
    for (const port of portsOf(this.context.template)) this.ports.set(port, await this.context.ports.take());
  }

  private add(spec: Container, restartPolicy: "Always" | "OnFailure" | "Never"): ContainerRunner {
    const { identity, folder, logDir, store, images, baseEnv, records, pace, template } = this.context;
    const container = new ContainerRunner(spec, {
      pod: identity,
      folder,
      logFile: join(logDir, `${identity.namespace}.${identity.name}.${spec.name}.log`),
      store,
      images,
      baseEnv,
      volumes: this.volumes,
      ports: this.ports,
      records,
      pace,
      graceSeconds: template.spec.terminationGracePeriodSeconds,
      restartPolicy,
      changed: () => this.update(),
    });
    this.containers.push(container);
    return container;
  }

  private update(): void {
    const mains = this.mains();
    if (mains.some((c) => c.state.phase !== "waiting") && this.phase === PodPhase.Pending)
      this.phase = PodPhase.Running;
    const ready = !this.stopping && mains.length > 0 && mains.every((c) => c.ready);
    if (ready) this.readySince ??= performance.now();
    else this.readySince = undefined;
    this.context.changed(this);
  }

  private mains(): ContainerRunner[] {
    return this.containers.slice(this.context.template.spec.initContainers.length);
  }

  private finish(phase: PodPhase): void {
    this.phase = phase;
    this.readySince = undefined;
    this.context.ports.release(this.ports.values());
    this.volumes.unmount();
    this.context.changed(this);
  }

  private async end(graceSeconds: number): Promise<void> {
    await Promise.all(this.containers.map((container) => container.stop(graceSeconds)));
    await this.ended;
    this.context.ports.release(this.ports.values());
    this.volumes.remove();
  }
}

/** Every port that the pod's containers listen on: those that are declared and those that its probes name. */
function portsOf(template: PodTemplate): Set<number> {
  const containers = [...template.spec.initContainers, ...template.spec.containers];
  const handlers = containers.flatMap((c) => [
    c.livenessProbe,
    c.readinessProbe,
    c.startupProbe,
    c.lifecycle?.preStop,
    c.lifecycle?.postStart,
  ]);
  const probed = handlers.flatMap((h) => [h?.httpGet, h?.tcpSocket]);
  // A probe of another host is no port of this pod.
  const numbers = probed.flatMap((p) => (typeof p?.port === "number" && p.host === undefined ? [p.port] : []));
  return new Set([...containers.flatMap((c) => c.ports.map((p) => p.containerPort)), ...numbers]);
}
