import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ARM_TYPES } from "../../../stacks/local/providers/azure-native/index.js";
import { armModel } from "../../../stacks/local/providers/azure-native/model.js";
import { type OperationContext, type PropertyMap, ProviderState } from "../../../stacks/local/providers/base/index.js";

const NAMESPACE = "azure-native:servicebus:Namespace";
const QUEUE = "azure-native:servicebus:Queue";
const PAIRING = "azure-native:servicebus:DisasterRecoveryConfig";
const ENDPOINT = "azure-native:network:PrivateEndpoint";
const ZONE_GROUP = "azure-native:network:PrivateDnsZoneGroup";
const ZONE = "azure-native:privatedns:PrivateZone";
const LINK = "azure-native:privatedns:VirtualNetworkLink";
const AUTOSCALE = "azure-native:monitor:AutoscaleSetting";
const LOCK = "azure-native:authorization:ManagementLockByScope";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";

let dir: string;
let state: ProviderState;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "stowage-arm-"));
  state = new ProviderState(join(dir, "state.json"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function model(token: string) {
  const type = ARM_TYPES[token];
  if (type === undefined) throw new Error(`no ${token}`);
  const now = () => new Date("2026-01-02T03:04:05Z");
  const settings = { subscriptionId: "sub", tenantId: "t", location: undefined, resourceGroups: ["there"], now };
  return armModel(token, type, { ...settings, effects: undefined });
}

const context = (type: string): OperationContext => ({
  state,
  signal: new AbortController().signal,
  urn: `urn:pulumi:s::p::${type}::toy`,
  type,
  name: "toy",
  timeoutSeconds: 0,
});

async function create(type: string, inputs: PropertyMap): Promise<string> {
  const made = await model(type).create(inputs, context(type));
  state.put({ type, ...made, inputs });
  return made.id;
}
function stored(type: string, id: string) {
  const current = state.get(type, id);
  if (current === undefined) throw new Error(`no ${id}`);
  return current;
}
const update = async (type: string, id: string, news: PropertyMap) =>
  model(type).update?.(id, stored(type, id), news, context(type));
/** As the provider base deletes: the model first, then the state. */
async function remove(type: string, id: string): Promise<void> {
  await model(type).delete?.(id, stored(type, id), context(type));
  state.delete(type, id);
}

const place = { resourceGroupName: "there" };
const makeBus = (namespaceName = "bus-1") => create(NAMESPACE, { ...place, namespaceName, location: "westeurope" });
const endpoint = {
  ...place,
  privateEndpointName: "pe",
  location: "westeurope",
  subnet: { id: "/subscriptions/sub/subnet" },
  privateLinkServiceConnections: [{ name: "a", privateLinkServiceId: "bus", groupIds: ["namespace"] }],
};

describe("what surrounds a bus", () => {
  it("has ids in ARM's form, each in what it lies in", async () => {
    const group = "/subscriptions/sub/resourceGroups/there/providers";
    const bus = await makeBus();
    const zone = { ...place, privateZoneName: "privatelink.servicebus.windows.net" };
    expect(await create(ENDPOINT, endpoint)).toBe(`${group}/Microsoft.Network/privateEndpoints/pe`);
    expect(await create(ZONE_GROUP, { ...place, privateEndpointName: "pe", privateDnsZoneGroupName: "default" })).toBe(
      `${group}/Microsoft.Network/privateEndpoints/pe/privateDnsZoneGroups/default`,
    );
    expect(await create(ZONE, zone)).toBe(`${group}/Microsoft.Network/privateDnsZones/${zone.privateZoneName}`);
    expect(await create(LINK, { ...zone, virtualNetworkLinkName: "hub" })).toBe(
      `${group}/Microsoft.Network/privateDnsZones/${zone.privateZoneName}/virtualNetworkLinks/hub`,
    );
    expect(
      await create(AUTOSCALE, { ...place, autoscaleSettingName: "units", location: "westeurope", profiles: [] }),
    ).toBe(`${group}/Microsoft.Insights/autoscaleSettings/units`);
    expect(await create(PAIRING, { ...place, namespaceName: "bus-1", alias: "bus-alias" })).toBe(
      `${bus}/disasterRecoveryConfigs/bus-alias`,
    );
    expect(await create(LOCK, { scope: bus, lockName: "keep", level: "CanNotDelete" })).toBe(
      `${bus}/providers/Microsoft.Authorization/locks/keep`,
    );
  });

  it("is refused where what it lies in is not there", async () => {
    const nowhere = { ...place, privateEndpointName: "pe", privateDnsZoneGroupName: "default" };
    await expect(create(ZONE_GROUP, nowhere)).rejects.toThrow(/404.*ParentResourceNotFound/);
    await expect(create(LINK, { ...place, privateZoneName: "a.b", virtualNetworkLinkName: "x" })).rejects.toThrow(
      /404.*ParentResourceNotFound/,
    );
    await expect(create(PAIRING, { ...place, namespaceName: "bus-1", alias: "bus-alias" })).rejects.toThrow(/404/);
  });

  it("keeps what Azure does not change: the service and the address of an endpoint, the network of a link", async () => {
    const id = await create(ENDPOINT, endpoint);
    const other = [{ name: "a", privateLinkServiceId: "another", groupIds: ["namespace"] }];
    await expect(update(ENDPOINT, id, { ...endpoint, privateLinkServiceConnections: other })).rejects.toThrow(/409/);
    await expect(update(ENDPOINT, id, { ...endpoint, ipConfigurations: [{ name: "a" }] })).rejects.toThrow(/409/);
    expect(model(ENDPOINT).replaceOn).toContain("subnet");
  });
});

describe("a lock", () => {
  const queue = { ...place, namespaceName: "bus-1", queueName: "orders" };

  it("keeps its scope, and what lies in it or is granted on it, from being deleted, until it goes itself", async () => {
    const bus = await makeBus();
    const orders = await create(QUEUE, queue);
    const grant = await create(ASSIGNMENT, {
      ...{ scope: orders, principalId: "p", roleDefinitionId: "r" },
      roleAssignmentName: "0f5e0c1e-0000-4000-8000-000000000000",
    });
    const lock = await create(LOCK, { scope: bus, lockName: "keep", level: "CanNotDelete" });
    for (const [type, id] of [
      [NAMESPACE, bus],
      [QUEUE, orders],
      [ASSIGNMENT, grant],
    ] as const)
      await expect(remove(type, id)).rejects.toThrow(/Status=409 Code="ScopeLocked"/);
    await expect(update(QUEUE, orders, { ...queue, lockDuration: "PT5M" })).resolves.toBeDefined();
    await create(QUEUE, { ...queue, queueName: "others" });
    await remove(LOCK, lock);
    await remove(QUEUE, orders);
    expect(state.get(QUEUE, orders)).toBeUndefined();
  });

  it("keeps everything in it as it is where it says so, and what is beside it is free", async () => {
    const bus = await makeBus();
    const orders = await create(QUEUE, queue);
    await makeBus("bus-10");
    await create(LOCK, { scope: bus, lockName: "keep", level: "ReadOnly" });
    await expect(update(QUEUE, orders, { ...queue, lockDuration: "PT5M" })).rejects.toThrow(/ScopeLocked/);
    await expect(create(QUEUE, { ...queue, queueName: "others" })).rejects.toThrow(/ScopeLocked/);
    await create(QUEUE, { ...queue, namespaceName: "bus-10" });
  });
});

describe("a namespace that is paired as the second", () => {
  it("takes no change until the pairing goes", async () => {
    const inputs = { ...place, namespaceName: "bus-2", location: "northeurope" };
    await makeBus();
    const second = await create(NAMESPACE, inputs);
    const pairing = await create(PAIRING, {
      ...{ ...place, namespaceName: "bus-1", alias: "bus-alias" },
      partnerNamespace: second.toUpperCase(),
    });
    const tagged = { ...inputs, tags: { a: "b" } };
    await expect(update(NAMESPACE, second, tagged)).rejects.toThrow(
      /Status=400 .* Message="Cannot update a namespace which is secondary."/,
    );
    await remove(PAIRING, pairing);
    await expect(update(NAMESPACE, second, tagged)).resolves.toMatchObject({ tags: { a: "b" } });
  });
});
