import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PreviewDocument } from "../../stacks/local/engine/index.js";
import { isSameProcess, processIdentity } from "../../stacks/local/run/process.js";
import { type TestCluster, testCluster } from "./support/cluster.js";

// Answers with a mounted file on the port that its environment names, once the file says that it may.
const SERVER = [
  'const fs = require("node:fs");',
  "const [file, data] = process.argv.slice(1);",
  'require("node:http").createServer((request, response) => {',
  '  const text = fs.readFileSync(file, "utf8");',
  '  response.statusCode = request.url === "/ready" && text.includes("broken") ? 500 : 200;',
  '  response.end(text + " " + fs.readFileSync(data, "utf8"));',
  "}).listen(Number(process.env.PORT), process.env.POD_IP);",
  'console.log("serving " + file);',
].join("\n");

interface Settings {
  greeting?: string;
  app?: string;
  timeout?: string;
  custom?: string;
}

/** A deployment with a config map, a claim, an autoscaler and a job before it, as the worker has them. */
function program({ greeting = "hello", app = "web", timeout = "30s", custom = "" }: Settings = {}): string {
  return `
    const k8s = require("@pulumi/kubernetes");
    const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
    const opts = { provider };
    const namespace = new k8s.core.v1.Namespace("apps", { metadata: { name: "apps" } }, opts);
    const place = { namespace: namespace.metadata.name };
    const config = new k8s.core.v1.ConfigMap("settings", {
      metadata: place, data: { "greeting.txt": ${JSON.stringify(greeting)} },
    }, opts);
    const volume = new k8s.core.v1.PersistentVolume("data", {
      metadata: { name: "data" },
      spec: {
        capacity: { storage: "1Gi" }, accessModes: ["ReadWriteMany"], storageClassName: "", hostPath: { path: "/mnt/data" },
        claimRef: { namespace: namespace.metadata.name, name: "data" },
      },
    }, opts);
    const claim = new k8s.core.v1.PersistentVolumeClaim("data", {
      metadata: { ...place, name: "data" },
      spec: {
        accessModes: ["ReadWriteMany"], storageClassName: "", volumeName: volume.metadata.name,
        resources: { requests: { storage: "1Gi" } },
      },
    }, opts);
    const job = new k8s.batch.v1.Job("schema", {
      metadata: place,
      spec: {
        backoffLimit: 1,
        template: { spec: {
          restartPolicy: "Never",
          containers: [{
            name: "schema", image: "registry.example/schema:1", command: ["sh", "-c", "echo stored > /data/value"],
            volumeMounts: [{ name: "data", mountPath: "/data" }],
          }],
          volumes: [{ name: "data", persistentVolumeClaim: { claimName: claim.metadata.name } }],
        } },
      },
    }, opts);
    const labels = { app: "${app}" };
    const web = new k8s.apps.v1.Deployment("web", {
      metadata: { ...place, name: "web" },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 2,
            containers: [{
              name: "web", image: "registry.example/web:1",
              command: [${JSON.stringify(process.execPath)}, "-e", ${JSON.stringify(SERVER)}, "--"],
              args: ["/etc/web/greeting.txt", "/data/value"],
              env: [
                { name: "PORT", value: "8080" },
                { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
              ],
              ports: [{ name: "http", containerPort: 8080 }],
              readinessProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1, timeoutSeconds: 5 },
              livenessProbe: { httpGet: { path: "/", port: "http" }, timeoutSeconds: 5 },
              volumeMounts: [{ name: "config", mountPath: "/etc/web" }, { name: "data", mountPath: "/data" }],
            }],
            volumes: [
              { name: "config", configMap: { name: config.metadata.name } },
              { name: "data", persistentVolumeClaim: { claimName: claim.metadata.name } },
            ],
          },
        },
      },
    }, { ...opts, dependsOn: [job], customTimeouts: { create: "${timeout}", update: "${timeout}" } });
    const scaler = new k8s.apiextensions.CustomResource("web", {
      apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", metadata: { ...place, name: "web" },
      spec: { scaleTargetRef: { name: web.metadata.name }, minReplicaCount: 2, maxReplicaCount: 4, triggers: [] },
    }, opts);
    ${custom}
    return { configMap: config.metadata.name, available: web.status.availableReplicas, claim: claim.id, job: job.status.succeeded };`;
}

const ops = (preview: PreviewDocument) =>
  Object.fromEntries(
    preview.steps.filter((s) => s.op !== "same").map((s) => [s.urn.split("::").slice(-2).join(" "), s.op]),
  );

let cluster: TestCluster;
let dataDir: string;

beforeAll(async () => {
  cluster = await testCluster(program(), (runDir) => {
    dataDir = join(runDir, "data");
    mkdirSync(dataDir);
    return { resolveHostPath: () => dataDir, pace: { secondMs: 100 } };
  });
}, 600_000);
afterAll(() => cluster?.end());

const web = () =>
  cluster.standIn.pods().filter((pod) => pod.owner === "Deployment apps/web" && pod.phase === "Running");
const identities = () => web().flatMap((pod) => processIdentity(pod.pid ?? 0) ?? []);

function answer(port: number | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/", agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve(body));
    }).on("error", reject);
  });
}

