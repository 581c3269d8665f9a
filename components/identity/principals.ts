import * as managedidentity from "@pulumi/azure-native/managedidentity";
import * as pulumi from "@pulumi/pulumi";
import { lookedUp, plainError } from "../support/lookup.js";
import { type ExistingIdentityArgs, type PrincipalArgs, PrincipalType } from "./args.js";

/** A principal as role assignments take it. */
export interface Principal {
  principalId: pulumi.Output<string>;
  principalType: PrincipalType;
}

/** The principal that the args name; `name` is what it is called here, for whoever reads of a failure. */
export function principalOf(parent: pulumi.ComponentResource, name: string, args: PrincipalArgs): Principal {
  if (args.managedIdentity !== undefined)
    return {
      principalId: pulumi.output(objectId(parent, name, args.managedIdentity)),
      principalType: PrincipalType.ServicePrincipal,
    };
  return {
    principalId: pulumi.output(args.principalId ?? ""),
    principalType: args.principalType ?? PrincipalType.ServicePrincipal,
  };
}

/** Looks a managed identity up, in preview as well, as it exists; a failure names it. */
async function objectId(
  parent: pulumi.ComponentResource,
  name: string,
  { resourceGroupName, name: resourceName }: ExistingIdentityArgs,
): Promise<string> {
  const who = `Principal "${name}": managed identity ${resourceName} of resource group ${resourceGroupName}`;
  const fix = "Correct managedIdentity, or give principalId and principalType in its place.";
  const { principalId } = await lookedUp(who, fix, () =>
    managedidentity.getUserAssignedIdentity({ resourceGroupName, resourceName }, { parent }),
  );
  if (principalId) return principalId;
  throw plainError(`${who} has no object id yet. Wait until Azure has made it. ${fix}`);
}
