import * as pulumi from "@pulumi/pulumi";
import { type Problem, problem, within } from "../../runtime/contract/index.js";
import { oneOf, problemsOf } from "../../runtime/contract/zod.js";
import { z } from "../support/schema.js";
import {
  type GrantArgs,
  type GrantBusArgs,
  type GrantNamespaceArgs,
  GrantScope,
  IdentityKind,
  type PrincipalArgs,
  type PrincipalGrantsArgs,
  type WorkloadIdentityArgs,
} from "./args.js";
import { federationProblems, HTTPS, HTTPS_RULE } from "./federations.js";
import { grantPath, grantProblems, kindProblems } from "./grants.js";
import { principalShape } from "./schema.js";
import { plain } from "./values.js";

const IDENTITY_NAME = /^[A-Za-z0-9](?=.{2,127}$)[A-Za-z0-9_-]*$/;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** With right and path it stays below the 1,024 characters that Azure allows a description. */
const PURPOSE = /^(?=.*\S)[^\r\n]{1,500}$/;

function purposeProblems(purpose: string): Problem[] {
  return plain("purpose", purpose, PURPOSE, "must be 1 to 500 characters on one line", "Say what the identity is for");
}

function kindSchemaProblems(kind: IdentityKind | undefined): Problem[] {
  return kind === undefined ? [] : within("kind", problemsOf(oneOf(IdentityKind), kind));
}

/** All problems of the args; `name` is the component's. */
export function workloadIdentityProblems(name: string, args: WorkloadIdentityArgs): Problem[] {
  const { serviceAccount, grants = [], bus } = args;
  const found: Problem[] = [
    ...plain(
      "identityName",
      args.identityName ?? name,
      IDENTITY_NAME,
      "must be 3 to 128 letters, digits, - or _, the first a letter or digit",
      "Give identityName a name by Azure's rule",
    ),
    ...purposeProblems(args.purpose),
    ...plain("issuerUrl", args.issuerUrl, HTTPS, HTTPS_RULE, "Give the cluster's OIDC issuer"),
    ...plain(
      "serviceAccount.namespace",
      serviceAccount?.namespace,
      DNS_LABEL,
      "must be a DNS label: 1 to 63 lower-case letters, digits or -",
      "Give the service account's namespace",
    ),
    ...plain(
      "serviceAccount.name",
      serviceAccount?.name,
      DNS_SUBDOMAIN,
      "must be a DNS name: lower-case letters, digits, - or .",
      "Give the service account's name",
    ),
    ...federationProblems(args),
    ...kindSchemaProblems(args.kind),
    ...grantProblems(grants),
    ...kindProblems(args.kind ?? IdentityKind.Worker, grants),
  ];
  if (grants.length > 0 && bus === undefined)
    found.push(problem("bus", undefined, "is missing; grants need it", "Give the namespace and its entityIds"));
  return [...found, ...busProblems(grants, bus)];
}

/** All problems of the args of PrincipalGrants. */
export function principalGrantsProblems(args: PrincipalGrantsArgs): Problem[] {
  return [
    ...purposeProblems(args.purpose),
    ...principalProblems(args),
    ...kindSchemaProblems(args.kind),
    ...grantProblems(args.grants),
    ...kindProblems(args.kind ?? IdentityKind.Producer, args.grants),
    ...busProblems(args.grants, args.bus),
  ];
}

/** Whether a principal is named, and once. */
export function principalProblems(args: PrincipalArgs): Problem[] {
  const { principalId, principalType, managedIdentity } = args;
  const found = problemsOf(z.object(principalShape), args);
  if ((principalId === undefined) === (managedIdentity === undefined))
    found.push(
      problem(
        "principalId",
        principalId,
        principalId === undefined ? "is missing" : "goes without managedIdentity, which names another principal",
        "Give either principalId with principalType, or managedIdentity",
      ),
    );
  if (principalId !== undefined && principalType === undefined)
    found.push(
      problem(
        "principalType",
        undefined,
        "is missing; without it, Azure takes any principal for a user",
        "Give User, Group or ServicePrincipal (an application or a managed identity)",
      ),
    );
  if (managedIdentity !== undefined && principalType !== undefined)
    found.push(
      problem("principalType", principalType, "goes with principalId; that of managedIdentity is known", "Remove it"),
    );
  return found;
}

/** Grants on what the bus does not have, where this is known. */
function busProblems(grants: GrantArgs[], bus: GrantBusArgs | undefined): Problem[] {
  if (bus === undefined) return [];
  const { secondary } = bus;
  return [
    ...unknownEntities(grants, bus, "bus"),
    ...(secondary === undefined ? [] : unknownEntities(grants, secondary, "bus.secondary")),
  ];
}

function unknownEntities(grants: GrantArgs[], place: GrantNamespaceArgs, at: string): Problem[] {
  const wide = grants.some((grant) => grant.scope === GrantScope.Namespace);
  const missing =
    wide && place.namespaceId === undefined
      ? [problem(`${at}.namespaceId`, undefined, 'is missing; a grant of scope "namespace" needs it', "Give it")]
      : [];
  const ids: unknown = place.entityIds;
  if (ids === undefined || ids === null || typeof ids !== "object") return missing;
  if (pulumi.Output.isInstance(ids) || ids instanceof Promise) return missing;
  const known = Object.keys(ids);
  return [
    ...missing,
    ...grants.flatMap((grant, i) =>
      grant.scope === GrantScope.Namespace || known.includes(grantPath(grant))
        ? []
        : within(`grants.${i}`, [
            problem(
              "",
              grantPath(grant),
              `is not an entity of ${at}`,
              known.length === 0 ? `Add its id to ${at}.entityIds` : `Use one of ${known.join(", ")}`,
            ),
          ]),
    ),
  ];
}
