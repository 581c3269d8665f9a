import { randomInt } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { KubernetesApi } from "../../../stacks/local/providers/kubernetes/api/index.js";
import { Cluster } from "../../../stacks/local/providers/kubernetes/cluster.js";
import type { ObjectController } from "../../../stacks/local/providers/kubernetes/controller.js";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { KUBELET_PACE, type Pace } from "../../../stacks/local/providers/kubernetes/pods/pace.js";
import { PodRunner, type PodRunnerOptions } from "../../../stacks/local/providers/kubernetes/pods/runner.js";
import { ServiceAccountIssuer } from "../../../stacks/local/providers/kubernetes/serviceAccountIssuer.js";
import { ObjectStore } from "../../../stacks/local/providers/kubernetes/store.js";

/** A second of a spec lasts 50 ms in delays, periods and back-off; limits keep their length. */
export const FAST: Pace = { ...KUBELET_PACE, secondMs: 50 };

export interface World {
  dir: string;
  /** Where the API is that pods call; undefined where the world has none. */
  api: KubernetesApi | undefined;
  store: ObjectStore;
  cluster: Cluster;
  runner: PodRunner;
  apply(object: KubernetesObject): Promise<void>;
  remove(object: KubernetesObject): Promise<unknown>;
}

/** With `api` the cluster has one, which takes the tokens of the issuer. */
type Settings = Partial<PodRunnerOptions> & { controllers?: ObjectController[]; api?: boolean };

/** A cluster with a runner in a folder of its own; all of it is gone when the test is over. */
export async function world(settings: Settings = {}): Promise<World> {
  const dir = temporaryFolder();
  const store = new ObjectStore();
  const {
    controllers = [],
    api: hasApi = false,
    issuer = new ServiceAccountIssuer("https://cluster"),
    ...options
  } = settings;
  const hasPod = (uid: string) => runner.hasPod(uid);
  const api = hasApi ? await KubernetesApi.listen({ store, issuer, hasPod }) : undefined;
  const runner: PodRunner = await PodRunner.open({
    store,
    runDir: join(dir, "run"),
    images: () => undefined,
    resolveHostPath: (volume) => join(dir, volume.metadata.name),
    pace: FAST,
    issuer,
    ...options,
    baseEnv: { ...api?.environment, ...options.baseEnv },
  });
  const cluster = new Cluster(store, { runner, controllers, pace: options.pace ?? FAST });
  onTestFinished(async () => {
    cluster.close();
    await runner.close(1);
    await api?.close();
  });
  if (api !== undefined) cluster.publishAuthority(api.authority);
  const signal = new AbortController().signal;
  return {
    dir,
    api,
    store,
    cluster,
    runner,
    apply: (object) => cluster.apply(object, signal),
    remove: (object) => cluster.remove(object),
  };
}

export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "stowage-kubernetes-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** Waits until a condition gives a value that is not false, undefined or null; fails with its name after 10 s. */
export async function until<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`it did not happen within 10 s that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The body of an answer, with its status; undefined where nothing answers. */
export function fetchText(port: number | undefined, path = "/"): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const call = get({ host: "127.0.0.1", port, path, agent: false, timeout: 2_000 }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on("error", () => resolve(undefined));
    call.on("timeout", () => call.destroy());
  });
}

/** True while a process runs, zombies apart. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0] ?? "");
  } catch {
    return false;
  }
}

/**
 * Programs for the processes of one test: `sleep` with a time that no other process of this machine sleeps for. What
 * is left of them when the test is over is ended, so that a failure leaves nothing to the next test.
 */
export function sleepers(): { time: string; running(): number[] } {
  // Seconds with a random fraction, by which they are found; sleep takes it as it is.
  const time = `1000.${randomInt(1e9, 1e10)}`;
  const running = () =>
    readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => {
        try {
          return isAlive(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1") === `sleep\0${time}\0`;
        } catch {
          return false;
        }
      });
  onTestFinished(() => {
    for (const pid of running()) process.kill(pid, "SIGKILL");
  });
  return { time, running };
}

export function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

export function configMap(name: string, data: Record<string, string>): KubernetesObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}

type Spec = Record<string, unknown>;

/** A deployment of one container, whose pods have little grace. */
export function deployment(name: string, container: Spec, spec: Spec = {}, podSpec: Spec = {}): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 2, containers: [{ name: "app", ...container }], ...podSpec },
      },
      ...spec,
    },
  };
}

export function job(name: string, container: Spec, spec: Spec = {}, restartPolicy = "Never"): KubernetesObject {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: "default" },
    spec: { template: { spec: { restartPolicy, containers: [{ name: "job", ...container }] } }, ...spec },
  };
}

/** A web server in the machine's Node: answers with a file's contents; /ready is 503 until its argument's file is there. */
export const SERVER = `
  const fs = require("node:fs");
  const [port, file, gate] = process.argv.slice(1);
  require("node:http").createServer((request, response) => {
    const ready = request.url !== "/ready" || gate === undefined || fs.existsSync(gate);
    response.statusCode = ready ? 200 : 503;
    response.end(ready ? fs.readFileSync(file) : "waiting for " + gate);
  }).listen(Number(port), "127.0.0.1");
`;
