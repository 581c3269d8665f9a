import { describe, expect, it } from "vitest";
import { PublicAccess, ServiceBus, type ServiceBusArgs } from "../../../components/servicebus/index.js";
import { run, SUBSCRIPTION, UNKNOWN } from "../support/mocks.js";

const N = "azure-native:servicebus:";
const args: ServiceBusArgs = {
  resourceGroupName: "rg",
  location: "westeurope",
  namespace: { tier: "Standard", name: "contoso" },
  queues: {
    renders: { forwardDeadLettersTo: "graveyard", maxDeliveryCount: 5, lockDurationSeconds: 300 },
    graveyard: { timeToLiveSeconds: 1_209_600, requiresSession: false },
    volumes: { requiresSession: true, requiresDuplicateDetection: true, duplicateDetectionSeconds: 600 },
  },
  topics: {
    events: {
      timeToLiveSeconds: 3600,
      subscriptions: {
        audit: { rules: { orders: { correlation: { subject: "order", properties: { region: "eu" } } } } },
        all: { forwardTo: "graveyard" },
      },
    },
  },
  tags: { team: "storage" },
};
const bus = () => new ServiceBus("bus", args);
const parent = "stowage:index:ServiceBus bus";

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("ServiceBus %s", (_, preview) => {
  it("registers exactly what its args say, each below the component", async () => {
    const { resources } = await run(bus, { preview });
    expect(resources.map((r) => `${r.type} ${r.name}`).sort()).toEqual([
      `${N}DefaultRule bus-events/all/$Default`,
      `${N}DefaultRule bus-events/audit/$Default`,
      `${N}Namespace bus`,
      `${N}NamespaceNetworkRuleSet bus`,
      `${N}Queue bus-graveyard`,
      `${N}Queue bus-renders`,
      `${N}Queue bus-volumes`,
      `${N}Rule bus-events/audit/orders`,
      `${N}Subscription bus-events/all`,
      `${N}Subscription bus-events/audit`,
      `${N}Topic bus-events`,
      parent,
    ]);
    for (const resource of resources.slice(1)) expect(resource.parent).toBe(parent);
  });

  it("states every security setting of the namespace, and public access in its network rules", async () => {
    const { one } = await run(bus, { preview });
    expect(one(`${N}Namespace`, "bus").inputs).toEqual({
      resourceGroupName: "rg",
      location: "westeurope",
      namespaceName: "contoso",
      sku: { name: "Standard", tier: "Standard" },
      minimumTlsVersion: "1.2",
      disableLocalAuth: true,
      publicNetworkAccess: "Enabled",
      tags: { team: "storage" },
    });
    const rules = one(`${N}NamespaceNetworkRuleSet`, "bus");
    expect(rules.inputs).toEqual({
      resourceGroupName: "rg",
      namespaceName: preview ? UNKNOWN : "contoso",
      publicNetworkAccess: "Enabled",
      defaultAction: "Allow",
      ipRules: [],
      trustedServiceAccessEnabled: false,
    });
    expect(rules.retainOnDelete).toBe(true);
  });

  it("creates what is forwarded to before what forwards", async () => {
    const { one } = await run(bus, { preview });
    expect(one(`${N}Queue`, "bus-renders").dependsOn).toContain(`${N}Queue bus-graveyard`);
    expect(one(`${N}Subscription`, "bus-events/all").dependsOn).toContain(`${N}Queue bus-graveyard`);
    expect(one(`${N}Queue`, "bus-volumes").dependsOn).toEqual([`${N}Namespace bus`]);
  });

  it("writes a queue's seconds as durations and states its defaults", async () => {
    const { one } = await run(bus, { preview });
    expect(one(`${N}Queue`, "bus-renders").inputs).toEqual({
      resourceGroupName: "rg",
      namespaceName: preview ? UNKNOWN : "contoso",
      queueName: "renders",
      lockDuration: "PT5M",
      maxDeliveryCount: 5,
      requiresSession: false,
      requiresDuplicateDetection: false,
      enablePartitioning: false,
      enableBatchedOperations: true,
      enableExpress: false,
      deadLetteringOnMessageExpiration: true,
      forwardDeadLetteredMessagesTo: "graveyard",
      status: "Active",
    });
    expect(one(`${N}Queue`, "bus-volumes").inputs).toMatchObject({
      requiresSession: true,
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: "PT10M",
      lockDuration: "PT1M",
      maxDeliveryCount: 10,
    });
    expect(one(`${N}Queue`, "bus-graveyard").inputs).toMatchObject({ defaultMessageTimeToLive: "P14D" });
  });

  it("makes Azure's own rule match nothing, last, where a subscription has rules, and else everything", async () => {
    const { one, all } = await run(bus, { preview });
    expect(one(`${N}Rule`, "bus-events/audit/orders").inputs).toMatchObject({
      ruleName: "orders",
      filterType: "CorrelationFilter",
      correlationFilter: { label: "order", properties: { region: "eu" } },
    });
    const own = one(`${N}DefaultRule`, "bus-events/audit/$Default");
    expect(own.inputs).toMatchObject({ sqlFilter: { sqlExpression: "1=0" } });
    expect(own.dependsOn).toContain(`${N}Rule bus-events/audit/orders`);
    expect(all(`${N}Rule`)).toHaveLength(1);
    // Stated even so: were it left out, removing the last rule would delete it, and no message would come.
    expect(one(`${N}DefaultRule`, "bus-events/all/$Default").inputs).toMatchObject({
      sqlFilter: { sqlExpression: "1=1" },
    });
  });

  it("replaces what must be replaced by deleting first, as names are taken", async () => {
    const { resources, one } = await run(bus, { preview });
    const entities = resources.filter((r) => /:(Queue|Topic|Subscription|Rule)$/.test(r.type));
    expect(entities.every((r) => r.deleteBeforeReplace)).toBe(true);
    expect(one(`${N}Subscription`, "bus-events/audit").replaceOnChanges).toEqual(["requiresSession"]);
  });
});

