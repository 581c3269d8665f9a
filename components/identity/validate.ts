import * as pulumi from "@pulumi/pulumi";
import { type Problem, problem, within } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { examine, stated, z } from "../support/schema.js";
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
import { federationProblems } from "./federations.js";
import { grantPath, grantProblems, isGrant, kindProblems } from "./grants.js";
import { joinedSchema, principalGrantsSchema, principalShape, workloadIdentitySchema } from "./schema.js";

/** What of a WorkloadIdentity is left out whole where something in it is wrong, so that the rest is checked all the same. */
const PARTS = [["serviceAccount"], ["federations", "*"], ["githubActions", "*"], ["grants"], ["bus"]];

/** All problems of the args; `name` is the component's. */
export function workloadIdentityProblems(name: string, args: WorkloadIdentityArgs): Problem[] {
  const given = stated(args);
  const shape = problemsOf(workloadIdentitySchema, given);
  const { sound = {} } = examine(joinedSchema, given, PARTS);
  return [...defaultNameProblems(name, given), ...shape, ...withoutEchoes(shape, joinedProblems(sound as Joined))];
}

/** What of the args is joined with something else; grants are what they are until each was looked at. */
type Joined = Partial<WorkloadIdentityArgs>;

/** The component's name, where it is that of the identity as well. */
function defaultNameProblems(name: string, { identityName }: WorkloadIdentityArgs): Problem[] {
  if (identityName !== undefined) return [];
  return within("identityName", problemsOf(workloadIdentitySchema.shape.identityName, name));
}

function joinedProblems(args: Joined): Problem[] {
  const { grants = [], bus, kind = IdentityKind.Worker } = args;
  const found = [...federationProblems(args), ...grantProblems(grants), ...kindProblems(kind, grants)];
  if (grants.length > 0 && bus === undefined)
    found.push(problem("bus", undefined, "is missing; grants need it", "Give the namespace and its entityIds"));
  return [...found, ...busProblems(grants, bus)];
}

/** Problems that do not follow from one that is known: what was left out for it is not missing. */
function withoutEchoes(known: Problem[], found: Problem[]): Problem[] {
  return found.filter(({ path }) => !known.some((each) => each.path === path || each.path.startsWith(`${path}.`)));
}

/** All problems of the args of PrincipalGrants. */
export function principalGrantsProblems(args: PrincipalGrantsArgs): Problem[] {
  const given = stated(args);
  const shape = problemsOf(principalGrantsSchema, given);
  const { sound = {} } = examine(joinedSchema, given, PARTS);
  const { grants = [], bus, kind = IdentityKind.Producer } = sound as Joined;
  return [
    ...shape,
    ...principalProblems(given),
    ...grantProblems(grants),
    ...kindProblems(kind, grants),
    ...busProblems(grants, bus),
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
  const wide = grants.some((grant) => isGrant(grant) && grant.scope === GrantScope.Namespace);
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
      !isGrant(grant) || grant.scope === GrantScope.Namespace || known.includes(grantPath(grant))
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
