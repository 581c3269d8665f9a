import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { Worker, type WorkerArgs } from "../../../components/worker/index.js";
import { networkPolicySpec } from "../../../components/worker/network.js";
import { run } from "../support/mocks.js";
import { pipelineTo } from "../support/pipelines.js";

const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
const args: WorkerArgs = {
  namespace: "stowage",
  pipeline: pipelineTo("cassandra"),
  connection: {
    fullyQualifiedNamespace: "contoso.servicebus.windows.net",
    clientId: "11111111-1111-4111-8111-111111111111",
    cassandra: { contactPoints: ["ring.svc"], localDatacenter: "dc1" },
  },
  image: `registry.example/stowage-worker@sha256:${"a".repeat(64)}`,
  serviceAccountName: "renders",
};
const cassandraWorker = (changed: Partial<WorkerArgs>) => new Worker("w", { ...args, ...changed });

describe("a worker's network policy", () => {
  it("lets each port out to its ranges alone, where ranges are given", async () => {
    const network = {
      serviceBusCidrs: ["10.30.2.4/32", "10.40.2.4/32"],
      entraCidrs: ["10.0.0.4/32"],
      storeCidrs: ["10.30.8.0/24"],
      dnsCidrs: ["10.0.0.10/32"],
    };
    const { one } = await run(() => cassandraWorker({ network }), { preview: true });
    const block = (cidr: string) => ({ ipBlock: { cidr } });
    expect(one(POLICY, "w").inputs["spec"]).toMatchObject({
      egress: [
        { to: [block("10.0.0.10/32")], ports: [{ port: 53 }, { port: 53 }] },
        { to: [block("10.0.0.4/32")], ports: [{ port: 443 }] },
        { to: [block("10.30.2.4/32"), block("10.40.2.4/32")], ports: [{ port: 5671 }] },
        { to: [block("10.30.8.0/24")], ports: [{ port: 9042 }] },
      ],
    });
  });

  it("lets out to the pods of the store's namespace, where the store is in the cluster", async () => {
    const { one } = await run(() => cassandraWorker({ network: { storeNamespace: "cassandra" } }), { preview: true });
    const { egress } = one(POLICY, "w").inputs["spec"] as { egress: unknown[] };
    expect(egress.at(-1)).toEqual({
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "cassandra" } } }],
      ports: [{ port: 9042, protocol: "TCP" }],
    });
  });

  const egressOf = async (changed: Partial<WorkerArgs>): Promise<{ to?: unknown[]; ports: { port: number }[] }[]> => {
    const { value, known } = await run(() => networkPolicySpec({ ...args, ...changed }), { preview: true });
    return ((await known(pulumi.output(value.egress))) ?? []) as never;
  };
  const ports = async (changed: Partial<WorkerArgs>) =>
    (await egressOf(changed)).map((rule) => rule.ports.map(({ port }) => port));

  it("lets a worker that counts messages out to the bus's administration, where Entra ID's rule does not", async () => {
    const network = { entraCidrs: ["10.0.0.4/32"], serviceBusCidrs: ["10.30.2.4/32"] };
    const counting = { pipeline: { ...args.pipeline, observe: true }, network };
    expect((await egressOf(counting)).slice(1, 4)).toEqual([
      { to: [{ ipBlock: { cidr: "10.0.0.4/32" } }], ports: [{ port: 443, protocol: "TCP" }] },
      { to: [{ ipBlock: { cidr: "10.30.2.4/32" } }], ports: [{ port: 5671, protocol: "TCP" }] },
      { to: [{ ipBlock: { cidr: "10.30.2.4/32" } }], ports: [{ port: 443, protocol: "TCP" }] },
    ]);
    expect(await ports({ network })).toEqual([[53, 53], [443], [5671], [9042]]);
    const connection = { ...args.connection, administration: "127.0.0.1:5300" };
    expect(await ports({ ...counting, connection })).toContainEqual([5300]);
    // Where Entra ID may be any address, so may the administration.
    expect(await ports({ pipeline: counting.pipeline })).toEqual([[53, 53], [443], [5671], [9042]]);
  });

  it("lets a worker that checks signatures out to its issuers, at their ports", async () => {
    const issuer = { issuer: "https://issuer.example:8443/", subjects: ["shop"] };
    const other = { issuer: "https://a.example/", jwksUri: "https://keys.example/keys", subjects: ["shop"] };
    const producers = { requireSignature: { issuers: [issuer, other] } };
    const pipeline = { ...args.pipeline, producers };
    expect((await egressOf({ pipeline, network: { issuerCidrs: ["10.9.0.0/24"] } })).at(-1)).toEqual({
      to: [{ ipBlock: { cidr: "10.9.0.0/24" } }],
      ports: [
        { port: 8443, protocol: "TCP" },
        { port: 443, protocol: "TCP" },
      ],
    });
    expect((await egressOf({ pipeline })).at(-1)).not.toHaveProperty("to");
  });

  it("lets a worker that sends telemetry out to its receiver", async () => {
    const telemetry = { otlpEndpoint: "http://collector.monitoring.svc:4318" };
    const last = async (network: WorkerArgs["network"]) =>
      (await egressOf({ telemetry, ...(network === undefined ? {} : { network }) })).at(-1);
    const open = [{ port: 4318, protocol: "TCP" }];
    expect(await last(undefined)).toEqual({ ports: open });
    expect(await last({ otlpCidrs: ["10.9.0.0/24"] })).toEqual({
      to: [{ ipBlock: { cidr: "10.9.0.0/24" } }],
      ports: open,
    });
    expect(await last({ otlpNamespace: "monitoring" })).toMatchObject({
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
    });
  });

  it("lets a sink of one's own out to the ports that it is said to speak to, and to no other", async () => {
    const pipeline = pipelineTo("cassandra", { sink: { module: { path: "/opt/stowage/modules/sink.mjs" } } });
    expect(await ports({ pipeline })).toEqual([[53, 53], [443], [5671]]);
    const network = { storePorts: [5432, 6432], storeNamespace: "databases" };
    expect((await egressOf({ pipeline, network })).at(-1)).toEqual({
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "databases" } } }],
      ports: [
        { port: 5432, protocol: "TCP" },
        { port: 6432, protocol: "TCP" },
      ],
    });
  });

  it("never opens every port, which a rule without ports would", async () => {
    const urls: string[][] = [
      [],
      ["http://a.storage.svc:3370", "http://b.storage.svc:3370"],
      ["https://a.storage.svc"],
    ];
    for (const linstorControllers of urls) {
      const worker = {
        ...args,
        pipeline: pipelineTo("linstor"),
        connection: { ...args.connection, linstorControllers },
      };
      // The worker itself is refused without controllers once they are known; its policy must be sound until then.
      const { value, known } = await run(() => networkPolicySpec(worker), { preview: true });
      const egress = (await known(pulumi.output(value.egress))) ?? [];
      expect(egress).toHaveLength(4);
      for (const rule of egress) expect(rule.ports?.length).toBeGreaterThan(0);
      const https = linstorControllers.some((url) => url.startsWith("https:"));
      expect(egress.at(-1)?.ports).toEqual([{ port: https ? 443 : 3370, protocol: "TCP" }]);
    }
  });
});
