import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pipeline } from "../../runtime/contract/index.js";
import type { PreviewDocument } from "../../stacks/local/engine/index.js";
import { processIdentity } from "../../stacks/local/run/process.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pipelineTo } from "../unit/support/pipelines.js";
import { type TestCluster, testCluster } from "./support/cluster.js";

/**
 * What stands for the worker's image: `run` serves its probes; every other command publishes a new role and password
 * with the rights of its account, and fails where it may read another secret than its own.
 */
const IMAGE = `
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { request } from "node:https";
const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
if (args[0] === "run") {
  const [host, port] = option("--listen").split(":");
  createServer((_, response) => response.end("ok")).listen(Number(port), host);
} else {
  const folder = option("--kubernetes");
  const ask = (method, [namespace, name], body) => new Promise((resolve, reject) => {
    const asking = request({
      method, host: process.env.KUBERNETES_SERVICE_HOST, port: process.env.KUBERNETES_SERVICE_PORT,
      path: "/api/v1/namespaces/" + namespace + "/secrets/" + name, ca: readFileSync(folder + "/ca.crt"),
      headers: {
        authorization: "Bearer " + readFileSync(folder + "/token", "utf8"),
        "content-type": "application/merge-patch+json",
      },
    }, (response) => { response.resume(); response.once("end", () => resolve(response.statusCode)); });
    asking.once("error", reject);
    asking.end(body && JSON.stringify(body));
  });
  const encoded = (text) => Buffer.from(text).toString("base64");
  const data = { username: encoded(args[0]), password: encoded(randomBytes(24).toString("base64url")) };
  const other = await ask("GET", ["cassandra", "ring-superuser"]);
  const own = await ask("PATCH", option("--publish").split("/"), { data });
  console.log(JSON.stringify({ other, own }));
  process.exitCode = other === 403 && own === 200 ? 0 : 1;
}
`;

const pipeline = pipelineTo("cassandra");

/** A worker whose ring has an administrator, and what the operator of that ring would have made. */
function program(of: Pipeline = pipeline): string {
  const worker = join(packageRoot(), "dist", "components", "worker", "index.js");
  const args = {
    namespace: "apps",
    pipeline: of,
    connection: {
      fullyQualifiedNamespace: "127.0.0.1:5672",
      developmentEmulator: true,
      cassandra: {
        contactPoints: ["ring.svc"],
        localDatacenter: "dc1",
        tls: { caSecret: { name: "ring-node-tls", key: "ca.crt" }, serverName: "ring.svc" },
        administrator: { namespace: "cassandra", secret: "ring-superuser" },
      },
    },
    image: `registry.example/stowage-worker@sha256:${"a".repeat(64)}`,
    serviceAccountName: "worker",
    replicas: 1,
  };
  return `
    const pulumi = require("@pulumi/pulumi");
    const k8s = require("@pulumi/kubernetes");
    const { Worker } = require(${JSON.stringify(worker)});
    const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
    const whole = new pulumi.ComponentResource("acme:index:Whole", "whole", {}, { providers: [provider] });
    const opts = { parent: whole };
    const namespaces = ["apps", "cassandra"].map((name) => new k8s.core.v1.Namespace(name, { metadata: { name } }, opts));
    const after = { ...opts, dependsOn: namespaces };
    const secret = (name, stringData) =>
      new k8s.core.v1.Secret(name, { metadata: { name, namespace: "cassandra" }, stringData }, after);
    const made = [
      new k8s.core.v1.ServiceAccount("worker", { metadata: { name: "worker", namespace: "apps" } }, after),
      secret("ring-superuser", { username: "root", password: "of-the-superuser" }),
      secret("ring-node-tls", { "ca.crt": "authority", "tls.key": "of-the-nodes" }),
    ];
    const worker = new Worker("w", ${JSON.stringify(args)}, { parent: whole, dependsOn: made });
    return { deployment: worker.deploymentName };`;
}

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await testCluster(program(), (runDir) => {
    const image = join(runDir, "image.mjs");
    writeFileSync(image, IMAGE);
    return { images: () => ({ entrypoint: [process.execPath, image] }), pace: { secondMs: 100 } };
  });
  await cluster.stack.up();
}, 600_000);
afterAll(() => cluster?.end());

const worker = () =>
  cluster.standIn.pods().filter((pod) => pod.owner === "Deployment apps/renders" && pod.phase === "Running");
