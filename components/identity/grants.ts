import { type Problem, problem, within } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { guidOf } from "../support/guid.js";
import { type GrantArgs, GrantScope, IdentityKind, Right, RightsScope } from "./args.js";
import { grantSchema } from "./schema.js";

/** Azure's built-in role of a right. */
export interface Role {
  name: string;
  /** Id of the role's definition, the same in every tenant. */
  id: string;
}

/** Source: Azure's list of built-in roles. */
export const ROLES: { [K in Right]: Role } = {
  send: { name: "Azure Service Bus Data Sender", id: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39" },
  receive: { name: "Azure Service Bus Data Receiver", id: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0" },
  manage: { name: "Azure Service Bus Data Owner", id: "090c5cfd-751d-490a-894a-3ce6f1109419" },
};

/** Id of a role's definition in the form that every subscription takes. */
export function roleDefinitionId(role: Role): string {
  return `/providers/Microsoft.Authorization/roleDefinitions/${role.id}`;
}

/** Path of a grant's entity: `renders`, `events`, `events/subscriptions/audit`; empty for the namespace. */
export function grantPath(grant: Omit<GrantArgs, "right">): string {
  if (grant.scope === GrantScope.Namespace) return "";
  if (grant.queue !== undefined) return grant.queue;
  const topic = grant.topic ?? "";
  return grant.subscription === undefined ? topic : `${topic}/subscriptions/${grant.subscription}`;
}

/** What a grant is made on. */
export function rightsScope(grant: GrantArgs): RightsScope {
  if (grant.scope === GrantScope.Namespace) return RightsScope.Namespace;
  if (grant.queue !== undefined) return RightsScope.Queue;
  return grant.subscription === undefined ? RightsScope.Topic : RightsScope.Subscription;
}

/**
 * Name of a role assignment: a GUID that is known at preview and stays the same, from the names of what it joins: scope,
 * principal and role. `owner` tells the programs that share a tenant apart.
 */
export function assignmentName(owner: string[], namespace: string, identity: string, grant: GrantArgs): string {
  return guidOf(...owner, namespace, grantPath(grant), identity, ROLES[grant.right].id);
}

/** Whether a grant has the shape of one: names and a right, whatever they are. */
export const isGrant = (grant: unknown): grant is GrantArgs => grantSchema.safeParse(grant).success;

/** What is wrong with the place of one grant; paths are from the grant. */
function placeProblems(grant: GrantArgs): Problem[] {
  const { queue, topic, subscription, scope, right } = grant;
  if (scope === GrantScope.Namespace) {
    const named = queue ?? topic ?? subscription;
    if (named === undefined) return [];
    return [problem("scope", scope, `is every entity, and goes without ${named}`, "Leave one of the two out")];
  }
  const found: Problem[] = [];
  if ((queue === undefined) === (topic === undefined))
    found.push(problem("", grant, "must have either queue or topic", 'Name one entity, or say scope: "namespace"'));
  if (subscription !== undefined && topic === undefined)
    found.push(problem("subscription", subscription, "goes with topic", "Name its topic"));
  if (topic !== undefined && subscription === undefined && right === Right.Receive)
    found.push(problem("right", right, "cannot be had on a topic", "Name the subscription to receive from"));
  if (subscription !== undefined && right === Right.Send)
    found.push(problem("right", right, "cannot be had on a subscription", "Leave subscription out"));
  return found;
}

/** Grants that are malformed, name no entity, or two, give a right that the entity does not have, or come twice. */
export function grantProblems(grants: GrantArgs[], path = "grants"): Problem[] {
  const seen = new Set<string>();
  return grants.flatMap((grant, i) => {
    const shape = problemsOf(grantSchema, grant);
    const found = within(`${path}.${i}`, shape.length > 0 ? shape : placeProblems(grant));
    if (found.length > 0) return found;
    const key = `${grantPath(grant).toLowerCase()}\n${grant.right}`;
    if (seen.has(key))
      found.push(
        problem(`${path}.${i}`, grant, "is there twice; Azure refuses the same assignment again", "Remove one"),
      );
    seen.add(key);
    return found;
  });
}

/** Kinds that never manage: who carries or publishes messages has no business with entities. */
const NEVER_MANAGE: IdentityKind[] = [IdentityKind.Worker, IdentityKind.Producer];

/** Rights that an identity of a kind never has; paths are from the args. */
export function kindProblems(kind: IdentityKind, grants: GrantArgs[]): Problem[] {
  if (kind === IdentityKind.Observer) return observerProblems(grants);
  if (!NEVER_MANAGE.includes(kind)) return [];
  return grants.flatMap((grant, i) =>
    isGrant(grant) && grant.right === Right.Manage
      ? [
          problem(
            `grants.${i}.right`,
            grant.right,
            `is more than a ${kind} needs: it can change and delete the entity`,
            "Give send or receive; what counts messages or looks after the bus has an identity and a kind of its own",
          ),
        ]
      : [],
  );
}

/** An observer counts what it receives: on any other entity the right to manage is more than it needs. */
function observerProblems(grants: GrantArgs[]): Problem[] {
  const sound = grants.filter(isGrant);
  const received = new Set(sound.filter(({ right }) => right === Right.Receive).map((grant) => grantPath(grant)));
  return grants.flatMap((grant, i) =>
    isGrant(grant) && grant.right === Right.Manage && !received.has(grantPath(grant))
      ? [
          problem(
            `grants.${i}.right`,
            grant.right,
            "is more than an observer needs: it counts only what it receives",
            "Give it receive on the same entity, or take this away",
          ),
        ]
      : [],
  );
}
