import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ObjectStore } from "../store.js";
import { containerCommand, type Images } from "./command.js";
import { containerEnvironment } from "./environment.js";
import { execIn } from "./exec.js";
import type { PodIdentity } from "./identity.js";
import { podId } from "./identity.js";
import { BoundedLog } from "./log.js";
import { BackOff, type Pace, pause } from "./pace.js";
import { type ProbeTarget, probeLoop, probeOnce } from "./probes.js";
import { ContainerProcess, type Exit } from "./process.js";
import type { ContainerRecords } from "./records.js";
import { type Places, type Rewrite, RewriteKind, rewriteText } from "./rewrite.js";
import type { Container, Hook, Probe } from "./template.js";
import type { Mount, PodVolumes } from "./volumes.js";
import { CannotStartError, WaitingReason } from "./waiting.js";

/** What a container needs of its pod and of the runner. */
export interface ContainerContext {
  pod: PodIdentity;
  /** The pod's own folder. */
  folder: string;
  logFile: string;
  store: ObjectStore;
  images: Images;
  /** Variables of the composition root, for every container. */
  baseEnv: Record<string, string>;
  volumes: PodVolumes;
  ports: ReadonlyMap<number, number>;
  records: ContainerRecords;
  pace: Pace;
  /** Grace for SIGTERM in seconds. */
  graceSeconds: number;
  restartPolicy: "Always" | "OnFailure" | "Never";
  changed(): void;
}

/** How a container is. */
export type ContainerState =
  | { phase: "waiting"; reason: WaitingReason; message: string }
  | { phase: "running"; pid: number; sinceMs: number }
  | { phase: "terminated"; exitCode: number; reason: string; message: string };

/** Start of a program that is not there: what container runtimes answer. */
const START_ERROR = 128;
const RETRY_SECONDS = 1;

/** One container: started, probed, restarted after a crash, stopped. */
export class ContainerRunner {
  state: ContainerState = { phase: "waiting", reason: WaitingReason.ContainerCreating, message: "" };
  ready = false;
  restarts = 0;
  /** How the run before this one ended, for a person. */
  lastTermination: string | undefined;
  /** The last probe that failed and why; undefined once the container is ready. */
  lastProbeFailure: string | undefined;
  readonly log: BoundedLog;
  readonly rewrites = new Map<string, Rewrite>();

  private process: ContainerProcess | undefined;
  private running = new AbortController();
  private readonly stopping = new AbortController();
  private retry = new AbortController();
  private restarting: string | undefined;
  private mounts: Mount[] = [];
  private places: Places;
  private environment: Record<string, string> = {};
  private workingDir = "";

  constructor(
    readonly spec: Container,
    private readonly context: ContainerContext,
  ) {
    this.log = new BoundedLog(context.logFile);
    this.places = { mounts: new Map(), ports: context.ports };
  }

  get pid(): number | undefined {
    return this.state.phase === "running" ? this.state.pid : undefined;
  }

  /** Runs it until it has ended for good or was stopped. Never rejects. */
  async run(): Promise<Exit> {
    const backOff = new BackOff(this.context.pace);
    for (;;) {
      const exit = await this.runOnce();
      if (exit === undefined) {
        if (this.stopping.signal.aborted) return this.ended({ exitCode: 0 }, "Completed", "");
        await this.untilRetry();
        continue;
      }
      const endedAt = performance.now();
      const policy = this.context.restartPolicy;
      const final = policy === "Never" || (policy === "OnFailure" && exit.exitCode === 0);
      if (this.stopping.signal.aborted || final) return exit;
      const waitMs = backOff.next(endedAt);
      if (waitMs > 0) this.wait(WaitingReason.CrashLoopBackOff, `${this.lastTermination}; next start in ${waitMs} ms`);
      await pause(waitMs, this.stopping.signal);
      if (this.stopping.signal.aborted) return exit;
      this.restarts += 1;
    }
  }

  /** Tries again to start what waits for another object; nothing happens otherwise. */
  poke(): void {
    this.retry.abort();
  }

  /** Writes mounted files anew, as the kubelet does when a config map changes under a running container. */
  refreshFiles(): void {
    if (this.state.phase !== "running") return;
    try {
      this.context.volumes.write(this.mounts, this.places);
    } catch (error) {
      // What is mounted stays as it is when its object is taken away, as in a cluster.
      if (!(error instanceof CannotStartError)) throw error;
    }
  }

