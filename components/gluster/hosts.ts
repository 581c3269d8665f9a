import * as compute from "@pulumi/azure-native/compute";
import * as network from "@pulumi/azure-native/network";
import type * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import type { GlusterBrickPlan, GlusterClusterArgs } from "./args.js";
import { inboundRules } from "./network.js";
import { bricksOf, type GlusterPlan } from "./plan.js";

/** What was registered for one host. */
export interface Host {
  machine: compute.VirtualMachine;
  networkInterface: network.NetworkInterface;
}

/** Registers network security, and disks, network interface and machine of every host, in order of their names. */
export function registerHosts(
  parent: pulumi.Resource,
  name: string,
  args: GlusterClusterArgs,
  plan: GlusterPlan,
): { [host: string]: Host } {
  const group = securityGroup(parent, name, args);
  const hosts: { [host: string]: Host } = {};
  let previous: pulumi.Resource[] = [];
  for (const host of Object.keys(args.hosts).sort()) {
    const bricks = bricksOf(host, plan);
    const disks = bricks.map((brick) => brickDisk(parent, name, args, brick));
    const networkInterface = hostInterface(parent, name, args, host, group);
    // One after another: a change that restarts every host must never take two of a replica set at once.
    const machine = hostMachine(parent, name, args, host, networkInterface, bricks, disks, previous);
    previous = [machine];
    hosts[host] = { machine, networkInterface };
  }
  return hosts;
}

/** What Azure resources of a cluster have in common. */
function placement(args: GlusterClusterArgs) {
  return defined({ resourceGroupName: args.resourceGroupName, location: args.location, tags: args.tags });
}

function securityGroup(parent: pulumi.Resource, name: string, args: GlusterClusterArgs): network.NetworkSecurityGroup {
  const { storageCidr, clientCidrs, sshCidrs } = args;
  const rules = inboundRules(defined({ storageCidr, clientCidrs, sshCidrs }));
  return new network.NetworkSecurityGroup(
    name,
    {
      ...placement(args),
      networkSecurityGroupName: name,
      securityRules: rules.map(({ sources, ports, ...rule }) => ({
        ...rule,
        direction: network.SecurityRuleDirection.Inbound,
        // Azure takes "*" in the singular form only.
        ...(sources.length === 1 ? { sourceAddressPrefix: sources[0] ?? "" } : { sourceAddressPrefixes: sources }),
        sourcePortRange: "*",
        destinationAddressPrefix: "*",
        destinationPortRange: ports,
      })),
    },
    { parent },
  );
}

function brickDisk(
  parent: pulumi.Resource,
  name: string,
  args: GlusterClusterArgs,
  brick: GlusterBrickPlan,
): compute.Disk {
  return new compute.Disk(
    `${name}-${brick.key}`,
    {
      ...placement(args),
      diskName: `${name}-${brick.key}`,
      zones: [brick.zone],
      sku: { name: brick.diskSku },
      diskSizeGB: brick.sizeGb,
      creationData: { createOption: compute.DiskCreateOption.Empty },
      // A disk is reached by the host that it is attached to; nobody exports it over the network.
      networkAccessPolicy: compute.NetworkAccessPolicy.DenyAll,
      publicNetworkAccess: compute.PublicNetworkAccess.Disabled,
    },
    // Azure changes neither on a disk that exists. As a replacement, protection refuses it at preview.
    { parent, protect: args.protectData ?? true, replaceOnChanges: ["zones", "creationData"] },
  );
}

function hostInterface(
  parent: pulumi.Resource,
  name: string,
  args: GlusterClusterArgs,
  host: string,
  group: network.NetworkSecurityGroup,
): network.NetworkInterface {
  const privateAddress = args.hosts[host]?.privateAddress;
  const allocation =
    privateAddress === undefined
      ? { privateIPAllocationMethod: network.IPAllocationMethod.Dynamic }
      : { privateIPAllocationMethod: network.IPAllocationMethod.Static, privateIPAddress: privateAddress };
  return new network.NetworkInterface(
    `${name}-${host}`,
    {
      ...placement(args),
      networkInterfaceName: `${name}-${host}`,
      networkSecurityGroup: { id: group.id },
      ipConfigurations: [{ name: "storage", primary: true, subnet: { id: args.subnetId }, ...allocation }],
    },
    { parent },
  );
}

function hostMachine(
  parent: pulumi.Resource,
  name: string,
  args: GlusterClusterArgs,
  host: string,
  networkInterface: network.NetworkInterface,
  bricks: GlusterBrickPlan[],
  disks: compute.Disk[],
  dependsOn: pulumi.Resource[],
): compute.VirtualMachine {
  const { id, publisher, offer, sku, version } = args.image;
  const adminUsername = args.adminUsername ?? "stowage";
  const trustedLaunch = {
    securityProfile: {
      securityType: compute.SecurityTypes.TrustedLaunch,
      uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
    },
  };
  return new compute.VirtualMachine(
    `${name}-${host}`,
    {
      ...placement(args),
      vmName: `${name}-${host}`,
      zones: [args.hosts[host]?.zone ?? ""],
      identity: { type: compute.ResourceIdentityType.SystemAssigned },
      hardwareProfile: { vmSize: args.vmSize },
      networkProfile: {
        networkInterfaces: [{ id: networkInterface.id, primary: true, deleteOption: compute.DeleteOptions.Detach }],
      },
      storageProfile: {
        imageReference: defined({ id, publisher, offer, sku, version }),
        osDisk: {
          createOption: compute.DiskCreateOptionTypes.FromImage,
          caching: compute.CachingTypes.ReadWrite,
          diskSizeGB: args.osDiskSizeGb ?? 64,
          managedDisk: { storageAccountType: compute.StorageAccountTypes.Premium_LRS },
          deleteOption: compute.DiskDeleteOptionTypes.Delete,
        },
        dataDisks: bricks.map((brick, i) => ({
          lun: brick.lun,
          createOption: compute.DiskCreateOptionTypes.Attach,
          managedDisk: defined({ id: disks[i]?.id }),
          // A brick that says "written" must have written: no cache of the host in between.
          caching: compute.CachingTypes.None,
          deleteOption: compute.DiskDeleteOptionTypes.Detach,
        })),
      },
      osProfile: {
        computerName: `${name}-${host}`,
        adminUsername,
        linuxConfiguration: {
          disablePasswordAuthentication: true,
          ssh: {
            publicKeys: [{ path: `/home/${adminUsername}/.ssh/authorized_keys`, keyData: args.sshPublicKey }],
          },
        },
      },
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      ...(args.trustedLaunch === false ? {} : trustedLaunch),
    },
    {
      parent,
      // The disks must leave the old machine before the new one can have them, and its name as well.
      deleteBeforeReplace: true,
      // What Azure refuses to change on a machine that exists; a new machine takes over its bricks.
      replaceOnChanges: ["zones", "osProfile", "securityProfile", "storageProfile.imageReference"],
      dependsOn,
    },
  );
}
