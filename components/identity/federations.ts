import * as managedidentity from "@pulumi/azure-native/managedidentity";
import * as pulumi from "@pulumi/pulumi";
import { type Problem, problem, within } from "../../runtime/contract/index.js";
import type { ServiceAccountArgs, WorkloadIdentityArgs } from "./args.js";
import { gitHubFederation, gitHubProblems } from "./github.js";

/** Federated credentials that Azure allows one identity. */
export const MAX_FEDERATIONS = 20;
/** The federation of the component's own service account. */
export const SERVICE_ACCOUNT_FEDERATION = "service-account";
/** The only audience that Azure takes in an exchange of tokens. */
const AUDIENCE = "api://AzureADTokenExchange";

const FEDERATION_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/;

/** One federated credential: whose tokens are taken. */
interface Federation {
  name: string;
  /** Where it stands in the args. */
  path: string;
  issuerUrl: pulumi.Input<string> | undefined;
  subject: pulumi.Input<string>;
}

/** What logs in as an identity. */
type Logins = Pick<WorkloadIdentityArgs, "issuerUrl" | "serviceAccount" | "federations" | "githubActions">;

/** Every federated credential of an identity, whatever it is for, in the order in which they are written. */
function federationsOf({ issuerUrl, serviceAccount, federations, githubActions }: Logins): Federation[] {
  const account =
    serviceAccount === undefined
      ? []
      : [
          {
            name: SERVICE_ACCOUNT_FEDERATION,
            path: "serviceAccount",
            issuerUrl,
            subject: accountSubject(serviceAccount),
          },
        ];
  const others = Object.entries(federations ?? {}).map(([name, federation]) => ({
    name,
    path: `federations.${name}`,
    issuerUrl: federation.issuerUrl ?? issuerUrl,
    subject: federation.subject,
  }));
  const workflows = Object.entries(githubActions ?? {}).map(([name, workflow]) => ({
    name,
    path: `githubActions.${name}`,
    ...gitHubFederation(workflow),
  }));
  return [...account, ...others, ...workflows].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function accountSubject({ namespace, name }: ServiceAccountArgs): pulumi.Input<string> {
  if (typeof namespace === "string") return `system:serviceaccount:${namespace}:${name}`;
  return pulumi.interpolate`system:serviceaccount:${namespace}:${name}`;
}

/** What does not fit together of everything that logs in as the identity; each must be right by itself. */
export function federationProblems(args: Logins): Problem[] {
  const all = federationsOf(args);
  const found: Problem[] = [];
  if (all.length === 0)
    found.push(
      problem(
        "serviceAccount",
        undefined,
        "is missing, and nothing else logs in as the identity",
        "Give serviceAccount, federations or githubActions",
      ),
    );
  if (all.length > MAX_FEDERATIONS)
    found.push(
      problem(
        "federations",
        `${all.length} with those of serviceAccount and githubActions`,
        `must be at most ${MAX_FEDERATIONS} for an identity (Azure's limit)`,
        "Make a second identity",
      ),
    );
  for (const [key, workflow] of Object.entries(args.githubActions ?? {}))
    found.push(...within(`githubActions.${key}`, gitHubProblems(workflow)));
  return [...found, ...all.flatMap((federation, i) => onItsOwn(federation, all.slice(0, i)))];
}

/** What is wrong with one federation beside those before it. */
function onItsOwn(federation: Federation, before: Federation[]): Problem[] {
  const { name, path, issuerUrl, subject } = federation;
  const found: Problem[] = [];
  if (path !== "serviceAccount" && !FEDERATION_NAME.test(name)) {
    const rule = "must be named with 3 to 120 letters, digits, - or _, the first a letter or digit";
    found.push(problem(path, name, rule, "Rename it"));
  }
  if (issuerUrl === undefined)
    found.push(problem("issuerUrl", undefined, `is missing; ${path} needs it`, "Give the cluster's OIDC issuer"));
  const named = before.find((other) => other.name.toLowerCase() === name.toLowerCase());
  if (named !== undefined) found.push(problem(path, name, `is the name of ${named.path} as well`, "Rename it"));
  const twin = before.find(
    (other) => typeof subject === "string" && other.subject === subject && other.issuerUrl === issuerUrl,
  );
  if (twin !== undefined)
    found.push(problem(path, subject, `takes the same tokens as ${twin.path}; Azure refuses that`, "Remove one"));
  return found;
}

/** Registers the federated credentials one after another: Azure answers 409 to two writes at once. */
export function federate(
  parent: pulumi.ComponentResource,
  name: string,
  args: WorkloadIdentityArgs,
  resourceName: pulumi.Output<string>,
): void {
  let previous: pulumi.Resource[] = [];
  for (const federation of federationsOf(args)) {
    const credential = new managedidentity.FederatedIdentityCredential(
      `${name}-${federation.name}`,
      {
        resourceGroupName: args.resourceGroupName,
        resourceName,
        federatedIdentityCredentialResourceName: federation.name,
        issuer: federation.issuerUrl ?? "",
        subject: federation.subject,
        audiences: [AUDIENCE],
      },
      { parent, deleteBeforeReplace: true, dependsOn: previous },
    );
    previous = [credential];
  }
}
