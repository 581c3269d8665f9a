import { type Problem, problem, within } from "../../runtime/contract/index.js";
import { type GrantArgs, GrantScope, IdentityKind, Right } from "../identity/args.js";
import { federationProblems } from "../identity/federations.js";
import { grantPath, grantProblems, kindProblems } from "../identity/grants.js";
import { principalProblems } from "../identity/validate.js";
import type { ServiceBusEntitiesArgs } from "../servicebus/args.js";
import { examine } from "../support/schema.js";
import type { IntegrationPipelineArgs, ProducerArgs } from "./args.js";
import { deployerSchema, producerSchema } from "./schema.js";
import { unknownEntity } from "./sources.js";

/** What of an integration principals are joined with, as far as it is right. */
export interface PrincipalSurroundings {
  /** Absent where it is so wrong that nothing follows from it. */
  serviceBus: ServiceBusEntitiesArgs | undefined;
  pipelines: { [name: string]: IntegrationPipelineArgs };
}

const NAME = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

function nameProblems(name: string): Problem[] {
  if (NAME.test(name)) return [];
  const rule = "must be named with 1 to 40 lower-case letters, digits or -, the first a letter";
  return [problem("", name, rule, "Rename it")];
}

/** Problems of all producers; paths are from the integration's args. */
export function producersProblems(producers: { [name: string]: unknown }, around: PrincipalSurroundings): Problem[] {
  const sound: [string, ProducerArgs][] = [];
  const found = Object.entries(producers).flatMap(([name, producer]) => {
    const examined = examine(producerSchema, producer);
    const problems = [...nameProblems(name), ...examined.problems];
    if (examined.sound !== undefined) {
      sound.push([name, examined.sound]);
      problems.push(...(examined.problems.length > 0 ? [] : producerRules(examined.sound, around)));
    }
    return within(`producers.${name}`, problems);
  });
  return [...found, ...twins(sound)];
}

function producerRules(producer: ProducerArgs, around: PrincipalSurroundings): Problem[] {
  return [
    ...principalProblems(producer),
    ...grantRules(producer.grants, around),
    ...kindProblems(IdentityKind.Producer, producer.grants),
    ...producer.grants.flatMap((grant, i) => within(`grants.${i}`, robberies(grant, around))),
  ];
}

/** A right by which a producer would take a pipeline's messages. */
function robberies(grant: GrantArgs, { pipelines }: PrincipalSurroundings): Problem[] {
  if (grant.right !== Right.Receive) return [];
  const robbed = Object.entries(pipelines).find(
    ([, { source }]) =>
      grant.scope === GrantScope.Namespace || grantPath(source).toLowerCase() === grantPath(grant).toLowerCase(),
  );
  if (robbed === undefined) return [];
  const what = `lets the producer take messages from the source of pipelines.${robbed[0]}`;
  return [problem("right", grant.right, what, "Grant it where answers go, or on a subscription of its own")];
}

/** Problems of all deployers; paths are from the integration's args. */
export function deployersProblems(deployers: { [name: string]: unknown }, around: PrincipalSurroundings): Problem[] {
  return Object.entries(deployers).flatMap(([name, deployer]) => {
    const { problems, sound } = examine(deployerSchema, deployer);
    const found = [...nameProblems(name), ...problems];
    if (sound !== undefined && problems.length === 0)
      found.push(
        ...(Object.keys(sound.githubActions).length === 0
          ? [problem("githubActions", {}, "must have at least one workflow", "Name who runs pulumi up")]
          : federationProblems(sound)),
        ...grantRules(sound.grants ?? [], around),
      );
    return within(`deployers.${name}`, found);
  });
}

/** Problems of grants by themselves and with the entities of the bus. */
function grantRules(grants: GrantArgs[], { serviceBus }: PrincipalSurroundings): Problem[] {
  const found = grantProblems(grants);
  if (found.length > 0 || serviceBus === undefined) return found;
  return grants.flatMap((grant, i) => {
    const unknown = grant.scope === GrantScope.Namespace ? undefined : unknownEntity(serviceBus, grant);
    return unknown === undefined ? [] : within(`grants.${i}`, [unknown]);
  });
}

/** Producers that are the same principal and have the same right on the same entity: Azure refuses the second. */
function twins(producers: [string, ProducerArgs][]): Problem[] {
  const seen = new Map<string, string>();
  return producers.flatMap(([name, producer]) =>
    producer.grants.flatMap((grant, i) => {
      const who = sameWho(producer);
      const key = `${who}\n${grantPath(grant).toLowerCase()}\n${grant.right}`;
      const first = seen.get(key);
      const at = `producers.${name}.grants.${i}`;
      if (who === undefined || first === undefined) {
        seen.set(key, at);
        return [];
      }
      if (first.startsWith(`producers.${name}.`)) return [];
      return [problem(at, grant, `is granted to the same principal by ${first}; Azure refuses that`, "Remove one")];
    }),
  );
}

/** Whom a producer names, as far as that is known before the run. */
function sameWho({ principalId, managedIdentity }: ProducerArgs): string | undefined {
  if (typeof principalId === "string") return principalId.toLowerCase();
  if (managedIdentity === undefined) return undefined;
  return `${managedIdentity.resourceGroupName}/${managedIdentity.name}`.toLowerCase();
}
