import { describe, expect, it } from "vitest";
import { ServiceBus, type ServiceBusArgs, type ServiceBusNamespaceArgs } from "../../../components/servicebus/index.js";
import { namespaceOfTier, platform, REGIONS, replicatedNamespace } from "../../support/busTiers.js";
import { documentedTypes } from "../support/documented.js";
import { run, SUBSCRIPTION, UNKNOWN } from "../support/mocks.js";

const N = "azure-native:servicebus:";
const ENDPOINT = "azure-native:network:PrivateEndpoint";
const GROUP = "azure-native:network:PrivateDnsZoneGroup";
const ZONE = "azure-native:privatedns:PrivateZone";
const LINK = "azure-native:privatedns:VirtualNetworkLink";
const DIAGNOSTICS = "azure-native:monitor:DiagnosticSetting";
const ALERT = "azure-native:monitor:MetricAlert";
const AUTOSCALE = "azure-native:monitor:AutoscaleSetting";
const LOCK = "azure-native:authorization:ManagementLockByScope";
const parent = "stowage:index:ServiceBus bus";

const argsOf = (namespace: ServiceBusNamespaceArgs): ServiceBusArgs => ({
  resourceGroupName: "rg",
  location: REGIONS.first,
  namespace,
  queues: { renders: {}, "eu/volumes": {} },
  ...(namespace.tier === "Basic" ? {} : { topics: { events: { subscriptions: { all: {} } } } }),
  tags: { team: "storage" },
});
const bus = (namespace: ServiceBusNamespaceArgs) => () => new ServiceBus("bus", argsOf(namespace));
const premium = namespaceOfTier.Premium;
const idOf = (group: string, name: string) =>
  `${SUBSCRIPTION}/resourceGroups/${group}/providers/Microsoft.ServiceBus/namespaces/${name}`;

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("a namespace with everything around it, %s", (_, preview) => {
  it("registers all of it below the component, tagged where Azure takes tags", async () => {
    const { resources } = await run(bus(premium), { preview });
    const around = resources.filter((r) => !/:(Queue|Topic|Subscription|DefaultRule)$/.test(r.type)).slice(1);
    expect(around.map((r) => `${r.type} ${r.name}`).sort()).toEqual(
      [
        `${N}Namespace bus`,
        `${N}Namespace bus-secondary`,
        `${N}NamespaceNetworkRuleSet bus`,
        `${N}NamespaceNetworkRuleSet bus-secondary`,
        `${N}DisasterRecoveryConfig bus`,
        `${ENDPOINT} bus-workers`,
        `${ENDPOINT} bus-hub`,
        `${ENDPOINT} bus-secondary-workers`,
        `${GROUP} bus-workers`,
        `${GROUP} bus-secondary-workers`,
        `${ZONE} bus`,
        `${LINK} bus-spoke`,
        `${LINK} bus-hub`,
        `${DIAGNOSTICS} bus-workspace`,
        `${DIAGNOSTICS} bus-archive`,
        `${DIAGNOSTICS} bus-secondary-workspace`,
        `${ALERT} bus-deadLetters`,
        `${ALERT} bus-throttledRequests`,
        `${ALERT} bus-secondary-deadLetters`,
        `${ALERT} bus-secondary-throttledRequests`,
        `${AUTOSCALE} bus`,
        `${AUTOSCALE} bus-secondary`,
        `${LOCK} bus`,
        `${LOCK} bus-secondary`,
      ].sort(),
    );
    for (const resource of around) expect(resource.parent).toBe(parent);
    const tagged = around.filter((r) => r.inputs["tags"] !== undefined).map((r) => r.type);
    expect([...new Set(tagged)].sort()).toEqual([ALERT, AUTOSCALE, ENDPOINT, ZONE, LINK, `${N}Namespace`].sort());
  });

  it("states the key, the partitions and the units that it begins with", async () => {
    const { one } = await run(bus(premium), { preview });
    expect(one(`${N}Namespace`, "bus").inputs).toEqual({
      resourceGroupName: "rg",
      location: "westeurope",
      namespaceName: "contoso-premium",
      sku: { name: "Premium", tier: "Premium", capacity: 4 },
      premiumMessagingPartitions: 2,
      minimumTlsVersion: "1.2",
      disableLocalAuth: true,
      publicNetworkAccess: "Disabled",
      zoneRedundant: true,
      identity: { type: "UserAssigned", userAssignedIdentities: [platform.identity] },
      encryption: {
        keySource: "Microsoft.KeyVault",
        keyVaultProperties: [
          {
            identity: { userAssignedIdentity: platform.identity },
            keyVaultUri: "https://contoso-keys.vault.azure.net/",
            keyName: "bus",
            keyVersion: "0123456789abcdef0123456789abcdef",
          },
        ],
        requireInfrastructureEncryption: true,
      },
      tags: { team: "storage" },
    });
  });

  it("makes an endpoint for the namespace, and a new one where Azure would refuse the change", async () => {
    const { one } = await run(bus(premium), { preview });
    const endpoint = one(ENDPOINT, "bus-workers");
    expect(endpoint.inputs).toMatchObject({
      location: "westeurope",
      subnet: { id: platform.subnet("spoke", "endpoints") },
      privateLinkServiceConnections: [
        {
          name: "workers",
          privateLinkServiceId: preview ? UNKNOWN : idOf("rg", "contoso-premium"),
          groupIds: ["namespace"],
        },
      ],
      ipConfigurations: [
        { name: "workers", groupId: "namespace", memberName: "namespace", privateIPAddress: "10.40.2.10" },
      ],
    });
    expect(endpoint.replaceOnChanges).toEqual([
      "privateLinkServiceConnections[*].privateLinkServiceId",
      "ipConfigurations",
      "location",
    ]);
    expect(one(ENDPOINT, "bus-hub").inputs).toMatchObject({ location: "northeurope" });
    expect(one(ENDPOINT, "bus-secondary-workers").inputs).toMatchObject({
      resourceGroupName: "messaging-north",
      location: "northeurope",
    });
  });

  it("names each endpoint that clients use in the zone, and links the zone to their networks", async () => {
    const { one, all } = await run(bus(premium), { preview });
    expect(one(ZONE, "bus").inputs).toMatchObject({
      privateZoneName: "privatelink.servicebus.windows.net",
      location: "global",
    });
    expect(one(LINK, "bus-spoke").inputs).toMatchObject({
      privateZoneName: "privatelink.servicebus.windows.net",
      virtualNetworkLinkName: "spoke",
      location: "global",
      registrationEnabled: false,
      virtualNetwork: { id: platform.network("spoke") },
    });
    expect(
      all(GROUP)
        .map((r) => r.name)
        .sort(),
    ).toEqual(["bus-secondary-workers", "bus-workers"]);
    expect(one(GROUP, "bus-workers").dependsOn).toEqual([`${ZONE} bus`, `${ENDPOINT} bus-workers`].sort());
  });

  it("pairs both once their networks and the entities are there, and locks last", async () => {
    const { one } = await run(bus(premium), { preview });
    const pairing = one(`${N}DisasterRecoveryConfig`, "bus");
    expect(pairing.inputs).toEqual({
      resourceGroupName: "rg",
      namespaceName: preview ? UNKNOWN : "contoso-premium",
      alias: "contoso-bus",
      partnerNamespace: preview ? UNKNOWN : idOf("messaging-north", "contoso-premium-north"),
    });
    const before = [
      `${ENDPOINT} bus-secondary-workers`,
      `${ENDPOINT} bus-workers`,
      `${N}NamespaceNetworkRuleSet bus`,
      `${N}NamespaceNetworkRuleSet bus-secondary`,
      `${N}Queue bus-renders`,
      `${N}Topic bus-events`,
    ];
    expect(pairing.dependsOn).toEqual(expect.arrayContaining(before));
    expect(pairing.deleteBeforeReplace).toBe(true);
    for (const name of ["bus", "bus-secondary"]) {
      const lock = one(LOCK, name);
      expect(lock.inputs).toMatchObject({ level: "CanNotDelete" });
      expect(lock.dependsOn).toEqual(
        expect.arrayContaining([...before, `${N}DisasterRecoveryConfig bus`, `${N}Namespace ${name}`]),
      );
    }
  });

  it("makes the second namespace as the first, and alike in what Azure does not copy", async () => {
    const { one } = await run(bus(premium), { preview });
    const [first, second] = [one(`${N}Namespace`, "bus"), one(`${N}Namespace`, "bus-secondary")];
    const { namespaceName, resourceGroupName, location, ...same } = first.inputs;
    expect(second.inputs).toEqual({
      ...same,
      namespaceName: "contoso-premium-north",
      resourceGroupName: "messaging-north",
      location: "northeurope",
    });
    // Azure takes no change of a paired second, and the units are the autoscaler's.
    expect(first.ignoreChanges).toEqual(["sku.capacity"]);
    expect(second.ignoreChanges).toEqual(["sku.capacity", "tags"]);
    const rules = ["bus", "bus-secondary"].map((name) => {
      const { inputs } = one(`${N}NamespaceNetworkRuleSet`, name);
      return { ...inputs, resourceGroupName: "", namespaceName: "" };
    });
    expect(rules[0]).toMatchObject({ publicNetworkAccess: "Disabled", defaultAction: "Deny" });
    expect(rules[1]).toEqual(rules[0]);
  });

  it("sends every log of the tier where it is told, from the second namespace to the workspace alone", async () => {
    const { one } = await run(bus(premium), { preview });
    expect(one(DIAGNOSTICS, "bus-workspace").inputs).toEqual({
      resourceUri: preview ? UNKNOWN : idOf("rg", "contoso-premium"),
      name: "workspace",
      workspaceId: platform.workspace,
      logAnalyticsDestinationType: "Dedicated",
      logs: [
        "OperationalLogs",
        "VNetAndIPFilteringLogs",
        "RuntimeAuditLogs",
        "ApplicationMetricsLogs",
        "DiagnosticErrorLogs",
      ].map((category) => ({ category, enabled: true })),
      metrics: [{ category: "AllMetrics", enabled: true }],
    });
    const standard = await run(bus(namespaceOfTier.Standard), { preview });
    const logs = standard.one(DIAGNOSTICS, "bus-workspace").inputs["logs"] as { category: string }[];
    expect(logs.map((log) => log.category)).toEqual([
      "OperationalLogs",
      "ApplicationMetricsLogs",
      "DiagnosticErrorLogs",
    ]);
    expect(standard.one(DIAGNOSTICS, "bus-hub").inputs).toMatchObject({
      eventHubAuthorizationRuleId: platform.eventHubRule,
      eventHubName: "bus",
      logs: [{ category: "DiagnosticErrorLogs", enabled: true }],
      metrics: [],
    });
  });

  it("alerts on each entity by itself", async () => {
    const { one } = await run(bus(namespaceOfTier.Standard), { preview });
    expect(one(ALERT, "bus-activeMessages").inputs).toMatchObject({
      location: "global",
      scopes: [preview ? UNKNOWN : idOf("rg", "contoso-standard")],
      enabled: true,
      severity: 3,
      windowSize: "PT15M",
      evaluationFrequency: "PT5M",
      criteria: {
        odataType: "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
        allOf: [
          {
            metricName: "ActiveMessages",
            timeAggregation: "Average",
            operator: "GreaterThan",
            threshold: 10_000,
            dimensions: [{ name: "EntityName", operator: "Include", values: ["*"] }],
          },
        ],
      },
      actions: [{ actionGroupId: platform.actionGroup }],
    });
    expect(one(ALERT, "bus-deadLetters").inputs).toMatchObject({
      severity: 2,
      windowSize: "PT5M",
      evaluationFrequency: "PT1M",
      criteria: { allOf: [{ metricName: "DeadletteredMessages", dimensions: [{ values: ["renders"] }] }] },
    });
  });

  it("scales by Azure's own steps between its bounds", async () => {
    const { one } = await run(bus(premium), { preview });
    const { inputs } = one(AUTOSCALE, "bus");
    expect(inputs).toMatchObject({ enabled: true, location: "westeurope" });
    expect(inputs["profiles"]).toMatchObject([
      {
        capacity: { minimum: "2", maximum: "16", default: "4" },
        rules: [
          {
            metricTrigger: {
              metricName: "NamespaceCpuUsage",
              operator: "GreaterThan",
              threshold: 70,
              timeWindow: "PT15M",
            },
            scaleAction: { direction: "Increase", type: "ServiceAllowedNextValue", value: "1", cooldown: "PT10M" },
          },
          {
            metricTrigger: { operator: "LessThan", threshold: 20 },
            scaleAction: { direction: "Decrease", type: "ServiceAllowedNextValue" },
          },
        ],
      },
    ]);
  });

  it("says which region is the primary, before and after a promotion", async () => {
    const before = await run(bus(replicatedNamespace), { preview });
    const roles = (one: typeof before.one) => one(`${N}Namespace`, "bus").inputs["geoDataReplication"];
    expect(roles(before.one)).toEqual({
      maxReplicationLagDurationInSeconds: 300,
      locations: [
        { locationName: "westeurope", roleType: "Primary" },
        { locationName: "northeurope", roleType: "Secondary" },
      ],
    });
    const promoted = { ...replicatedNamespace.geoReplication, promoted: true };
    const after = await run(bus({ ...replicatedNamespace, geoReplication: promoted }), { preview });
    expect(roles(after.one)).toMatchObject({
      locations: [
        { locationName: "northeurope", roleType: "Primary" },
        { locationName: "westeurope", roleType: "Secondary" },
      ],
    });
  });

  it("adopts a zone that is there, and lets subnets in", async () => {
    const { one, all } = await run(bus(replicatedNamespace), { preview });
    expect(all(ZONE)).toEqual([]);
    expect(one(GROUP, "bus-workers").inputs).toMatchObject({
      privateDnsZoneGroupName: "default",
      privateDnsZoneConfigs: [{ name: "servicebus", privateDnsZoneId: platform.zone }],
    });
    expect(one(`${N}NamespaceNetworkRuleSet`, "bus").inputs).toMatchObject({
      publicNetworkAccess: "Enabled",
      defaultAction: "Deny",
      virtualNetworkRules: [
        { subnet: { id: platform.subnet("spoke", "workers") }, ignoreMissingVnetServiceEndpoint: false },
      ],
    });
  });
});

