import * as containerservice from "@pulumi/azure-native/containerservice";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterArgs } from "./args.js";

/** Resource group and name in the id of a cluster. */
export function clusterParts(id: string): { resourceGroupName: string; resourceName: string } {
  const [, resourceGroupName = "", resourceName = ""] =
    /\/resourceGroups\/([^/]+)\/providers\/[^/]+\/managedClusters\/([^/]+)$/i.exec(id) ?? [];
  return { resourceGroupName, resourceName };
}

/** The OIDC issuer of the cluster: as it is given, or else looked up. */
export function issuerUrl(cluster: ClusterArgs, parent: pulumi.Resource): pulumi.Output<string> {
  if (cluster.oidcIssuerUrl !== undefined) return pulumi.output(cluster.oidcIssuerUrl);
  return containerservice.getManagedClusterOutput(clusterParts(cluster.id), { parent }).apply((found) => {
    const issuer = found.oidcIssuerProfile?.issuerURL;
    if (issuer) return issuer;
    throw new Error(
      `Cluster ${cluster.id} has no OIDC issuer, so that no pod of it can log in as an identity. ` +
        "Turn it on: az aks update --enable-oidc-issuer --enable-workload-identity.",
    );
  });
}
