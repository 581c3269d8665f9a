import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it, vi } from "vitest";
import { CassandraOperator, CassandraRing, type CassandraRingArgs } from "../../../components/cassandra/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { documentedTypes } from "../support/documented.js";
import { type Run, run } from "../support/mocks.js";
import { racksOf, ringArgs } from "./args.js";

const CLUSTER = "kubernetes:k8ssandra.io/v1alpha1:K8ssandraCluster";
const DATACENTER = "kubernetes:cassandra.datastax.com/v1beta1:CassandraDatacenter";
const COMPONENT = "stowage:index:CassandraRing ring";

function build(changed: Partial<CassandraRingArgs> = {}, preview = false): Promise<Run<CassandraRing>> {
  return run(() => new CassandraRing("ring", ringArgs(changed)), { preview });
}

/** What was registered, `type name` each, sorted: what does not wait for another is registered in no order. */
const registeredIn = ({ resources }: Run<CassandraRing>) => resources.map((each) => `${each.type} ${each.name}`).sort();

const storageConfig = {
  cassandraDataVolumeClaimSpec: {
    storageClassName: "managed-csi-premium",
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "512Gi" } },
  },
};
const racks = ["1", "2", "3"].map((n) => ({
  name: `r${n}`,
  nodeAffinityLabels: { "topology.kubernetes.io/zone": `westeurope-${n}` },
}));
const resources = { requests: { cpu: "4000m", memory: "16384Mi" }, limits: { memory: "16384Mi" } };

const JOB = "kubernetes:batch/v1:Job";
const CERTIFICATE = "kubernetes:cert-manager.io/v1:Certificate";
const ISSUER = "kubernetes:cert-manager.io/v1:Issuer";
const KEYSTORE = [
  "kubernetes:core/v1:Secret",
  "kubernetes:core/v1:ServiceAccount",
  "kubernetes:rbac.authorization.k8s.io/v1:Role",
  "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
  JOB,
].map((type) => `${type} ring-keystore`);
const AUTHORITY = [`${ISSUER} ring-selfsigned`, `${CERTIFICATE} ring-ca`, `${ISSUER} ring-ca-issuer`];
const REPLICATION = { "stowage.dev/replication": '{"dc1":{"telemetry":3}}' };

const kept = {
  commitlog_sync: "group",
  commitlog_sync_group_window: "1ms",
  batch_size_warn_threshold: "40KiB",
  maximum_timestamp_fail_threshold: "10m",
};
const clientTls = { enabled: true, optional: false, require_client_auth: false };
const internodeTls = { internode_encryption: "all", optional: false, require_client_auth: true };

