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
