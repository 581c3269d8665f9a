import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it, vi } from "vitest";
import { GlusterCluster, type GlusterClusterArgs } from "../../../components/gluster/index.js";
import { documentedTypes } from "../support/documented.js";
import { type Run, run } from "../support/mocks.js";
import { clusterArgs, IMAGE, results, SUBNET } from "./args.js";

const MACHINE = "azure-native:compute:VirtualMachine";
const DISK = "azure-native:compute:Disk";

function build(changed: Partial<GlusterClusterArgs> = {}, preview = false): Promise<Run<GlusterCluster>> {
  return run(() => new GlusterCluster("files", clusterArgs(changed)), { preview });
}

const names = (registered: Run<unknown>, type: string) => registered.all(type).map((each) => each.name);

describe.each([false, true])("what a cluster registers, preview %s", (preview) => {
  it("is every type of its documentation, each child under the component and named after keys", async () => {
    const { resources } = await build({}, preview);
    expect(resources.map((each) => `${each.type} ${each.name}`).sort()).toEqual([
      "azure-native:compute:Disk files-a_results_0",
      "azure-native:compute:Disk files-b_results_0",
      "azure-native:compute:Disk files-c_results_0",
      "azure-native:compute:VirtualMachine files-a",
      "azure-native:compute:VirtualMachine files-b",
      "azure-native:compute:VirtualMachine files-c",
      "azure-native:network:NetworkInterface files-a",
      "azure-native:network:NetworkInterface files-b",
      "azure-native:network:NetworkInterface files-c",
      "azure-native:network:NetworkSecurityGroup files",
      "kubernetes:apps/v1:DaemonSet files-mount-results",
      "kubernetes:core/v1:Namespace files-stowage-gluster",
      "kubernetes:core/v1:PersistentVolume files-results",
      "kubernetes:core/v1:PersistentVolumeClaim files-results",
      "stowage:index:GlusterCluster files",
    ]);
    for (const child of resources.filter((each) => !each.type.startsWith("stowage:")))
      expect(child.parent).toBe("stowage:index:GlusterCluster files");
  });

  it("protects brick disks, one a brick, in the zone of its host, closed to the network", async () => {
    const { one } = await build({}, preview);
    const disk = one(DISK, "files-b_results_0");
    expect(disk.protect).toBe(true);
    expect(disk.replaceOnChanges).toEqual(["zones", "creationData"]);
    expect(disk.inputs).toEqual({
      resourceGroupName: "storage",
      location: "westeurope",
      diskName: "files-b_results_0",
      zones: ["2"],
      sku: { name: "Premium_LRS" },
      diskSizeGB: 256,
      creationData: { createOption: "Empty" },
      networkAccessPolicy: "DenyAll",
      publicNetworkAccess: "Disabled",
    });
  });

  it("gives machines an identity and a key, no password, and their bricks by LUN without a cache", async () => {
    const { one } = await build({ volumes: { results, other: { ...results, firstLun: 8 } } }, preview);
    const { inputs, deleteBeforeReplace, replaceOnChanges } = one(MACHINE, "files-b");
    expect(deleteBeforeReplace).toBe(true);
    expect(replaceOnChanges).toEqual(["zones", "osProfile", "securityProfile", "storageProfile.imageReference"]);
    expect(inputs).toMatchObject({
      vmName: "files-b",
      zones: ["2"],
      identity: { type: "SystemAssigned" },
      hardwareProfile: { vmSize: "Standard_D4s_v5" },
      securityProfile: { securityType: "TrustedLaunch", uefiSettings: { secureBootEnabled: true, vTpmEnabled: true } },
      osProfile: {
        computerName: "files-b",
        adminUsername: "stowage",
        linuxConfiguration: {
          disablePasswordAuthentication: true,
          ssh: { publicKeys: [{ path: "/home/stowage/.ssh/authorized_keys", keyData: clusterArgs().sshPublicKey }] },
        },
      },
      storageProfile: {
        dataDisks: [
          { lun: 0, createOption: "Attach", caching: "None", deleteOption: "Detach" },
          { lun: 8, createOption: "Attach", caching: "None", deleteOption: "Detach" },
        ],
      },
    });
    expect(JSON.stringify(inputs)).not.toMatch(/password"/i);
  });

  it("changes hosts one after another, in the order of their names", async () => {
    const { one } = await build({}, preview);
    const waitsFor = (name: string) => one(MACHINE, name).dependsOn.filter((each) => each.startsWith(MACHINE));
    expect(waitsFor("files-a")).toEqual([]);
    expect(waitsFor("files-b")).toEqual([`${MACHINE} files-a`]);
    expect(waitsFor("files-c")).toEqual([`${MACHINE} files-b`]);
  });

  it("opens Gluster's ports to storage and clients, SSH to whom is named, and nothing else", async () => {
    const { one } = await build({ sshCidrs: ["10.20.9.0/28"] }, preview);
    const group = one("azure-native:network:NetworkSecurityGroup", "files");
    const rules = group.inputs["securityRules"] as Record<string, unknown>[];
    expect(rules.map((rule) => [rule["name"], rule["access"], rule["destinationPortRange"]])).toEqual([
      ["gluster-management", "Allow", "24007-24008"],
      ["gluster-bricks", "Allow", "49152-49251"],
      ["ssh", "Allow", "22"],
      ["deny-all-else", "Deny", "*"],
    ]);
    expect(rules.map((rule) => rule["sourceAddressPrefixes"] ?? rule["sourceAddressPrefix"])).toEqual([
      ["10.20.1.0/24", "10.20.2.0/24"],
      ["10.20.1.0/24", "10.20.2.0/24"],
      "10.20.9.0/28",
      "*",
    ]);
    expect(new Set(rules.map((rule) => rule["direction"]))).toEqual(new Set(["Inbound"]));
  });

  it("names each range of a rule once, and none within another, which Azure would refuse", async () => {
    const clientCidrs = ["10.20.2.0/25", "10.20.0.0/16", "10.21.0.0/24", "10.21.0.0/24"];
    const { one } = await build({ clientCidrs }, preview);
    const { inputs } = one("azure-native:network:NetworkSecurityGroup", "files");
    const [first] = inputs["securityRules"] as Record<string, unknown>[];
    expect(first?.["sourceAddressPrefixes"]).toEqual(["10.20.0.0/16", "10.21.0.0/24"]);
  });

  it("joins the adopted subnet, at the stated address where there is one", async () => {
    const hosts = { a: { zone: "1" }, b: { zone: "2", privateAddress: "10.20.1.20" }, c: { zone: "3" } };
    const { one } = await build({ hosts }, preview);
    const configuration = (name: string) =>
      one("azure-native:network:NetworkInterface", name).inputs["ipConfigurations"];
    expect(configuration("files-a")).toEqual([
      { name: "storage", primary: true, subnet: { id: SUBNET }, privateIPAllocationMethod: "Dynamic" },
    ]);
    expect(configuration("files-b")).toEqual([
      {
        name: "storage",
        primary: true,
        subnet: { id: SUBNET },
        privateIPAllocationMethod: "Static",
        privateIPAddress: "10.20.1.20",
      },
    ]);
  });

  it("binds one claim to one volume that is kept, below the folder of the node's mount, and says which it is", async () => {
    const { one } = await build({}, preview);
    const { inputs: volume, ...options } = one("kubernetes:core/v1:PersistentVolume", "files-results");
    expect(options).toMatchObject({ deleteBeforeReplace: true, replaceOnChanges: ["spec.hostPath", "spec.csi"] });
    expect(volume["metadata"]).toMatchObject({
      name: "files-results",
      annotations: { "stowage.dev/gluster-volume": "results" },
    });
    expect(volume["spec"]).toEqual({
      accessModes: ["ReadWriteMany"],
      storageClassName: "",
      volumeMode: "Filesystem",
      capacity: { storage: "256Gi" },
      persistentVolumeReclaimPolicy: "Retain",
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name: "files-results", namespace: "workers" },
      hostPath: { path: "/var/lib/stowage/volumes/results" },
    });
    const claim = one("kubernetes:core/v1:PersistentVolumeClaim", "files-results").inputs;
    expect(claim["metadata"]).toMatchObject({ name: "files-results", namespace: "workers" });
    expect(claim["spec"]).toEqual({
      accessModes: ["ReadWriteMany"],
      storageClassName: "",
      volumeMode: "Filesystem",
      volumeName: "files-results",
      resources: { requests: { storage: "1Gi" } },
    });
  });

  it("mounts on every node from a privileged container of its own namespace that the node sees", async () => {
    const { one } = await build({}, preview);
    const namespace = one("kubernetes:core/v1:Namespace", "files-stowage-gluster");
    expect(namespace.inputs["metadata"]).toMatchObject({
      name: "stowage-gluster",
      labels: { "pod-security.kubernetes.io/enforce": "privileged" },
    });
    const mount = one("kubernetes:apps/v1:DaemonSet", "files-mount-results");
    expect(mount.dependsOn).toContain("kubernetes:core/v1:Namespace files-stowage-gluster");
    expect(mount.inputs).toMatchObject({
      metadata: { namespace: "stowage-gluster", annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        template: {
          spec: {
            hostNetwork: true,
            automountServiceAccountToken: false,
            nodeSelector: { "kubernetes.io/os": "linux" },
            containers: [
              {
                image: IMAGE,
                securityContext: { privileged: true },
                volumeMounts: [
                  { name: "volumes", mountPath: "/var/lib/stowage/volumes", mountPropagation: "Bidirectional" },
                ],
              },
            ],
            volumes: [{ name: "volumes", hostPath: { path: "/var/lib/stowage/volumes", type: "DirectoryOrCreate" } }],
          },
        },
      },
    });
  });
});

