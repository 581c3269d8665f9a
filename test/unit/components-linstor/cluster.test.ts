import { describe, expect, it, vi } from "vitest";
import {
  LinstorBindingMode,
  LinstorCluster,
  type LinstorClusterArgs,
  LinstorFileSystem,
  LinstorIssuerKind,
  LinstorPoolKind,
  LinstorReclaimPolicy,
} from "../../../components/linstor/index.js";
import { documentedTypes } from "../support/documented.js";
import { type Run, run } from "../support/mocks.js";
import { fast, linstorArgs } from "./args.js";

const CLUSTER = "kubernetes:piraeus.io/v1:LinstorCluster";
const SET = "kubernetes:piraeus.io/v1:LinstorSatelliteConfiguration";
const CLASS = "kubernetes:storage.k8s.io/v1:StorageClass";

function build(changed: Partial<LinstorClusterArgs> = {}, preview = false): Promise<Run<LinstorCluster>> {
  return run(() => new LinstorCluster("linstor", linstorArgs(changed)), { preview });
}

describe.each([false, true])("what a cluster registers, preview %s", (preview) => {
  it("is every type of its documentation, each child under the component and named after keys", async () => {
    const { resources } = await build({}, preview);
    expect(resources.map((each) => `${each.type} ${each.name}`)).toEqual([
      "stowage:index:LinstorCluster linstor",
      `${CLUSTER} linstor`,
      `${SET} linstor-fast`,
      `${CLASS} linstor-linstor-fast`,
    ]);
    for (const child of resources.slice(1)) expect(child.parent).toBe("stowage:index:LinstorCluster linstor");
  });

  it("protects the cluster and its sets, and waits until the cluster is available", async () => {
    const { one } = await build({}, preview);
    const cluster = one(CLUSTER, "linstor");
    expect(cluster.protect).toBe(true);
    expect(one(SET, "linstor-fast").protect).toBe(true);
    expect(one(CLASS, "linstor-linstor-fast").protect).toBe(false);
    expect(cluster.inputs).toEqual({
      apiVersion: "piraeus.io/v1",
      kind: "LinstorCluster",
      metadata: {
        name: "linstorcluster",
        labels: { "app.kubernetes.io/part-of": "stowage" },
        annotations: { "pulumi.com/waitFor": "condition=Available" },
      },
      spec: {},
    });
  });

  it("describes the pools of a set's nodes and the zone of each", async () => {
    const { one } = await build({}, preview);
    expect(one(SET, "linstor-fast").inputs).toMatchObject({
      metadata: { name: "linstorcluster-fast" },
      spec: {
        nodeSelector: { "stowage.dev/storage": "fast" },
        properties: [
          {
            name: "Aux/topology/topology.kubernetes.io/zone",
            optional: true,
            valueFrom: { nodeFieldRef: "metadata.labels['topology.kubernetes.io/zone']" },
          },
        ],
        storagePools: [
          {
            name: "thin",
            lvmThinPool: { volumeGroup: "vg0", thinPool: "thin0" },
            source: { hostDevices: ["/dev/sdc"] },
          },
        ],
      },
    });
  });

  it("keeps volumes whose claim is deleted, and places them with their first pod, spread over zones", async () => {
    const { one } = await build({}, preview);
    const { inputs, ...options } = one(CLASS, "linstor-linstor-fast");
    expect(options).toMatchObject({
      deleteBeforeReplace: true,
      replaceOnChanges: ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"],
    });
    expect(inputs).toEqual({
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "linstor-fast", labels: { "app.kubernetes.io/part-of": "stowage" } },
      provisioner: "linstor.csi.linbit.com",
      reclaimPolicy: "Retain",
      volumeBindingMode: "WaitForFirstConsumer",
      allowVolumeExpansion: true,
      parameters: {
        "linstor.csi.linbit.com/resourceGroup": "volumes",
        "linstor.csi.linbit.com/autoPlace": "3",
        "linstor.csi.linbit.com/storagePool": "thin",
        "linstor.csi.linbit.com/allowRemoteVolumeAccess": "true",
        "linstor.csi.linbit.com/replicasOnDifferent": "Aux/topology/topology.kubernetes.io/zone",
        "csi.storage.k8s.io/fstype": "ext4",
      },
    });
  });

  it("hands on the controller, the classes and the groups", async () => {
    const built = await build({}, preview);
    const { value } = built;
    expect(await built.known(value.controllerUrl)).toBe("http://linstor-controller.piraeus-datastore.svc:3370");
    expect(await built.known(value.clusterName)).toBe("linstorcluster");
    expect(await built.known(value.storageClassNames)).toEqual(["linstor-fast"]);
    expect(await built.known(value.resourceGroups)).toEqual({
      volumes: {
        placeCount: 3,
        storagePool: "thin",
        replicasOnDifferent: ["Aux/topology/topology.kubernetes.io/zone"],
      },
    });
  });
});

