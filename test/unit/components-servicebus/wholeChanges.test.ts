import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { type RuleArgs, type ServiceBusArgs, serviceBusChanges } from "../../../components/servicebus/index.js";
import { busStacks } from "../../support/busStacks.js";
import { namespaceOfTier } from "../../support/busTiers.js";

const { lock: _, ...unlocked } = namespaceOfTier.Standard;
const bus: ServiceBusArgs = {
  resourceGroupName: "messaging",
  location: "westeurope",
  namespace: unlocked,
  queues: { renders: {} },
  tags: { team: "storage" },
};
const premium: ServiceBusArgs = { ...bus, namespace: namespaceOfTier.Premium };

const locked: ServiceBusArgs = { ...bus, namespace: { ...unlocked, lock: { level: "CanNotDelete" } } };
const topicsWith = (requiresDuplicateDetection: boolean, rules: { [name: string]: RuleArgs }) => ({
  events: { requiresDuplicateDetection, subscriptions: { all: { rules } } },
});

/** From, to, and what is found: effect, path, and how its reason begins. */
const rows: [string, ServiceBusArgs, ServiceBusArgs, string[]][] = [
  ["the same region in other letters", bus, { ...bus, location: "West Europe", resourceGroupName: "Messaging" }, []],
  [
    "another region",
    bus,
    { ...bus, location: "northeurope" },
    ["losesMessages location was westeurope: the namespace is replaced"],
  ],
  [
    "another resource group, under a lock",
    premium,
    { ...premium, resourceGroupName: "others" },
    [
      "losesMessages resourceGroupName was messaging: the namespace is replaced",
      "refused namespace.lock keeps the old namespace from being deleted",
    ],
  ],
  ["a region that is known later", bus, { ...bus, location: pulumi.output("northeurope") }, []],
  [
    "what a lock keeps from being deleted: a queue that goes, a topic that is replaced, a rule",
    { ...locked, queues: { renders: {}, gone: {} }, topics: topicsWith(false, { rule: { sql: "1=1" } }) },
    { ...locked, queues: { renders: {} }, topics: topicsWith(true, {}) },
    [
      "losesMessages queues.gone ",
      "losesMessages topics.events.requiresDuplicateDetection ",
      "silent topics.events.subscriptions.all.rules are ",
      "refused namespace.lock keeps what goes from being deleted: queues.gone, topics.events.subscriptions.all.rules.rule, topics.events.requiresDuplicateDetection",
    ],
  ],
  ["tags", bus, { ...bus, tags: {} }, []],
  [
    "tags of a pair",
    premium,
    { ...premium, tags: { team: "other" } },
    ["silent tags stay what they were on the second namespace"],
  ],
  [
    "a setting of the namespace, and a queue that goes",
    bus,
    { ...bus, namespace: { ...unlocked, minimumTls: "1.2" }, queues: {} },
    ["opens namespace.minimumTls was ", "losesMessages queues.renders is deleted with its messages"],
  ],
];

describe("what a change of a whole bus does", () => {
  it.each(rows)("%s", (_what, before, after, expected) => {
    const found = serviceBusChanges(before, after).map((v) => `${v.effect} ${v.path} ${v.reason}`);
    expect(found.map((line, i) => line.slice(0, expected[i]?.length))).toEqual(expected);
  });

  it.each(Object.entries(busStacks))("is nothing where nothing is changed, with every setting of %s", (_kind, args) => {
    expect(serviceBusChanges(args, structuredClone(args))).toEqual([]);
  });
});
