import type { ServiceBusArgs, ServiceBusEntitiesArgs } from "../args.js";
import { samePlace } from "../namespace/resilienceProblems.js";
import { entityChanges } from "./bus.js";
import { namespaceChanges } from "./namespace.js";
import { ChangeEffect, type ChangeViolation, violation } from "./violation.js";

const { LosesMessages, Refused, Silent } = ChangeEffect;

/** Where a bus lies: in another resource group or region it is another bus. */
function placeChanges(before: ServiceBusArgs, after: ServiceBusArgs): ChangeViolation[] {
  const found: ChangeViolation[] = [];
  for (const setting of ["resourceGroupName", "location"] as const) {
    const [old, now] = [before[setting], after[setting]];
    // What is known only later is compared by the engine.
    if (typeof old !== "string" || typeof now !== "string" || samePlace(old, now)) continue;
    const reason = `was ${old}: the namespace is replaced, and every message in it is lost`;
    found.push(violation(LosesMessages, setting, now, reason, "Make a second bus and move over"));
    if (before.namespace.lock !== undefined && after.namespace.lock !== undefined)
      found.push(
        violation(
          Refused,
          "namespace.lock",
          after.namespace.lock.level,
          "keeps the old namespace from being deleted",
          "Take the lock away in a deployment before this one",
        ),
      );
  }
  return found;
}

function tagChanges(before: ServiceBusArgs, after: ServiceBusArgs): ChangeViolation[] {
  const paired = before.namespace.disasterRecovery !== undefined && after.namespace.disasterRecovery !== undefined;
  if (!paired || JSON.stringify(before.tags ?? {}) === JSON.stringify(after.tags ?? {})) return [];
  const reason = "stay what they were on the second namespace, which Azure does not change while it is paired";
  return [violation(Silent, "tags", after.tags, reason, "Change them after the pairing was broken")];
}

/** The paths of everything in a namespace that is a resource of its own. */
function resourcesIn({ queues = {}, topics = {} }: ServiceBusEntitiesArgs): string[] {
  return [
    ...Object.keys(queues).map((name) => `queues.${name}`),
    ...Object.entries(topics).flatMap(([topic, { subscriptions = {} }]) => [
      `topics.${topic}`,
      ...Object.entries(subscriptions).flatMap(([name, { rules = {} }]) => {
        const path = `topics.${topic}.subscriptions.${name}`;
        return [path, ...Object.keys(rules).map((rule) => `${path}.rules.${rule}`)];
      }),
    ]),
  ];
}

/** What a lock that stays keeps from being deleted: whatever goes from the namespace, or is replaced in it. */
function lockedEntities(before: ServiceBusArgs, after: ServiceBusArgs, found: ChangeViolation[]): ChangeViolation[] {
  if (before.namespace.lock === undefined || after.namespace.lock === undefined) return [];
  const left = new Set(resourcesIn(after));
  const gone = resourcesIn(before).filter((path) => !left.has(path));
  const replaced = found.filter(({ reason }) => reason.includes(" is replaced: ")).map(({ path }) => path);
  const kept = [...gone, ...replaced];
  if (kept.length === 0) return [];
  return [
    violation(
      Refused,
      "namespace.lock",
      after.namespace.lock.level,
      `keeps what goes from being deleted: ${kept.join(", ")}`,
      "Take the lock away in a deployment before this one",
    ),
  ];
}

/**
 * What a change of a whole bus does beyond what was asked for: of where it lies, of its namespace, and of everything in
 * it; nothing where it is safe. Both must be valid.
 */
export function serviceBusChanges(before: ServiceBusArgs, after: ServiceBusArgs): ChangeViolation[] {
  const entities = entityChanges(before, after);
  return [
    ...placeChanges(before, after),
    ...tagChanges(before, after),
    ...namespaceChanges(before.namespace, after.namespace),
    ...entities,
    ...lockedEntities(before, after, entities),
  ];
}
