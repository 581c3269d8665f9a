import * as managedidentity from "@pulumi/azure-native/managedidentity";
import * as kubernetes from "@pulumi/kubernetes/core/v1";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { refuse } from "../support/inputs.js";
import { stated } from "../support/schema.js";
import { IdentityKind, PrincipalType, type RightsEntry, type WorkloadIdentityArgs } from "./args.js";
import { assignGrants, rightsOf } from "./assignments.js";
import { federate } from "./federations.js";
import { workloadIdentityProblems } from "./validate.js";

/**
 * A managed identity that pods of one Kubernetes service account, or workflows of GitHub Actions, log in as, and what it
 * may do: the identity, its federated credentials, the service account with its annotation, and a role assignment for
 * each grant, at the entity and above it only where the grant says so.
 */
export class WorkloadIdentity extends pulumi.ComponentResource {
  /** Resource id of the managed identity. */
  public readonly identityId: pulumi.Output<string>;
  /** Client id: what a pod or a workflow logs in as. */
  public readonly clientId: pulumi.Output<string>;
  /** Object id: what roles are assigned to. */
  public readonly principalId: pulumi.Output<string>;
  /** Name of the service account; empty where there is none. */
  public readonly serviceAccountName: pulumi.Output<string>;
  /** What the identity may do, a row for each grant and namespace. */
  public readonly rights: pulumi.Output<RightsEntry[]>;

  constructor(name: string, args: WorkloadIdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    const given = stated(args);
    refuse("WorkloadIdentity", name, workloadIdentityProblems(name, given));
    super("stowage:index:WorkloadIdentity", name, {}, opts);

    const { resourceGroupName, location, serviceAccount, grants = [], bus, tags } = given;
    const identityName = given.identityName ?? name;
    const identity = new managedidentity.UserAssignedIdentity(
      name,
      { resourceGroupName, location, resourceName: identityName, ...defined({ tags }) },
      { parent: this, deleteBeforeReplace: true },
    );
    federate(this, name, given, identity.name);

    const account =
      serviceAccount === undefined || serviceAccount.create === false
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

    const assignee = {
      identity: identityName,
      kind: given.kind ?? IdentityKind.Worker,
      principalType: PrincipalType.ServicePrincipal,
      principalId: identity.principalId,
      purpose: given.purpose,
    };
    assignGrants(this, name, assignee, grants, bus);

    this.identityId = identity.id;
    this.clientId = identity.clientId;
    this.principalId = identity.principalId;
    this.serviceAccountName = account?.metadata.name ?? pulumi.output(serviceAccount?.name ?? "");
    this.rights = pulumi.output(rightsOf(assignee, grants, bus));
    this.registerOutputs({
      identityId: this.identityId,
      clientId: this.clientId,
      principalId: this.principalId,
      serviceAccountName: this.serviceAccountName,
      rights: this.rights,
    });
  }
}
