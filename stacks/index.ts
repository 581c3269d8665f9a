import * as pulumi from "@pulumi/pulumi";
import { Integration } from "../components/integration/index.js";
import { InvalidInputError } from "../runtime/contract/index.js";
import { INTEGRATION, stackArgs } from "./config.js";

/** The args, or an error that Pulumi shows without a stack trace: it is for the person who wrote the configuration. */
function args() {
  try {
    return stackArgs(pulumi.getStack(), pulumi.runtime.allConfig());
  } catch (error) {
    throw error instanceof InvalidInputError ? new pulumi.RunError(error.message) : error;
  }
}

const integration = new Integration(INTEGRATION, args());

/** Resource group of bus and identities. */
export const resourceGroup = integration.resourceGroupName;
/** Name of the Service Bus namespace. */
export const serviceBusNamespace = integration.serviceBusNamespace;
/** Host that producers connect to. */
export const serviceBusHost = integration.serviceBusHost;
/** Kubernetes namespace of the workers. */
export const namespace = integration.namespace;
/** The pipelines, as the workers get them. */
export const pipelines = integration.pipelines.apply((byName) => Object.values(byName));
/** Names of the workers' deployments, by pipeline. */
export const deployments = integration.deployments;
/** Client ids of the workers' identities, by pipeline. */
export const clientIds = integration.clientIds;
/** Client ids of the deployers' identities: what their workflows log in as. */
export const deployerClientIds = integration.deployerClientIds;
/** The rights matrix: a row for every right that is granted. */
export const rights = integration.rights;
/** What follows from it, as a table to read: `pulumi stack output rightsTable`. */
export const rightsTable = integration.rightsTable;
/** What the keyspaces of the Cassandra ring survive: "telemetry: LOCAL_QUORUM survives the loss of any one zone, …". */
export const survives = integration.cassandraSurvives;
/** Where the workers reach the stores. */
export const endpoints = {
  linstorControllers: integration.linstorControllers,
  cassandraContactPoints: integration.cassandraContactPoints,
  glusterClaims: integration.glusterClaims,
};
