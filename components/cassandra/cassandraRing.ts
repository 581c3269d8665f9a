import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as pulumi from "@pulumi/pulumi";
import { refuse } from "../support/inputs.js";
import { ringAccess } from "./access.js";
import type { CassandraRingArgs, CassandraSurvival } from "./args.js";
import { replicationWarnings } from "./notices.js";
import { datacentersOf, survivals } from "./plan.js";
import { renderRing } from "./render.js";
import { cassandraProblems } from "./validate.js";

/** Minutes that a ring may take to be ready: the operator starts and stops nodes one after another. */
const START_MINUTES = { ring: 10, node: 5 };

/**
 * One datacenter of a Cassandra cluster under k8ssandra-operator, or under cass-operator alone: racks on zones,
 * storage, memory, tokens, and what its keyspaces survive.
 */
export class CassandraRing extends pulumi.ComponentResource {
  /** Kubernetes namespace of the ring and of its secrets. */
  public readonly namespace: pulumi.Output<string>;
  /** Cassandra's name of the cluster. */
  public readonly clusterName: pulumi.Output<string>;
  /** Name of the datacenter: what a driver next to it is local to. */
  public readonly datacenter: pulumi.Output<string>;
  /** Hosts that a driver starts from: the service of the datacenter's ready nodes. */
  public readonly contactPoints: pulumi.Output<string[]>;
  /** Port of the native protocol. */
  public readonly port: pulumi.Output<number>;
  /** Secret of the superuser in the namespace, keys `username` and `password`; empty without authentication. */
  public readonly superuserSecret: pulumi.Output<string>;
  /** Secret of the reader role in the namespace; empty without `reader`. */
  public readonly readerSecret: pulumi.Output<string>;
  /** Secret with the authority of the nodes' certificates at the key `ca.crt`; empty without TLS. */
  public readonly certificateSecret: pulumi.Output<string>;
  /** Name that the nodes' certificates bear; empty without TLS. */
  public readonly tlsServerName: pulumi.Output<string>;
  /** Replicas of each keyspace in this datacenter. */
  public readonly replication: pulumi.Output<{ [keyspace: string]: number }>;
  /** What each keyspace survives at each consistency level, as data. */
  public readonly survival: pulumi.Output<CassandraSurvival[]>;
  /** The same in sentences: "telemetry: LOCAL_QUORUM survives the loss of any one zone, …". */
  public readonly survives: pulumi.Output<string[]>;

  constructor(name: string, args: CassandraRingArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stowage:index:CassandraRing", name, {}, opts);
    refuse("CassandraRing", name, cassandraProblems(args));
    for (const warning of replicationWarnings(datacentersOf(args))) void pulumi.log.warn(warning, this);

    const minutes = `${START_MINUTES.ring + START_MINUTES.node * args.size}m`;
    const ring = new apiextensions.CustomResource(name, renderRing(args), {
      parent: this,
      protect: args.protectData ?? true,
      customTimeouts: { create: minutes, update: minutes, delete: minutes },
    });

    const access = ringAccess(args);
    const table = survivals(datacentersOf(args));
    this.namespace = pulumi.output(args.namespace);
    this.clusterName = pulumi.output(args.clusterName);
    this.datacenter = pulumi.output(args.datacenter);
    // Whoever uses it waits until the ring is there.
    this.contactPoints = pulumi.all([access.contactPoints, ring.metadata.name]).apply(([hosts]) => hosts);
    this.port = pulumi.output(access.port);
    this.superuserSecret = pulumi.output(access.superuserSecret ?? "");
    this.readerSecret = pulumi.output(access.readerSecret ?? "");
    this.certificateSecret = pulumi.output(access.tls?.secret ?? "");
    this.tlsServerName = pulumi.output(access.tls?.serverName ?? "");
    this.replication = pulumi.output(args.replication);
    this.survival = pulumi.output(table);
    this.survives = pulumi.output(table.map((row) => row.sentence));
    this.registerOutputs({
      namespace: this.namespace,
      clusterName: this.clusterName,
      datacenter: this.datacenter,
      contactPoints: this.contactPoints,
      port: this.port,
      superuserSecret: this.superuserSecret,
      readerSecret: this.readerSecret,
      certificateSecret: this.certificateSecret,
      tlsServerName: this.tlsServerName,
      replication: this.replication,
      survival: this.survival,
      survives: this.survives,
    });
  }
}