describe.each([false, true])("what a ring registers, preview %s", (preview) => {
  it("is one protected K8ssandraCluster under the component, after its certificates", async () => {
    const built = await build({}, preview);
    expect(registeredIn(built)).toEqual(
      [COMPONENT, ...AUTHORITY, ...KEYSTORE, `${CERTIFICATE} ring-node`, `${CLUSTER} ring`].sort(),
    );
    const ring = built.one(CLUSTER, "ring");
    expect(ring.parent).toBe(COMPONENT);
    expect(ring.protect).toBe(true);
    expect(ring.dependsOn).toEqual([`${CERTIFICATE} ring-node`]);
    const password = { name: "stowage-ring-keystore", key: "password" };
    const stores = {
      keystoreSecretRef: { name: "stowage-ring-node-tls", key: "keystore.jks" },
      keystorePasswordSecretRef: password,
      truststoreSecretRef: { name: "stowage-ring-node-tls", key: "truststore.jks" },
      truststorePasswordSecretRef: password,
    };
    expect(ring.inputs).toEqual({
      apiVersion: "k8ssandra.io/v1alpha1",
      kind: "K8ssandraCluster",
      metadata: {
        name: "stowage-ring",
        namespace: "cassandra",
        labels: { "app.kubernetes.io/part-of": "stowage" },
        annotations: { "pulumi.com/waitFor": "condition=CassandraInitialized", ...REPLICATION },
      },
      spec: {
        auth: true,
        cassandra: {
          clusterName: "Stowage_Ring",
          serverType: "cassandra",
          serverVersion: "5.0.5",
          telemetry: { mcac: { enabled: false } },
          clientEncryptionStores: stores,
          serverEncryptionStores: stores,
          datacenters: [
            {
              metadata: { name: "dc1" },
              size: 3,
              stopped: false,
              racks,
              softPodAntiAffinity: false,
              storageConfig,
              resources,
              config: {
                cassandraYaml: {
                  num_tokens: 16,
                  ...kept,
                  client_encryption_options: clientTls,
                  server_encryption_options: internodeTls,
                },
                jvmOptions: { heap_initial_size: "8192Mi", heap_max_size: "8192Mi" },
              },
            },
          ],
        },
        reaper: {
          autoScheduling: {
            enabled: true,
            repairType: "REGULAR",
            initialDelayPeriod: "PT15S",
            timeBeforeFirstSchedule: "PT5M",
            periodBetweenPolls: "PT10M",
          },
          additionalEnvVars: [{ name: "REAPER_SCHEDULE_DAYS_BETWEEN", value: "7" }],
        },
      },
    });
  });

  it("is one protected CassandraDatacenter where cass-operator is alone, which reads the certificate's own files", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const built = await build({ operator: CassandraOperator.CassOperator, numTokens: 8 }, preview);
    warn.mockRestore();
    expect(registeredIn(built)).toEqual(
      [COMPONENT, ...AUTHORITY, `${CERTIFICATE} ring-node`, `${DATACENTER} ring`].sort(),
    );
    const ring = built.one(DATACENTER, "ring");
    expect(ring.protect).toBe(true);
    const files = {
      ssl_context_factory: { class_name: "org.apache.cassandra.security.PEMBasedSslContextFactory" },
      keystore: "/etc/stowage/tls/tls-combined.pem",
      truststore: "/etc/stowage/tls/ca.crt",
    };
    expect(ring.inputs).toEqual({
      apiVersion: "cassandra.datastax.com/v1beta1",
      kind: "CassandraDatacenter",
      metadata: {
        name: "dc1",
        namespace: "cassandra",
        labels: { "app.kubernetes.io/part-of": "stowage" },
        annotations: { "pulumi.com/waitFor": "condition=Ready", ...REPLICATION },
      },
      spec: {
        clusterName: "Stowage_Ring",
        serverType: "cassandra",
        serverVersion: "5.0.5",
        size: 3,
        stopped: false,
        racks,
        allowMultipleNodesPerWorker: false,
        storageConfig,
        resources,
        podTemplateSpec: {
          spec: {
            containers: [
              {
                name: "cassandra",
                volumeMounts: [{ name: "stowage-tls", mountPath: "/etc/stowage/tls", readOnly: true }],
              },
            ],
            volumes: [{ name: "stowage-tls", secret: { secretName: "stowage-ring-node-tls" } }],
          },
        },
        config: {
          "cassandra-yaml": {
            num_tokens: 8,
            ...kept,
            authenticator: "PasswordAuthenticator",
            authorizer: "CassandraAuthorizer",
            role_manager: "CassandraRoleManager",
            client_encryption_options: { ...clientTls, ...files },
            server_encryption_options: { ...internodeTls, ...files },
          },
          "jvm-server-options": { initial_heap_size: "8192M", max_heap_size: "8192M" },
        },
      },
    });
  });

  it("hands on where a driver begins, and what survives", async () => {
    const built = await build({}, preview);
    const { value } = built;
    expect(await built.known(value.clusterName)).toBe("Stowage_Ring");
    expect(await built.known(value.datacenter)).toBe("dc1");
    expect(await built.known(value.contactPoints)).toEqual(["stowage-ring-dc1-service.cassandra.svc"]);
    expect(await built.known(value.port)).toBe(9042);
    expect(await built.known(value.namespace)).toBe("cassandra");
    expect(await built.known(value.superuserSecret)).toBe("stowage-ring-superuser");
    expect(await built.known(value.readerSecret)).toBe("");
    expect(await built.known(value.certificateSecret)).toBe("stowage-ring-node-tls");
    expect(await built.known(value.tlsServerName)).toBe("stowage-ring-dc1-service.cassandra.svc");
    expect(await built.known(value.replication)).toEqual({ telemetry: 3 });
    expect(await built.known(value.survives)).toContain(
      "telemetry: LOCAL_QUORUM survives the loss of any one zone, any one rack, any 1 node; it waits for 2 of 3 replicas",
    );
    expect((await built.known(value.survival))?.map((row) => [row.consistency, row.nodes])).toEqual([
      ["LOCAL_ONE", 2],
      ["LOCAL_QUORUM", 1],
      ["QUORUM", 1],
      ["EACH_QUORUM", 1],
      ["ALL", 0],
    ]);
  });
});

