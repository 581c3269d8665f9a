import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as core from "@pulumi/kubernetes/core/v1";
import * as pulumi from "@pulumi/pulumi";
import { refuse } from "../support/inputs.js";
import { stated } from "../support/schema.js";
import { ringAccess } from "./access.js";
import type { CassandraRingArgs, CassandraSurvival } from "./args.js";
import { registerBackups } from "./backup.js";
import { refuseLoss } from "./deployed.js";
import { registerMonitor } from "./monitor.js";
import { LABELS } from "./names.js";
import { replicationWarnings, ringWarnings } from "./notices.js";
import { datacentersOf, survivals } from "./plan.js";
import { renderRing } from "./render.js";
import { registerSnapshots } from "./snapshots.js";
import { registerCertificates } from "./tls.js";
import { cassandraProblems } from "./validate.js";

/** Minutes that a ring may take to be ready: the operator starts and stops nodes one after another. */
const START_MINUTES = { ring: 10, node: 5 };

/**
 * A Cassandra cluster under k8ssandra-operator, or under cass-operator alone: racks on zones, storage, memory, tokens,
 * passwords, TLS, repairs, and what its keyspaces survive.
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
    const given = stated(args);
    refuse("CassandraRing", name, cassandraProblems(given));
    const datacenters = datacentersOf(given);
    for (const warning of [...replicationWarnings(datacenters), ...ringWarnings(given)])
      void pulumi.log.warn(warning, this);

    const access = ringAccess(given);
    const dependsOn = registerCertificates(this, name, given);
    if (access.readerSecret !== undefined)
      new core.Secret(
        `${name}-reader`,
        { metadata: { name: access.readerSecret, namespace: given.namespace, labels: LABELS }, type: "Opaque" },
        // What is in it is the schema jobs': no value of it is ever an input here, and no update takes it away.
        { parent: this, ignoreChanges: ["data", "stringData"] },
      );

    const { spec, ...object } = renderRing(given);
    const nodes = datacenters.reduce((total, { shape }) => total + (shape?.size ?? 0), 0);
    const minutes = `${START_MINUTES.ring + START_MINUTES.node * nodes}m`;
    const ring = new apiextensions.CustomResource(
      name,
      // The operator would refuse some losses once they are applied, and do others: here they are refused at preview.
      { ...object, spec: refuseLoss(this, name, given).then(() => spec) },
      {
        parent: this,
        dependsOn,
        protect: given.protectData ?? true,
        customTimeouts: { create: minutes, update: minutes, delete: minutes },
      },
    );
    registerMonitor(this, name, given);
    registerBackups(this, name, given, ring);
    registerSnapshots(this, name, given, ring);

    const table = survivals(datacenters);
    this.namespace = pulumi.output(given.namespace);
    this.clusterName = pulumi.output(given.clusterName);
    this.datacenter = pulumi.output(given.datacenter);
    // Whoever uses it waits until the ring is there.
    this.contactPoints = pulumi.all([access.contactPoints, ring.metadata.name]).apply(([hosts]) => hosts);
    this.port = pulumi.output(access.port);
    this.superuserSecret = pulumi.output(access.superuserSecret ?? "");
    this.readerSecret = pulumi.output(access.readerSecret ?? "");
    this.certificateSecret = pulumi.output(access.tls?.secret ?? "");
    this.tlsServerName = pulumi.output(access.tls?.serverName ?? "");
    this.replication = pulumi.output(given.replication);
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
