import * as authorization from "@pulumi/azure-native/authorization";
import * as managedidentity from "@pulumi/azure-native/managedidentity";
import * as kubernetes from "@pulumi/kubernetes/core/v1";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { refuse } from "../support/inputs.js";
import type { FederationArgs, GrantArgs, GrantScopeArgs, RightsEntry, WorkloadIdentityArgs } from "./args.js";
import { assignmentName, grantPath, ROLES, rightsEntry, roleDefinitionId } from "./grants.js";
import { SERVICE_ACCOUNT_FEDERATION, workloadIdentityProblems } from "./validate.js";

/** The only audience that Azure takes in an exchange of tokens. */
const AUDIENCE = "api://AzureADTokenExchange";

/**
 * A managed identity that pods of one Kubernetes service account log in as, and what it may do:
 * the identity, its federated credentials, the service account with its annotation, and a role assignment for each
 * grant, at the entity and never above it.
 */
export class WorkloadIdentity extends pulumi.ComponentResource {
  /** Resource id of the managed identity. */
  public readonly identityId: pulumi.Output<string>;
  /** Client id: what a pod logs in as. */
  public readonly clientId: pulumi.Output<string>;
  /** Object id: what roles are assigned to. */
  public readonly principalId: pulumi.Output<string>;
  /** Name of the service account. */
  public readonly serviceAccountName: pulumi.Output<string>;
  /** What the identity may do, a row for each grant. */
  public readonly rights: pulumi.Output<RightsEntry[]>;

  constructor(name: string, args: WorkloadIdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("WorkloadIdentity", name, workloadIdentityProblems(name, args));
    super("stowage:index:WorkloadIdentity", name, {}, opts);

    const { resourceGroupName, location, serviceAccount, grants = [], tags } = args;
    const identityName = args.identityName ?? name;
    const identity = new managedidentity.UserAssignedIdentity(
      name,
      { resourceGroupName, location, resourceName: identityName, ...defined({ tags }) },
      { parent: this, deleteBeforeReplace: true },
    );

    const subject = pulumi.interpolate`system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`;
    federate(this, name, args, identity.name, {
      ...args.federations,
      [SERVICE_ACCOUNT_FEDERATION]: { subject },
    });

    const account =
      serviceAccount.create === false
        ? undefined
        : new kubernetes.ServiceAccount(
            `${name}-${serviceAccount.name}`,
            {
              metadata: {
                name: serviceAccount.name,
                namespace: serviceAccount.namespace,
                annotations: { "azure.workload.identity/client-id": identity.clientId },
                labels: { "app.kubernetes.io/part-of": "stowage" },
              },
              // The worker speaks to Azure, not to Kubernetes; the webhook mounts the token that it needs.
              automountServiceAccountToken: false,
            },
            { parent: this },
          );

    for (const grant of grants) assign(this, name, { ...args, identityName }, identity.principalId, grant);

    this.identityId = identity.id;
    this.clientId = identity.clientId;
    this.principalId = identity.principalId;
    this.serviceAccountName = account?.metadata.name ?? pulumi.output(serviceAccount.name);
    this.rights = pulumi.output(grants.map((grant) => rightsEntry(identityName, grant)));
    this.registerOutputs({
      identityId: this.identityId,
      clientId: this.clientId,
      principalId: this.principalId,
      serviceAccountName: this.serviceAccountName,
      rights: this.rights,
    });
  }
}

/** Registers the federated credentials one after another: Azure answers 409 to two writes at once. */
function federate(
  parent: WorkloadIdentity,
  name: string,
  args: WorkloadIdentityArgs,
  resourceName: pulumi.Output<string>,
  federations: { [name: string]: FederationArgs },
): void {
  let previous: pulumi.Resource[] = [];
  for (const [key, federation] of Object.entries(federations).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const credential = new managedidentity.FederatedIdentityCredential(
      `${name}-${key}`,
      {
        resourceGroupName: args.resourceGroupName,
        resourceName,
        federatedIdentityCredentialResourceName: key,
        issuer: federation.issuerUrl ?? args.issuerUrl,
        subject: federation.subject,
        audiences: [AUDIENCE],
      },
      { parent, deleteBeforeReplace: true, dependsOn: previous },
    );
    previous = [credential];
  }
}

/** Registers the role assignment of one grant. */
function assign(
  parent: WorkloadIdentity,
  name: string,
  args: WorkloadIdentityArgs & { identityName: string },
  principalId: pulumi.Output<string>,
  grant: GrantArgs,
): void {
  if (args.scope === undefined) return;
  const path = grantPath(grant);
  const role = ROLES[grant.right];
  const owner = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()];
  new authorization.RoleAssignment(
    `${name}-${grant.right}-${path}`,
    {
      roleAssignmentName: assignmentName(owner, args.scope.namespace, args.identityName, grant),
      scope: entityId(args.scope, path),
      roleDefinitionId: roleDefinitionId(role),
      principalId,
      // Without it, Azure looks for the new principal before it has reached every directory server.
      principalType: "ServicePrincipal",
      description: `${args.purpose}: ${grant.right} on ${path}`,
    },
    // A second assignment of the name, or of the same rights under another, is refused while the first is there.
    { parent, deleteBeforeReplace: true },
  );
}

/** Id of an entity; where the ids come all at once, only when they are known. */
function entityId(scope: GrantScopeArgs, path: string): pulumi.Output<string> {
  const { entityIds } = scope;
  if (!pulumi.Output.isInstance(entityIds) && !(entityIds instanceof Promise)) {
    const id = entityIds[path];
    if (id !== undefined) return pulumi.output(id);
  }
  return pulumi.output(entityIds).apply((ids) => {
    const id = ids[path];
    if (id !== undefined) return id;
    throw new Error(`No entity "${path}" in namespace ${scope.namespace}. It has ${Object.keys(ids).join(", ")}.`);
  });
}
