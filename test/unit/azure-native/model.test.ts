import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ARM_TYPES } from "../../../stacks/local/providers/azure-native/index.js";
import { type ArmSettings, armModel } from "../../../stacks/local/providers/azure-native/model.js";
import {
  diffProperties,
  type OperationContext,
  type PropertyMap,
  ProviderState,
  UNKNOWN,
} from "../../../stacks/local/providers/base/index.js";

const GROUP = "azure-native:resources:ResourceGroup";
const NAMESPACE = "azure-native:servicebus:Namespace";
const QUEUE = "azure-native:servicebus:Queue";
const SUBSCRIPTION = "azure-native:servicebus:Subscription";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";

let dir: string;
let state: ProviderState;
let settings: ArmSettings;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "stowage-arm-"));
  state = new ProviderState(join(dir, "state.json"));
  settings = {
    subscriptionId: "sub",
    tenantId: "tenant",
    location: undefined,
    resourceGroups: ["there"],
    effects: undefined,
    now: () => new Date("2026-01-02T03:04:05Z"),
  };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function model(token: string) {
  const type = ARM_TYPES[token];
  if (type === undefined) throw new Error(`no ${token}`);
  return armModel(token, type, settings);
}

const context = (type: string, name = "toy"): OperationContext => ({
  state,
  signal: new AbortController().signal,
  urn: `urn:pulumi:s::p::${type}::${name}`,
  type,
  name,
  timeoutSeconds: 0,
});

function check(type: string, inputs: PropertyMap, olds?: PropertyMap) {
  const randomHex = (length: number) => "0123456789abcdef".repeat(4).slice(0, length);
  const checked = model(type).check?.(inputs, { ...context(type), olds, randomHex });
  if (checked === undefined || checked instanceof Promise) throw new Error("a check answers at once");
  return checked;
}

/** Creates a resource as the provider base does it. */
async function create(type: string, inputs: PropertyMap) {
  const made = await model(type).create(inputs, context(type));
  state.put({ type, ...made, inputs });
  return made;
}

async function update(type: string, id: string, news: PropertyMap) {
  const current = state.get(type, id);
  if (current === undefined) throw new Error(`no ${id}`);
  return model(type).update?.(id, current, news, context(type));
}

const place = { resourceGroupName: "there" };
const busPlace = { ...place, namespaceName: "bus-1" };
const makeBus = () => create(NAMESPACE, { ...busPlace, location: "westeurope" });

describe("a name that the program does not give", () => {
  it("is made up with 8 hex digits for what lies in a resource group, which is made anew before the old one goes", () => {
    const { inputs } = check(NAMESPACE, { ...place, location: "westeurope" });
    expect(inputs["namespaceName"]).toBe("toy01234567");
    expect(model(NAMESPACE).deleteBeforeReplace?.(inputs, {})).toBe(false);
    expect(model(NAMESPACE).deleteBeforeReplace?.({ namespaceName: "given" }, {})).toBe(true);
  });

  it("is the name in the program for what lies in another resource, and a UUID for a role assignment", () => {
    expect(check(QUEUE, { ...busPlace }).inputs["queueName"]).toBe("toy");
    const assignment = check(ASSIGNMENT, { scope: "/s", principalId: "p", roleDefinitionId: "r" });
    expect(assignment.inputs["roleAssignmentName"]).toBe("01234567-89ab-4def-8123-456789abcdef");
    expect(assignment.failures).toEqual([]);
  });

  it("stays what it was", () => {
    const olds = { namespaceName: "toy99999999", __createBeforeDelete: true, location: "westeurope" };
    expect(check(NAMESPACE, place, olds).inputs).toMatchObject(olds);
  });
});

describe("a location that the program does not give", () => {
  it("is that of the resource group, or that of the configuration", async () => {
    await create(GROUP, { resourceGroupName: "there", location: "northeurope" });
    expect(check(NAMESPACE, place).inputs["location"]).toBe("northeurope");
    settings.location = "uksouth";
    expect(check(NAMESPACE, place).inputs["location"]).toBe("uksouth");
  });

  it("is unknown while the group is, and missed where nothing says it", () => {
    expect(check(NAMESPACE, { resourceGroupName: UNKNOWN }).inputs["location"]).toBe(UNKNOWN);
    expect(check(NAMESPACE, place).failures?.map((failure) => failure.path)).toEqual(["location"]);
  });

  it("is the same in other letters", () => {
    const { same } = model(NAMESPACE);
    expect(diffProperties({ location: "West Europe" }, { location: "westeurope" }, ["location"], same)).toEqual([]);
  });
});

