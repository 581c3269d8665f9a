import * as resources from "@pulumi/azure-native/resources";
import * as core from "@pulumi/kubernetes/core/v1";
import { Provider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { defined, type Pipeline } from "../../runtime/contract/index.js";
import type { RightsEntry } from "../identity/args.js";
import { identitiesOf, rightsTable } from "../identity/matrix.js";
import { ServiceBus } from "../servicebus/index.js";
import { refuse } from "../support/inputs.js";
import { stated } from "../support/schema.js";
import type { IntegrationArgs } from "./args.js";
import { issuerUrl } from "./cluster.js";
import { matrixEntities } from "./grants.js";
import { childNames } from "./names.js";
import { installOperators } from "./operators.js";
import { planPipelines } from "./pipelines.js";
import { deployerIdentities, registerPrincipals } from "./principals.js";
import { registerStores } from "./storage.js";
import { integrationProblems } from "./validate.js";
import { registerPipelines } from "./workers.js";

/**
 * Everything of an integration, from one object: the bus, the stores, and for each pipeline an identity with exactly
 * its rights, and a worker.
 */
export class Integration extends pulumi.ComponentResource {
  /** Resource group of bus and identities. */
  public readonly resourceGroupName: pulumi.Output<string>;
  /** Name of the Service Bus namespace. */
  public readonly serviceBusNamespace: pulumi.Output<string>;
  /** Host of the Service Bus namespace. */
  public readonly serviceBusHost: pulumi.Output<string>;
  /** Kubernetes namespace of the workers. */
  public readonly namespace: pulumi.Output<string>;
  /** The pipelines by name, as the workers get them. */
  public readonly pipelines: pulumi.Output<{ [name: string]: Pipeline }>;
  /** Names of the workers' deployments, by pipeline. */
  public readonly deployments: pulumi.Output<{ [pipeline: string]: string }>;
  /** Client ids of the workers' identities, by pipeline. */
  public readonly clientIds: pulumi.Output<{ [pipeline: string]: string }>;
  /** Client ids of the deployers' identities, by deployer: what their workflows log in as. */
  public readonly deployerClientIds: pulumi.Output<{ [deployer: string]: string }>;
  /** Who may do what, where: every right that is granted here, and no other. */
  public readonly rights: pulumi.Output<RightsEntry[]>;
  /** What follows from the rights, as a table to read: who can send, listen and manage at which entity. */
  public readonly rightsTable: pulumi.Output<string>;
  /** URLs of the LINSTOR controllers; empty where there is no LINSTOR. */
  public readonly linstorControllers: pulumi.Output<string[]>;
  /** Hosts of Cassandra; empty where there is no Cassandra. */
  public readonly cassandraContactPoints: pulumi.Output<string[]>;
  /** What each keyspace of a ring that is made here survives, a sentence a consistency level; empty where there is none. */
  public readonly cassandraSurvives: pulumi.Output<string[]>;
  /** Claims of the Gluster volumes, by volume; empty where there is no Gluster. */
  public readonly glusterClaims: pulumi.Output<{ [volume: string]: string }>;

  constructor(name: string, args: IntegrationArgs, opts?: pulumi.ComponentResourceOptions) {
    const given = stated(args);
    refuse("Integration", name, integrationProblems(name, given));
    super("stowage:index:Integration", name, {}, opts);

    const kubernetes =
      given.cluster.kubeContext === undefined
        ? undefined
        : new Provider(childNames.kubernetes(name), { context: given.cluster.kubeContext }, { parent: this });
    const parts = { parent: this, ...(kubernetes === undefined ? {} : { providers: { kubernetes } }) };
    const objects = { parent: this, ...(kubernetes === undefined ? {} : { provider: kubernetes }) };

    const group =
      given.resourceGroup.create === false
        ? undefined
        : new resources.ResourceGroup(
            name,
            {
              resourceGroupName: given.resourceGroup.name,
              location: given.location,
              ...defined({ tags: given.tags }),
            },
            { parent: this },
          );
    const resourceGroupName = group?.name ?? pulumi.output(given.resourceGroup.name);
    const namespace = given.namespace.create === false ? undefined : restrictedNamespace(name, given, objects);
    const namespaceName = namespace?.metadata.name ?? pulumi.output(given.namespace.name);
    const operators = installOperators(name, given, objects);

    const { location, tags } = given;
    const bus = new ServiceBus(
      childNames.serviceBus(name),
      { ...given.serviceBus, resourceGroupName, location, ...defined({ tags }) },
      parts,
    );
    const ready = [group, namespace].filter((each) => each !== undefined);
    const stores = registerStores(name, given, { namespaceName, operators, ready, opts: parts });
    const pipelines = planPipelines(given);
    const workers = registerPipelines(name, given, pipelines, {
      resourceGroupName,
      namespaceName,
      issuer: issuerUrl(given.cluster, this),
      bus,
      stores,
      keda: operators.get("keda"),
      opts: parts,
    });
    const principals = registerPrincipals(name, given, { resourceGroupName, bus, opts: parts });

    this.resourceGroupName = resourceGroupName;
    this.serviceBusNamespace = bus.namespaceName;
    this.serviceBusHost = bus.host;
    this.namespace = namespaceName;
    this.pipelines = pulumi.output(pipelines);
    this.deployments = pulumi.all(workers.deployments);
    this.clientIds = pulumi.all(workers.clientIds);
    this.deployerClientIds = pulumi.all(principals.deployers);
    this.rights = pulumi.all([...workers.rights, ...principals.rights]).apply((rights) => rights.flat());
    this.rightsTable = this.rights.apply((rights) => {
      const known = identitiesOf(rights);
      const others = deployerIdentities(name, given).filter((each) => !known.some((k) => k.identity === each.identity));
      return rightsTable(rights, matrixEntities(name, given), [...known, ...others]);
    });
    this.linstorControllers = pulumi.output(stores.controllers ?? []);
    this.cassandraContactPoints = pulumi.output(stores.ring?.contactPoints ?? []);
    this.cassandraSurvives = stores.cassandra?.survives ?? pulumi.output<string[]>([]);
    this.glusterClaims = stores.claims ?? pulumi.output<{ [volume: string]: string }>({});
    this.registerOutputs({
      resourceGroupName: this.resourceGroupName,
      serviceBusNamespace: this.serviceBusNamespace,
      serviceBusHost: this.serviceBusHost,
      namespace: this.namespace,
      pipelines: this.pipelines,
      deployments: this.deployments,
      clientIds: this.clientIds,
      deployerClientIds: this.deployerClientIds,
      rights: this.rights,
      rightsTable: this.rightsTable,
      linstorControllers: this.linstorControllers,
      cassandraContactPoints: this.cassandraContactPoints,
      cassandraSurvives: this.cassandraSurvives,
      glusterClaims: this.glusterClaims,
    });
  }
}

/** The workers' namespace: whatever asks for more than the restricted standard is refused in it. */
function restrictedNamespace(name: string, args: IntegrationArgs, opts: pulumi.CustomResourceOptions): core.Namespace {
  const standard = Object.fromEntries(
    ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]),
  );
  return new core.Namespace(
    name,
    { metadata: { name: args.namespace.name, labels: { "app.kubernetes.io/part-of": "stowage", ...standard } } },
    opts,
  );
}
