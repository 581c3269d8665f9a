import * as containerservice from "@pulumi/azure-native/containerservice";
import * as pulumi from "@pulumi/pulumi";
import { lookedUp, plainError } from "../support/lookup.js";
import type { ClusterArgs } from "./args.js";

/** Resource group and name in the id of a cluster. */
export function clusterParts(id: string): { resourceGroupName: string; resourceName: string } {
  const [, resourceGroupName = "", resourceName = ""] =
    /\/resourceGroups\/([^/]+)\/providers\/[^/]+\/managedClusters\/([^/]+)$/i.exec(id) ?? [];
  return { resourceGroupName, resourceName };
}

/** The OIDC issuer of the cluster: as it is given, or else looked up. */
export function issuerUrl(cluster: ClusterArgs, parent: pulumi.Resource): pulumi.Output<string> {
  return pulumi.output(cluster.oidcIssuerUrl ?? lookUp(cluster.id, parent));
}

async function lookUp(id: string, parent: pulumi.Resource): Promise<string> {
  const { oidcIssuerProfile } = await lookedUp(
    `Cluster ${id}, whose issuer every worker's identity trusts,`,
    "Correct cluster.id, or give cluster.oidcIssuerUrl.",
    () => containerservice.getManagedCluster(clusterParts(id), { parent }),
  );
  if (oidcIssuerProfile?.issuerURL) return oidcIssuerProfile.issuerURL;
  throw plainError(
    `Cluster ${id} has no OIDC issuer, so that no pod of it can log in as an identity. ` +
      "Turn it on: az aks update --enable-oidc-issuer --enable-workload-identity.",
  );
}