describe("ServiceBus", () => {
  it("gives the host without the standard port, and the ids of every entity by path", async () => {
    const { value, known } = await run(bus, { preview: false });
    expect(await known(value.host)).toBe("contoso.servicebus.windows.net");
    const ids = (await known(value.entityIds)) ?? {};
    expect(Object.keys(ids).sort()).toEqual([
      "events",
      "events/subscriptions/all",
      "events/subscriptions/audit",
      "graveyard",
      "renders",
      "volumes",
    ]);
    expect(ids["renders"]).toMatch(new RegExp(`^${SUBSCRIPTION}/resourceGroups/rg/providers/`));
    expect(await known(value.entityId("renders"))).toBe(ids["renders"]);
    expect(() => value.entityId("render")).toThrow(
      /No entity "render" in this ServiceBus. It has events, events\/subscriptions\/all,/,
    );
  });

  it("closes a premium namespace unless it is told to open it", async () => {
    const premium = { ...args.namespace, tier: "Premium" } as const;
    const closed = await run(() => new ServiceBus("bus", { ...args, namespace: premium }), { preview: false });
    expect(closed.one(`${N}Namespace`, "bus").inputs).toMatchObject({
      sku: { name: "Premium", tier: "Premium", capacity: 1 },
      publicNetworkAccess: "Disabled",
      zoneRedundant: true,
    });
    expect(closed.one(`${N}NamespaceNetworkRuleSet`, "bus").inputs).toMatchObject({
      publicNetworkAccess: "Disabled",
      defaultAction: "Deny",
    });
    const namespace = { ...premium, publicAccess: PublicAccess.Enabled, ipRules: ["203.0.113.0/28"] };
    const open = await run(() => new ServiceBus("bus", { ...args, namespace }), { preview: false });
    expect(open.one(`${N}NamespaceNetworkRuleSet`, "bus").inputs).toMatchObject({
      publicNetworkAccess: "Enabled",
      defaultAction: "Deny",
      ipRules: [{ ipMask: "203.0.113.0/28", action: "Allow" }],
    });
  });

  it("takes shared access keys only where it is told to", async () => {
    const namespace = { ...args.namespace, disableLocalAuth: false };
    const { one } = await run(() => new ServiceBus("bus", { ...args, namespace }), { preview: true });
    expect(one(`${N}Namespace`, "bus").inputs).toMatchObject({ disableLocalAuth: false });
  });

  it("refuses bad args before anything is registered", async () => {
    const bad = { ...args, queues: { "renders-": { lockDurationSeconds: 400 } }, topics: {} };
    const { resources, value } = await run(
      () => {
        try {
          new ServiceBus("bus", bad);
          return "accepted";
        } catch (error) {
          return error instanceof Error ? error.message : String(error);
        }
      },
      { preview: true },
    );
    expect(value).toMatch(
      /^Invalid arguments for ServiceBus "bus": 2 problems\n {2}- queues\.renders-\.lockDurationSec/,
    );
    expect(resources).toEqual([]);
  });
});
