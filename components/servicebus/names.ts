import { ENTITY_NAME, type Problem, problem, ServiceBusLimits } from "../../runtime/contract/index.js";
import type { ServiceBusEntitiesArgs } from "./args.js";
import { nameKey } from "./hops.js";

/** Azure's own rule of every subscription; it matches every message. */
export const DEFAULT_RULE = "$Default";

/**
 * The name of a queue or topic as Azure Resource Manager takes it: there a slash would end the name in the id, so that
 * the service reads a tilde as one. The entity itself, and clients, have the slash.
 */
export const armName = (name: string): string => name.replaceAll("/", "~");

const { entityNameCharacters: entityLength, subscriptionNameCharacters: partLength } = ServiceBusLimits;
const PART_NAME = /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?$/;

/** Names by Azure's rules, each used once. The args may be anything: what is no map has no names. */
export function nameProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const found: Problem[] = [];
  const taken = new Map<string, string>();
  for (const kind of ["queues", "topics"] as const)
    for (const name of keysOf(args[kind])) {
      const path = `${kind}.${name}`;
      found.push(...entityName(path, name));
      const other = taken.get(nameKey(name));
      if (other === undefined) taken.set(nameKey(name), path);
      else
        found.push(
          problem(
            path,
            name,
            `has the name of ${other}; queues and topics share one set of names, without regard to case`,
            "Rename one",
          ),
        );
    }
  for (const topic of keysOf(args.topics)) found.push(...subscriptionNames(topic, args.topics?.[topic], taken));
  return found;
}

function entityName(path: string, name: string): Problem[] {
  if (ENTITY_NAME.test(name) && name.length <= entityLength.max) return [];
  const reason =
    `must be named with ${entityLength.min} to ${entityLength.max} letters, digits, . - _ or /, ` +
    "beginning with a letter or digit and ending with one or _";
  return [problem(path, name, reason, "Rename it")];
}

type Topic = NonNullable<ServiceBusEntitiesArgs["topics"]>[string];

/** Names of a topic's subscriptions, and of the rules in them. */
function subscriptionNames(topic: string, settings: Topic | undefined, entities: Map<string, string>): Problem[] {
  const path = `topics.${topic}.subscriptions`;
  const names = keysOf(settings?.subscriptions);
  return [
    ...names.flatMap((name) => {
      const at = `${path}.${name}`;
      const rules = keysOf(settings?.subscriptions?.[name]?.rules);
      const own = rules.filter((rule) => rule !== DEFAULT_RULE);
      return [
        ...partName(at, name, "subscription"),
        ...own.flatMap((rule) => ruleName(`${at}.rules.${rule}`, rule)),
        ...repeated(`${at}.rules`, rules, "a subscription's rules"),
        ...addressProblems(at, `${topic}/subscriptions/${name}`, entities),
      ];
    }),
    ...repeated(path, names, "a topic's subscriptions"),
  ];
}

function ruleName(path: string, name: string): Problem[] {
  if (nameKey(name) !== nameKey(DEFAULT_RULE)) return partName(path, name, "rule");
  return [problem(path, name, `is not the name of Azure's own rule, which is ${DEFAULT_RULE}`, "Write it so")];
}

function partName(path: string, name: string, kind: string): Problem[] {
  if (PART_NAME.test(name) && name.length <= partLength.max) return [];
  const range = `${partLength.min} to ${partLength.max}`;
  const reason = `must be a ${kind} named with ${range} letters, digits, . - or _, beginning with a letter or digit`;
  return [problem(path, name, reason, "Rename it")];
}

/** Names that differ in case alone are one name to the service. */
function repeated(path: string, names: string[], of: string): Problem[] {
  const taken = new Map<string, string>();
  return names.flatMap((name) => {
    const other = taken.get(nameKey(name));
    if (other === undefined) {
      taken.set(nameKey(name), name);
      return [];
    }
    const reason = `has the name of ${other}; the names of ${of} differ in more than case`;
    return [problem(`${path}.${name}`, name, reason, "Rename one")];
  });
}

/** A subscription's address in the service has the form of an entity's name, and may not be one. */
function addressProblems(path: string, address: string, entities: Map<string, string>): Problem[] {
  const other = entities.get(nameKey(address));
  if (other === undefined) return [];
  return [problem(path, address, `has the address of ${other}`, "Rename one")];
}

function keysOf(map: object | undefined): string[] {
  return map !== null && typeof map === "object" ? Object.keys(map) : [];
}
