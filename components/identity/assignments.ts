import * as authorization from "@pulumi/azure-native/authorization";
import * as pulumi from "@pulumi/pulumi";
import type { GrantArgs, GrantBusArgs, GrantNamespaceArgs, IdentityKind, PrincipalType, RightsEntry } from "./args.js";
import { assignmentName, grantPath, ROLES, rightsScope, roleDefinitionId } from "./grants.js";

/** Who grants are made to. */
export interface Assignee {
  /** The name by which the matrix and the assignments' names know it. */
  identity: string;
  kind: IdentityKind;
  principalType: PrincipalType;
  principalId: pulumi.Output<string>;
  /** What it may do this for. */
  purpose: string;
}

/** The namespaces that a grant is made in, with what tells the assignments of the second apart from the first's. */
function namespacesOf({ secondary, ...primary }: GrantBusArgs): { place: GrantNamespaceArgs; suffix: string }[] {
  const first = { place: primary, suffix: "" };
  // No entity's name has this sign, so that the name is never that of another grant.
  return secondary === undefined ? [first] : [first, { place: secondary, suffix: "@secondary" }];
}

/** The rows of the matrix that some grants make. */
export function rightsOf(
  who: Pick<Assignee, "identity" | "kind" | "principalType">,
  grants: GrantArgs[],
  bus: GrantBusArgs | undefined,
): RightsEntry[] {
  if (bus === undefined) return [];
  const { identity, kind, principalType } = who;
  return namespacesOf(bus).flatMap(({ place }) =>
    grants.map((grant) => ({
      identity,
      kind,
      principalType,
      namespace: place.namespace,
      scope: rightsScope(grant),
      entity: grantPath(grant),
      right: grant.right,
      role: ROLES[grant.right].name,
    })),
  );
}

/** Registers a role assignment for each grant, in each namespace. */
export function assignGrants(
  parent: pulumi.ComponentResource,
  name: string,
  assignee: Assignee,
  grants: GrantArgs[],
  bus: GrantBusArgs | undefined,
): void {
  if (bus === undefined) return;
  const owner = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()];
  for (const { place, suffix } of namespacesOf(bus)) {
    for (const grant of grants) {
      const path = grantPath(grant);
      const where = path === "" ? `the whole of ${place.namespace}` : path;
      new authorization.RoleAssignment(
        `${name}-${grant.right}${path === "" ? "" : `-${path}`}${suffix}`,
        {
          roleAssignmentName: assignmentName(owner, place.namespace, assignee.identity, grant),
          scope: path === "" ? namespaceId(place) : entityId(place, path),
          roleDefinitionId: roleDefinitionId(ROLES[grant.right]),
          principalId: assignee.principalId,
          // Without it, Azure looks for a new principal before it has reached every directory server.
          principalType: assignee.principalType,
          description: `${assignee.purpose}: ${grant.right} on ${where}`,
        },
        // A second assignment of the name, or of the same rights under another, is refused while the first is there.
        { parent, deleteBeforeReplace: true },
      );
    }
  }
}

function namespaceId(place: GrantNamespaceArgs): pulumi.Output<string> {
  return pulumi.output(place.namespaceId ?? "");
}

/** Id of an entity; where the ids come all at once, only when they are known. */
function entityId({ entityIds, namespace }: GrantNamespaceArgs, path: string): pulumi.Output<string> {
  if (!pulumi.Output.isInstance(entityIds) && !(entityIds instanceof Promise)) {
    const id = entityIds[path];
    if (id !== undefined) return pulumi.output(id);
  }
  return pulumi.output(entityIds).apply((ids) => {
    const id = ids[path];
    if (id !== undefined) return id;
    throw new Error(`No entity "${path}" in namespace ${namespace}. It has ${Object.keys(ids).join(", ")}.`);
  });
}
