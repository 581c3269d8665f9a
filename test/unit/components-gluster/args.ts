import type { GlusterClusterArgs, GlusterVolumeArgs } from "../../../components/gluster/index.js";

export const SUBNET =
  "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/storage";
export const IMAGE = `registry.example.com/gluster@sha256:${"a".repeat(64)}`;

/** A volume of one replica set over hosts a, b and c. */
export const results: GlusterVolumeArgs = { bricks: ["a", "b", "c"], brickSizeGb: 256 };

/** Three hosts in three zones, one volume, mounted on the nodes. */
export function clusterArgs(changed: Partial<GlusterClusterArgs> = {}): GlusterClusterArgs {
  return {
    resourceGroupName: "storage",
    location: "westeurope",
    subnetId: SUBNET,
    storageCidr: "10.20.1.0/24",
    clientCidrs: ["10.20.2.0/24"],
    vmSize: "Standard_D4s_v5",
    image: { publisher: "Debian", offer: "debian-12", sku: "12-gen2", version: "0.20250703.2162" },
    sshPublicKey: `ssh-ed25519 ${"A".repeat(68)} ops`,
    hosts: { a: { zone: "1" }, b: { zone: "2" }, c: { zone: "3" } },
    volumes: { results },
    access: { claimNamespace: "workers", nodeMount: { image: IMAGE } },
    ...changed,
  };
}
