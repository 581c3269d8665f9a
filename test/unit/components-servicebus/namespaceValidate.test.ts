import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { type ServiceBusEntitiesArgs, serviceBusProblems } from "../../../components/servicebus/index.js";
import { busProblems } from "../../../components/servicebus/validate.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { namespaceOfTier, platform, REGIONS, replicatedNamespace } from "../../support/busTiers.js";

const { Basic: basic, Standard: standard, Premium: premium } = namespaceOfTier;
const plain = { tier: "Premium", name: "contoso-bus" } as const;
const queues = { renders: {} };
const endpoint = { subnetId: platform.subnet("spoke", "endpoints") };
const dns = { source: "none" };
const settings = (namespace: object) => ({ namespace, queues }) as ServiceBusEntitiesArgs;
const alerts = { actionGroupIds: [platform.actionGroup] };
const pairing = { alias: "contoso-alias", location: REGIONS.second, name: "contoso-bus-2" };

describe("a namespace that Azure would take", () => {
  it.each([
    ["Basic with everything that it has", settings(basic)],
    ["Standard with everything that it has", settings(standard)],
    ["Premium with a pairing", settings(premium)],
    ["Premium with a copy", settings(replicatedNamespace)],
    ["as many units as partitions", settings({ ...plain, premiumMessagingPartitions: 4, capacity: 64 })],
    [
      "an event hub for each log",
      settings({ ...plain, diagnostics: { h: { eventHubAuthorizationRuleId: platform.eventHubRule } } }),
    ],
    [
      "ids that are known later",
      settings({ ...plain, privateEndpoints: { a: { subnetId: pulumi.output("later") } }, privateDns: dns }),
    ],
    [
      "one sink for two logs",
      settings({
        ...plain,
        diagnostics: {
          a: { workspaceId: platform.workspace, logs: ["OperationalLogs"], metrics: false },
          b: { workspaceId: platform.workspace, logs: ["RuntimeAuditLogs"] },
        },
      }),
    ],
  ])("has no problem: %s", (_, args) => {
    expect(serviceBusProblems(args, REGIONS.first)).toEqual([]);
  });
});

