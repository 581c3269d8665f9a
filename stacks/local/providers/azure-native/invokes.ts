import type { InvokeModel, PropertyMap, ProviderState } from "../base/index.js";
import { ArmError } from "./errors.js";
import { sameId, uuidOf } from "./ids.js";
import type { ArmSettings } from "./model.js";

/** A cluster that was there before the stack: the stand-in says of every one that is asked for that it is there. */
export interface AdoptedCluster {
  /** Who issues the tokens of its service accounts: what federated credentials trust. */
  oidcIssuerUrl: string;
}

const IDENTITY = "azure-native:managedidentity:UserAssignedIdentity";

/**
 * The functions that the stand-in knows, by their tokens.
 * @param existingIdentities managed identities that are there beside those of the stack, as `group/name`; undefined for
 * any that is named
 */
export function armInvokes(
  settings: ArmSettings,
  cluster: AdoptedCluster | undefined,
  existingIdentities?: readonly string[],
): Readonly<Record<string, InvokeModel>> {
  return {
    "azure-native:authorization:getClientConfig": () => ({
      clientId: uuidOf(`${settings.tenantId}#client`),
      objectId: uuidOf(`${settings.tenantId}#object`),
      subscriptionId: settings.subscriptionId,
      tenantId: settings.tenantId,
    }),
    "azure-native:containerservice:getManagedCluster": (args) => managedCluster(args, settings, cluster),
    "azure-native:managedidentity:getUserAssignedIdentity": (args, { state }) =>
      managedIdentity(args, state, settings, existingIdentities),
    "azure-native:servicebus:listNamespaceKeys": (args) => sharedAccessKeys("listNamespaceKeys", args, "", settings),
    "azure-native:servicebus:listQueueKeys": (args) =>
      sharedAccessKeys("listQueueKeys", args, String(args["queueName"]), settings),
    "azure-native:servicebus:listTopicKeys": (args) =>
      sharedAccessKeys("listTopicKeys", args, String(args["topicName"]), settings),
  };
}

/** The keys of a shared access rule, as Azure lists them; ARM's own refusal where there is none. */
function sharedAccessKeys(token: string, args: PropertyMap, entity: string, { effects }: ArmSettings): PropertyMap {
  const [namespace, name] = [args["namespaceName"], args["authorizationRuleName"]];
  if (typeof namespace !== "string" || typeof name !== "string")
    throw new Error(`${token} needs the properties 'namespaceName' and 'authorizationRuleName'`);
  const keys = effects?.serviceBus?.sharedAccessKeys?.(namespace, entity, name);
  if (keys === undefined)
    throw new ArmError(404, "ResourceNotFound", `The authorization rule '${name}' of '${namespace}' was not found.`);
  const { primaryKey, secondaryKey, host } = keys;
  const path = entity === "" ? "" : `;EntityPath=${entity}`;
  const connection = (key: string) =>
    `Endpoint=sb://${host}/;SharedAccessKeyName=${name};SharedAccessKey=${key}${path}`;
  return {
    keyName: name,
    primaryKey,
    secondaryKey,
    primaryConnectionString: connection(primaryKey),
    secondaryConnectionString: connection(secondaryKey),
  };
}

/** A managed identity: one that the stand-in made, or one that is said to be there; ARM's own refusal for another. */
function managedIdentity(
  args: PropertyMap,
  state: ProviderState,
  settings: ArmSettings,
  existing: readonly string[] | undefined,
): PropertyMap {
  const { group, name, place } = placeOf("getUserAssignedIdentity", args, settings);
  const path = `Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  const id = `${place}/${path}`;
  const made = state.list(IDENTITY).find((resource) => sameId(resource.id, id));
  if (made !== undefined) return made.outputs;
  if (existing?.some((each) => sameId(each, `${group}/${name}`)) === false)
    throw new ArmError(
      404,
      "ResourceNotFound",
      `The Resource '${path}' under resource group '${group}' was not found.`,
    );
  return {
    id,
    name,
    location: settings.location ?? "westeurope",
    type: "Microsoft.ManagedIdentity/userAssignedIdentities",
    tenantId: settings.tenantId,
    principalId: uuidOf(`${id}#principal`),
    clientId: uuidOf(`${id}#client`),
  };
}

/** Where an invoke looks: every one here names a resource group and a resource. */
function placeOf(invoke: string, args: PropertyMap, { subscriptionId }: ArmSettings) {
  const [group, name] = [args["resourceGroupName"], args["resourceName"]];
  if (typeof group !== "string" || typeof name !== "string")
    throw new Error(`${invoke} needs the properties 'resourceGroupName' and 'resourceName'`);
  return { group, name, place: `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers` };
}

function managedCluster(args: PropertyMap, settings: ArmSettings, cluster: AdoptedCluster | undefined): PropertyMap {
  const { group, name, place } = placeOf("getManagedCluster", args, settings);
  const id = `${place}/Microsoft.ContainerService/managedClusters/${name}`;
  const location = settings.location ?? "westeurope";
  // The form of an issuer of Azure Kubernetes Service: region, tenant, cluster.
  const issuer = `https://${location}.oic.prod-aks.azure.com/${settings.tenantId}/${uuidOf(`${id}#issuer`)}/`;
  return {
    id,
    name,
    location,
    type: "Microsoft.ContainerService/ManagedClusters",
    provisioningState: "Succeeded",
    nodeResourceGroup: `MC_${group}_${name}_${location}`,
    oidcIssuerProfile: { enabled: true, issuerURL: cluster?.oidcIssuerUrl ?? issuer },
    securityProfile: { workloadIdentity: { enabled: true } },
  };
}
