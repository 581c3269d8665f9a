import * as pulumi from "@pulumi/pulumi";
import { type Problem, problem } from "../../runtime/contract/index.js";
import type { WorkloadIdentityArgs } from "./args.js";
import { grantPath, grantProblems } from "./grants.js";

/** Federated credentials that Azure allows one identity. */
export const MAX_FEDERATIONS = 20;
/** The federation of the component's own service account. */
export const SERVICE_ACCOUNT_FEDERATION = "service-account";

const IDENTITY_NAME = /^[A-Za-z0-9](?=.{2,127}$)[A-Za-z0-9_-]*$/;
const FEDERATION_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const SUBJECT = /^[^*?]{1,600}$/;

/** Problems of a value where it is known before the run; outputs are checked by Azure. */
function plain(path: string, value: unknown, pattern: RegExp, reason: string, fix: string): Problem[] {
  return typeof value !== "string" || pattern.test(value) ? [] : [problem(path, value, reason, fix)];
}

/** All problems of the args; `name` is the component's. */
export function workloadIdentityProblems(name: string, args: WorkloadIdentityArgs): Problem[] {
  const { serviceAccount, federations = {}, grants = [], scope } = args;
  const https = "must be an https URL of at most 600 characters";
  const found: Problem[] = [
    ...plain(
      "identityName",
      args.identityName ?? name,
      IDENTITY_NAME,
      "must be 3 to 128 letters, digits, - or _, the first a letter or digit",
      "Give identityName a name by Azure's rule",
    ),
    ...plain("purpose", args.purpose, /\S/, "must not be empty", "Say what the identity is for"),
    ...plain("issuerUrl", args.issuerUrl, /^https:\/\/.{1,590}$/, https, "Give the cluster's OIDC issuer"),
    ...plain(
      "serviceAccount.namespace",
      serviceAccount.namespace,
      DNS_LABEL,
      "must be a DNS label: 1 to 63 lower-case letters, digits or -",
      "Give the service account's namespace",
    ),
    ...plain(
      "serviceAccount.name",
      serviceAccount.name,
      DNS_SUBDOMAIN,
      "must be a DNS name: lower-case letters, digits, - or .",
      "Give the service account's name",
    ),
  ];
  const total = Object.keys(federations).length + 1;
  if (total > MAX_FEDERATIONS)
    found.push(
      problem(
        "federations",
        `${total} with the service account's`,
        `must be at most ${MAX_FEDERATIONS} for an identity (Azure's limit)`,
        "Make a second identity",
      ),
    );
  for (const [key, federation] of Object.entries(federations)) {
    const path = `federations.${key}`;
    const taken = key === SERVICE_ACCOUNT_FEDERATION;
    if (taken) found.push(problem(path, key, "is the name of the service account's own", "Rename it"));
    found.push(
      ...plain(
        path,
        key,
        FEDERATION_NAME,
        "must be named with 3 to 120 letters, digits, - or _, the first a letter or digit",
        "Rename it",
      ),
      ...plain(`${path}.issuerUrl`, federation.issuerUrl, /^https:\/\/.{1,590}$/, https, "Give the token's issuer"),
      ...plain(
        `${path}.subject`,
        federation.subject,
        SUBJECT,
        "must be 1 to 600 characters without * or ?; Azure takes no wildcards",
        "Give the whole subject",
      ),
    );
  }
  found.push(...grantProblems(grants));
  if (grants.length > 0 && scope === undefined)
    found.push(problem("scope", undefined, "is missing; grants need it", "Give the namespace and its entityIds"));
  return [...found, ...unknownEntities(args)];
}

/** Grants on entities that are not among the ids, where these are known. */
function unknownEntities({ grants = [], scope }: WorkloadIdentityArgs): Problem[] {
  const ids: unknown = scope?.entityIds;
  if (ids === undefined || ids === null || typeof ids !== "object") return [];
  if (pulumi.Output.isInstance(ids) || ids instanceof Promise) return [];
  const known = Object.keys(ids);
  return grants.flatMap((grant, i) =>
    known.includes(grantPath(grant))
      ? []
      : [
          problem(
            `grants.${i}`,
            grantPath(grant),
            "is not an entity of the scope",
            known.length === 0 ? "Add its id to scope.entityIds" : `Use one of ${known.join(", ")}`,
          ),
        ],
  );
}