describe("a name that Azure refuses", () => {
  it.each([
    [QUEUE, "queueName", "-orders", "orders~eu.v1"],
    [QUEUE, "queueName", "orders/eu", "orders_"],
    [QUEUE, "queueName", "a".repeat(261), "a".repeat(260)],
    [NAMESPACE, "namespaceName", "bus", "my-bus"],
    [NAMESPACE, "namespaceName", "orders-sb", "orders-sbx"],
    [SUBSCRIPTION, "subscriptionName", "a".repeat(51), "a".repeat(50)],
    [ASSIGNMENT, "roleAssignmentName", "me", "0f5e0c1e-0000-4000-8000-000000000000"],
    ["azure-native:managedidentity:UserAssignedIdentity", "resourceName", "ab", "abc"],
    ["azure-native:compute:VirtualMachine", "vmName", "a".repeat(65), "a".repeat(64)],
    [GROUP, "resourceGroupName", "group.", "group.one"],
  ])("%s: %s is named with value and rule, a right one is taken", (type, property, wrong, right) => {
    const others = { ...busPlace, topicName: "t", location: "x", scope: "/s", principalId: "p", roleDefinitionId: "r" };
    const failures = check(type, { ...others, [property]: wrong }).failures ?? [];
    expect(failures.map((failure) => failure.path)).toEqual([property]);
    expect(failures[0]?.reason).toMatch(/^Azure takes /);
    expect(check(type, { ...others, [property]: right }).failures).toEqual([]);
  });

  it("is not looked at before it is known", () => {
    expect(check(QUEUE, { resourceGroupName: UNKNOWN, namespaceName: UNKNOWN, queueName: UNKNOWN }).failures).toEqual(
      [],
    );
  });
});

describe("a resource that is made", () => {
  it("has an id in ARM's form, Azure's defaults, and stable ids of its own", async () => {
    const { id, outputs } = await makeBus();
    expect(id).toBe("/subscriptions/sub/resourceGroups/there/providers/Microsoft.ServiceBus/namespaces/bus-1");
    expect(outputs).toMatchObject({
      name: "bus-1",
      type: "Microsoft.ServiceBus/Namespaces",
      serviceBusEndpoint: "https://bus-1.servicebus.windows.net:443/",
      createdAt: "2026-01-02T03:04:05.000Z",
      publicNetworkAccess: "Enabled",
    });
    expect(outputs).not.toHaveProperty("resourceGroupName");
    const identity = { ...place, resourceName: "worker", location: "westeurope" };
    const type = "azure-native:managedidentity:UserAssignedIdentity";
    const first = await model(type).create(identity, context(type));
    state.delete(type, first.id);
    const second = await model(type).create(identity, context(type));
    expect(first.outputs).toEqual(second.outputs);
    expect(first.outputs["principalId"]).not.toBe(first.outputs["clientId"]);
  });

  it("has a tilde in its id for a slash in the entity's name", async () => {
    await makeBus();
    const queue = await create(QUEUE, { ...busPlace, queueName: "orders~eu" });
    expect(queue.id).toMatch(/\/queues\/orders~eu$/);
    expect(queue.outputs["name"]).toBe("orders/eu");
  });

  it.each([
    [
      "the namespace",
      QUEUE,
      { ...busPlace, queueName: "q" },
      /Status=404 Code="ParentResourceNotFound".*namespaces\/bus-1/,
    ],
    [
      "the group",
      NAMESPACE,
      { resourceGroupName: "gone", namespaceName: "bus-2" },
      /Code="ResourceGroupNotFound".*gone/,
    ],
    [
      "the scope",
      ASSIGNMENT,
      {
        scope: "/subscriptions/sub/resourceGroups/there/providers/Microsoft.ServiceBus/namespaces/bus-1/queues/q",
        roleAssignmentName: "n",
        principalId: "p",
        roleDefinitionId: "r",
      },
      /Code="ParentResourceNotFound".*queues\/q/,
    ],
  ])("is refused as Azure refuses it where %s is not there", async (_, type, inputs, words) => {
    await expect(create(type, inputs)).rejects.toThrow(words);
  });

  it("may lie in what the stand-in keeps none of", async () => {
    const scope = "/subscriptions/sub/resourceGroups/there/providers/Microsoft.ContainerService/managedClusters/aks";
    const inputs = { scope, roleAssignmentName: "n", principalId: "p", roleDefinitionId: "r" };
    expect((await create(ASSIGNMENT, inputs)).id).toBe(`${scope}/providers/Microsoft.Authorization/roleAssignments/n`);
  });

  it("is refused where it is there already, in whatever letters, and where Azure makes it itself", async () => {
    await makeBus();
    await expect(create(NAMESPACE, { ...place, namespaceName: "BUS-1", location: "x" })).rejects.toThrow(
      "cannot create already existing resource '",
    );
    await create("azure-native:servicebus:Topic", { ...busPlace, topicName: "t" });
    await create(SUBSCRIPTION, { ...busPlace, topicName: "t", subscriptionName: "s" });
    const at = { ...busPlace, topicName: "t", subscriptionName: "s" };
    const rule = create("azure-native:servicebus:Rule", { ...at, ruleName: "$Default" });
    await expect(rule).rejects.toThrow("cannot create already existing resource '");
    expect((await create("azure-native:servicebus:DefaultRule", at)).id).toMatch(/\/rules\/\$Default$/);
  });

  it("is refused as a second assignment of the same right, under another name too", async () => {
    const right = { scope: "/subscriptions/sub", principalId: "p", roleDefinitionId: "r" };
    await create(ASSIGNMENT, { ...right, roleAssignmentName: "one" });
    await expect(create(ASSIGNMENT, { ...right, roleAssignmentName: "two" })).rejects.toThrow(
      /Status=409 Code="RoleAssignmentExists".*one/,
    );
    await create(ASSIGNMENT, { ...right, principalId: "q", roleAssignmentName: "two" });
  });
});

