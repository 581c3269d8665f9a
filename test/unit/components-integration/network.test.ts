import { describe, expect, it } from "vitest";
import { Integration, type IntegrationArgs } from "../../../components/integration/index.js";
import { argsOf, clusterCalls } from "../support/environments.js";
import { run } from "../support/mocks.js";
import { sink, small } from "./small.js";

const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
const build = (args: IntegrationArgs) =>
  run(() => new Integration("stowage", args), { preview: true, calls: clusterCalls });

describe("the addresses that workers reach", () => {
  const pipelines = { p0: { source: { queue: "a" }, sink } };
  const egressOf = async (args: IntegrationArgs) => {
    const { one } = await build(args);
    const { egress } = one(POLICY, "stowage-p0").inputs["spec"] as {
      egress: { to?: { ipBlock?: { cidr: string } }[]; ports: { port: number }[] }[];
    };
    return Object.fromEntries(egress.map(({ to, ports }) => [ports[0]?.port, to?.map((peer) => peer.ipBlock?.cidr)]));
  };

  it("are those that are given, of the stores only the one that is written to", async () => {
    const network = {
      serviceBusCidrs: ["10.1.0.0/28"],
      entraCidrs: ["10.2.0.0/28"],
      cassandraCidrs: ["10.3.0.0/28"],
      linstorCidrs: ["10.4.0.0/28"],
      dnsCidrs: ["10.5.0.0/28"],
    };
    expect(await egressOf(small(pipelines, { network }))).toEqual({
      53: ["10.5.0.0/28"],
      443: ["10.2.0.0/28"],
      5671: ["10.1.0.0/28"],
      9042: ["10.3.0.0/28"],
    });
  });

  it("are every address of the bus where nothing is said and its endpoint is public", async () => {
    expect((await egressOf(small(pipelines)))[5671]).toBeUndefined();
  });

  it("are those of a store that is made here, by its namespace, unless another way to it is given", async () => {
    const rulesOf = async (args: IntegrationArgs) => {
      const { one } = await build(args);
      return (pipeline: string) =>
        (one(POLICY, `stowage-${pipeline}`).inputs["spec"] as { egress: { to?: unknown }[] }).egress;
    };
    const pods = (name: string) => [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } }];
    const dev = argsOf("dev");
    const made = await rulesOf(dev);
    expect(made("volumes")[3]?.to).toEqual(pods("piraeus-datastore"));
    expect(made("telemetry")[3]?.to).toEqual(pods("cassandra"));
    expect(made("renders")).toHaveLength(3);
    // The ring is made here all the same; its pipeline alone is needed to see where it is let out to.
    const { telemetry } = dev.pipelines;
    if (telemetry === undefined) throw new Error("the environment dev has no pipeline telemetry");
    const pipelines = { telemetry };
    const elsewhere = { ...dev, pipelines, endpoints: { cassandra: { contactPoints: ["ring.internal"] } } };
    expect((await rulesOf(elsewhere))("telemetry")[3]?.to).toBeUndefined();
    const told = { ...elsewhere, network: { cassandraCidrs: ["10.3.0.0/28"] } };
    expect((await rulesOf(told))("telemetry")[3]?.to).toEqual([{ ipBlock: { cidr: "10.3.0.0/28" } }]);
  }, 60_000);

  it("are the endpoints of both regions in production, and no other address", async () => {
    const { all } = await build(argsOf("prod"));
    const workers = all(POLICY).filter(({ inputs }) => !JSON.stringify(inputs["metadata"]).includes("-schema"));
    for (const { inputs } of workers) {
      const { egress } = inputs["spec"] as { egress: unknown[] };
      expect(egress[2]).toEqual({
        to: [{ ipBlock: { cidr: "10.30.2.10/32" } }, { ipBlock: { cidr: "10.31.2.10/32" } }],
        ports: [{ port: 5671, protocol: "TCP" }],
      });
    }
    expect(workers).toHaveLength(3);
  });

  it("are the private endpoints', where each has a fixed address and there is no public one", async () => {
    const endpoint = (privateAddress?: string) => ({
      subnetId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n",
      ...(privateAddress === undefined ? {} : { privateAddress }),
    });
    const premium = (privateEndpoints: object, changed: object = {}) => {
      const args = small(pipelines);
      const namespace = { ...args.serviceBus.namespace, tier: "Premium" as const, privateEndpoints, ...changed };
      const serviceBus = { ...args.serviceBus, namespace: { ...namespace, privateDns: { source: "none" as const } } };
      return { ...args, serviceBus } as IntegrationArgs;
    };
    expect((await egressOf(premium({ hub: endpoint("10.9.0.4"), spoke: endpoint("10.8.0.4") })))[5671]).toEqual([
      "10.9.0.4/32",
      "10.8.0.4/32",
    ]);
    expect((await egressOf(premium({ hub: endpoint("10.9.0.4"), spoke: endpoint() })))[5671]).toBeUndefined();
    const open = { publicAccess: "Enabled", ipRules: ["203.0.113.0/28"] };
    expect((await egressOf(premium({ hub: endpoint("10.9.0.4") }, open)))[5671]).toBeUndefined();
  });
});
