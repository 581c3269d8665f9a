import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type KubernetesObject, recordAt } from "../../../stacks/local/providers/kubernetes/object.js";
import { configMap, deployment, fetchText, isAlive, SERVER, sleepers, until, type World, world } from "./support.js";

const NODE = process.execPath;
const READY = { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1, timeoutSeconds: 5 };

/** A server that answers with a mounted file, as a foreign image would: nothing of it knows this machine's paths. */
function server(
  name: string,
  replicas: number,
  more: Record<string, unknown> = {},
  podSpec: Record<string, unknown> = {},
): KubernetesObject {
  return deployment(
    name,
    {
      image: "registry.example/foreign:1",
      command: [NODE, "-e", SERVER, "--"],
      args: ["$(PORT)", "/etc/app/greeting.txt"],
      env: [{ name: "PORT", value: "8080" }],
      ports: [{ name: "http", containerPort: 8080 }],
      volumeMounts: [{ name: "config", mountPath: "/etc/app" }],
      readinessProbe: READY,
      livenessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 20, timeoutSeconds: 5 },
      ...more,
    },
    { replicas },
    { volumes: [{ name: "config", configMap: { name: "greeting" } }], ...podSpec },
  );
}

const done = (w: World, object: KubernetesObject) => until("the rollout is done", () => w.cluster.outcome(object).done);
const pids = (w: World) => w.runner.pods().flatMap((pod) => (pod.pid === undefined ? [] : [pod.pid]));

