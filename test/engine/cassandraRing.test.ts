import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareRun, StackRun } from "../../stacks/local/engine/index.js";
import { writePluginShim } from "../../stacks/local/providers/base/index.js";
import { createKubernetesStandIn, type KubernetesStandIn } from "../../stacks/local/providers/kubernetes/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { type TestProject, testEngine, testProject } from "./support/project.js";

const RACKS = ["r1", "r2", "r3"].map((name, i) => ({ name, zone: `z${i + 1}` }));
// It is stopped, so that nothing waits for nodes, and has no TLS, so that nothing waits for certificates.
const RING = {
  namespace: "cassandra",
  clusterName: "Telemetry",
  datacenter: "dc1",
  racks: RACKS,
  size: 6,
  serverVersion: "5.0.5",
  storageClass: "disks",
  storageGib: 512,
  heapMib: 1024,
  memoryMib: 2048,
  cpus: 1,
  replication: { telemetry: 1 },
  tls: false,
  stopped: true,
};

/** A ring within another component, as an Integration has it. */
function program(changed: object = {}): string {
  const ring = join(packageRoot(), "dist", "components", "cassandra", "index.js");
  return `
    const pulumi = require("@pulumi/pulumi");
    const k8s = require("@pulumi/kubernetes");
    const { CassandraRing } = require(${JSON.stringify(ring)});
    const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
    const whole = new pulumi.ComponentResource("acme:index:Whole", "whole", {}, { providers: [provider] });
    const namespace = new k8s.core.v1.Namespace("cassandra", { metadata: { name: "cassandra" } }, { parent: whole });
    const args = ${JSON.stringify({ ...RING, ...changed })};
    const ring = new CassandraRing("ring", args, { parent: whole, dependsOn: [namespace] });
    return { survives: ring.survives };`;
}

let project: TestProject;
let standIn: KubernetesStandIn;
let stack: StackRun;

beforeAll(async () => {
  const engine = await testEngine();
  project = testProject(program());
  standIn = createKubernetesStandIn({
    stateFile: join(project.runDir, "kubernetes.json"),
    runDir: join(project.runDir, "pods"),
  });
  const { port } = await standIn.listen();
  const plugins = { kubernetes: writePluginShim(join(project.runDir, "plugins"), "kubernetes", port) };
  stack = new StackRun(engine, prepareRun({ runDir: project.runDir, projectDir: project.dir, stack: "test", plugins }));
  await stack.up();
}, 600_000);
afterAll(async () => {
  await standIn?.close(1);
  project?.remove();
});

/** What the engine says of a change; empty where it takes it. */
async function said(changed: object, act: "preview" | "up"): Promise<string> {
  project.program(program(changed));
  return Promise.resolve(stack[act]()).then(
    () => "",
    (error: Error) => error.message,
  );
}

const ring = () => standIn.objects().find(({ kind }) => kind === "K8ssandraCluster");

describe("a ring that is there, on the real engine", { timeout: 120_000 }, () => {
  it("refuses at preview what would lose data, all at once, though the object would be replaced", async () => {
    const racks = [...RACKS.slice(0, 2), { name: "r4", zone: "z3" }];
    const error = await said({ racks, storageGib: 256, clusterName: "Other" }, "preview");
    expect(error).toContain('Invalid change of CassandraRing "ring": 3 problems');
    expect(error).toContain(
      "clusterName: was Telemetry: a new ring would begin empty, and the disks of all 6 nodes go with the old one",
    );
    expect(error).toContain("storageGib: was 512: a disk cannot shrink, smaller ones would begin empty");
    expect(error).toContain("racks.2.name: was r3: a rack cannot be renamed; the disks of its 2 nodes would be lost");
    expect(error).not.toMatch(/\n\s+at /);
  });

  it("refuses the other operator, whose object is of another type", async () => {
    expect(await said({ operator: "cass-operator" }, "preview")).toContain(
      "operator: was k8ssandra: the object would be replaced: the disks of all 6 nodes go with it",
    );
  });

  it("refuses it in a deployment that was never previewed as well, and leaves the object as it is", async () => {
    const before = ring();
    const error = await said({ racks: RACKS.slice(0, 2), size: 4 }, "up");
    expect(error).toContain("racks.2: r3 is taken away; the disks of its 2 nodes would be lost");
    expect(ring()).toEqual(before);
  });

  it("takes what loses nothing: more nodes, and a rack at the end with its nodes", async () => {
    expect(await said({ racks: [...RACKS, { name: "r4", zone: "z1" }], size: 8 }, "up")).toBe("");
    expect(ring()?.spec).toMatchObject({ cassandra: { datacenters: [{ size: 8 }] } });
  });
});
