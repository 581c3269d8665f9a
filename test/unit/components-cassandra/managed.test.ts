import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { ManagedCassandra, type ManagedCassandraArgs, managedProblems } from "../../../components/cassandra/index.js";
import { secretOnly } from "../../../components/cassandra/managed.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { failureOf, run, SUBSCRIPTION } from "../support/mocks.js";

const CLUSTER = "azure-native:cosmosdb:CassandraCluster";
const DATACENTER = "azure-native:cosmosdb:CassandraDataCenter";
const subnet = (name: string) =>
  `${SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/ring/subnets/${name}`;
const PASSWORD = "not-to-be-seen-anywhere";

function managedArgs(changed: Partial<ManagedCassandraArgs> = {}): ManagedCassandraArgs {
  return {
    resourceGroupName: "ring",
    location: "westeurope",
    clusterName: "telemetry",
    cassandraVersion: "5.0",
    managementSubnetId: subnet("management"),
    initialAdminPassword: pulumi.secret(PASSWORD),
    datacenters: {
      west: { subnetId: subnet("west"), nodes: 3 },
      north: { subnetId: subnet("north"), nodes: 6, location: "northeurope", sku: "Standard_E8s_v5", disks: 2 },
    },
    ...changed,
  };
}

describe.each([false, true])("what a managed cluster registers, preview %s", (preview) => {
  it("is a protected cluster and its datacenters, each in its subnet", async () => {
    const { one, all } = await run(() => new ManagedCassandra("ring", managedArgs()), { preview });
    const cluster = one(CLUSTER, "ring");
    expect(cluster.protect).toBe(true);
    expect(cluster.ignoreChanges).toEqual(["properties.initialCassandraAdminPassword"]);
    expect(cluster.inputs).toMatchObject({
      clusterName: "telemetry",
      properties: {
        authenticationMethod: "Cassandra",
        cassandraVersion: "5.0",
        delegatedManagementSubnetId: subnet("management"),
        initialCassandraAdminPassword: PASSWORD,
        repairEnabled: true,
        deallocated: false,
      },
    });
    expect(all(DATACENTER).map(({ name, protect, inputs }) => [name, protect, inputs["properties"]])).toEqual([
      [
        "ring-west",
        true,
        {
          dataCenterLocation: "westeurope",
          delegatedSubnetId: subnet("west"),
          nodeCount: 3,
          availabilityZone: true,
        },
      ],
      [
        "ring-north",
        true,
        {
          dataCenterLocation: "northeurope",
          delegatedSubnetId: subnet("north"),
          nodeCount: 6,
          availabilityZone: true,
          sku: "Standard_E8s_v5",
          diskCapacity: 2,
        },
      ],
    ]);
  });
});

describe("choices of a managed cluster", () => {
  it("stops, leaves repairs to others, and is unprotected only where that is said", async () => {
    const args = managedArgs({ stopped: true, repair: false, protectData: false });
    const { one } = await run(() => new ManagedCassandra("ring", args), { preview: false });
    expect(one(CLUSTER, "ring").inputs["properties"]).toMatchObject({ deallocated: true, repairEnabled: false });
    expect(one(CLUSTER, "ring").protect).toBe(false);
    expect(one(DATACENTER, "ring-west").protect).toBe(false);
  });
});

describe("the first password of a managed cluster", () => {
  it("is a secret, and stays one", async () => {
    expect(await pulumi.isSecret(secretOnly("ring", pulumi.secret(PASSWORD)))).toBe(true);
  });

  it("is refused as a plain text, which the refusal does not show", () => {
    const said = managedProblems(managedArgs({ initialAdminPassword: PASSWORD })).map(formatProblem);
    expect(said).toEqual([
      "initialAdminPassword: must be a secret of Pulumi: a plain text would stand in the state, in the clear. " +
        'Give config.requireSecret("…")',
    ]);
  });

  it("is refused as an output that is no secret", async () => {
    const args = managedArgs({ initialAdminPassword: pulumi.output(PASSWORD) });
    const said = await failureOf(() => new ManagedCassandra("ring", args));
    expect(said).toContain("initialAdminPassword: must be a secret of Pulumi");
    expect(said).not.toContain(PASSWORD);
  });
});

describe("args of a managed cluster that are refused", () => {
  const refusals: [string, Partial<ManagedCassandraArgs>, string][] = [
    [
      "too few nodes",
      { datacenters: { west: { subnetId: subnet("west"), nodes: 2 } } },
      "datacenters.west.nodes: must be a whole number from 3 to 1000 nodes (found 2). Give a number in that range",
    ],
    ["no datacenter", { datacenters: {} }, "datacenters: must have at least one entry"],
    ["a version with its patch", { cassandraVersion: "5.0.5" }, "cassandraVersion: must be a release of Cassandra"],
    ["something that is no subnet", { managementSubnetId: "subnet" }, "managementSubnetId: must be the id of a subnet"],
    ["a name that Azure refuses", { clusterName: "a--b" }, "clusterName: must be 1 to 100 letters, digits or -"],
    ["a setting that is not known", { tls: false } as Partial<ManagedCassandraArgs>, "tls: unknown key (found false)"],
  ];
  it.each(refusals)("%s", (_what, changed, expected) => {
    expect(managedProblems(managedArgs(changed)).map(formatProblem).join("\n")).toContain(expected);
  });
});