describe("the choices of a cluster", () => {
  it("keeps a claim as it is when its volume grows", async () => {
    const claimOf = async (brickSizeGb: number) => {
      const { one } = await build({ volumes: { results: { ...results, brickSizeGb } } });
      return one("kubernetes:core/v1:PersistentVolumeClaim", "files-results").inputs;
    };
    expect(await claimOf(512)).toEqual(await claimOf(256));
  });

  it("leaves disks unprotected only where that is said", async () => {
    const { resources } = await build({ protectData: false });
    expect(resources.filter((each) => each.protect)).toEqual([]);
  });

  it("registers nothing in Kubernetes without access", async () => {
    const { access: _, ...args } = clusterArgs();
    const built = await run(() => new GlusterCluster("files", args), { preview: false });
    expect(built.resources.filter((each) => each.type.startsWith("kubernetes:"))).toEqual([]);
    expect(await built.known(built.value.claimNames)).toEqual({});
  });

  it("adopts a namespace where that is said", async () => {
    const nodeMount = { image: IMAGE, namespace: "mounts", createNamespace: false };
    const built = await build({ access: { claimNamespace: "workers", nodeMount } });
    expect(names(built, "kubernetes:core/v1:Namespace")).toEqual([]);
    const mount = built.one("kubernetes:apps/v1:DaemonSet", "files-mount-results");
    expect(mount.inputs["metadata"]).toMatchObject({ namespace: "mounts" });
  });

  it("leaves the mount to a CSI driver where that is said", async () => {
    const csi = {
      driver: "org.gluster.glusterfs",
      volumes: { results: { volumeHandle: "pool/results", volumeAttributes: { hostvol: "results" } } },
    };
    const built = await build({ access: { claimNamespace: "workers", csi } });
    expect(names(built, "kubernetes:apps/v1:DaemonSet")).toEqual([]);
    const { spec } = built.one("kubernetes:core/v1:PersistentVolume", "files-results").inputs;
    expect(spec).toMatchObject({
      csi: { driver: "org.gluster.glusterfs", volumeHandle: "pool/results", volumeAttributes: { hostvol: "results" } },
    });
    expect(spec).not.toHaveProperty("hostPath");
  });

  it("warns of a zone whose loss stops writes, and of nothing else", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await build();
    expect(warn).not.toHaveBeenCalled();
    await build({ hosts: { a: { zone: "1" }, b: { zone: "1" }, c: { zone: "2" } } });
    expect(warn).toHaveBeenCalledOnce();
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining("volumes.results: replica set 0 has 2 of its 3 bricks in zone 1"),
    );
    warn.mockRestore();
  });

  it("refuses wrong args before anything is registered", async () => {
    const { resources } = await run(
      () => {
        const wrong = clusterArgs({ volumes: { results: { ...results, bricks: ["a", "b"] } } });
        expect(() => new GlusterCluster("files", wrong)).toThrow(
          'Invalid arguments for GlusterCluster "files": 1 problem\n  - volumes.results.bricks: must be a multiple of replicas, 3',
        );
      },
      { preview: false },
    );
    expect(resources.filter((each) => !each.type.startsWith("stowage:"))).toEqual([]);
  });
});

