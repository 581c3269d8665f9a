import { defined, type Problem, within } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { examine, tagsSchema } from "../support/schema.js";
import type { ServiceBusArgs, ServiceBusEntitiesArgs } from "./args.js";
import { forwardingProblems } from "./forwarding.js";
import { nameProblems } from "./names.js";
import { namespaceProblems } from "./namespace/problems.js";
import { quotaProblems } from "./quotas.js";
import { ruleProblems } from "./rules.js";
import { serviceBusSchema } from "./schema.js";
import { settingProblems } from "./settings.js";
import { tierProblems } from "./tiers.js";

/** What of a namespace is left out whole where something in it is wrong, so that the rest is checked all the same. */
const PARTS = [
  ["namespace", "customerManagedKey"],
  ["namespace", "geoReplication"],
  ["namespace", "disasterRecovery"],
  ["namespace", "diagnostics", "*"],
  ["namespace", "alerts"],
  ["namespace", "autoscale"],
  ["namespace", "lock"],
];

/**
 * All problems of a namespace and its entities; an empty list where Azure would take them. `location` is the namespace's
 * region, where it is known; an output is not compared.
 */
export function serviceBusProblems(args: ServiceBusEntitiesArgs, location?: unknown): Problem[] {
  const { problems, sound } = examine(serviceBusSchema, entitiesOf(args), PARTS);
  const found = [...problems, ...nameProblems(args)];
  if (sound === undefined) return found;
  const named = new Set(problems.map(({ path }) => path));
  return [
    ...found,
    // A faulty setting was left out: that it is missing now is no problem of its own.
    ...namespaceProblems(sound, location).filter(({ path }) => !named.has(path)),
    ...tierProblems(sound),
    ...settingProblems(sound, problems),
    ...forwardingProblems(sound),
    ...ruleProblems(sound, problems),
    ...quotaProblems(sound),
  ];
}

/** All problems of a bus's args; an empty list where Azure would take them. */
export function busProblems(args: ServiceBusArgs): Problem[] {
  const tags = args.tags === undefined ? [] : problemsOf(tagsSchema, args.tags);
  return [...serviceBusProblems(args, args.location), ...within("tags", tags)];
}

/** The part that is plain data, without what the component's args add to it. */
function entitiesOf({ namespace, queues, topics }: ServiceBusEntitiesArgs): ServiceBusEntitiesArgs {
  return defined({ namespace, queues, topics });
}
