import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deployedPlan } from "../../../components/cassandra/deployed.js";
import {
  CassandraOperator,
  CassandraRing,
  type CassandraRingArgs,
  cassandraViolations,
} from "../../../components/cassandra/index.js";
import { renderRing } from "../../../components/cassandra/render.js";
import { failureOf, run } from "../support/mocks.js";
import { racksOf, ringArgs } from "./args.js";

const STATE = "pulumi:pulumi:readStackResourceOutputs";
const URN = "urn:pulumi:test::stowage::stowage:index:CassandraRing";
const TYPES = {
  [CassandraOperator.K8ssandra]: "kubernetes:k8ssandra.io/v1alpha1:K8ssandraCluster",
  [CassandraOperator.CassOperator]: "kubernetes:cassandra.datastax.com/v1beta1:CassandraDatacenter",
};

/** What the engine says of a stack with this ring in it. */
function state(args: CassandraRingArgs, name = "ring") {
  const type = TYPES[args.operator ?? CassandraOperator.K8ssandra];
  return { [STATE]: { outputs: { [`${URN}$${type}::${name}`]: { type, outputs: renderRing(args) } } } };
}

const rings: [string, Partial<CassandraRingArgs>][] = [
  ["under k8ssandra-operator", {}],
  ["of cass-operator alone", { operator: CassandraOperator.CassOperator }],
  ["without zones", { racks: racksOf(3) }],
  ["with every choice", { numTokens: 4, allowSharedHosts: true, stopped: true, tls: false, storageGib: 2048 }],
  [
    "with another datacenter",
    { otherDatacenters: [{ name: "dc2", racks: racksOf(3, ["a", "b", "c"]), size: 6, replication: { telemetry: 3 } }] },
  ],
];

describe("the plan of a ring that is there", () => {
  it.each(rings)("is read back from the object of a ring %s", (_what, changed) => {
    const args = ringArgs(changed);
    const plan = deployedPlan(renderRing(args));
    expect(plan).toMatchObject({ clusterName: args.clusterName, racks: args.racks, size: args.size });
    if (plan === undefined) return;
    expect(cassandraViolations(plan, args)).toEqual([]);
    expect(cassandraViolations(plan, { ...args, storageGib: 1 })).toHaveLength(1);
    expect(cassandraViolations(plan, { ...args, tls: !(args.tls ?? true) })).toHaveLength(
      args.stopped === true ? 0 : 1,
    );
  });

  it("is nothing where the object is another's", () => {
    expect(deployedPlan(undefined)).toBeUndefined();
    expect(deployedPlan({ metadata: { name: "x" }, spec: { size: 3 } })).toBeUndefined();
  });

  it("does not guess the size of a disk in other units", () => {
    const text = JSON.stringify(renderRing(ringArgs())).replace('"512Gi"', '"549755813888"');
    const plan = deployedPlan(JSON.parse(text));
    expect(plan?.storageGib).toBeNaN();
    expect(plan && cassandraViolations(plan, ringArgs())).toEqual([]);
  });
});

describe("a ring that changes", () => {
  let warn: ReturnType<typeof vi.spyOn>;
  beforeEach(() => {
    warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    warn.mockRestore();
  });

  it("is refused with what would be lost, before its object is registered", async () => {
    const said = await failureOf(
      () => new CassandraRing("ring", ringArgs({ storageGib: 256, clusterName: "Other" })),
      state(ringArgs()),
    );
    expect(said).toContain('Invalid change of CassandraRing "ring": 2 problems');
    expect(said).toContain("storageGib: was 512: a disk cannot shrink");
    expect(said).toContain("clusterName: was Stowage_Ring: a new ring would begin empty");
  });

  it("is refused where the object would be of the other operator's type", async () => {
    const said = await failureOf(
      () => new CassandraRing("ring", ringArgs()),
      state(ringArgs({ operator: CassandraOperator.CassOperator })),
    );
    expect(said).toContain("operator: was cass-operator: the object would be replaced");
  });

  it("is registered where nothing is lost, where it is new, and where another ring is there", async () => {
    for (const calls of [state(ringArgs()), {}, state(ringArgs({ storageGib: 1024 }), "other")]) {
      const { one } = await run(() => new CassandraRing("ring", ringArgs({ size: 6 })), { preview: true, calls });
      expect(one(TYPES.k8ssandra, "ring").inputs["spec"]).toBeDefined();
    }
    expect(warn).not.toHaveBeenCalled();
  });

  it("is said to be unchecked where the engine does not know the last deployment", async () => {
    const calls = new Proxy<{ [token: string]: { [name: string]: unknown } }>(
      {},
      {
        get: () => {
          throw new Error("no such function");
        },
      },
    );
    const { one } = await run(() => new CassandraRing("ring", ringArgs()), { preview: true, calls });
    expect(one(TYPES.k8ssandra, "ring").inputs["spec"]).toBeDefined();
    expect(warn.mock.calls.flat().join("\n")).toContain("What was deployed before could not be read (");
  });
});
