import { describe, expect, it, vi } from "vitest";
import {
  CassandraMonitorGroup,
  CassandraOperator,
  CassandraRing,
  type CassandraRingArgs,
} from "../../../components/cassandra/index.js";
import { type Run, run } from "../support/mocks.js";
import { racksOf, ringArgs } from "./args.js";

const CLUSTER = "kubernetes:k8ssandra.io/v1alpha1:K8ssandraCluster";
const DATACENTER = "kubernetes:cassandra.datastax.com/v1beta1:CassandraDatacenter";
const CERTIFICATE = "kubernetes:cert-manager.io/v1:Certificate";

function build(changed: Partial<CassandraRingArgs> = {}): Promise<Run<CassandraRing>> {
  return run(() => new CassandraRing("ring", ringArgs(changed)), { preview: false });
}

describe("repairs, backups, snapshots and metrics", () => {
  it("repairs as often and as much as is said, or leaves it to others with a warning", async () => {
    const { one } = await build({ repair: { interval: "3d", incremental: true } });
    expect(one(CLUSTER, "ring").inputs["spec"]).toMatchObject({
      reaper: {
        autoScheduling: { repairType: "INCREMENTAL" },
        additionalEnvVars: [{ name: "REAPER_SCHEDULE_DAYS_BETWEEN", value: "3" }],
      },
    });
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const off = await build({ repair: { enabled: false } });
    const said = warn.mock.calls.flat().join("\n");
    warn.mockRestore();
    expect(off.one(CLUSTER, "ring").inputs["spec"]).not.toHaveProperty("reaper");
    expect(said).toContain("repair.enabled: off: run repairs within the tables' gcGrace, or deleted rows come back.");
  });

  it("backs up to a container with a key of one's own, by a schedule for each datacenter", async () => {
    const otherDatacenters = [{ name: "dc2", racks: racksOf(3), size: 3, replication: {} }];
    const backup = { container: "backups", credentialsSecret: "medusa", certificatesSecret: "medusa-tls", keep: 30 };
    const { one } = await build({ backup: { ...backup, schedule: "0 3 * * 0" }, otherDatacenters });
    expect(one(CLUSTER, "ring").inputs["spec"]).toMatchObject({
      medusa: {
        storageProperties: {
          storageProvider: "azure_blobs",
          storageSecretRef: { name: "medusa" },
          bucketName: "backups",
          prefix: "stowage-ring",
          maxBackupCount: 30,
        },
        certificatesSecretRef: { name: "medusa-tls" },
      },
    });
    for (const datacenter of ["dc1", "dc2"])
      expect(
        one("kubernetes:medusa.k8ssandra.io/v1alpha1:MedusaBackupSchedule", `ring-backup-${datacenter}`).inputs,
      ).toMatchObject({
        metadata: { name: `stowage-ring-${datacenter}`, namespace: "cassandra" },
        spec: { cronSchedule: "0 3 * * 0", backupSpec: { cassandraDatacenter: datacenter } },
      });
  });

  it("takes a snapshot of every disk for each name, and keeps what was taken", async () => {
    const snapshots = { driver: "disk.example", parameters: { incremental: "true" }, names: ["first", "second"] };
    const { one, all } = await build({ size: 6, snapshots });
    expect(one("kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass", "ring-snapshots").inputs).toMatchObject({
      metadata: { name: "stowage-ring-snapshots" },
      driver: "disk.example",
      parameters: { incremental: "true" },
      deletionPolicy: "Retain",
    });
    const taken = all("kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshot");
    const claims = ["r1", "r2", "r3"].flatMap((rack) =>
      [0, 1].map((i) => `server-data-stowage-ring-dc1-${rack}-sts-${i}`),
    );
    expect(taken.map(({ inputs }) => inputs["spec"])).toEqual(
      [...claims, ...claims].map((persistentVolumeClaimName) => ({
        volumeSnapshotClassName: "stowage-ring-snapshots",
        source: { persistentVolumeClaimName },
      })),
    );
    expect(taken[0]?.ignoreChanges).toEqual(["spec"]);
    expect(taken[0]?.dependsOn).toContain(`${CLUSTER} ring`);
  });

  it("has its nodes' metrics read, by whichever Prometheus", async () => {
    const monitoring = { intervalSeconds: 15, labels: { release: "prometheus" } };
    expect(
      (await build({ monitoring })).one(`kubernetes:monitoring.coreos.com/v1:PodMonitor`, "ring-monitor").inputs,
    ).toMatchObject({
      metadata: { labels: { release: "prometheus" }, namespace: "cassandra" },
      spec: {
        selector: { matchLabels: { "cassandra.datastax.com/cluster": "Stowage_Ring" } },
        podMetricsEndpoints: [{ port: "metrics", interval: "15s" }],
      },
    });
    const azure = await build({ monitoring: { apiGroup: CassandraMonitorGroup.AzureMonitor } });
    expect(azure.one("kubernetes:azmonitoring.coreos.com/v1:PodMonitor", "ring-monitor")).toBeDefined();
  });
});