describe("the choices of a ring", () => {
  it("leaves racks anywhere where no zone is said", async () => {
    const { one } = await build({ racks: racksOf(3) });
    expect(JSON.stringify(one(CLUSTER, "ring").inputs)).not.toContain("nodeAffinityLabels");
  });

  it("gives nodes as many tokens as is said", async () => {
    const { one } = await build({ numTokens: 4 });
    expect(one(CLUSTER, "ring").inputs["spec"]).toMatchObject({
      cassandra: { datacenters: [{ config: { cassandraYaml: { num_tokens: 4 } } }] },
    });
  });

  it("waits for nothing where the ring is stopped", async () => {
    const { one } = await build({ stopped: true });
    const { metadata, spec } = one(CLUSTER, "ring").inputs;
    expect(metadata).toMatchObject({ annotations: REPLICATION });
    expect(JSON.stringify(metadata)).not.toContain("waitFor");
    expect(spec).toMatchObject({ cassandra: { datacenters: [{ stopped: true }] } });
  });

  it("are cass-operator's as well: stopped, shared hosts, zones, memory and the heap", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const args = { operator: CassandraOperator.CassOperator, stopped: true, allowSharedHosts: true, heapMib: 4_096 };
    const { one } = await build({ ...args, racks: racksOf(3, ["z1", "z2", "z3"]) });
    warn.mockRestore();
    const { metadata, spec } = one(DATACENTER, "ring").inputs;
    expect(JSON.stringify(metadata)).not.toContain("waitFor");
    expect(spec).toMatchObject({
      stopped: true,
      allowMultipleNodesPerWorker: true,
      racks: ["z1", "z2", "z3"].map((zone) => ({ nodeAffinityLabels: { "topology.kubernetes.io/zone": zone } })),
      resources: { requests: { memory: "16384Mi" }, limits: { memory: "16384Mi" } },
      config: { "jvm-server-options": { initial_heap_size: "4096M", max_heap_size: "4096M" } },
    });
  });

  it("limits CPU as well where nodes share hosts, as the operator asks", async () => {
    const { one } = await build({ allowSharedHosts: true, cpus: 0.5 });
    expect(one(CLUSTER, "ring").inputs["spec"]).toMatchObject({
      cassandra: {
        datacenters: [
          {
            softPodAntiAffinity: true,
            resources: {
              requests: { cpu: "500m", memory: "16384Mi" },
              limits: { cpu: "500m", memory: "16384Mi" },
            },
          },
        ],
      },
    });
  });

  it("leaves the ring unprotected only where that is said", async () => {
    const { one } = await build({ protectData: false });
    expect(one(CLUSTER, "ring").protect).toBe(false);
  });

  it("takes values that are known only later", async () => {
    const built = await build({ namespace: pulumi.output("later"), storageClass: pulumi.output("class") });
    expect(built.one(CLUSTER, "ring").inputs["metadata"]).toMatchObject({ namespace: "later" });
    expect(await built.known(built.value.contactPoints)).toEqual(["stowage-ring-dc1-service.later.svc"]);
  });

  it("warns of a rack whose loss breaks quorum, and of nothing else", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await build();
    expect(warn).not.toHaveBeenCalled();
    await build({ racks: racksOf(1), size: 3 });
    expect(warn.mock.calls.flat()).toEqual([
      expect.stringContaining("replication.telemetry: 3 replicas on 1 rack: the loss of rack r1 alone breaks quorum."),
    ]);
    warn.mockRestore();
  });

  it("refuses wrong args before anything is registered", async () => {
    const { resources: registered } = await run(
      () => {
        expect(() => new CassandraRing("ring", ringArgs({ size: 4 }))).toThrow(
          'Invalid arguments for CassandraRing "ring": 1 problem\n  - size: must be a multiple of the racks, 3',
        );
      },
      { preview: false },
    );
    expect(registered.filter((each) => !each.type.startsWith("stowage:"))).toEqual([]);
  });
});

/** What a ring registers only where its args ask for it. */
const ON_REQUEST = ["VolumeSnapshot", "MedusaBackupSchedule"];

it("registers every type that the README lists, and no other", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const types = new Set<string>();
  const all = { reader: true, monitoring: {}, snapshots: { names: ["first"] } };
  const backup = { container: "backups", credentialsSecret: "medusa", certificatesSecret: "medusa-tls" };
  for (const changed of [
    { ...all, backup },
    { ...all, operator: CassandraOperator.CassOperator },
  ])
    for (const { type } of (await build(changed)).resources) types.add(type);
  warn.mockRestore();
  types.delete("stowage:index:CassandraRing");
  const asked = [...types].filter((type) => ON_REQUEST.some((each) => type.endsWith(`:${each}`)));
  expect(asked).toHaveLength(ON_REQUEST.length);
  expect([...types].filter((type) => !asked.includes(type)).sort()).toEqual(await documentedTypes("cassandra"));
  const readme = readFileSync(join(packageRoot(), "components", "cassandra", "README.md"), "utf8");
  for (const type of asked) expect(readme).toContain(`\`${type}\``);
});