describe("a stack of Kubernetes objects on the real engine", { timeout: 120_000 }, () => {
  it("is previewed without anything being made or run", async () => {
    const preview = await cluster.stack.preview();
    expect(preview.changeSummary).toEqual({ create: 9 });
    expect(cluster.standIn.objects()).toEqual([]);
    expect(cluster.standIn.pods()).toEqual([]);
  });

  it("comes up: the job has run, the deployment serves, the autoscaler's minimum runs", async () => {
    await cluster.stack.up();
    const outputs = await cluster.stack.outputs();
    expect(outputs).toEqual({
      configMap: expect.stringMatching(/^settings-[0-9a-f]{8}$/),
      available: 1,
      claim: "apps/data",
      job: 1,
    });
    expect(readFileSync(join(dataDir, "value"), "utf8")).toBe("stored\n");
    await expect.poll(() => web().filter((pod) => pod.ready).length).toBe(2);
    for (const pod of web()) expect(await answer(pod.ports[8080])).toBe("hello stored\n");
    expect(new Set(cluster.standIn.rewrites().map((r) => r.what))).toEqual(new Set(["image", "mount path", "port"]));
  });

  it("changes nothing when it is brought up again, and has not drifted", async () => {
    const before = identities();
    await cluster.stack.up({ expectNoChanges: true });
    await cluster.stack.refresh({ expectNoChanges: true });
    expect(identities()).toEqual(before);
  });

  it("rolls the deployment when its configuration is replaced by a new one", async () => {
    const before = identities();
    cluster.project.program(program({ greeting: "welcome" }));
    expect(ops(await cluster.stack.preview())).toEqual({
      "kubernetes:core/v1:ConfigMap settings": "replace",
      "kubernetes:apps/v1:Deployment web": "update",
    });
    await cluster.stack.up();
    expect(before.some(isSameProcess)).toBe(false);
    expect(web()).toHaveLength(2);
    for (const pod of web()) expect(await answer(pod.ports[8080])).toBe("welcome stored\n");
  });

  it("replaces a deployment whose selector changes: the old one goes first, as both have one name", async () => {
    const before = identities();
    cluster.project.program(program({ greeting: "welcome", app: "other" }));
    expect(ops(await cluster.stack.preview())).toEqual({ "kubernetes:apps/v1:Deployment web": "replace" });
    // Two of one name cannot be there at once: making the new one first would be refused.
    await cluster.stack.up();
    expect(before.some(isSameProcess)).toBe(false);
    await expect.poll(() => web().filter((pod) => pod.ready).length).toBe(2);
  });

  it("repairs what was changed behind the engine's back", async () => {
    cluster.standIn.state.patch("kubernetes:keda.sh/v1alpha1:ScaledObject", "apps/web", {
      spec: { minReplicaCount: 4 },
    });
    await cluster.stack.refresh();
    expect(ops(await cluster.stack.preview())).toEqual({ "kubernetes:keda.sh/v1alpha1:ScaledObject web": "update" });
    await cluster.stack.up();
    await cluster.stack.up({ expectNoChanges: true });
    expect(web()).toHaveLength(2);
  });

  it("fails with the last probe and the log where a rollout does not become ready, and the old pods serve on", async () => {
    const before = identities();
    cluster.project.program(program({ greeting: "broken", app: "other", timeout: "3s" }));
    await expect(cluster.stack.up()).rejects.toThrow(
      /Deployment apps\/web is not ready after 3 s[\s\S]*readiness probe failed: GET \/ready answered 500: broken stored[\s\S]*serving /,
    );
    expect(before.every(isSameProcess)).toBe(true);
    cluster.project.program(program({ greeting: "mended", app: "other" }));
    await cluster.stack.up();
    await expect.poll(() => web().filter((pod) => pod.ready).length).toBe(2);
    for (const pod of web()) expect(await answer(pod.ports[8080])).toBe("mended stored\n");
  });

  it("refuses a custom resource that it does not know, by name", async () => {
    const custom = `new k8s.apiextensions.CustomResource("x", {
      apiVersion: "example.com/v1", kind: "Guess", metadata: place }, opts);`;
    cluster.project.program(program({ greeting: "mended", app: "other", custom }));
    await expect(cluster.stack.preview()).rejects.toThrow("does not know the type kubernetes:example.com/v1:Guess");
  });

  it("starts what its state holds when it is started again", async () => {
    const before = identities();
    await cluster.standIn.close(1);
    expect(before.some(isSameProcess)).toBe(false);
    writeFileSync(join(dataDir, "value"), "kept\n");
    await cluster.startAgain();
    await expect.poll(() => web().filter((pod) => pod.ready).length).toBe(2);
    // The job has run already: it does not store its value again.
    for (const pod of web()) expect(await answer(pod.ports[8080])).toBe("mended kept\n");
  });

  it("is destroyed with every process", async () => {
    const before = identities();
    cluster.project.program(program({ greeting: "mended", app: "other" }));
    await cluster.stack.destroy();
    expect(before.some(isSameProcess)).toBe(false);
    expect(cluster.standIn.pods()).toEqual([]);
    expect(cluster.standIn.state.list()).toEqual([]);
    expect(readFileSync(join(dataDir, "value"), "utf8")).toBe("kept\n");
  });
});
