import { type Problem, problem } from "../../runtime/contract/index.js";
import { guidOf } from "../support/guid.js";
import { type GrantArgs, Right, type RightsEntry } from "./args.js";

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

/** Path of a grant's entity: `renders`, `events`, `events/subscriptions/audit`. */
export function grantPath(grant: GrantArgs): string {
  if (grant.queue !== undefined) return grant.queue;
  const topic = grant.topic ?? "";
  return grant.subscription === undefined ? topic : `${topic}/subscriptions/${grant.subscription}`;
}

/**
 * Name of a role assignment: a GUID that is known at preview and stays the same, from the names of what it joins.
 * `owner` tells the programs that share a tenant apart.
 */
export function assignmentName(owner: string[], namespace: string, identity: string, grant: GrantArgs): string {
  return guidOf(...owner, namespace, grantPath(grant), identity, ROLES[grant.right].id);
}

/** A grant as a row of the rights matrix. */
export function rightsEntry(identity: string, grant: GrantArgs): RightsEntry {
  return { identity, entity: grantPath(grant), right: grant.right, role: ROLES[grant.right].name };
}

/** Grants that name no entity, or two, or give a right that the entity does not have. */
export function grantProblems(grants: GrantArgs[], path = "grants"): Problem[] {
  const seen = new Set<string>();
  return grants.flatMap((grant, i) => {
    const at = `${path}.${i}`;
    const found: Problem[] = [];
    if ((grant.queue === undefined) === (grant.topic === undefined))
      found.push(problem(at, grant, "must have either queue or topic", "Name one entity"));
    if (grant.subscription !== undefined && grant.topic === undefined)
      found.push(problem(`${at}.subscription`, grant.subscription, "goes with topic", "Name its topic"));
    if (grant.topic !== undefined && grant.subscription === undefined && grant.right === Right.Receive)
      found.push(
        problem(`${at}.right`, grant.right, "cannot be had on a topic", "Name the subscription to receive from"),
      );
    if (grant.subscription !== undefined && grant.right === Right.Send)
      found.push(problem(`${at}.right`, grant.right, "cannot be had on a subscription", "Leave subscription out"));
    if (found.length > 0) return found;
    const key = `${grantPath(grant).toLowerCase()}\n${grant.right}`;
    if (seen.has(key))
      found.push(problem(at, grant, "is there twice; Azure refuses the same assignment again", "Remove one"));
    seen.add(key);
    return found;
  });
}
