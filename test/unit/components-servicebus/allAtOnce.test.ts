import { describe, expect, it } from "vitest";
import { ServiceBus, type ServiceBusArgs, type ServiceBusEntitiesArgs } from "../../../components/servicebus/index.js";
import { busProblems, serviceBusProblems } from "../../../components/servicebus/validate.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { busStacks } from "../../support/busStacks.js";
import { run } from "../support/mocks.js";

/** Entities with one problem each that is seen only where settings are looked at together. */
const entities = {
  queues: {
    q: { requiresSession: true, forwardTo: "nowhere" },
    idle: { autoDeleteOnIdleSeconds: 300, forwardTo: "q" },
  },
  topics: { t: { subscriptions: { s: { rules: { none: {}, sql: { sql: "a == 1" } } } } } },
};
const joined = [
  "queues.idle.autoDeleteOnIdleSeconds",
  "queues.q.forwardTo",
  "queues.q.forwardTo",
  "topics.t.subscriptions.s.rules.none",
  "topics.t.subscriptions.s.rules.sql.sql",
];
const subnetId = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n";
const paths = (namespace: unknown) =>
  serviceBusProblems({ namespace, ...entities } as ServiceBusEntitiesArgs).map(({ path }) => path);

describe("all problems at once, wherever the first one is", () => {
  it.each<[string, object, string[]]>([
    ["an address", { tier: "Standard", ipRules: ["203.0.113.7", "300.1.1.1"] }, ["namespace.ipRules.1"]],
    [
      "a subnet",
      { tier: "Premium", publicAccess: "Enabled", virtualNetworkRules: ["x"] },
      ["namespace.virtualNetworkRules.0"],
    ],
    [
      "a private endpoint, of which nothing else is said to be missing",
      { tier: "Premium", privateEndpoints: { a: { subnetId: "x" } }, privateDns: { source: "none" } },
      ["namespace.privateEndpoints.a.subnetId"],
    ],
    [
      "a zone's source",
      { tier: "Premium", privateEndpoints: { a: { subnetId } }, privateDns: { source: "hub" } },
      ["namespace.privateDns.source"],
    ],
    [
      "the tier, without which a namespace is nothing",
      { tier: "premium", capacity: 3 },
      ["namespace.tier", "namespace.capacity"],
    ],
  ])("%s is named beside what is wrong with the entities", (_, namespace, first) => {
    expect(paths(namespace)).toEqual([...first, ...joined]);
  });
});

describe("what is around the entities", () => {
  it("is checked as they are: what is missing, misspelt or no tag", () => {
    const args = { resourceGroupName: "", namespace: { tier: "Standard" }, queus: {}, tags: { team: 1 } };
    expect(busProblems(args as unknown as ServiceBusArgs).map(formatProblem)).toEqual([
      'resourceGroupName: must be the name of a resource group, not empty (found ""). Give the name of a resource group',
      "location: is missing; it must be an Azure region: letters and digits. Give a region such as northeurope",
      "tags.team: must be text (found 1). Put it in quotes",
      "queus: unknown key (found {}). Did you mean queues?",
    ]);
  });
});

/** The args with every optional setting that they leave out on some level stated as undefined. */
function withUndefined(value: unknown, names: string[]): unknown {
  if (Array.isArray(value)) return value;
  if (value === null || typeof value !== "object") return value;
  const held = Object.entries(value).map(([key, entry]): [string, unknown] => [key, withUndefined(entry, names)]);
  return { ...Object.fromEntries(names.map((name) => [name, undefined])), ...Object.fromEntries(held) };
}

describe("a setting that is undefined", () => {
  it.each(Object.entries(busStacks))("is one that is left out: %s", async (_, args) => {
    const names = [
      "capacity",
      "scaleOutPercent",
      "lockDurationSeconds",
      "windowSeconds",
      "tags",
      "topics",
      "unheardOf",
    ];
    const open = withUndefined(args, names) as ServiceBusArgs;
    const registered = async (given: ServiceBusArgs) => {
      const { resources } = await run(() => new ServiceBus("bus", given), { preview: true });
      return resources
        .map(({ type, name, inputs }) => ({ type, name, inputs }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    };
    expect(busProblems(open)).toEqual([]);
    expect(await registered(open)).toEqual(await registered(args));
  });
});
