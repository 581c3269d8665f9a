import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CassandraMonitorGroup,
  CassandraOperator,
  CassandraRing,
  type CassandraRingArgs,
} from "../../components/cassandra/index.js";
import { run } from "../unit/support/mocks.js";
import type { Check } from "./checks.js";
import { judgeKubernetes } from "./judges.js";

const ZONES = ["westeurope-1", "westeurope-2", "westeurope-3"];
const racks = (count: number) => ZONES.slice(0, count).map((zone, i) => ({ name: `r${i + 1}`, zone }));

/** A ring with every setting, of so many nodes. */
function ring(nodes: number, changed: Partial<CassandraRingArgs> = {}): CassandraRingArgs {
  return {
    namespace: "cassandra",
    clusterName: "Telemetry",
    datacenter: "dc1",
    racks: racks(Math.min(nodes, 3)),
    size: nodes,
    serverVersion: "5.0.5",
    storageClass: "managed-csi-premium",
    storageGib: 512,
    heapMib: 8192,
    memoryMib: 16384,
    cpus: 4,
    replication: { telemetry: Math.min(nodes, 3) },
    image: `registry.example/stowage-worker@sha256:${"0".repeat(64)}`,
    ...(changed.authentication === false ? {} : { superuserSecret: "administrator", reader: true }),
    maxTimestampSkew: "1h",
    snapshots: { parameters: { incremental: "true" }, names: ["before-upgrade"] },
    monitoring: { labels: { release: "prometheus" }, intervalSeconds: 15 },
    ...changed,
  };
}

const second = { name: "dc2", racks: racks(3), size: 3, replication: { telemetry: 3 }, k8sContext: "north" };
const k8ssandra: Partial<CassandraRingArgs> = {
  repair: { interval: "3d", incremental: true },
  backup: { container: "backups", credentialsSecret: "medusa", certificatesSecret: "medusa-tls" },
};
const alone: Partial<CassandraRingArgs> = { operator: CassandraOperator.CassOperator };

/** The rings that are judged, by what they are. */
export const RINGS: { [ring: string]: CassandraRingArgs } = {
  "one node": ring(1, k8ssandra),
  "three nodes": ring(3, k8ssandra),
  "six nodes": ring(6, { ...k8ssandra, allowSharedHosts: true }),
  "three nodes in each of two datacenters": ring(3, { otherDatacenters: [second] }),
  "six nodes that join a ring elsewhere": ring(6, {
    externalDatacenters: [{ name: "dc0", replication: { telemetry: 3 } }],
    seeds: ["10.1.0.4", "10.1.0.5"],
    issuer: { name: "common", kind: "ClusterIssuer" },
  }),
  "three nodes, stopped, without passwords and TLS": ring(3, {
    authentication: false,
    tls: false,
    stopped: true,
    repair: { enabled: false },
    monitoring: { apiGroup: CassandraMonitorGroup.AzureMonitor },
    serverVersion: "4.1.10",
  }),
  "one node of cass-operator alone": ring(1, alone),
  "three nodes of cass-operator alone": ring(3, alone),
  "six nodes of cass-operator alone": ring(6, alone),
};

/** What Kubernetes and the operators say of rings of one to six nodes, in one and in two datacenters. */
export async function ringChecks(contracts: string): Promise<Check[]> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-rings-"));
  try {
    const checks: Check[] = [];
    for (const [kind, args] of Object.entries(RINGS)) {
      const { resources } = await run(() => new CassandraRing("ring", args), { preview: false });
      const file = join(folder, "ring.json");
      writeFileSync(
        file,
        JSON.stringify(resources.map(({ type, name, urn, inputs }) => ({ type, name, urn, inputs }))),
      );
      checks.push(await judgeKubernetes(contracts, `a ring: ${kind}`, { file, resources }));
    }
    return checks;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
