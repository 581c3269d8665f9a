import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PreviewDocument } from "../../stacks/local/engine/index.js";
import { type AzureWorld, azureWorld } from "./support/azure.js";

const QUEUE = "azure-native:servicebus:Queue";
const NAMESPACE = "azure-native:servicebus:Namespace";

interface Settings {
  lockDuration?: string;
  requiresSession?: boolean;
  tags?: string;
}

/** A group, a namespace, a queue, and an identity that may receive from the queue. */
function program({ lockDuration = "PT1M", requiresSession = false, tags = "one" }: Settings = {}): string {
  return `
    const resources = require("@pulumi/azure-native/resources");
    const servicebus = require("@pulumi/azure-native/servicebus");
    const identity = require("@pulumi/azure-native/managedidentity");
    const authorization = require("@pulumi/azure-native/authorization");
    const group = new resources.ResourceGroup("group", { location: "westeurope" });
    const place = { resourceGroupName: group.name };
    const bus = new servicebus.Namespace("toybus", { ...place, sku: { name: "Standard" }, tags: { is: "${tags}" } });
    const queue = new servicebus.Queue("orders", {
      ...place, namespaceName: bus.name, lockDuration: "${lockDuration}", requiresSession: ${requiresSession},
    });
    const worker = new identity.UserAssignedIdentity("worker", place);
    const right = new authorization.RoleAssignment("receive", {
      scope: queue.id, principalId: worker.principalId, principalType: "ServicePrincipal",
      roleDefinitionId: "/providers/Microsoft.Authorization/roleDefinitions/4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    });
    const config = await authorization.getClientConfig();
    return {
      endpoint: bus.serviceBusEndpoint, location: bus.location, queueId: queue.id, queueType: queue.type,
      principalId: worker.principalId, assignment: right.name, subscription: config.subscriptionId,
    };`;
}

const ops = (preview: PreviewDocument) =>
  Object.fromEntries(preview.steps.filter((s) => s.op !== "same").map((s) => [s.urn.split("::").at(-1), s.op]));

let world: AzureWorld;
let tracked: string;

const trackedFiles = () =>
  ["Pulumi.yaml", "Pulumi.test.yaml"].map((name) => readFileSync(join(world.project.dir, name), "utf8")).join("---\n");

beforeAll(async () => {
  world = await azureWorld(program());
  tracked = trackedFiles();
}, 600_000);
afterAll(() => world?.close());

