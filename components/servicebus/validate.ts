import { defined, type Problem } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { examine, stated } from "../support/schema.js";
import { type ServiceBusArgs, type ServiceBusEntitiesArgs, ServiceBusTier } from "./args.js";
import { forwardingProblems } from "./forwarding.js";
import { nameProblems } from "./names.js";
import { namespaceProblems } from "./namespace/problems.js";
import { quotaProblems } from "./quotas.js";
import { ruleProblems } from "./rules.js";
import { aroundSchema, serviceBusSchema } from "./schema.js";
import { settingProblems } from "./settings.js";
import { tierProblems } from "./tiers.js";

/** What of a namespace is left out whole where something in it is wrong, so that the rest is checked all the same. */
const PARTS = [
  ["namespace", "ipRules"],
  ["namespace", "virtualNetworkRules"],
  ["namespace", "privateEndpoints"],
  ["namespace", "privateDns"],
  ["namespace", "customerManagedKey"],
  ["namespace", "geoReplication"],
  ["namespace", "disasterRecovery"],
  ["namespace", "diagnostics", "*"],
  ["namespace", "alerts"],
  ["namespace", "autoscale"],
  ["namespace", "lock"],
];

/** What of a network says something of the others: where one is wrong, what follows of the others would only mislead. */
const ENDPOINTS = ["namespace.privateEndpoints", "namespace.privateDns", "namespace.disasterRecovery"];
const OF_ENDPOINTS = ["namespace.privateDns", "namespace.disasterRecovery.privateEndpoints"];

const inside = (path: string, part: string): boolean => path === part || path.startsWith(`${part}.`);

/**
 * All problems of a namespace and its entities; an empty list where Azure would take them. `location` is the namespace's
 * region, where it is known; an output is not compared.
 */
export function serviceBusProblems(args: ServiceBusEntitiesArgs, location?: unknown): Problem[] {
  const given = stated(args);
  const { problems, sound } = examine(serviceBusSchema, entitiesOf(given), PARTS);
  const found = [...problems, ...nameProblems(given)];
  if (sound === undefined) {
    const entities = soundEntities(given);
    return entities === undefined ? found : [...found, ...joinedProblems(entities, problems)];
  }
  const named = problems.map(({ path }) => path);
  const astray = named.some((path) => ENDPOINTS.some((part) => inside(path, part)));
  return [
    ...found,
    // A faulty setting was left out: that it is missing now is no problem of its own.
    ...namespaceProblems(sound, location).filter(
      ({ path }) => !named.includes(path) && !(astray && OF_ENDPOINTS.some((part) => inside(path, part))),
    ),
    ...tierProblems(sound),
    ...joinedProblems(sound, problems),
    ...quotaProblems(sound),
  ];
}

/** Problems that join settings of entities, whatever the namespace is. */
function joinedProblems(sound: ServiceBusEntitiesArgs, known: Problem[]): Problem[] {
  return [...settingProblems(sound, known), ...forwardingProblems(sound), ...ruleProblems(sound, known)];
}

/** The entities as far as they are right by themselves, in a namespace of which nothing is said but a tier that takes all. */
function soundEntities({ queues, topics }: ServiceBusEntitiesArgs): ServiceBusEntitiesArgs | undefined {
  const bare = { namespace: { tier: ServiceBusTier.Premium }, ...defined({ queues, topics }) };
  return examine(serviceBusSchema, bare).sound;
}

/**
 * What of a bus others are joined with: all of it that is right by itself; the entities alone where of the namespace
 * nothing can be said; undefined where these are none either.
 */
export function soundBus(args: ServiceBusEntitiesArgs): ServiceBusEntitiesArgs | undefined {
  const given = entitiesOf(stated(args));
  return examine(serviceBusSchema, given, PARTS).sound ?? soundEntities(given);
}

/** All problems of a bus's args; an empty list where Azure would take them. */
export function busProblems(args: ServiceBusArgs): Problem[] {
  const given = stated(args);
  return [...serviceBusProblems(given, given.location), ...problemsOf(aroundSchema, given)];
}

/** The part that is plain data, without what the component's args add to it. */
function entitiesOf({ namespace, queues, topics }: ServiceBusEntitiesArgs): ServiceBusEntitiesArgs {
  return defined({ namespace, queues, topics });
}