describe("what a cluster hands on", () => {
  it("is ids, names, addresses and identities by host, plans, sources and claims by volume", async () => {
    const built = await build();
    expect(await built.known(built.value.hostIds)).toMatchObject({
      b: expect.stringMatching(/VirtualMachine\/files-b$/),
    });
    expect(await built.known(built.value.hostNames)).toEqual({ a: "files-a", b: "files-b", c: "files-c" });
    expect(await built.known(built.value.hostAddresses)).toEqual({
      a: "10.20.1.10",
      b: "10.20.1.10",
      c: "10.20.1.10",
    });
    expect(await built.known(built.value.hostPrincipalIds)).toMatchObject({ b: "principal-of-files-b" });
    expect(await built.known(built.value.mountSources)).toEqual({ results: "10.20.1.10:/results" });
    expect(await built.known(built.value.claimNames)).toEqual({ results: "files-results" });
    const volumes = await built.known(built.value.volumes);
    expect(volumes?.["results"]).toMatchObject({ name: "results", replicas: 3, arbiter: 0, capacityGb: 256 });
    expect(volumes?.["results"]?.bricks.map((brick) => brick.host)).toEqual(["a", "b", "c"]);
  });

  it("tells the mount of every host of the volume, in the order of its bricks", async () => {
    const address = (i: number) => ({ zone: String(i + 1), privateAddress: `10.20.1.3${i}` });
    const hosts = { a: address(0), b: address(1), c: address(2) };
    const { one } = await build({ hosts, volumes: { results: { ...results, bricks: ["c", "a", "b"] } } });
    const { spec } = one("kubernetes:apps/v1:DaemonSet", "files-mount-results").inputs;
    expect(JSON.stringify(spec)).toContain('{"name":"SERVERS","value":"10.20.1.32 10.20.1.30 10.20.1.31"}');
  });

  it("leaves addresses open in a preview, except stated ones", async () => {
    const hosts = { a: { zone: "1", privateAddress: "10.20.1.20" }, b: { zone: "2" }, c: { zone: "3" } };
    const built = await build({ hosts }, true);
    expect(await built.known(built.value.hostAddresses)).toBeUndefined();
    const stated = Object.fromEntries(
      Object.entries(hosts).map(([host, { zone }], i) => [host, { zone, privateAddress: `10.20.1.3${i}` }]),
    );
    const preview = await build({ hosts: stated }, true);
    expect(await preview.known(preview.value.mountSources)).toEqual({ results: "10.20.1.30:/results" });
  });

  it("takes values that are known only later", async () => {
    const { one } = await build({ resourceGroupName: pulumi.output("later") });
    expect(one(DISK, "files-a_results_0").inputs["resourceGroupName"]).toBe("later");
  });
});

it("takes settings that are said to be undefined, as programs leave one out", async () => {
  const changed = {
    tags: undefined,
    volumes: { results: { ...results, options: undefined } },
  } as unknown as Partial<GlusterClusterArgs>;
  expect((await build(changed)).resources.length).toBe((await build()).resources.length);
});

it("registers every type that the README lists, and no other", async () => {
  const { resources } = await build();
  const types = new Set(resources.map((each) => each.type).filter((type) => !type.startsWith("stowage:")));
  expect([...types].sort()).toEqual(await documentedTypes("gluster"));
});