describe("a stack of Azure resources on the real engine", { timeout: 60_000 }, () => {
  it("is previewed without anything being made", async () => {
    const preview = await world.stack.preview();
    expect(preview.changeSummary).toEqual({ create: 6 });
    expect(world.standIn.state.list()).toEqual([]);
    expect(world.effects.taken()).toEqual([]);
    const namespace = preview.steps.find((step) => step.newState?.type === NAMESPACE);
    expect(namespace?.newState?.inputs?.["namespaceName"]).toMatch(/^toybus[0-9a-f]{8}$/);
  });

  it("comes up, with ids in ARM's form, and its entities come up in the broker", async () => {
    await world.stack.up();
    const outputs = await world.stack.outputs();
    const [namespace] = world.standIn.state.list(NAMESPACE);
    const name = namespace?.outputs["name"];
    expect(outputs).toEqual({
      endpoint: "http://127.0.0.1:4711/",
      location: "westeurope",
      queueId: expect.stringMatching(
        new RegExp(
          `^/subscriptions/${outputs["subscription"]}/resourceGroups/group[0-9a-f]{8}` +
            `/providers/Microsoft.ServiceBus/namespaces/${name}/queues/orders$`,
        ),
      ),
      queueType: "Microsoft.ServiceBus/Namespaces/Queues",
      principalId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      assignment: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      subscription: expect.any(String),
    });
    expect(world.effects.taken()).toEqual([`namespaceCreated ${name}`, `putQueue ${name} orders`]);
    expect(world.effects.properties.get(`putQueue ${name} orders`)).toMatchObject({
      lockDuration: "PT1M",
      maxDeliveryCount: 10,
    });
  });

  it("is not changed by an up that changes nothing, by whatever command", async () => {
    await world.again().up({ expectNoChanges: true });
    expect(await world.stack.previewText()).toMatch(/6 unchanged/);
    expect(world.effects.taken()).toEqual([]);
  });

  it("is updated in place where Azure can", async () => {
    world.project.program(program({ lockDuration: "PT2M" }));
    const preview = await world.stack.preview();
    expect(ops(preview)).toEqual({ orders: "update" });
    const step = preview.steps.find((each) => each.op === "update");
    expect(step?.detailedDiff).toEqual({ lockDuration: { kind: "update", inputDiff: true } });
    await world.stack.up();
    expect(world.effects.taken()).toEqual([expect.stringMatching(/^putQueue \S+ orders$/)]);
    expect(world.standIn.state.list(QUEUE)[0]?.outputs["lockDuration"]).toBe("PT2M");
  });

  it("is replaced where Azure cannot, together with what hangs on it, the old one first", async () => {
    world.project.program(program({ lockDuration: "PT2M", requiresSession: true }));
    const preview = await world.stack.preview();
    expect(ops(preview)).toMatchObject({ orders: "replace", receive: "replace" });
    const step = preview.steps.find((each) => each.op === "replace" && each.urn.endsWith("::orders"));
    expect(step?.replaceReasons).toEqual(["requiresSession"]);
    await world.stack.up();
    const calls = world.effects.taken().map((call) => call.split(" ")[0]);
    expect(calls).toEqual(["deleteQueue", "putQueue"]);
    expect(world.standIn.state.list("azure-native:authorization:RoleAssignment")).toHaveLength(1);
  });

  it("shows drift on refresh, and repairs it", async () => {
    const [queue] = world.standIn.state.list(QUEUE);
    if (queue === undefined) throw new Error("there is no queue");
    world.standIn.state.patch(QUEUE, queue.id, { lockDuration: "PT5M" });
    await expect(world.stack.refresh({ expectNoChanges: true })).rejects.toThrow(/no changes were expected/);
    await world.stack.refresh();
    expect(ops(await world.stack.preview())).toEqual({ orders: "update" });
    await world.stack.up();
    expect(world.standIn.state.get(QUEUE, queue.id)?.inputs["lockDuration"]).toBe("PT2M");
  });

  it("makes again what was deleted behind its back", async () => {
    const [queue] = world.standIn.state.list(QUEUE);
    if (queue === undefined) throw new Error("there is no queue");
    world.standIn.state.delete(QUEUE, queue.id);
    await world.stack.refresh();
    expect(ops(await world.stack.preview())).toMatchObject({ orders: "create" });
    await world.stack.up();
    expect(world.standIn.state.get(QUEUE, queue.id)?.inputs["lockDuration"]).toBe("PT2M");
    await world.stack.up({ expectNoChanges: true });
  });

  it("refuses a type it does not know by name, and an impossible name with the rule", async () => {
    const before = program({ lockDuration: "PT2M", requiresSession: true });
    world.project.program(`const storage = require("@pulumi/azure-native/storage");
      new storage.StorageAccount("files", { resourceGroupName: "g", kind: "StorageV2", sku: { name: "Standard_LRS" } });
      ${before}`);
    await expect(world.stack.preview()).rejects.toThrow(
      "the stand-in for azure-native does not know the type azure-native:storage:StorageAccount; it knows: ",
    );
    world.project.program(before.replace('"orders", {', '"orders", { queueName: "-orders",'));
    await expect(world.stack.preview()).rejects.toThrow(
      /queueName.*Azure takes 1 to 260 letters, digits, periods.*\(found "-orders"\)/,
    );
    world.project.program(before);
  });

  it("says at once what a program threw, in a preview that was not made, with the place in the program", async () => {
    const before = program({ lockDuration: "PT2M", requiresSession: true });
    world.project.program(
      before.replace("return {", 'queue.id.apply((id) => { throw new Error("no " + id); });\nreturn {'),
    );
    const began = Date.now();
    const error = await world.stack.preview().catch((failure: unknown) => failure);
    expect(String(error)).toMatch(/no \/subscriptions\/.*queues\/orders/);
    expect(String(error)).toMatch(/index\.cjs:\d+/);
    expect(Date.now() - began).toBeLessThan(15_000);
    world.project.program(before);
  });

  it("is taken down, and nothing is left", async () => {
    world.effects.taken();
    await world.stack.destroy();
    expect(world.standIn.state.list()).toEqual([]);
    expect(world.effects.taken().map((call) => call.split(" ")[0])).toEqual(["deleteQueue", "namespaceDeleted"]);
    expect(await world.stack.resources()).toEqual([]);
  });

  it("has left the tracked files as they were", () => {
    expect(trackedFiles()).toBe(tracked);
    expect(tracked).not.toMatch(/encryptionsalt|plugins/);
  });
});
