import { describe, expect, it } from "vitest";
import { namespaceChanges, type ServiceBusNamespaceArgs } from "../../../components/servicebus/index.js";
import { namespaceOfTier, platform, replicatedNamespace } from "../../support/busTiers.js";

type Namespace = ServiceBusNamespaceArgs;
const { Basic: basic, Standard: standard, Premium: premium } = namespaceOfTier;
const { lock: _, ...unlocked } = standard;
/** Without what stands in the way of any change, which has rows of its own. */
const { disasterRecovery: pair, lock: __, ...single } = premium;

/** A namespace without the settings that are named. */
function without<K extends keyof Namespace>(of: Namespace, ...keys: K[]): Namespace {
  const rest: Partial<Namespace> = { ...of };
  for (const key of keys) delete rest[key];
  return { ...rest, tier: of.tier };
}

/** From, to, and what is found: effect, path, and how its reason begins. */
const rows: [string, Namespace, Namespace, string[]][] = [
  [
    "another name",
    unlocked,
    { ...unlocked, name: "contoso-other" },
    ['losesMessages namespace.name was "contoso-standard": the namespace is replaced: every message in it is lost'],
  ],
  [
    "Standard to Premium",
    unlocked,
    { ...unlocked, tier: "Premium", publicAccess: "Enabled" },
    ['refused namespace.tier was "Standard": Azure moves no namespace to or from Premium'],
  ],
  [
    "Standard to Basic",
    unlocked,
    { ...unlocked, tier: "Basic", diagnostics: {}, alerts: unlocked.alerts },
    [
      'refused namespace.tier was "Standard": Azure refuses it while there are topics',
      "silent namespace.diagnostics.workspace goes",
      "silent namespace.diagnostics.hub goes",
    ],
  ],
  ["Basic to Standard", { ...without(basic, "lock") }, { ...without(basic, "lock"), tier: "Standard" }, []],
  [
    "fewer units",
    without(single, "autoscale"),
    { ...without(single, "autoscale"), capacity: 2 },
    ["downtime namespace.capacity was 4: 4 units become 2"],
  ],
  ["more units", without(single, "autoscale"), { ...without(single, "autoscale"), capacity: 8 }, []],
  ["units that are the autoscaler's", single, { ...single, capacity: 2 }, []],
  [
    "an autoscaler that goes",
    single,
    without(single, "autoscale"),
    ["downtime namespace.capacity was 4: 16 units become 4"],
  ],
  [
    "an autoscaler with fewer units",
    single,
    { ...single, autoscale: { ...single.autoscale, maxUnits: 8 } },
    ["downtime namespace.autoscale was "],
  ],
  [
    "other partitions",
    single,
    { ...single, premiumMessagingPartitions: 4 },
    ["refused namespace.premiumMessagingPartitions was 2: partitions are fixed when the namespace is made"],
  ],
  [
    "partitions that are said",
    without(replicatedNamespace, "capacity"),
    { ...without(replicatedNamespace, "capacity"), premiumMessagingPartitions: 1 },
    [],
  ],
  [
    "a higher TLS version",
    single,
    { ...single, minimumTls: "1.3" },
    ['downtime namespace.minimumTls was "1.2": clients that speak TLS 1.2 are refused'],
  ],
  [
    "a lower TLS version",
    unlocked,
    { ...unlocked, minimumTls: "1.2" },
    ['opens namespace.minimumTls was "1.3": clients may speak TLS 1.2 again'],
  ],
  [
    "keys that are let in",
    single,
    { ...single, disableLocalAuth: false },
    ["opens namespace.disableLocalAuth was true: whoever has a key comes in"],
  ],
  [
    "keys that are kept out",
    unlocked,
    without(unlocked, "disableLocalAuth"),
    ["downtime namespace.disableLocalAuth was false: clients with shared access keys are refused"],
  ],
  [
    "a public endpoint for everybody",
    single,
    { ...single, publicAccess: "Enabled" },
    ['opens namespace.publicAccess was "Disabled": the public endpoint takes every address'],
  ],
  [
    "a public endpoint for some",
    single,
    { ...single, publicAccess: "Enabled", ipRules: ["203.0.113.7"] },
    ['opens namespace.publicAccess was "Disabled": there is a public endpoint for whoever is in its rules'],
  ],
  [
    "a public endpoint that goes, with its rules",
    replicatedNamespace,
    without(replicatedNamespace, "publicAccess", "ipRules", "virtualNetworkRules"),
    ['downtime namespace.publicAccess was "Enabled": whoever came by the public endpoint is cut off'],
  ],
  ["the last rule that goes", unlocked, { ...unlocked, ipRules: [] }, ["opens namespace.ipRules was "]],
  [
    "the first rule",
    { ...unlocked, ipRules: [] },
    unlocked,
    ["downtime namespace.ipRules was []: the public endpoint took every address"],
  ],
  [
    "a rule that goes",
    unlocked,
    { ...unlocked, ipRules: ["203.0.113.0/28"] },
    ['downtime namespace.ipRules was ["203.0.113.0/28","198.51.100.9"]: 198.51.100.9 is refused from now on'],
  ],
  ["a rule that comes", unlocked, { ...unlocked, ipRules: [...unlocked.ipRules, "198.51.100.10"] }, []],
  [
    "a subnet that goes",
    replicatedNamespace,
    without(replicatedNamespace, "virtualNetworkRules"),
    ["downtime namespace.virtualNetworkRules was "],
  ],
  [
    "trusted services that are kept out",
    single,
    { ...single, trustedServices: false },
    ["downtime namespace.trustedServices was true: Azure's own services pass the network rules no more"],
  ],
  [
    "zones that Azure keeps",
    single,
    { ...single, zoneRedundant: false },
    ["silent namespace.zoneRedundant was true: Azure spreads a namespace over zones"],
  ],
  [
    "an endpoint that goes, and one that moves",
    single,
    {
      ...single,
      privateEndpoints: {
        workers: {
          ...single.privateEndpoints.workers,
          subnetId: platform.subnet("spoke", "others"),
          registerDns: false,
        },
      },
    },
    [
      `downtime namespace.privateEndpoints.workers.subnetId was "${platform.subnet("spoke", "endpoints")}": the endpoint is replaced`,
      "downtime namespace.privateEndpoints.workers.registerDns the name of the namespace is resolved",
      "downtime namespace.privateEndpoints.hub goes",
    ],
  ],
  [
    "a zone of another's, and then a network less",
    single,
    { ...single, privateDns: { source: "existing", zoneId: platform.zone } },
    ["downtime namespace.privateDns was create: the record leaves its zone"],
  ],
  [
    "a network that is linked no more",
    single,
    { ...single, privateDns: { source: "create", virtualNetworkIds: { spoke: platform.network("spoke") } } },
    ["downtime namespace.privateDns.virtualNetworkIds.hub was "],
  ],
  [
    "a key that comes",
    replicatedNamespace,
    { ...replicatedNamespace, customerManagedKey: single.customerManagedKey },
    ["refused namespace.customerManagedKey Azure takes a key for a namespace without queues and topics alone"],
  ],
  [
    "a key that goes",
    single,
    without(single, "customerManagedKey"),
    ["refused namespace.customerManagedKey was bus: Azure never lets a namespace go back to its own key"],
  ],
  [
    "another key, encrypted once",
    single,
    {
      ...single,
      customerManagedKey: { ...single.customerManagedKey, keyName: "bus-2", infrastructureEncryption: false },
    },
    [
      "refused namespace.customerManagedKey.infrastructureEncryption is fixed when the namespace is made",
      'downtime namespace.customerManagedKey.keyName was "bus": where the identity may not use the key, the bus stops',
    ],
  ],
  [
    "a copy that goes",
    replicatedNamespace,
    without(replicatedNamespace, "geoReplication"),
    ["silent namespace.geoReplication was "],
  ],
  [
    "a copy in place of a pairing, and back",
    { ...single, disasterRecovery: pair },
    { ...single, geoReplication: replicatedNamespace.geoReplication },
    [
      "refused namespace.geoReplication was left out: the namespace is paired for geo-disaster recovery",
      "refused namespace.disasterRecovery was contoso-bus: Azure takes no alias away while it pairs two",
      "downtime namespace.disasterRecovery.alias contoso-bus is gone",
    ],
  ],
  [
    "a pairing in place of a copy",
    { ...single, geoReplication: replicatedNamespace.geoReplication },
    { ...single, disasterRecovery: pair },
    ["silent namespace.geoReplication was ", "refused namespace.disasterRecovery the namespace is replicated"],
  ],
  [
    "another second region",
    replicatedNamespace,
    { ...replicatedNamespace, geoReplication: { ...replicatedNamespace.geoReplication, secondaryLocation: "uksouth" } },
    ["silent namespace.geoReplication was "],
  ],
  [
    "a promotion that is said",
    replicatedNamespace,
    { ...replicatedNamespace, geoReplication: { ...replicatedNamespace.geoReplication, promoted: true } },
    ["refused namespace.geoReplication was "],
  ],
  [
    "synchronous copies",
    replicatedNamespace,
    { ...replicatedNamespace, geoReplication: { ...replicatedNamespace.geoReplication, maxReplicationLagSeconds: 0 } },
    ["downtime namespace.geoReplication was "],
  ],
  [
    "copies that may lag more",
    replicatedNamespace,
    {
      ...replicatedNamespace,
      geoReplication: { ...replicatedNamespace.geoReplication, maxReplicationLagSeconds: 600 },
    },
    ["silent namespace.geoReplication was "],
  ],
  ["a pairing that comes", single, { ...single, disasterRecovery: pair }, []],
  [
    "another second namespace, another alias",
    { ...single, disasterRecovery: pair },
    { ...single, disasterRecovery: { ...pair, name: "contoso-premium-uk", location: "uksouth", alias: "contoso-a" } },
    [
      'refused namespace.disasterRecovery.location was "northeurope": the second namespace is replaced',
      'refused namespace.disasterRecovery.name was "contoso-premium-north": the second namespace is replaced',
      "refused namespace.disasterRecovery.alias was contoso-bus: Azure takes no alias away while it pairs two",
    ],
  ],
  [
    "what Azure would have to change on a paired second",
    { ...single, disasterRecovery: pair },
    { ...single, disasterRecovery: pair, trustedServices: false },
    [
      "downtime namespace.trustedServices was true: Azure's own services",
      "refused namespace.trustedServices would be changed on the second namespace as well",
    ],
  ],
  [
    "logs that are recorded no more, or elsewhere",
    single,
    {
      ...single,
      diagnostics: { workspace: { workspaceId: `${platform.workspace}2`, logs: ["OperationalLogs"] } },
    },
    [
      "silent namespace.diagnostics.workspace.logs VNetAndIPFilteringLogs and RuntimeAuditLogs and",
      "silent namespace.diagnostics.workspace.workspaceId was ",
      "silent namespace.diagnostics.archive goes",
    ],
  ],
  [
    "alerts that go, and nobody who is told",
    single,
    { ...single, alerts: { actionGroupIds: [`${platform.actionGroup}-2`], deadLetters: { threshold: 5 } } },
    [
      "silent namespace.alerts.throttledRequests is raised no more",
      "silent namespace.alerts.actionGroupIds an action group is told nothing any more",
    ],
  ],
  ["a lock that goes", standard, without(standard, "lock"), ["opens namespace.lock was "]],
  [
    "a change under a lock that forbids it",
    standard,
    { ...standard, trustedServices: true },
    ["refused namespace.lock keeps the namespace from being changed"],
  ],
  [
    "a replacement under a lock",
    basic,
    { ...basic, name: "contoso-basic-2" },
    ["losesMessages namespace.name was ", "refused namespace.lock keeps the old namespace from being deleted"],
  ],
];

describe("what may change on a namespace that exists, and what it does beyond what was asked for", () => {
  it.each(rows)("%s", (_what, before, after, expected) => {
    const found = namespaceChanges(before, after).map((v) => `${v.effect} ${v.path} ${v.reason}`);
    expect(found.map((line, i) => line.slice(0, expected[i]?.length))).toEqual(expected);
  });

  it("has a row for every setting that can be changed", () => {
    const settings = new Set(
      Object.values<Namespace>({ ...namespaceOfTier, replicatedNamespace }).flatMap((each) => Object.keys(each)),
    );
    const judgedIn = new Set(rows.flatMap(([, , , lines]) => lines.map((line) => line.split(" ")[1]?.split(".")[1])));
    expect([...settings].filter((setting) => !judgedIn.has(setting))).toEqual([]);
  });
});
