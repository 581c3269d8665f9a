import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../stacks/packageRoot.js";
import { type TestCluster, testCluster } from "./support/cluster.js";

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

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await testCluster(program());
  await cluster.stack.up();
}, 600_000);
afterAll(() => cluster?.end());

/** What the engine says of a change; empty where it takes it. */
async function said(changed: object, act: "preview" | "up"): Promise<string> {
  cluster.project.program(program(changed));
  return Promise.resolve(cluster.stack[act]()).then(
    () => "",
    (error: Error) => error.message,
  );
}

const ring = () => cluster.standIn.objects().find(({ kind }) => kind === "K8ssandraCluster");

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