describe("the address of a network interface", () => {
  const NIC = "azure-native:network:NetworkInterface";
  const network = { ...place, virtualNetworkName: "net", location: "x" };
  const addresses = (outputs: PropertyMap | undefined) =>
    JSON.stringify(outputs?.["ipConfigurations"]).match(/(?<="privateIPAddress":")[^"]+/g);

  async function subnet(addressPrefix: string) {
    await create("azure-native:network:VirtualNetwork", network);
    return create("azure-native:network:Subnet", { ...network, subnetName: "s", addressPrefix });
  }
  const nic = (name: string, id: string, ...more: PropertyMap[]) => ({
    ...place,
    location: "x",
    networkInterfaceName: name,
    ipConfigurations: [{ name: "one", subnet: { id } }, ...more],
  });

  it("is the first free one of its subnet, or the one that is given, and stays with a change", async () => {
    const { id } = await subnet("10.20.1.0/24");
    const made = await Promise.all([
      create(NIC, nic("a", id)),
      create(NIC, nic("b", id, { name: "two", subnet: { id }, privateIPAddress: "10.20.1.9" })),
      create(NIC, nic("c", id, { name: "two", subnet: { id } })),
    ]);
    expect(made.map((each) => addresses(each.outputs))).toEqual([
      ["10.20.1.4"],
      ["10.20.1.5", "10.20.1.9"],
      ["10.20.1.6", "10.20.1.7"],
    ]);
    const [, second] = made;
    const changed = await update(NIC, second.id, { ...nic("b", id), enableIPForwarding: true });
    expect(addresses(changed)).toEqual(["10.20.1.5"]);
  });

  it("is refused where the subnet is full", async () => {
    const { id } = await subnet("10.0.0.0/29");
    for (const name of ["a", "b", "c"]) await create(NIC, nic(name, id));
    await expect(create(NIC, nic("d", id))).rejects.toThrow('Code="SubnetIsFull"');
  });
});

describe("a change", () => {
  it("shows what is new, and Azure's default for what is taken back", async () => {
    await makeBus();
    const { id } = await create(QUEUE, { ...busPlace, queueName: "q", lockDuration: "PT5M", maxDeliveryCount: 3 });
    const outputs = await update(QUEUE, id, { ...busPlace, queueName: "q", maxDeliveryCount: 4 });
    expect(outputs).toMatchObject({ lockDuration: "PT1M", maxDeliveryCount: 4, name: "q" });
  });

  it.each([
    ["requiresSession", { requiresSession: true }],
    ["isClientAffine", { isClientAffine: true }],
  ])("of %s of a subscription is refused, as Azure refuses it", async (property, change) => {
    await makeBus();
    await create("azure-native:servicebus:Topic", { ...busPlace, topicName: "t" });
    const inputs = { ...busPlace, topicName: "t", subscriptionName: "s" };
    const { id } = await create(SUBSCRIPTION, inputs);
    await expect(update(SUBSCRIPTION, id, { ...inputs, ...change })).rejects.toThrow(
      `Code="PropertyChangeNotAllowed" Message="Changing property '${property}'`,
    );
    // What is the default anyway is no change.
    await update(SUBSCRIPTION, id, { ...inputs, requiresSession: false });
  });

  it("of the place of an identity is refused, as its provider does not replace it", async () => {
    const type = "azure-native:managedidentity:UserAssignedIdentity";
    const inputs = { ...place, resourceName: "worker", location: "westeurope" };
    const { id } = await create(type, inputs);
    await update(type, id, { ...inputs, location: "West Europe" });
    await expect(update(type, id, { ...inputs, location: "uksouth" })).rejects.toThrow("'location'");
  });
});

describe("a deletion", () => {
  it("takes what lies in it", async () => {
    const { id } = await makeBus();
    await create(QUEUE, { ...busPlace, queueName: "q" });
    await create(NAMESPACE, { ...place, namespaceName: "bus-10", location: "x" });
    const current = state.get(NAMESPACE, id);
    if (current === undefined) throw new Error("no namespace");
    await model(NAMESPACE).delete?.(id, current, context(NAMESPACE));
    state.delete(NAMESPACE, id);
    expect(state.list().map((each) => each.outputs["name"])).toEqual(["bus-10"]);
  });
});