describe("the choices of a cluster", () => {
  it("renders every kind of pool under its own key", async () => {
    const kinds = {
      lvm: { kind: LinstorPoolKind.Lvm, volumeGroup: "vg" },
      lvmThin: { kind: LinstorPoolKind.LvmThin },
      zfs: { kind: LinstorPoolKind.Zfs, zPool: "tank" },
      zfsThin: { kind: LinstorPoolKind.ZfsThin, zPool: "tank/thin", hostDevices: ["/dev/sdd"] },
      file: { kind: LinstorPoolKind.File, directory: "/srv/pool" },
      fileThin: { kind: LinstorPoolKind.FileThin },
    };
    const built = await build({
      satellites: { all: { nodes: 1, storagePools: kinds, properties: { PrefNic: "default-ipv4" } } },
      resourceGroups: {},
      storageClasses: {},
    });
    const { spec } = built.one(SET, "linstor-all").inputs as { spec: Record<string, unknown> };
    expect(spec["storagePools"]).toEqual([
      { name: "lvm", lvmPool: { volumeGroup: "vg" } },
      { name: "lvmThin", lvmThinPool: {} },
      { name: "zfs", zfsPool: { zPool: "tank" } },
      { name: "zfsThin", zfsThinPool: { zPool: "tank/thin" }, source: { hostDevices: ["/dev/sdd"] } },
      { name: "file", filePool: { directory: "/srv/pool" } },
      { name: "fileThin", fileThinPool: {} },
    ]);
    expect(spec["properties"]).toContainEqual({ name: "PrefNic", value: "default-ipv4" });
  });

  it("passes TLS, properties, passphrase, nodes and an external controller on", async () => {
    const built = await build({
      clusterName: "storage",
      externalControllerUrl: "http://10.0.0.4:3370/",
      nodeSelector: { storage: "yes" },
      controllerProperties: { "DrbdOptions/Net/ping-timeout": "20", "DrbdOptions/auto-quorum": "io-error" },
      passphraseSecret: "passphrase",
      internalTls: { issuerName: "linstor", issuerKind: LinstorIssuerKind.ClusterIssuer },
    });
    const certManager = { name: "linstor", kind: "ClusterIssuer" };
    expect(built.one(CLUSTER, "linstor").inputs).toMatchObject({
      metadata: { name: "storage" },
      spec: {
        externalController: { url: "http://10.0.0.4:3370/" },
        nodeSelector: { storage: "yes" },
        properties: [
          { name: "DrbdOptions/Net/ping-timeout", value: "20" },
          { name: "DrbdOptions/auto-quorum", value: "io-error" },
        ],
        linstorPassphraseSecret: "passphrase",
        internalTLS: { certManager },
      },
    });
    expect(built.one(SET, "linstor-fast").inputs).toMatchObject({ spec: { internalTLS: { certManager } } });
    expect(await built.known(built.value.controllerUrl)).toBe("http://10.0.0.4:3370");
  });

  it("gives controller and satellites a secret each where there is no issuer", async () => {
    const { one } = await build({ internalTls: { controllerSecretName: "c-tls", satelliteSecretName: "s-tls" } });
    expect(one(CLUSTER, "linstor").inputs).toMatchObject({ spec: { internalTLS: { secretName: "c-tls" } } });
    expect(one(SET, "linstor-fast").inputs).toMatchObject({ spec: { internalTLS: { secretName: "s-tls" } } });
  });

  it("renders a class as it is said", async () => {
    const { one } = await build({
      satellites: { fast: { ...fast, zones: ["westeurope-1"] } },
      resourceGroups: { volumes: { placeCount: 2, storagePool: "thin" } },
      storageClasses: {
        scratch: {
          resourceGroup: "volumes",
          remoteAccess: false,
          bindingMode: LinstorBindingMode.Immediate,
          reclaimPolicy: LinstorReclaimPolicy.Delete,
          fileSystem: LinstorFileSystem.Xfs,
          allowExpansion: false,
        },
      },
    });
    const { inputs } = one(CLASS, "linstor-scratch");
    expect(inputs).toMatchObject({
      reclaimPolicy: "Delete",
      volumeBindingMode: "Immediate",
      allowVolumeExpansion: false,
      parameters: {
        "linstor.csi.linbit.com/autoPlace": "2",
        "linstor.csi.linbit.com/allowRemoteVolumeAccess": "false",
        "csi.storage.k8s.io/fstype": "xfs",
      },
    });
    expect(inputs["parameters"]).not.toHaveProperty("linstor.csi.linbit.com/replicasOnDifferent");
  });

  it("leaves nothing protected only where that is said", async () => {
    const { resources } = await build({ protectData: false });
    expect(resources.filter((each) => each.protect)).toEqual([]);
  });

  it("warns of groups that one node or one zone can stop, and of nothing else", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await build();
    expect(warn).not.toHaveBeenCalled();
    await build({
      resourceGroups: {
        single: { placeCount: 1, storagePool: "thin" },
        volumes: { placeCount: 2, storagePool: "thin" },
      },
    });
    expect(warn.mock.calls.flat()).toEqual([
      expect.stringContaining("resourceGroups.single: placeCount is 1, and its volumes have one replica"),
      expect.stringContaining("resourceGroups.volumes: placeCount is 2, and its replicas may all be in one zone"),
    ]);
    warn.mockRestore();
  });

  it("refuses wrong args before anything is registered", async () => {
    const { resources } = await run(
      () => {
        const wrong = linstorArgs({ satellites: { fast: { ...fast, nodes: 2 } } });
        expect(() => new LinstorCluster("linstor", wrong)).toThrow(
          'Invalid arguments for LinstorCluster "linstor": 1 problem\n  - resourceGroups.volumes.placeCount: must be at most 2',
        );
      },
      { preview: false },
    );
    expect(resources.filter((each) => !each.type.startsWith("stowage:"))).toEqual([]);
  });
});

it("takes settings that are said to be undefined, as programs leave one out", async () => {
  const changed = {
    passphraseSecret: undefined,
    satellites: { fast: { ...fast, properties: undefined } },
  } as unknown as Partial<LinstorClusterArgs>;
  expect((await build(changed)).resources.length).toBe((await build()).resources.length);
});

it("registers every type that the README lists, and no other", async () => {
  const { resources } = await build();
  const types = new Set(resources.map((each) => each.type).filter((type) => !type.startsWith("stowage:")));
  expect([...types].sort()).toEqual(await documentedTypes("linstor"));
});
