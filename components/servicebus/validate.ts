import { defined, ENTITY_NAME, type Problem, problem, ServiceBusLimits } from "../../runtime/contract/index.js";
import { examine } from "../support/schema.js";
import { PublicAccess, type RuleArgs, type ServiceBusEntitiesArgs, type TopicArgs } from "./args.js";
import { forwardingProblems, sameName } from "./forwarding.js";
import { serviceBusSchema } from "./schema.js";
import { tierProblems } from "./tiers.js";

/** Azure's own rule of every subscription; it matches every message. */
export const DEFAULT_RULE = "$Default";

const { entityNameCharacters: entityLength, subscriptionNameCharacters: partLength } = ServiceBusLimits;
const PART_NAME = /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?$/;

/** All problems of a namespace and its entities; an empty list where Azure would take them. */
export function serviceBusProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const { problems, sound } = examine(serviceBusSchema, entitiesOf(args));
  const found = [...problems, ...nameProblems(args)];
  if (sound === undefined) return found;
  return [
    ...found,
    ...networkProblems(sound),
    ...tierProblems(sound),
    ...forwardingProblems(sound),
    ...Object.entries(sound.topics ?? {}).flatMap(([name, topic]) => ruleProblems(`topics.${name}`, topic)),
  ];
}

/** The part that is plain data, without what the component's args add to it. */
function entitiesOf({ namespace, queues, topics }: ServiceBusEntitiesArgs): ServiceBusEntitiesArgs {
  return defined({ namespace, queues, topics });
}

/** Names by Azure's rules, each used once. */
function nameProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const found: Problem[] = [];
  const taken: { name: string; path: string }[] = [];
  for (const kind of ["queues", "topics"] as const) {
    for (const name of keysOf(args[kind])) {
      const path = `${kind}.${name}`;
      if (!ENTITY_NAME.test(name) || name.length > entityLength.max)
        found.push(
          problem(
            path,
            name,
            `must be named with ${entityLength.min} to ${entityLength.max} letters, digits, . - _ or /, ` +
              "beginning and ending with a letter or digit",
            "Rename it",
          ),
        );
      const other = taken.find((each) => sameName(each.name, name));
      if (other !== undefined)
        found.push(
          problem(
            path,
            name,
            `has the name of ${other.path}; queues and topics share one set of names, without regard to case`,
            "Rename one",
          ),
        );
      taken.push({ name, path });
    }
  }
  for (const [topic, settings] of Object.entries(args.topics ?? {}))
    found.push(...partNames(`topics.${topic}.subscriptions`, settings?.subscriptions, "subscription"));
  return found;
}

/** Names of subscriptions, and of the rules in them. */
function partNames(path: string, parts: TopicArgs["subscriptions"], kind: string): Problem[] {
  return keysOf(parts).flatMap((name) => [
    ...partName(`${path}.${name}`, name, kind),
    ...keysOf(parts?.[name]?.rules)
      .filter((rule) => rule !== DEFAULT_RULE)
      .flatMap((rule) => partName(`${path}.${name}.rules.${rule}`, rule, "rule")),
  ]);
}

function partName(path: string, name: string, kind: string): Problem[] {
  if (PART_NAME.test(name) && name.length <= partLength.max) return [];
  const range = `${partLength.min} to ${partLength.max}`;
  const reason = `must be a ${kind} named with ${range} letters, digits, . - or _, beginning with a letter or digit`;
  return [problem(path, name, reason, "Rename it")];
}

function keysOf(map: object | undefined): string[] {
  return map !== null && typeof map === "object" ? Object.keys(map) : [];
}

function networkProblems({ namespace }: ServiceBusEntitiesArgs): Problem[] {
  if (namespace.publicAccess !== PublicAccess.Disabled || (namespace.ipRules ?? []).length === 0) return [];
  return [
    problem(
      "namespace.ipRules",
      namespace.ipRules,
      "does nothing where publicAccess is Disabled",
      "Remove it, or set publicAccess to Enabled",
    ),
  ];
}

function ruleProblems(path: string, topic: TopicArgs): Problem[] {
  return Object.entries(topic.subscriptions ?? {}).flatMap(([subscription, { rules = {} }]) =>
    Object.entries(rules).flatMap(([name, rule]) =>
      conditionProblems(`${path}.subscriptions.${subscription}.rules.${name}`, rule),
    ),
  );
}

function conditionProblems(path: string, rule: RuleArgs): Problem[] {
  if ((rule.sql === undefined) === (rule.correlation === undefined))
    return [problem(path, rule, "must have either sql or correlation", "Give exactly one of them")];
  if (rule.correlation === undefined) return [];
  const { properties = {}, ...fields } = rule.correlation;
  if (Object.keys(fields).length + Object.keys(properties).length > 0) return [];
  return [
    problem(
      `${path}.correlation`,
      rule.correlation,
      "has no condition and would match every message",
      "Give a value that messages must have, or remove the rule",
    ),
  ];
}