describe("what a bus with geo-disaster recovery gives to others", () => {
  it("is the alias as host, and the ids of the same entities in the second namespace", async () => {
    const { value, known } = await run(bus(premium), { preview: false });
    const second = idOf("messaging-north", "contoso-premium-north");
    expect(await known(value.host)).toBe("contoso-bus.servicebus.windows.net");
    expect(await known(value.clientName)).toBe("contoso-bus");
    expect(await known(value.namespaceName)).toBe("contoso-premium");
    expect(await known(value.secondaryNamespaceName)).toBe("contoso-premium-north");
    expect(await known(value.secondaryNamespaceId)).toBe(second);
    expect(await known(value.secondaryEntityId("renders"))).toBe(`${second}/queues/renders`);
    expect(await known(value.secondaryEntityId("events/subscriptions/all"))).toBe(
      `${second}/topics/events/subscriptions/all`,
    );
    expect(() => value.secondaryEntityId("render")).toThrow(
      /No entity "render" in this ServiceBus. It has eu\/volumes,/,
    );
  });

  it("is nothing where there is no second namespace", async () => {
    const { value, known } = await run(bus(namespaceOfTier.Standard), { preview: false });
    expect(await known(value.host)).toBe("contoso-standard.servicebus.windows.net");
    expect(await known(value.secondaryNamespaceId)).toBe("");
    expect(await known(value.secondaryNamespaceName)).toBe("");
    expect(() => value.secondaryEntityId("renders")).toThrow(/has no second namespace. Set namespace.disasterRecovery/);
  });

  it("is known in a preview as far as it does not wait for Azure", async () => {
    const { value, known } = await run(bus(premium), { preview: true });
    expect(await known(value.secondaryEntityId("renders"))).toBeUndefined();
  });
});

describe("the README", () => {
  it("lists the types that the component registers, and no other", async () => {
    const runs = [premium, namespaceOfTier.Standard, replicatedNamespace].map((each) =>
      run(bus(each), { preview: true }),
    );
    const types = new Set<string>();
    for (const each of runs) for (const { type } of (await each).resources) types.add(type);
    // Queues with a rule are in the tests of the entities.
    const expected = [...types, `${N}Rule`].filter((type) => type.startsWith("azure-native:"));
    expect(await documentedTypes("servicebus")).toEqual([...new Set(expected)].sort());
  });
});
