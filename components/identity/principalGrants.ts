import * as pulumi from "@pulumi/pulumi";
import { refuse } from "../support/inputs.js";
import { stated } from "../support/schema.js";
import { IdentityKind, type PrincipalGrantsArgs, type RightsEntry } from "./args.js";
import { assignGrants, rightsOf } from "./assignments.js";
import { principalOf } from "./principals.js";
import { principalGrantsProblems } from "./validate.js";

/**
 * What a principal that exists may do: a user, a group, an application or a managed identity that somebody else looks
 * after. A role assignment for each grant, at the entity; the principal itself stays as it is.
 */
export class PrincipalGrants extends pulumi.ComponentResource {
  /** Object id of the principal. */
  public readonly principalId: pulumi.Output<string>;
  /** What the principal may do, a row for each grant and namespace. */
  public readonly rights: pulumi.Output<RightsEntry[]>;

  constructor(name: string, args: PrincipalGrantsArgs, opts?: pulumi.ComponentResourceOptions) {
    const given = stated(args);
    refuse("PrincipalGrants", name, principalGrantsProblems(given));
    super("stowage:index:PrincipalGrants", name, {}, opts);

    const { purpose, grants, bus, kind = IdentityKind.Producer } = given;
    const assignee = { identity: name, kind, purpose, ...principalOf(this, name, given) };
    assignGrants(this, name, assignee, grants, bus);

    this.principalId = assignee.principalId;
    this.rights = pulumi.output(rightsOf(assignee, grants, bus));
    this.registerOutputs({ principalId: this.principalId, rights: this.rights });
  }
}