  /** Writes mounted service account tokens anew that are to be renewed, as the kubelet does. */
  async renewTokens(): Promise<void> {
    const { volumes } = this.context;
    if (this.state.phase === "running" && (await volumes.renewTokens(this.mounts))) this.refreshFiles();
  }

  /** Sends a signal to the first process. False where none runs. */
  kill(signal: NodeJS.Signals): boolean {
    if (this.process === undefined || this.state.phase !== "running") return false;
    this.process.signal(signal);
    return true;
  }

  /** Ends it for good: the hook, SIGTERM, and SIGKILL when the grace is over. Settles when it is gone. */
  async stop(graceSeconds: number): Promise<void> {
    this.stopping.abort();
    this.retry.abort();
    await this.terminate(graceSeconds);
  }

  private async runOnce(): Promise<Exit | undefined> {
    if (this.stopping.signal.aborted) return undefined;
    this.running = new AbortController();
    try {
      this.process = await this.launch();
    } catch (error) {
      if (error instanceof CannotStartError) {
        this.wait(error.reason, error.message);
        return undefined;
      }
      return this.ended(
        { exitCode: START_ERROR },
        "StartError",
        String(error instanceof Error ? error.message : error),
      );
    }
    const { identity, exited } = this.process;
    const name = `${this.context.pod.uid}.${this.spec.name}`;
    this.context.records.add(name, { ...identity, marker: this.marker });
    this.state = { phase: "running", pid: identity.pid, sinceMs: performance.now() };
    this.context.changed();
    // Stopped while it was being launched: whoever stopped it found no process to signal.
    if (this.stopping.signal.aborted) void this.terminate(0);
    else this.watch();
    const exit = await exited;
    this.running.abort();
    this.ready = false;
    this.process = undefined;
    this.context.records.remove(name);
    const why = this.restarting;
    this.restarting = undefined;
    return this.ended(exit, exit.exitCode === 0 ? "Completed" : "Error", why ?? "");
  }

  private async launch(): Promise<ContainerProcess> {
    const { context, spec } = this;
    const { pod, store, volumes } = context;
    const home = join(context.folder, "home", spec.name);
    mkdirSync(home, { recursive: true });
    this.mounts = volumes.mountsOf(spec);
    this.places = { mounts: new Map(this.mounts.map((m) => [m.path, m.target])), ports: context.ports };
    await volumes.renewTokens(this.mounts);
    volumes.write(this.mounts, this.places);
    const env = containerEnvironment(spec, pod, store, this.places, context.baseEnv, home);
    const command = containerCommand(spec, context.images, env.written, this.places, home);
    this.rewrote(RewriteKind.Image, spec.image ?? "", command.imageTo);
    for (const [path, target] of this.places.mounts) this.rewrote(RewriteKind.MountPath, path, target);
    for (const [port, local] of this.places.ports) this.rewrote(RewriteKind.Port, String(port), String(local));
    this.environment = env.process;
    this.workingDir = command.workingDir;
    return ContainerProcess.start(command, env.process, this.marker, this.log);
  }

  private get marker(): string {
    return join(this.context.records.marker, this.context.pod.uid, this.spec.name, String(this.restarts));
  }

  private rewrote(what: RewriteKind, from: string, to: string): void {
    this.rewrites.set(`${what} ${from}`, { pod: podId(this.context.pod), what, from, to });
  }

  /** Begins the probes: the others wait for the startup probe, if there is one. */
  private watch(): void {
    const { startupProbe, livenessProbe, readinessProbe, lifecycle } = this.spec;
    const started = () => {
      if (livenessProbe !== undefined) {
        this.probe("liveness", livenessProbe, (failure) => {
          if (failure !== undefined) this.restart(livenessProbe, `liveness probe failed: ${failure}`);
        });
      }
      if (readinessProbe === undefined) this.setReady(true);
      else this.probe("readiness", readinessProbe, (failure) => this.setReady(failure === undefined));
    };
    if (lifecycle?.postStart !== undefined) void this.afterStart(lifecycle.postStart);
    if (startupProbe === undefined) {
      started();
      return;
    }
    const decided = new AbortController();
    this.probe(
      "startup",
      startupProbe,
      (failure) => {
        decided.abort();
        if (failure === undefined) started();
        else this.restart(startupProbe, `startup probe failed: ${failure}`);
      },
      decided.signal,
    );
  }

