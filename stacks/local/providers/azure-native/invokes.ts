import type { InvokeModel, PropertyMap } from "../base/index.js";
import { uuidOf } from "./ids.js";
import type { ArmSettings } from "./model.js";

/** A cluster that was there before the stack: the stand-in says of every one that is asked for that it is there. */
export interface AdoptedCluster {
  /** Who issues the tokens of its service accounts: what federated credentials trust. */
  oidcIssuerUrl: string;
}

/** The functions that the stand-in knows, by their tokens. */
export function armInvokes(
  settings: ArmSettings,
  cluster: AdoptedCluster | undefined,
): Readonly<Record<string, InvokeModel>> {
  return {
    "azure-native:authorization:getClientConfig": () => ({
      clientId: uuidOf(`${settings.tenantId}#client`),
      objectId: uuidOf(`${settings.tenantId}#object`),
      subscriptionId: settings.subscriptionId,
      tenantId: settings.tenantId,
    }),
    "azure-native:containerservice:getManagedCluster": (args) => managedCluster(args, settings, cluster),
  };
}

function managedCluster(args: PropertyMap, settings: ArmSettings, cluster: AdoptedCluster | undefined): PropertyMap {
  const [group, name] = [args["resourceGroupName"], args["resourceName"]];
  if (typeof group !== "string" || typeof name !== "string") {
    throw new Error("getManagedCluster needs the properties 'resourceGroupName' and 'resourceName'");
  }
  const place = `/subscriptions/${settings.subscriptionId}/resourceGroups/${group}/providers`;
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
