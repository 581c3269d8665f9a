import type * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { IdentityKind, PrincipalType, type RightsEntry } from "../identity/args.js";
import { type MatrixIdentity, PrincipalGrants, WorkloadIdentity } from "../identity/index.js";
import type { ServiceBus } from "../servicebus/index.js";
import type { IntegrationArgs } from "./args.js";
import { busOf } from "./grants.js";
import { childNames } from "./names.js";

/** What producers and deployers stand on. */
interface Ground {
  resourceGroupName: pulumi.Output<string>;
  bus: ServiceBus;
  opts: pulumi.ComponentResourceOptions;
}

/** What was registered. */
interface Principals {
  rights: pulumi.Output<RightsEntry[]>[];
  /** Client ids of the deployers' identities, by deployer. */
  deployers: { [deployer: string]: pulumi.Output<string> };
}

/** Registers what producers are granted, and the deployers' identities. */
export function registerPrincipals(name: string, args: IntegrationArgs, ground: Ground): Principals {
  const principals: Principals = { rights: [], deployers: {} };
  const { location, producers = {}, deployers = {}, tags } = args;
  for (const [key, producer] of Object.entries(producers)) {
    const granted = new PrincipalGrants(
      childNames.producer(name, key),
      {
        ...producer,
        purpose: `Producer ${key} of Stowage`,
        kind: IdentityKind.Producer,
        bus: busOf(name, args, ground.bus, producer.grants),
      },
      ground.opts,
    );
    principals.rights.push(granted.rights);
  }
  for (const [key, { githubActions, grants = [] }] of Object.entries(deployers)) {
    const identity = new WorkloadIdentity(
      childNames.deployer(name, key),
      {
        resourceGroupName: ground.resourceGroupName,
        location,
        purpose: `Deployer ${key} of Stowage`,
        kind: IdentityKind.Deployer,
        githubActions,
        grants,
        bus: busOf(name, args, ground.bus, grants),
        ...defined({ tags }),
      },
      ground.opts,
    );
    principals.rights.push(identity.rights);
    principals.deployers[key] = identity.clientId;
  }
  return principals;
}

/** The deployers as the matrix has them: it names them where they have no right on the bus as well. */
export function deployerIdentities(name: string, { deployers = {} }: IntegrationArgs): MatrixIdentity[] {
  return Object.keys(deployers).map((key) => ({
    identity: childNames.deployer(name, key),
    kind: IdentityKind.Deployer,
    principalType: PrincipalType.ServicePrincipal,
  }));
}