  private probe(
    kind: "liveness" | "readiness" | "startup",
    probe: Probe,
    decide: (failure: string | undefined) => void,
    until?: AbortSignal,
  ): void {
    const signal = until === undefined ? this.running.signal : AbortSignal.any([this.running.signal, until]);
    void probeLoop(probe, this.target(signal), this.context.pace, kind !== "liveness", signal, {
      decided: decide,
      failed: (failure) => {
        this.lastProbeFailure = `${kind} probe failed: ${failure}`;
        this.context.changed();
      },
    });
  }

  private target(signal: AbortSignal): ProbeTarget {
    return {
      localPort: (port) => this.localPort(port),
      exec: (command, timeoutMs) => {
        const local = command.map((part) => rewriteText(part, this.places));
        return execIn(local, this.environment, this.workingDir, this.marker, timeoutMs, signal);
      },
    };
  }

  private localPort(port: number | string): number {
    const number = typeof port === "number" ? port : this.spec.ports.find((p) => p.name === port)?.containerPort;
    if (number === undefined) throw new Error(`${this.spec.name} has no port named ${port}`);
    return this.context.ports.get(number) ?? number;
  }

  private setReady(ready: boolean): void {
    if (ready) this.lastProbeFailure = undefined;
    if (this.ready === ready || this.running.signal.aborted) return;
    this.ready = ready;
    this.context.changed();
  }

  private restart(probe: Probe, why: string): void {
    this.endForRestart(why, probe.terminationGracePeriodSeconds ?? this.context.graceSeconds);
  }

  private endForRestart(why: string, graceSeconds: number): void {
    this.restarting = why;
    this.running.abort();
    void this.terminate(graceSeconds);
  }

  private async afterStart(hook: Hook): Promise<void> {
    const failure = await this.runHook(hook, this.context.graceSeconds * 1_000, this.running.signal);
    if (failure === undefined || this.running.signal.aborted) return;
    this.endForRestart(`postStart hook failed: ${failure}`, this.context.graceSeconds);
  }

  /** Runs a hook within a limit. The result says why it failed. */
  private async runHook(hook: Hook, limitMs: number, signal: AbortSignal): Promise<string | undefined> {
    if (hook.sleep === undefined) return probeOnce(hook, this.target(signal), Math.max(1, limitMs));
    await pause(Math.min(hook.sleep.seconds * this.context.pace.secondMs, limitMs), signal);
    return undefined;
  }

  private async terminate(graceSeconds: number): Promise<void> {
    const running = this.process;
    if (running === undefined) return;
    const gone = new AbortController();
    void running.exited.then(() => gone.abort());
    const deadline = performance.now() + graceSeconds * 1_000;
    const hook = this.spec.lifecycle?.preStop;
    // A hook has the grace, and what is left of it is the process's.
    if (hook !== undefined && graceSeconds > 0) await this.runHook(hook, graceSeconds * 1_000, gone.signal);
    if (graceSeconds > 0) running.signal("SIGTERM");
    await pause(Math.max(0, deadline - performance.now()), gone.signal);
    if (!gone.signal.aborted) running.signal("SIGKILL");
    await running.exited;
  }

  private wait(reason: WaitingReason, message: string): void {
    this.state = { phase: "waiting", reason, message };
    this.context.changed();
  }

  private async untilRetry(): Promise<void> {
    this.retry = new AbortController();
    const signal = AbortSignal.any([this.retry.signal, this.stopping.signal]);
    await pause(RETRY_SECONDS * this.context.pace.secondMs, signal);
  }

  private ended(exit: Exit, reason: string, why: string): Exit {
    const how = exit.signal === undefined ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
    const message = `${how}${why === "" ? "" : ` (${why})`}`;
    this.lastTermination = `ended with ${message}`;
    this.state = { phase: "terminated", exitCode: exit.exitCode, reason, message };
    this.context.changed();
    return exit;
  }
}