/** Settings of a namespace, and the lines that name each problem; nothing else may be found. */
const refused: [string, object, string[]][] = [
  [
    "everything of Premium below it, each by its name",
    {
      tier: "Standard",
      capacity: 1,
      premiumMessagingPartitions: 1,
      zoneRedundant: true,
      publicAccess: "Disabled",
      virtualNetworkRules: [platform.subnet("spoke", "workers")],
      privateEndpoints: { a: endpoint },
      privateDns: dns,
      customerManagedKey: premium.customerManagedKey,
      autoscale: premium.autoscale,
    },
    [
      "namespace.capacity: is not there on Standard, only on Premium (found 1). Remove it, or set namespace.tier to Premium",
      "namespace.premiumMessagingPartitions: is not there on Standard, only on Premium (found 1). Remove it, or set namespace.tier to Premium",
      "namespace.zoneRedundant: is not there on Standard, only on Premium (found true). Remove it, or set namespace.tier to Premium",
      'namespace.publicAccess: is not there on Standard, only on Premium (found "Disabled"). Remove it, or set namespace.tier to Premium',
      "namespace.virtualNetworkRules: is not there on Standard, only on Premium. Remove it, or set namespace.tier to Premium",
      "namespace.privateEndpoints: is not there on Standard, only on Premium. Remove it, or set namespace.tier to Premium",
      "namespace.customerManagedKey: is not there on Standard, only on Premium. Remove it, or set namespace.tier to Premium",
      "namespace.autoscale: is not there on Standard, only on Premium. Remove it, or set namespace.tier to Premium",
      `namespace.virtualNetworkRules: does nothing where publicAccess is Disabled (found ["${platform.subnet("spoke", "workers").slice(0, 77)}…). Remove it, or set publicAccess to Enabled`,
    ],
  ],
  [
    "a copy and a pairing below Premium, and together",
    {
      tier: "Basic",
      geoReplication: { secondaryLocation: "uksouth", maxReplicationLagSeconds: 0 },
      disasterRecovery: pairing,
    },
    [
      "namespace.geoReplication: is not there on Basic, only on Premium. Remove it, or set namespace.tier to Premium",
      "namespace.disasterRecovery: is not there on Basic, only on Premium. Remove it, or set namespace.tier to Premium",
      'namespace.disasterRecovery: cannot be used with geoReplication: Azure refuses both on one namespace (found "contoso-alias"). Remove one: geoReplication copies messages as well, disasterRecovery entities alone',
    ],
  ],
  [
    "an audit of messages and of connections below Premium",
    {
      tier: "Standard",
      diagnostics: { a: { workspaceId: platform.workspace, logs: ["RuntimeAuditLogs", "VNetAndIPFilteringLogs"] } },
    },
    [
      'namespace.diagnostics.a.logs.0: is written on Premium only: on Standard Azure does not record who sent or received what (found "RuntimeAuditLogs"). Remove it, or set namespace.tier to Premium',
      'namespace.diagnostics.a.logs.1: is written on Premium only: on Standard Azure does not record which connections its network rules refused (found "VNetAndIPFilteringLogs"). Remove it, or set namespace.tier to Premium',
    ],
  ],
  [
    "units that are no multiple of the partitions",
    { ...plain, premiumMessagingPartitions: 4, capacity: 2, autoscale: { minUnits: 1, maxUnits: 8 } },
    [
      "namespace.capacity: must be one of 4, 8, 16, 32, 64 with 4 partitions: each has as many units as the others (found 2). Choose one of them",
      "namespace.autoscale.minUnits: must be one of 4, 8, 16, 32, 64 with 4 partitions: each has as many units as the others (found 1). Choose one of them",
    ],
  ],
  [
    "more units than one partition has",
    { ...plain, capacity: 32 },
    [
      "namespace.capacity: must be one of 1, 2, 4, 8, 16 with 1 partition: each has as many units as the others (found 32). Choose one of them",
    ],
  ],
  [
    "partitions that there are not, and units that are none",
    { ...plain, premiumMessagingPartitions: 3, capacity: 3 },
    [
      "namespace.capacity: must be one of 1, 2, 4, 8, 16, 32, 64 messaging units (found 3). Choose one of them",
      "namespace.premiumMessagingPartitions: must be one of 1, 2, 4 partitions (found 3). Choose one of them",
    ],
  ],
  [
    "an autoscaler that goes up and down for ever, or nowhere",
    { ...plain, capacity: 8, autoscale: { minUnits: 4, maxUnits: 4, scaleOutPercent: 60, scaleInPercent: 30 } },
    [
      "namespace.autoscale.maxUnits: must be above minUnits, 4 (found 4). Raise it, or remove autoscale and set capacity",
      "namespace.capacity: must lie between autoscale's 4 and 4, as it is what the namespace begins with (found 8). Remove it, or choose one of them",
      "namespace.autoscale.scaleInPercent: must be less than half of scaleOutPercent, 60: half of the units have twice the load (found 30). Lower it, or raise scaleOutPercent",
    ],
  ],
  [
    "times that Azure Monitor does not take",
    { ...plain, autoscale: { minUnits: 1, maxUnits: 2, windowSeconds: 330, cooldownSeconds: 30 } },
    [
      "namespace.autoscale.windowSeconds: must be whole minutes, in seconds (found 330). Round it to 60",
      "namespace.autoscale.cooldownSeconds: must be a whole number from 60 to 604800 seconds (found 30). Give a number in that range",
      "namespace.autoscale.cooldownSeconds: must be whole minutes, in seconds (found 30). Round it to 60",
    ],
  ],
  [
    "rules for a public endpoint that Premium does not have unless it is told to",
    { ...plain, ipRules: ["203.0.113.7"] },
    [
      'namespace.ipRules: does nothing where publicAccess is Disabled, as it is by default on Premium (found ["203.0.113.7"]). Remove it, or set publicAccess to Enabled',
    ],
  ],
  [
    "rules that stand twice",
    { ...plain, publicAccess: "Enabled", ipRules: ["203.0.113.7", "203.0.113.7"] },
    ['namespace.ipRules.1: stands there twice (found "203.0.113.7"). Remove one of the two'],
  ],
  [
    "a subnet that is none",
    { ...plain, publicAccess: "Enabled", virtualNetworkRules: [platform.network("spoke")] },
    [
      `namespace.virtualNetworkRules.0: must be the id of a subnet (found "${platform.network("spoke").slice(0, 78)}…). Give its full Azure id`,
    ],
  ],
  [
    "an endpoint without a word on its name",
    { ...plain, privateEndpoints: { a: endpoint } },
    [
      'namespace.privateDns: is missing: without it nobody knows whether names lead to the private endpoints. Give { source: "create", virtualNetworkIds }, { source: "existing", zoneId } or { source: "none" }',
    ],
  ],
  [
    "a zone for nothing, and without a network",
    { ...plain, privateDns: { source: "create" } },
    [
      'namespace.privateDns: does nothing without private endpoints (found "create"). Remove it, or add privateEndpoints',
      "namespace.privateDns.virtualNetworkIds: is missing: in no network would the names be resolved. Name the virtual networks of workers and clients",
    ],
  ],
  [
    "a zone that is adopted without an id, with links of its own",
    {
      ...plain,
      privateEndpoints: { a: endpoint },
      privateDns: { source: "existing", virtualNetworkIds: { spoke: platform.network("spoke") } },
    },
    [
      'namespace.privateDns.zoneId: is missing; source "existing" needs it. Give the id of the zone',
      'namespace.privateDns.virtualNetworkIds: does nothing with source "existing": its links are not made here (found ["spoke"]). Remove it, or set source to "create"',
    ],
  ],
  [
    "a zone that is made and adopted",
    {
      ...plain,
      privateEndpoints: { a: endpoint },
      privateDns: { source: "create", zoneId: platform.zone, virtualNetworkIds: { spoke: platform.network("spoke") } },
    },
    ['namespace.privateDns.zoneId: does nothing with source "create". Set source to "existing"'],
  ],
  [
    "the zone of something else",
    {
      ...plain,
      privateEndpoints: { a: endpoint },
      privateDns: { source: "existing", zoneId: platform.zone.replace("servicebus.windows", "vaultcore.azure") },
    },
    [
      `namespace.privateDns.zoneId: must be the id of a private DNS zone of Service Bus (found "${platform.zone.slice(0, 78)}…). Give its full Azure id`,
    ],
  ],
  [
    "two endpoints with one record",
    {
      ...plain,
      privateEndpoints: { a: endpoint, b: endpoint },
      privateDns: { source: "existing", zoneId: platform.zone },
    },
    [
      "namespace.privateEndpoints.b.registerDns: must be false: the zone has one record for the namespace, and a has it already (found true). Set registerDns to false on all but the one that clients use",
    ],
  ],
  [
    "a record without a zone, and a key that names nothing in Azure",
    { ...plain, privateEndpoints: { "a b": { ...endpoint, registerDns: true } }, privateDns: dns },
    [
      'namespace.privateEndpoints.a b: must be a key of 1 to 30 letters, digits or -, which ends the name of what is made (found "a b"). Rename it',
      "namespace.privateEndpoints.a b.registerDns: has no zone to write to (found true). Give namespace.privateDns a zone, or remove it",
    ],
  ],
  [
    "an address that is a range",
    { ...plain, privateEndpoints: { a: { ...endpoint, privateAddress: "10.0.2.0/24" } }, privateDns: dns },
    [
      'namespace.privateEndpoints.a.privateAddress: must be an IPv4 address (found "10.0.2.0/24"). Give an address of the subnet, such as 10.0.2.10',
    ],
  ],
  [
    "a key that is none",
    {
      ...plain,
      customerManagedKey: {
        identityId: platform.identity,
        keyVaultUri: "http://keys.vault.azure.net",
        keyName: "bus/1",
        keyVersion: "1",
      },
    },
    [
      'namespace.customerManagedKey.keyVaultUri: must be the URI of a key vault or a managed HSM (found "http://keys.vault.azure.net"). Give https://NAME.vault.azure.net/',
      'namespace.customerManagedKey.keyName: must be 1 to 127 letters, digits or - (found "bus/1"). Give the key\'s name, without its version',
      'namespace.customerManagedKey.keyVersion: must be 32 hex digits (found "1"). Give the version, or leave it out',
    ],
  ],
  [
    "a copy in the same region, with a lag that Azure does not take",
    { ...plain, geoReplication: { secondaryLocation: "West Europe", maxReplicationLagSeconds: 299 } },
    [
      "namespace.geoReplication.maxReplicationLagSeconds: must be 0 (synchronous) or a whole number from 300 to 86400 seconds (found 299). Choose one of them",
    ],
  ],
  [
    "a copy in the same region",
    { ...plain, geoReplication: { secondaryLocation: "West Europe", maxReplicationLagSeconds: 0 } },
    [
      'namespace.geoReplication.secondaryLocation: must be another region than the namespace\'s own (found "West Europe"). Choose a second region, near by',
    ],
  ],
  [
    "a pairing in the same region, with names that are taken",
    { ...plain, disasterRecovery: { alias: "Contoso-Bus", location: "westeurope", name: "contoso-bus" } },
    [
      'namespace.disasterRecovery.location: must be another region than the namespace\'s own (found "westeurope"). Choose a second one',
      'namespace.disasterRecovery.name: is the name of namespace.name already; each has a host of its own (found "contoso-bus"). Choose another name',
      'namespace.disasterRecovery.alias: is the name of namespace.name already; each has a host of its own (found "Contoso-Bus"). Choose another name',
    ],
  ],
  [
    "a pairing with a namespace that has no endpoint",
    { ...plain, privateEndpoints: { a: endpoint }, privateDns: dns, disasterRecovery: pairing },
    [
      "namespace.disasterRecovery.privateEndpoints: is missing: Azure pairs a namespace that has private endpoints only with one that has them. Give the second namespace one, in a network of its region",
    ],
  ],
  [
    "diagnostics to nowhere, of nothing, by half",
    {
      ...plain,
      diagnostics: {
        a: {},
        b: { workspaceId: platform.workspace, logs: [], metrics: false },
        c: { storageAccountId: platform.account, eventHubName: "bus", logs: ["OperationalLogs", "OperationalLogs"] },
      },
    },
    [
      "namespace.diagnostics.a: goes nowhere. Give workspaceId, storageAccountId or eventHubAuthorizationRuleId",
      "namespace.diagnostics.b.logs: must not be empty where metrics is false (found []). Name a log, or remove it all",
      'namespace.diagnostics.c.eventHubName: does nothing without eventHubAuthorizationRuleId (found "bus"). Give the rule as well, or remove it',
      'namespace.diagnostics.c.logs.1: stands there twice (found "OperationalLogs"). Remove one of the two',
    ],
  ],
  [
    "the same logs to the same place, and more settings than Azure takes",
    {
      ...plain,
      diagnostics: Object.fromEntries(
        ["a", "b", "c", "d", "e", "f"]
          .map((key, i) => [key, { workspaceId: i === 5 ? platform.workspace : `${platform.workspace}${i}` }])
          .concat([["f", { workspaceId: `${platform.workspace}0` }]]),
      ),
    },
    [
      'namespace.diagnostics: must be at most 5 (Azure\'s limit) (found ["a","b","c","d","e","f"]). Remove some',
      "namespace.diagnostics.f: sends to one place what namespace.diagnostics.a sends there already, which Azure refuses. Join the two, or name other logs in one of them",
    ],
  ],
  [
    "alerts on nothing",
    { ...plain, alerts },
    [
      "namespace.alerts: raises no alert. Give one of deadLetters, activeMessages, throttledRequests, serverErrors, or remove it",
    ],
  ],
  [
    "an alert on what is not there, that looks too seldom",
    {
      ...plain,
      alerts: { ...alerts, deadLetters: { threshold: 0, windowSeconds: 300, everySeconds: 900, entities: ["render"] } },
    },
    [
      "namespace.alerts.deadLetters.everySeconds: must be at most the window, 300 seconds: what lies between would never be looked at (found 900). Lower it, or raise windowSeconds",
      'namespace.alerts.deadLetters.entities.0: is not a queue or topic of this namespace (found "render"). Use one of renders',
    ],
  ],
  [
    "an alert whose settings Azure Monitor does not take, that tells nobody",
    {
      ...plain,
      alerts: { actionGroupIds: [], deadLetters: { threshold: -1, windowSeconds: 120, severity: 5, entities: [] } },
    },
    [
      "namespace.alerts.actionGroupIds: must be a list of 1 to 5 action groups (found []). Give the ids of those that are to be told",
      "namespace.alerts.deadLetters.threshold: must be a number from 0 (found -1). Give the value above which the alert is raised",
      "namespace.alerts.deadLetters.windowSeconds: must be one of 60, 300, 900, 1800, 3600, 21600, 43200, 86400 seconds (found 120). Choose one of them",
      "namespace.alerts.deadLetters.severity: must be a whole number from 0 to 4 (found 5). Give a number in that range",
      "namespace.alerts.deadLetters.entities: must name 1 to 50 queues and topics (found []). Leave it out for all of them",
    ],
  ],
  [
    "a lock that keeps the autoscaler out",
    { ...plain, autoscale: { minUnits: 1, maxUnits: 2 }, lock: { level: "ReadOnly", notes: "n".repeat(513) } },
    [
      `namespace.lock.notes: must be at most 512 characters (Azure's limit) (found "${"n".repeat(78)}…). Shorten it`,
      'namespace.lock.level: keeps autoscale from changing the messaging units (found "ReadOnly"). Set it to CanNotDelete, or remove autoscale',
    ],
  ],
];