describe("a ring of several datacenters", () => {
  const dc2 = {
    name: "dc2",
    k8sContext: "north",
    racks: racksOf(3, ["n1", "n2", "n3"]),
    size: 6,
    storageClass: "other",
    stopped: true,
    replication: { telemetry: 3 },
  };

  it("has them in one object, each by its own racks, size and context, and its secrets copied to where they are", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { one } = await build({ k8sContext: "west", otherDatacenters: [dc2] });
    warn.mockRestore();
    const { metadata, spec } = one(CLUSTER, "ring").inputs;
    expect(metadata).toMatchObject({
      annotations: { "stowage.dev/replication": '{"dc1":{"telemetry":3},"dc2":{"telemetry":3}}' },
    });
    expect(spec).toMatchObject({
      cassandra: {
        datacenters: [
          { metadata: { name: "dc1" }, k8sContext: "west", size: 3, stopped: false },
          {
            metadata: { name: "dc2" },
            k8sContext: "north",
            size: 6,
            stopped: true,
            storageConfig: { cassandraDataVolumeClaimSpec: { storageClassName: "other" } },
            racks: [{ name: "r1", nodeAffinityLabels: { "topology.kubernetes.io/zone": "n1" } }, {}, {}],
          },
        ],
      },
    });
    const copied = {
      "k8ssandra.io/replicated-by": "k8ssandracluster-controller",
      "k8ssandra.io/cluster-name": "stowage-ring",
      "k8ssandra.io/cluster-namespace": "cassandra",
    };
    expect(one(CERTIFICATE, "ring-node").inputs["spec"]).toMatchObject({
      secretTemplate: { labels: copied },
      dnsNames: expect.arrayContaining([
        "stowage-ring-dc1-service.cassandra.svc",
        "stowage-ring-dc2-service.cassandra.svc",
      ]),
    });
    expect(one("kubernetes:core/v1:Secret", "ring-keystore").inputs["metadata"]).toMatchObject({ labels: copied });
  });

  it("joins those that are made elsewhere by their nodes, and counts them", async () => {
    const elsewhere = { externalDatacenters: [{ name: "dc0", replication: { telemetry: 3 } }], seeds: ["10.1.0.4"] };
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const built = await build(elsewhere);
    const alone = await build({ operator: CassandraOperator.CassOperator, seeds: ["10.1.0.4"] });
    warn.mockRestore();
    expect(built.one(CLUSTER, "ring").inputs["spec"]).toMatchObject({
      externalDatacenters: ["dc0"],
      cassandra: { additionalSeeds: ["10.1.0.4"] },
    });
    expect(await built.known(built.value.survives)).toContain(
      "telemetry: QUORUM survives the loss of any one zone, any one rack, any 2 nodes, but not of datacenter dc0; " +
        "it waits for 4 of 6 replicas",
    );
    expect(alone.one(DATACENTER, "ring").inputs["spec"]).toMatchObject({ additionalSeeds: ["10.1.0.4"] });
  });
});