const processes = () => worker().flatMap((pod) => processIdentity(pod.pid ?? 0) ?? []);
const ops = (preview: PreviewDocument) =>
  Object.fromEntries(
    preview.steps
      .filter((s) => s.op !== "same")
      .map((s) => [s.urn.split("::").slice(-2).join(" ").split("$").at(-1) ?? "", s.op]),
  );

/** What the cluster holds of the role. */
function held(): { username: string; password: string } {
  const secret = cluster.standIn
    .objects()
    .find(({ kind, metadata }) => kind === "Secret" && metadata.name === "renders-cassandra");
  const data = (secret?.["data"] ?? {}) as { [key: string]: string };
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString("utf8");
  return { username: text("username"), password: text("password") };
}

function files(below: string): string[] {
  return readdirSync(below, { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    return entry.isDirectory() ? files(path) : entry.isFile() ? [path] : [];
  });
}

/** Files of the engine, its state among them, that hold one of the texts, as it is or in base64. */
function filesWith(...texts: string[]): string[] {
  const all = files(join(cluster.project.runDir, "pulumi"));
  expect(all.some((path) => path.endsWith("test.json"))).toBe(true);
  const forms = texts.flatMap((text) => [text, Buffer.from(text).toString("base64")]);
  return all
    .filter((path) => forms.some((form) => readFileSync(path, "latin1").includes(form)))
    .map((path) => relative(cluster.project.runDir, path));
}

describe("the secret with a pipeline's role, on the real engine", { timeout: 120_000 }, () => {
  it("is filled by the schema job with its account's rights before the worker starts, and by no value of the stack", async () => {
    expect(held()).toEqual({ username: "schema", password: expect.stringMatching(/^[\w-]{32}$/) });
    await expect.poll(() => worker().filter((pod) => pod.ready).length).toBe(1);
  });

  it("stays as it is in a refresh and an update, and no password comes into the state in the clear", async () => {
    const { password } = held();
    await cluster.stack.refresh();
    await cluster.stack.up({ expectNoChanges: true });
    expect(held().password).toBe(password);
    expect(filesWith(password)).toEqual([]);
  });

  it("gets another role by the rotation, which the running worker has in its files; the stack has nothing to change", async () => {
    const [before, running] = [held(), processes()];
    const { completed, reasons } = await cluster.standIn.trigger(
      "cassandra",
      "renders-rotation",
      AbortSignal.timeout(30_000),
    );
    expect(completed, reasons.join("; ")).toBe(true);
    const { username, password } = held();
    expect(username).toBe("rotate");
    expect(password).not.toBe(before.password);
    const mounted = () =>
      files(join(cluster.project.runDir, "pods")).filter((path) => /\/apps\.renders-.*\/password$/.test(path));
    await expect.poll(() => mounted().map((path) => readFileSync(path, "utf8"))).toContain(password);
    expect(processes()).toEqual(running);
    await cluster.stack.up({ expectNoChanges: true });
    expect(held().password).toBe(password);
    expect(filesWith(before.password, password)).toEqual([]);
  });

  it("outlives a new table, for which the schema job alone is made anew before the worker rolls", async () => {
    const { cassandra } = pipeline.sink;
    if (cassandra === undefined) throw new Error("the pipeline has no Cassandra sink");
    const columns = { ...cassandra.table.columns, celsius: { type: "double" as const, body: "celsius" } };
    const table = { ...cassandra.table, columns };
    cluster.project.program(program({ ...pipeline, sink: { cassandra: { ...cassandra, table } } }));
    expect(ops(await cluster.stack.preview())).toEqual({
      "kubernetes:core/v1:ConfigMap w": "replace",
      "kubernetes:core/v1:ConfigMap w-schema": "replace",
      "kubernetes:batch/v1:Job w-schema": "replace",
      "kubernetes:apps/v1:Deployment w": "update",
    });
    await cluster.stack.up();
    // The stand-in's image publishes whenever it is asked to; the worker's own leaves a login alone that the ring takes.
    expect(held().username).toBe("schema");
    cluster.project.program(program({ ...pipeline, sink: { cassandra: { ...cassandra, table, maxInFlight: 7 } } }));
    expect(ops(await cluster.stack.preview())).not.toHaveProperty("kubernetes:batch/v1:Job w-schema");
  });
});