describe("what Azure would refuse of a namespace, refused before anything is registered", () => {
  it.each(refused)("%s", (_, namespace, lines) => {
    expect(serviceBusProblems(settings(namespace), REGIONS.first).map(formatProblem)).toEqual(lines);
  });

  it("names large messages of a namespace that is replicated", () => {
    const args = { namespace: replicatedNamespace, queues: { q: { maxMessageSizeKilobytes: 2048 } } };
    expect(serviceBusProblems(args).map(formatProblem)).toEqual([
      "queues.q.maxMessageSizeKilobytes: must be at most 1024 with namespace.geoReplication, which copies no large messages (found 2048). Lower it, or use disasterRecovery in place of geoReplication",
    ]);
  });

  it("checks the rest where a part lacks what it needs: all problems at once", () => {
    const problems = serviceBusProblems({
      ...settings({
        ...plain,
        alerts: {},
        autoscale: { minUnits: 1 },
        diagnostics: { a: { logs: "all" } },
        ipRules: ["203.0.113.7"],
      }),
      queues: { a: { forwardTo: "nowhere" } },
    });
    expect(problems.map((p) => p.path)).toEqual([
      "namespace.diagnostics.a.logs",
      "namespace.alerts.actionGroupIds",
      "namespace.autoscale.maxUnits",
      "namespace.ipRules",
      "namespace.diagnostics.a",
      "queues.a.forwardTo",
    ]);
  });

  it("compares regions only where both are known", () => {
    const args = settings({ ...plain, disasterRecovery: { ...pairing, location: "westeurope" } });
    expect(serviceBusProblems(args)).toEqual([]);
    expect(serviceBusProblems(args, pulumi.output("westeurope"))).toEqual([]);
    const bus = { ...args, resourceGroupName: "rg", location: "West Europe", tags: { team: 1 } } as unknown;
    expect(busProblems(bus as Parameters<typeof busProblems>[0]).map((p) => p.path)).toEqual([
      "namespace.disasterRecovery.location",
      "tags.team",
    ]);
  });
});
