import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type RuleArgs,
  type ServiceBusEntitiesArgs,
  type ServiceBusNamespaceArgs,
  type SubscriptionArgs,
  serviceBusProblems,
} from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";

const standard: ServiceBusNamespaceArgs = { tier: "Standard", name: "contoso" };
const premium: ServiceBusNamespaceArgs = { tier: "Premium", name: "contoso" };

function many<T>(count: number, value: T, prefix = "e"): { [name: string]: T } {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, value]));
}

const lines = (args: ServiceBusEntitiesArgs): string[] => serviceBusProblems(args).map(formatProblem);

describe("queues and topics of a namespace", () => {
  it.each<[string, ServiceBusNamespaceArgs, number]>([
    ["Basic", { ...standard, tier: "Basic" }, 10_000],
    ["Standard", standard, 10_000],
    ["Premium", premium, 1_000],
    ["Premium with 2 units", { ...premium, capacity: 2 }, 2_000],
    ["Premium with 2 partitions, which brings 2 units", { ...premium, premiumMessagingPartitions: 2 }, 2_000],
    ["Premium that scales from 2 units", { ...premium, autoscale: { minUnits: 2, maxUnits: 8 } }, 2_000],
  ])("on %s are as many as the quota, and not one more", (_, namespace, quota) => {
    expect(lines({ namespace, queues: many(quota, {}) })).toEqual([]);
    expect(serviceBusProblems({ namespace, queues: many(quota + 1, {}) }).map(({ path }) => path)).toEqual(["queues"]);
  });

  it("are counted together", () => {
    const topics = many(500, { subscriptions: { s: {} } }, "t");
    expect(lines({ namespace: premium, queues: many(500, {}), topics })).toEqual([]);
    expect(lines({ namespace: premium, queues: many(501, {}), topics })).toEqual([
      "queues: are 1001 with the topics, and may be at most 1000 on Premium with 1 messaging unit, 1000 for each " +
        "(found 501). Raise namespace.capacity, or use a second namespace",
    ]);
    expect(lines({ namespace: premium, topics: many(1001, {}) })).toEqual([
      "topics: are 1001 with the queues, and may be at most 1000 on Premium with 1 messaging unit, 1000 for each " +
        "(found 1001). Raise namespace.capacity, or use a second namespace",
    ]);
  });

  it("may be partitioned a hundred times, and not once more", () => {
    const wide = { enablePartitioning: true };
    const topics = many(50, wide, "t");
    expect(lines({ namespace: standard, queues: { ...many(50, wide), narrow: {} }, topics })).toEqual([]);
    expect(lines({ namespace: standard, queues: many(51, wide), topics })).toEqual([
      "queues: have enablePartitioning 101 times with the topics, and may have it at most 100 times on Standard " +
        "(found 101). Leave it out where one broker is fast enough, or use Premium with premiumMessagingPartitions",
    ]);
  });

  it("are not limited in partitions where the whole namespace is partitioned", () => {
    const namespace = { ...premium, premiumMessagingPartitions: 2 };
    expect(lines({ namespace, queues: many(101, { enablePartitioning: true }) })).toEqual([]);
  });
});

describe("a topic", () => {
  const bus = (subscriptions: { [name: string]: SubscriptionArgs }): ServiceBusEntitiesArgs => ({
    namespace: standard,
    topics: { t: { subscriptions } },
  });
  const rules = (sql: number, correlation: number): { [name: string]: RuleArgs } => ({
    ...many(sql, { sql: "1=1" }, "sql"),
    ...many(correlation, { correlation: { subject: "x" } }, "correlation"),
  });

  it("has up to 2000 subscriptions", () => {
    expect(lines(bus(many(2000, {})))).toEqual([]);
    expect(lines(bus(many(2001, {})))).toEqual([
      "topics.t.subscriptions: are 2001 subscriptions, and a topic may have at most 2000 (found 2001). " +
        "Let a subscription forward to a second topic",
    ]);
  });

  it("has up to 2000 SQL filters, over all its subscriptions", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2001 }), fc.integer({ min: 0, max: 3 }), (first, over) => {
        const second = 2000 - Math.min(first, 2000) + over;
        const problems = serviceBusProblems(bus({ a: { rules: rules(first, 1) }, b: { rules: rules(second, 0) } }));
        const paths = first + second > 2000 ? ["topics.t.subscriptions"] : [];
        expect(problems.map(({ path }) => path)).toEqual(paths);
      }),
      { numRuns: 10 },
    );
  });

  it("has up to 100000 correlation filters", () => {
    const full = many(50, { rules: rules(0, 2000) });
    expect(lines(bus(full))).toEqual([]);
    expect(lines(bus({ ...full, more: { rules: rules(0, 1) } }))).toEqual([
      "topics.t.subscriptions: are 100001 correlation filters, and a topic may have at most 100000 (found 100001). " +
        "Let a subscription forward to a second topic",
    ]);
  });
});
