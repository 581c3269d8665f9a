import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { IntegrationArgs } from "../../../components/integration/index.js";
import { stackArgs } from "../../../stacks/config.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

export const environments = ["local", "dev", "prod"] as const;
export type Environment = (typeof environments)[number];

/** The configuration of an environment as Pulumi hands it to the program: every value is text. */
export function configOf(environment: Environment): { [key: string]: string } {
  const file = join(packageRoot(), `Pulumi.${environment}.yaml`);
  const { config }: { config: { [key: string]: unknown } } = parse(readFileSync(file, "utf8"));
  const entries = Object.entries(config).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(entries);
}

/** The args that an environment's stack builds. A new copy each time. */
export function argsOf(environment: Environment): IntegrationArgs {
  return stackArgs(environment, configOf(environment));
}

/** What Azure answers of what the environments adopt: a cluster that has an OIDC issuer, and producers' identities. */
export const ISSUER = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/";
export const EXISTING_PRINCIPAL = "88888888-8888-4888-8888-888888888888";
export const clusterCalls = {
  "azure-native:containerservice:getManagedCluster": { oidcIssuerProfile: { enabled: true, issuerURL: ISSUER } },
  "azure-native:managedidentity:getUserAssignedIdentity": { principalId: EXISTING_PRINCIPAL },
};
