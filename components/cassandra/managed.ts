import * as cosmosdb from "@pulumi/azure-native/cosmosdb";
import * as pulumi from "@pulumi/pulumi";
import { CQL_PORT, defined, formatProblems, type Problem, problem } from "../../runtime/contract/index.js";
import { because, integer, problemsOf, text } from "../../runtime/contract/zod.js";
import { given, subnetId } from "../support/given.js";
import { refuse } from "../support/inputs.js";
import { plainError } from "../support/lookup.js";
import { flag, type Shape, stated, strict, tagsSchema, words, z } from "../support/schema.js";
import type { ManagedCassandraArgs, ManagedDatacenterArgs } from "./managedArgs.js";

/** Azure's rule for the names of clusters and datacenters. */
const NAME = /^(?=.{1,100}$)[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/;
const NAME_RULE = "1 to 100 letters, digits or -, none at the ends or twice in a row";
/** A cluster takes half an hour, and so does a datacenter of it. */
const TIMEOUTS = { create: "2h", update: "2h", delete: "1h" };

const datacenterSchema = strict({
  subnetId,
  location: z.exactOptional(given(words("an Azure region"))),
  nodes: integer(3, 1000, "nodes"),
  sku: z.exactOptional(words("a size of machine")),
  disks: z.exactOptional(integer(1, 32, "disks")),
  availabilityZones: z.exactOptional(flag()),
} satisfies Shape<ManagedDatacenterArgs>) satisfies z.ZodType<ManagedDatacenterArgs, ManagedDatacenterArgs>;

const managedSchema = strict({
  resourceGroupName: given(words("the name of a resource group")),
  location: given(words("an Azure region")),
  clusterName: text(NAME, NAME_RULE, "Choose another name"),
  cassandraVersion: text(/^\d+\.\d+$/, "a release of Cassandra without its patch", "Give 5.0, for example"),
  managementSubnetId: subnetId,
  // What it is, a text or a secret, is judged apart, so that no problem ever shows it.
  initialAdminPassword: z.unknown(),
  datacenters: z.record(
    text(NAME, NAME_RULE, "Choose another name"),
    datacenterSchema,
    because("must be a map from names to datacenters", "Give { dc1: { subnetId, nodes: 3 } }"),
  ),
  repair: z.exactOptional(flag()),
  stopped: z.exactOptional(flag()),
  protectData: z.exactOptional(flag()),
  tags: z.exactOptional(tagsSchema),
} satisfies Shape<ManagedCassandraArgs>);

/** All problems of a managed cluster's args; an empty list where it can be made. */
export function managedProblems(args: ManagedCassandraArgs): Problem[] {
  const { initialAdminPassword, ...rest } = args;
  const found = problemsOf(managedSchema, { ...stated(rest), initialAdminPassword: undefined });
  if (typeof rest.datacenters === "object" && rest.datacenters !== null && Object.keys(rest.datacenters).length === 0)
    found.push(problem("datacenters", "{}", "must have at least one entry", "Give { dc1: { subnetId, nodes: 3 } }"));
  if (!pulumi.Output.isInstance(initialAdminPassword)) found.push(plainPassword());
  return found;
}

/** The value is never shown. */
function plainPassword(): Problem {
  return problem(
    "initialAdminPassword",
    undefined,
    "must be a secret of Pulumi: a plain text would stand in the state, in the clear",
    'Give config.requireSecret("…")',
  );
}

/**
 * Azure Managed Instance for Apache Cassandra: a cluster, and its datacenters in delegated subnets. Azure runs the nodes,
 * patches and backs them up. Every connection is TLS.
 */
export class ManagedCassandra extends pulumi.ComponentResource {
  /** Id of the cluster. */
  public readonly clusterId: pulumi.Output<string>;
  /** Cassandra's name of the cluster. */
  public readonly clusterName: pulumi.Output<string>;
  /** Addresses of the seed nodes of each datacenter: what a driver starts from. */
  public readonly contactPoints: pulumi.Output<{ [datacenter: string]: string[] }>;
  /** Port of the native protocol. */
  public readonly port: pulumi.Output<number>;

  constructor(name: string, args: ManagedCassandraArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("ManagedCassandra", name, managedProblems(args));
    super("stowage:index:ManagedCassandra", name, {}, opts);
    // `stated` copies plain objects only, so that the secret stays one.
    const { resourceGroupName, location, clusterName, datacenters, tags, ...settings } = stated(args);
    const protect = settings.protectData ?? true;
    const cluster = new cosmosdb.CassandraCluster(
      name,
      {
        resourceGroupName,
        location,
        clusterName,
        properties: {
          authenticationMethod: "Cassandra",
          cassandraVersion: settings.cassandraVersion,
          delegatedManagementSubnetId: settings.managementSubnetId,
          initialCassandraAdminPassword: secretOnly(name, settings.initialAdminPassword),
          repairEnabled: settings.repair ?? true,
          deallocated: settings.stopped ?? false,
        },
        ...defined({ tags }),
      },
      {
        parent: this,
        protect,
        customTimeouts: TIMEOUTS,
        // Azure reads it once, and never gives it back.
        ignoreChanges: ["properties.initialCassandraAdminPassword"],
      },
    );
    const made = Object.entries(datacenters).map(([datacenter, each]): [string, cosmosdb.CassandraDataCenter] => [
      datacenter,
      new cosmosdb.CassandraDataCenter(
        `${name}-${datacenter}`,
        {
          resourceGroupName,
          clusterName: cluster.name,
          dataCenterName: datacenter,
          properties: {
            dataCenterLocation: each.location ?? location,
            delegatedSubnetId: each.subnetId,
            nodeCount: each.nodes,
            availabilityZone: each.availabilityZones ?? true,
            ...defined({ sku: each.sku, diskCapacity: each.disks }),
          },
        },
        { parent: this, protect, customTimeouts: TIMEOUTS },
      ),
    ]);

    this.clusterId = cluster.id;
    this.clusterName = cluster.name;
    this.contactPoints = pulumi.all(
      Object.fromEntries(made.map(([datacenter, { properties }]) => [datacenter, seeds(properties)])),
    );
    this.port = pulumi.output(CQL_PORT);
    this.registerOutputs({
      clusterId: this.clusterId,
      clusterName: this.clusterName,
      contactPoints: this.contactPoints,
      port: this.port,
    });
  }
}

/** Addresses of a datacenter's seeds; none in a preview, where it may have no properties yet. */
function seeds(properties: cosmosdb.CassandraDataCenter["properties"]): pulumi.Output<string[]> {
  return properties.apply((known) => (known?.seedNodes ?? []).flatMap(({ ipAddress }) => ipAddress ?? []));
}

/** The value, once it is sure that it is a secret. */
export function secretOnly(name: string, value: pulumi.Input<string>): pulumi.Output<string> {
  const output = pulumi.output(value);
  return pulumi.secret(
    pulumi.isSecret(output).then((isSecret) => {
      if (isSecret) return output;
      throw plainError(formatProblems(`Invalid arguments for ManagedCassandra "${name}"`, [plainPassword()]));
    }),
  );
}
