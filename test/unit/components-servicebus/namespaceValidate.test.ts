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
    "a network that is linked twice, and an address that is taken twice",
    {
      ...plain,
      privateEndpoints: {
        a: { ...endpoint, privateAddress: "10.0.2.10" },
        b: { ...endpoint, privateAddress: "10.0.2.10", registerDns: false },
      },
      privateDns: {
        source: "create",
        virtualNetworkIds: { x: platform.network("spoke"), y: platform.network("SPOKE"), z: pulumi.output("later") },
      },
    },
    [
      `namespace.privateEndpoints.b: is that of a, and a subnet has each address once (found "10.0.2.10 of ${endpoint.subnetId.slice(0, 65)}…). Remove one of the two`,
      `namespace.privateDns.virtualNetworkIds.y: is that of x, and has one link to a zone (found "${platform.network("SPOKE").slice(0, 78)}…). Remove one of the two`,
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
