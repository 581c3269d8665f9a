import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as pulumi from "@pulumi/pulumi";
import { refuse } from "../support/inputs.js";
import type { CassandraRingArgs, CassandraSurvival } from "./args.js";
import { CQL_PORT, replicationWarnings, serviceName, survivals } from "./plan.js";
import { renderRing } from "./render.js";
import { cassandraProblems } from "./validate.js";

/** Minutes that a ring may take to be ready: the operator starts and stops nodes one after another. */
const START_MINUTES = { ring: 10, node: 5 };

/**
 * One datacenter of a Cassandra cluster under k8ssandra-operator, or under cass-operator alone: racks on zones,
 * storage, memory, tokens, and what its keyspaces survive.
 */
export class CassandraRing extends pulumi.ComponentResource {
  /** Cassandra's name of the cluster. */
  public readonly clusterName: pulumi.Output<string>;
  /** Name of the datacenter: what a driver next to it is local to. */
  public readonly datacenter: pulumi.Output<string>;
  /** Hosts that a driver starts from: the service of the datacenter's ready nodes. */
  public readonly contactPoints: pulumi.Output<string[]>;
  /** Port of the native protocol. */
  public readonly port: pulumi.Output<number>;
  /** Replicas of each keyspace in this datacenter. */
  public readonly replication: pulumi.Output<{ [keyspace: string]: number }>;
  /** What each keyspace survives at each consistency level, as data. */
  public readonly survival: pulumi.Output<CassandraSurvival[]>;
  /** The same in sentences: "telemetry: LOCAL_QUORUM survives the loss of any one zone, …". */
  public readonly survives: pulumi.Output<string[]>;

  constructor(name: string, args: CassandraRingArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stowage:index:CassandraRing", name, {}, opts);
    refuse("CassandraRing", name, cassandraProblems(args));
    for (const warning of replicationWarnings(args, args.replication)) void pulumi.log.warn(warning, this);

    const minutes = `${START_MINUTES.ring + START_MINUTES.node * args.size}m`;
    const ring = new apiextensions.CustomResource(name, renderRing(args), {
      parent: this,
      protect: args.protectData ?? true,
      customTimeouts: { create: minutes, update: minutes, delete: minutes },
    });

    const table = survivals(args, args.replication);
    this.clusterName = pulumi.output(args.clusterName);
    this.datacenter = pulumi.output(args.datacenter);
    this.contactPoints = pulumi
      .all([args.namespace, ring.metadata.name])
      .apply(([namespace]) => [`${serviceName(args.clusterName, args.datacenter)}.${namespace}.svc`]);
    this.port = pulumi.output(CQL_PORT);
    this.replication = pulumi.output(args.replication);
    this.survival = pulumi.output(table);
    this.survives = pulumi.output(table.map((row) => row.sentence));
    this.registerOutputs({
      clusterName: this.clusterName,
      datacenter: this.datacenter,
      contactPoints: this.contactPoints,
      port: this.port,
      replication: this.replication,
      survival: this.survival,
      survives: this.survives,
    });
  }
}
