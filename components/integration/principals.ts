import type * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { type GrantArgs, GrantScope, IdentityKind, PrincipalType, type RightsEntry } from "../identity/args.js";
import { type MatrixIdentity, PrincipalGrants, WorkloadIdentity } from "../identity/index.js";
import type { ServiceBus } from "../servicebus/index.js";
import type { IntegrationArgs, IntegrationPipelineArgs } from "./args.js";
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
        purpose: producerPurpose(key, producer.grants, args.pipelines),
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

/** Pipelines that a description names; it must stay below what Azure allows. */
const PIPELINES_NAMED = 5;

/** Whether a producer with a grant has to do with a pipeline: feeds it, or takes its answers. */
function concerns(grant: GrantArgs, { source, replyQueues = [] }: IntegrationPipelineArgs): boolean {
  if (grant.scope === GrantScope.Namespace) return true;
  const { queue, topic } = grant;
  return queue === undefined ? topic === source.topic : queue === source.queue || replyQueues.includes(queue);
}

/** What a producer is granted its rights for: its name, and the pipelines that it has to do with. */
function producerPurpose(
  name: string,
  grants: GrantArgs[],
  pipelines: { [name: string]: IntegrationPipelineArgs },
): string {
  const fed = Object.entries(pipelines).filter(([, pipeline]) => grants.some((grant) => concerns(grant, pipeline)));
  const names = fed.slice(0, PIPELINES_NAMED).map(([key]) => key);
  if (fed.length > PIPELINES_NAMED) names.push(`${fed.length - PIPELINES_NAMED} more`);
  const what = `Producer ${name} of Stowage`;
  return names.length === 0 ? what : `${what} pipeline${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}

/** The deployers as the matrix has them: it names them where they have no right on the bus as well. */
export function deployerIdentities(name: string, { deployers = {} }: IntegrationArgs): MatrixIdentity[] {
  return Object.keys(deployers).map((key) => ({
    identity: childNames.deployer(name, key),
    kind: IdentityKind.Deployer,
    principalType: PrincipalType.ServicePrincipal,
  }));
}
