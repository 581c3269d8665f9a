import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ChangeEffect, type ServiceBusArgs, serviceBusChanges } from "../../components/servicebus/index.js";
import { busStacks } from "../support/busStacks.js";
import { replicatedNamespace } from "../support/busTiers.js";
import { type Check, failed, passed } from "./checks.js";

const known = z.object({
  forceNew: z.record(z.string(), z.record(z.string(), z.string())),
  armImmutable: z.record(z.string(), z.array(z.string())),
});

/** A bus without a lock, which would add to every row what it keeps from being deleted. */
function bare(kind: string): ServiceBusArgs {
  const args = busStacks[kind];
  if (args === undefined) throw new Error(`no bus ${kind}`);
  const { lock: _, ...namespace } = args.namespace;
  return { ...args, namespace };
}

const premium = bare("Premium");
const standard = bare("Standard");
const replicated = { ...premium, namespace: replicatedNamespace };
const promoted = { ...replicatedNamespace.geoReplication, promoted: true };

/** What replaces a namespace, by the property of azure-native: a change of ours that brings it about. */
const replacing: { [property: string]: ServiceBusArgs } = {
  namespaceName: { ...premium, namespace: { ...premium.namespace, name: "contoso-other" } },
  resourceGroupName: { ...premium, resourceGroupName: "others" },
  location: { ...premium, location: "uksouth" },
};

/** What Azure does not change, as the contracts word it: a change of ours that asks for it, from and to. */
const immutable: { words: RegExp; from: ServiceBusArgs; to: ServiceBusArgs }[] = [
  {
    words: /^premiumMessagingPartitions$/,
    from: premium,
    to: { ...premium, namespace: { ...premium.namespace, premiumMessagingPartitions: 4 } },
  },
  {
    words: /^sku\.name Premium/,
    from: standard,
    to: { ...standard, namespace: { ...standard.namespace, tier: "Premium" } },
  },
  {
    words: /^geoDataReplication\.locations primary$/,
    from: replicated,
    to: { ...replicated, namespace: { ...replicatedNamespace, geoReplication: promoted } },
  },
];

/** What the table of changes of a namespace says is what azure-native replaces and what Azure does not change. */
export function namespaceChecks(contracts: string): Check[] {
  const { forceNew, armImmutable } = known.parse(
    JSON.parse(readFileSync(join(contracts, "arm", "data", "forcenew.json"), "utf8")),
  );
  const says = (from: ServiceBusArgs, to: ServiceBusArgs, effect: ChangeEffect) =>
    serviceBusChanges(from, to).some((each) => each.effect === effect);
  const properties = Object.keys(forceNew["servicebus:Namespace"] ?? {});
  const silent = properties.filter((property) => {
    const to = replacing[property];
    return to === undefined || !says(premium, to, ChangeEffect.LosesMessages);
  });
  const refused = armImmutable["servicebus:Namespace"] ?? [];
  const missed = refused.filter((words) => {
    const row = immutable.find((each) => each.words.test(words));
    return row === undefined || !says(row.from, row.to, ChangeEffect.Refused);
  });
  return [
    verdict("the table of changes of a Namespace replaces what azure-native replaces", properties, silent),
    verdict("the table of changes of a Namespace refuses what Azure does not change", refused, missed),
  ];
}

function verdict(name: string, all: string[], missing: string[]): Check {
  if (all.length === 0) return failed(name, "nothing is known of servicebus:Namespace");
  return missing.length === 0
    ? passed(name, ...all)
    : failed(name, ...missing.map((each) => `${each}: the table does not say so`));
}
