import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ServiceBus, type ServiceBusEntitiesArgs, serviceBusProblems } from "../../../components/servicebus/index.js";
import { type Registered, run } from "../support/mocks.js";
import { anyChains } from "./arbitrary.js";
import { linksOf } from "./oracle.js";

const N = "azure-native:servicebus:";
const register = (args: ServiceBusEntitiesArgs) =>
  run(() => new ServiceBus("bus", { resourceGroupName: "rg", location: "westeurope", ...args }), { preview: true });

/** `type name` of the resource that has a link: its path is `queues.NAME.…` or `topics.NAME.subscriptions.NAME.…`. */
function sourceOf(path: string): string {
  const [kind, name = "", , subscription = ""] = path.split(".");
  return kind === "queues" ? `${N}Queue bus-${name}` : `${N}Subscription bus-${name}/${subscription}`;
}

/** What must be there before anything is sent to an entity: with a topic all that is in it. */
function within(entity: string, resources: Registered[]): string[] {
  return resources
    .filter(
      ({ type, name }) => type !== `${N}Namespace` && (name === `bus-${entity}` || name.startsWith(`bus-${entity}/`)),
    )
    .filter(({ type }) => type !== `${N}NamespaceNetworkRuleSet`)
    .map(({ type, name }) => `${type} ${name}`);
}

/** Everything that a resource waits for, directly or not. */
function awaited(key: string, byKey: Map<string, Registered>, found = new Set<string>()): Set<string> {
  for (const other of byKey.get(key)?.dependsOn ?? [])
    if (!found.has(other)) {
      found.add(other);
      awaited(other, byKey, found);
    }
  return found;
}

// Topics without subscriptions are warned of, and there are many here.
beforeAll(() => void vi.spyOn(console, "warn").mockImplementation(() => undefined));
afterAll(() => void vi.restoreAllMocks());

describe("what forwards", () => {
  it("waits for its targets, with a topic for all its subscriptions and rules, however they stand in the args", async () => {
    await fc.assert(
      fc.asyncProperty(anyChains, async (args) => {
        fc.pre(linksOf(args).length > 0 && serviceBusProblems(args).length === 0);
        const { resources } = await register(args);
        const keys = resources.map(({ type, name }) => `${type} ${name}`);
        const byKey = new Map(resources.map((each, i) => [keys[i] ?? "", each]));
        for (const { path, to } of linksOf(args)) {
          const source = sourceOf(path);
          const before = within(to, resources);
          expect(keys).toContain(source);
          expect(before.length).toBeGreaterThan(0);
          const waits = awaited(source, byKey);
          for (const other of before) {
            expect(waits).toContain(other);
            expect(keys.indexOf(other)).toBeLessThan(keys.indexOf(source));
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  it("finds its target in another case", async () => {
    const { one } = await register({
      namespace: { tier: "Standard", name: "contoso" },
      queues: { a: { forwardTo: "EVENTS" }, end: {} },
      topics: { Events: { subscriptions: { s: { forwardDeadLettersTo: "End" } } } },
    });
    expect(one(`${N}Queue`, "bus-a").dependsOn).toContain(`${N}Topic bus-Events`);
    expect(one(`${N}Queue`, "bus-a").dependsOn).toContain(`${N}DefaultRule bus-Events/s/$Default`);
    expect(one(`${N}Subscription`, "bus-Events/s").dependsOn).toContain(`${N}Queue bus-end`);
  });
});

describe("on a partitioned Premium namespace", () => {
  it("every queue and topic is partitioned without saying so", async () => {
    const { one } = await register({
      namespace: { tier: "Premium", name: "contoso", capacity: 2, premiumMessagingPartitions: 2 },
      queues: { q: {} },
      topics: { t: { subscriptions: { s: {} } } },
    });
    expect(one(`${N}Queue`, "bus-q").inputs).toMatchObject({ enablePartitioning: true });
    expect(one(`${N}Topic`, "bus-t").inputs).toMatchObject({ enablePartitioning: true });
  });

  it("and on another none is, and express is not spoken of, which Azure would refuse", async () => {
    const { one } = await register({ namespace: { tier: "Premium", name: "contoso" }, queues: { q: {} } });
    expect(one(`${N}Queue`, "bus-q").inputs).toMatchObject({ enablePartitioning: false });
    expect(one(`${N}Queue`, "bus-q").inputs).not.toHaveProperty("enableExpress");
  });
});

describe("a name with a slash", () => {
  it("is written with a tilde to Azure Resource Manager, and is the entity's own everywhere else", async () => {
    const args: ServiceBusEntitiesArgs = {
      namespace: { tier: "Standard", name: "contoso" },
      queues: { "eu/renders": { forwardDeadLettersTo: "eu/events" } },
      topics: { "eu/events": { subscriptions: { all: { rules: { r: { sql: "1=1" } } } } } },
    };
    const bus = () => new ServiceBus("bus", { resourceGroupName: "rg", location: "westeurope", ...args });
    const { one, value, known } = await run(bus, { preview: false });
    expect(one(`${N}Queue`, "bus-eu/renders").inputs).toMatchObject({
      queueName: "eu~renders",
      forwardDeadLetteredMessagesTo: "eu/events",
    });
    expect(one(`${N}Topic`, "bus-eu/events").inputs).toMatchObject({ topicName: "eu~events" });
    for (const [type, name] of [
      ["Subscription", "all"],
      ["Rule", "all/r"],
      ["DefaultRule", "all/$Default"],
    ])
      expect(one(`${N}${type}`, `bus-eu/events/${name}`).inputs).toMatchObject({ topicName: "eu~events" });
    expect(await known(value.entityId("eu/renders"))).toMatch(/\/queues\/eu~renders$/);
    expect(await known(value.entityId("eu/events/subscriptions/all"))).toMatch(
      /\/topics\/eu~events\/subscriptions\/all$/,
    );
  });
});