describe("a deployment", () => {
  it("runs a foreign command in two replicas, with probes and a mounted file", async () => {
    const w = await world();
    await w.apply(configMap("greeting", { "greeting.txt": "hello from /etc/app, port 8080" }));
    const web = server("web", 2);
    await w.apply(web);
    await done(w, web);
    const pods = w.runner.pods();
    expect(pods).toHaveLength(2);
    const ports = pods.map((pod) => pod.ports[8080]);
    expect(new Set(ports).size).toBe(2);
    for (const [i, pod] of pods.entries()) {
      const folder = w.runner.rewrites().find((r) => r.pod === `default/${pod.name}` && r.what === "mount path")?.to;
      expect(await fetchText(ports[i])).toEqual({ status: 200, body: `hello from ${folder}, port ${ports[i]}` });
    }
    expect(w.store.get("Deployment", "default", "web")?.status).toMatchObject({
      replicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
      conditions: [
        { type: "Available", status: "True" },
        { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" },
      ],
    });
  });

  it("says what was rewritten: three things, for each pod", async () => {
    const w = await world();
    await w.apply(configMap("greeting", { "greeting.txt": "hello" }));
    await w.apply(server("web", 1));
    await done(w, server("web", 1));
    const [pod] = w.runner.pods();
    const of = `default/${pod?.name}`;
    expect(w.runner.rewrites()).toEqual([
      { pod: of, what: "image", from: "registry.example/foreign:1", to: `the command ${NODE} of this machine` },
      { pod: of, what: "mount path", from: "/etc/app", to: expect.stringContaining(w.dir) },
      { pod: of, what: "port", from: "8080", to: String(pod?.ports[8080]) },
    ]);
  });

  it("runs the local build of an image, with the image's entrypoint before the args", async () => {
    const w = await world({
      images: (reference) => (reference === "stowage:test" ? { entrypoint: [NODE, "-e", SERVER, "--"] } : undefined),
    });
    await w.apply(configMap("greeting", { "greeting.txt": "built here" }));
    const web = server("web", 1, { image: "stowage:test", command: undefined });
    await w.apply(web);
    await done(w, web);
    expect((await fetchText(w.runner.pods()[0]?.ports[8080]))?.body).toBe("built here");
  });

  it("names an image that is not built here and has no command, and gives up at once", async () => {
    const w = await world();
    const web = deployment("web", { image: "registry.example/unknown:7" });
    await w.apply(web);
    const outcome = await until("it has failed", () => {
      const o = w.cluster.outcome(web);
      return o.failed ? o : undefined;
    });
    expect(outcome.reasons.join("\n")).toMatch(/ErrImagePull .*no local build of image "registry.example\/unknown:7"/);
  });

  it("rolls a changed template: a new pod is ready before an old one goes", async () => {
    const w = await world();
    const gate = join(w.dir, "gate");
    await w.apply(configMap("greeting", { "greeting.txt": "hello" }));
    const before = server("web", 2);
    await w.apply(before);
    await done(w, before);
    const old = pids(w);
    const after = server("web", 2, { args: ["$(PORT)", "/etc/app/greeting.txt", gate] });
    await w.apply(after);
    await until("a third pod runs", () => pids(w).length === 3);
    // The new one is not ready: both old ones go on, and no more than one is added (maxSurge 25 % of 2, rounded up).
    await until("its readiness was probed", () =>
      w.runner.pods().some((pod) => pod.problems.some((p) => p.includes("answered 503: waiting for"))),
    );
    expect(old.every(isAlive)).toBe(true);
    expect(w.cluster.outcome(after).done).toBe(false);
    writeFileSync(gate, "");
    await done(w, after);
    await until("two are left, and no old one", () => pids(w).length === 2 && !old.some(isAlive));
  });

  it("is not rolled by a changed config map, whose new contents the running pod reads", async () => {
    const w = await world();
    await w.apply(configMap("greeting", { "greeting.txt": "before" }));
    const web = server("web", 1);
    await w.apply(web);
    await done(w, web);
    const [pid] = pids(w);
    await w.apply(configMap("greeting", { "greeting.txt": "after" }));
    await w.apply(web);
    await until("the new contents are read", async () => {
      return (await fetchText(w.runner.pods()[0]?.ports[8080]))?.body === "after";
    });
    expect(pids(w)).toEqual([pid]);
  });

  it("is rolled by a changed annotation of its template", async () => {
    const w = await world();
    const sleeper = (digest: string) => {
      const object = deployment("sleeper", { command: ["sleep", "1000"] }, { replicas: 1 });
      const template = { ...recordAt(object, "spec", "template"), metadata: { annotations: { checksum: digest } } };
      return { ...object, spec: { ...object.spec, template } };
    };
    await w.apply(sleeper("one"));
    await done(w, sleeper("one"));
    const [first] = pids(w);
    await w.apply(sleeper("two"));
    await until("another pod runs in its place", () => pids(w).length === 1 && pids(w)[0] !== first);
    expect(isAlive(first ?? 0)).toBe(false);
  });

  it("leaves no process when it is deleted, grandchildren and their sessions included", async () => {
    const w = await world();
    const { time, running } = sleepers();
    const script = `setsid sleep ${time} & sleep ${time} & exec sleep ${time}`;
    const tree = deployment("tree", { command: ["sh", "-c", script] }, { replicas: 2 });
    await w.apply(tree);
    await until("all six run", () => running().length === 6);
    await w.remove(tree);
    expect(running()).toEqual([]);
    expect(w.runner.pods()).toEqual([]);
  });

  it("scales by its replicas, or by the minimum of the autoscaler where it has none", async () => {
    const w = await world();
    const sleeper = (replicas?: number) =>
      deployment("sleeper", { command: ["sleep", "1000"] }, replicas === undefined ? {} : { replicas });
    const scaler = (minReplicaCount: number): KubernetesObject => ({
      apiVersion: "keda.sh/v1alpha1",
      kind: "ScaledObject",
      metadata: { name: "sleeper", namespace: "default" },
      spec: { scaleTargetRef: { name: "sleeper" }, minReplicaCount },
    });
    const running = (count: number) => until(`${count} run`, () => pids(w).length === count);
    await w.apply(sleeper());
    await running(1);
    await w.apply(scaler(3));
    await running(3);
    await w.apply(sleeper());
    await running(3);
    await w.apply(scaler(0));
    await running(1);
    await w.apply(sleeper(2));
    await running(2);
  });

  it("starts a crashed container again after a delay that doubles", async () => {
    const w = await world({ pace: { secondMs: 10, backOffSeconds: 10, maxBackOffSeconds: 40 } });
    const stamp = "console.log(Date.now()); process.exit(3)";
    await w.apply(deployment("crash", { command: [NODE, "-e", stamp] }, { replicas: 1 }));
    const starts = await until("it was started five times", () => {
      const log = w.runner.pods()[0]?.log ?? "";
      const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
      return lines.length >= 5 ? lines.map(Number) : undefined;
    });
    const gaps = starts.slice(1).map((at, i) => at - (starts[i] ?? 0));
    // At once, then 100 ms, 200 ms and, as the longest, 400 ms; a start of Node comes on top.
    expect(gaps[1]).toBeGreaterThanOrEqual(100);
    expect(gaps[2]).toBeGreaterThanOrEqual(200);
    expect(gaps[3]).toBeGreaterThanOrEqual(400);
    expect(w.runner.pods()[0]?.restarts).toBeGreaterThanOrEqual(4);
    await until("it says why", () => w.runner.pods()[0]?.problems.join().includes("exit code 3"));
  });

  it("restarts a container whose liveness probe fails, and says so", async () => {
    const w = await world();
    const file = join(w.dir, "alive");
    writeFileSync(file, "");
    const probe = { exec: { command: ["test", "-e", file] }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 2 };
    const app = deployment("app", { command: ["sleep", "1000"], livenessProbe: probe }, { replicas: 1 });
    await w.apply(app);
    await done(w, app);
    const [before] = pids(w);
    rmSync(file);
    await until("it was started again", () => {
      const [pod] = w.runner.pods();
      return pod?.restarts === 1 && pod.pid !== undefined && pod.pid !== before;
    });
    writeFileSync(file, "");
    expect(isAlive(before ?? 0)).toBe(false);
  });

  it("waits with the other probes until the startup probe has passed", async () => {
    const w = await world();
    const gate = join(w.dir, "started");
    const app = deployment(
      "app",
      {
        command: ["sleep", "1000"],
        startupProbe: { exec: { command: ["test", "-e", gate] }, periodSeconds: 1, failureThreshold: 1_000 },
        livenessProbe: { exec: { command: ["test", "-e", gate] }, periodSeconds: 1, failureThreshold: 1 },
      },
      { replicas: 1 },
    );
    await w.apply(app);
    await until("the startup probe has failed", () =>
      w.runner.pods()[0]?.problems.some((p) => p.includes("startup probe failed")),
    );
    expect(w.runner.pods()[0]).toMatchObject({ ready: false, restarts: 0 });
    writeFileSync(gate, "");
    await done(w, app);
    expect(w.runner.pods()[0]?.restarts).toBe(0);
  });

  it("says why it is not available: the last probe and the last lines of the log", async () => {
    const w = await world();
    const app = deployment(
      "app",
      {
        command: ["sh", "-c", "echo the store cannot be reached; exec sleep 1000"],
        ports: [{ containerPort: 9090 }],
        readinessProbe: { tcpSocket: { port: 9090 }, periodSeconds: 1 },
      },
      { replicas: 1, progressDeadlineSeconds: 1 },
    );
    await w.apply(app);
    const outcome = await until("it is late", () => {
      const o = w.cluster.outcome(app);
      return o.failed ? o : undefined;
    });
    const text = outcome.reasons.join("\n");
    expect(text).toContain("no progress for 1 s (progressDeadlineSeconds)");
    expect(text).toContain("0 of 1 replicas");
    expect(text).toMatch(/readiness probe failed: connect ECONNREFUSED 127\.0\.0\.1:\d+/);
    expect(text).toContain("the store cannot be reached");
  });

  it("waits for a config map and a service account that come later", async () => {
    const w = await world();
    const web = server("web", 1, {}, { serviceAccountName: "worker" });
    await w.apply(web);
    await until("it waits for the account", () => w.runner.pods()[0]?.problems.join().includes("service account"));
    await w.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "worker", namespace: "default" } });
    await until("it waits for the config map", () =>
      w.runner.pods()[0]?.problems.join().includes("ConfigMap default/greeting"),
    );
    await w.apply(configMap("greeting", { "greeting.txt": "late" }));
    await done(w, web);
  });
});
