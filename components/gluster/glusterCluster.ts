import * as pulumi from "@pulumi/pulumi";
import { refuse } from "../support/inputs.js";
import { stated } from "../support/schema.js";
import { registerAccess } from "./access.js";
import type { GlusterClusterArgs, GlusterVolumePlan } from "./args.js";
import { type Host, registerHosts } from "./hosts.js";
import { fragileZones, hostsOf, planCluster } from "./plan.js";
import { glusterProblems } from "./validate.js";

/**
 * Storage hosts for GlusterFS as Azure machines over zones, a managed disk for each brick, network security that
 * opens Gluster's ports to the storage subnet and its clients alone, the plan of the volumes, and the claims by
 * which pods see them.
 */
export class GlusterCluster extends pulumi.ComponentResource {
  /** Ids of the machines, by host. */
  public readonly hostIds: pulumi.Output<{ [host: string]: string }>;
  /** Names of the machines, by host. */
  public readonly hostNames: pulumi.Output<{ [host: string]: string }>;
  /** Private addresses of the machines, by host. */
  public readonly hostAddresses: pulumi.Output<{ [host: string]: string }>;
  /** Object ids of the machines' own identities, by host. */
  public readonly hostPrincipalIds: pulumi.Output<{ [host: string]: string }>;
  /** The plan of each volume, as data: what forms the cluster follows it. */
  public readonly volumes: pulumi.Output<{ [volume: string]: GlusterVolumePlan }>;
  /** What a client mounts, `10.20.1.4:/results`, by volume. */
  public readonly mountSources: pulumi.Output<{ [volume: string]: string }>;
  /** Names of the claims in the claim namespace, by volume; empty without `access`. */
  public readonly claimNames: pulumi.Output<{ [volume: string]: string }>;

  constructor(name: string, args: GlusterClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stowage:index:GlusterCluster", name, {}, opts);
    const given = stated(args);
    refuse("GlusterCluster", name, glusterProblems(name, given));

    const plan = planCluster(given.hosts, given.volumes);
    for (const { volume, replicaSet, zone, lost, of } of fragileZones(plan))
      void pulumi.log.warn(
        `volumes.${volume}: replica set ${replicaSet} has ${lost} of its ${of} bricks in zone ${zone}, so that the ` +
          "loss of that zone stops writes. Provide hosts in as many zones as a set has bricks.",
        this,
      );

    const hosts = registerHosts(this, name, given, plan);
    const machines = Object.entries(hosts);
    const addresses = Object.fromEntries(
      machines.map(([host, registered]) => [host, addressOf(host, given.hosts[host]?.privateAddress, registered)]),
    );
    const plans = Object.values(plan.volumes);
    const claimNames = given.access === undefined ? {} : registerAccess(this, name, given.access, plans, addresses);

    this.hostIds = pulumi.all(Object.fromEntries(machines.map(([host, { machine }]) => [host, machine.id])));
    this.hostNames = pulumi.all(Object.fromEntries(machines.map(([host, { machine }]) => [host, machine.name])));
    this.hostAddresses = pulumi.all(addresses);
    this.hostPrincipalIds = pulumi.all(
      Object.fromEntries(
        machines.map(([host, { machine }]) => [host, machine.identity.apply((own) => own?.principalId ?? "")]),
      ),
    );
    this.volumes = pulumi.output(plan.volumes);
    this.mountSources = this.hostAddresses.apply((known) =>
      Object.fromEntries(
        plans.map((volume) => [volume.name, `${known[hostsOf(volume)[0] ?? ""] ?? ""}:/${volume.name}`]),
      ),
    );
    this.claimNames = pulumi.all(claimNames);
    this.registerOutputs({
      hostIds: this.hostIds,
      hostNames: this.hostNames,
      hostAddresses: this.hostAddresses,
      hostPrincipalIds: this.hostPrincipalIds,
      volumes: this.volumes,
      mountSources: this.mountSources,
      claimNames: this.claimNames,
    });
  }
}

/**
 * The private address of a host: the stated one, or the one that Azure assigns. The latter is not known before the
 * interface is there, whose id is waited for since a preview may show its configuration without an address.
 */
function addressOf(host: string, stated: string | undefined, { networkInterface }: Host): pulumi.Output<string> {
  if (stated !== undefined) return pulumi.output(stated);
  return pulumi.all([networkInterface.id, networkInterface.ipConfigurations]).apply(([id, configurations]) => {
    const assigned = configurations?.[0]?.privateIPAddress;
    if (assigned !== undefined || pulumi.runtime.isDryRun()) return assigned ?? "";
    throw new Error(`Host "${host}": Azure assigned no address to ${id}. Give hosts.${host}.privateAddress.`);
  });
}
