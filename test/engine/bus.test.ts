import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServiceBusNamespaceArgs } from "../../components/servicebus/index.js";
import type { PreviewDocument } from "../../stacks/local/engine/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { namespaceOfTier, platform, REGIONS } from "../support/busTiers.js";
import { type AzureWorld, azureWorld } from "./support/azure.js";

const ENDPOINT = "azure-native:network:PrivateEndpoint";
const PAIRING = "azure-native:servicebus:DisasterRecoveryConfig";
const LOCK = "azure-native:authorization:ManagementLockByScope";
const premium = namespaceOfTier.Premium;

/** A premium bus with everything around its namespace, by the component as it is published. */
function program(namespace: ServiceBusNamespaceArgs = premium): string {
  const args = {
    location: REGIONS.first,
    namespace,
    queues: { renders: {} },
    topics: { events: { subscriptions: { all: {} } } },
  };
  return `
    const { ServiceBus } = require(${JSON.stringify(join(packageRoot(), "dist", "components", "index.js"))});
    const bus = new ServiceBus("bus", { resourceGroupName: "messaging", ...${JSON.stringify(args)} });
    return { host: bus.host, client: bus.clientName, second: bus.secondaryEntityId("events/subscriptions/all") };`;
}

const changed = (preview: PreviewDocument) =>
  preview.steps
    .filter((step) => step.op !== "same")
    .map((step) => `${step.op} ${(step.newState ?? step.oldState)?.type} ${step.urn.split("::").at(-1)}`);

let world: AzureWorld;
beforeAll(async () => {
  world = await azureWorld(program());
}, 600_000);
afterAll(() => world?.close());

describe("a premium bus with a second region on the real engine", { timeout: 120_000 }, () => {
  it("is previewed whole, and comes up as it was previewed", async () => {
    const preview = await world.stack.preview();
    const planned = preview.steps
      .flatMap((step) => step.newState?.type ?? [])
      .filter((type) => type.startsWith("azure-"));
    expect(world.standIn.state.list()).toEqual([]);
    await world.stack.up();
    const made = world.standIn.state.list().map((each) => each.type);
    expect(made.sort()).toEqual(planned.sort());
    expect(await world.stack.outputs()).toEqual({
      // The broker of this machine has no alias.
      host: "127.0.0.1:4711",
      client: "contoso-bus",
      second: expect.stringMatching(
        /\/resourceGroups\/messaging-north\/.*\/namespaces\/contoso-premium-north\/topics\/events\/subscriptions\/all$/,
      ),
    });
  });

  it("changes nothing the second time", async () => {
    expect(changed(await world.again().preview())).toEqual([]);
  });

  it("makes a new endpoint where its address changes, and leaves the namespaces alone", async () => {
    const workers = { ...premium.privateEndpoints.workers, privateAddress: "10.40.2.11" };
    world.project.program(program({ ...premium, privateEndpoints: { ...premium.privateEndpoints, workers } }));
    const ops = changed(await world.again().preview());
    expect(ops.filter((op) => op.includes(ENDPOINT))).toEqual([`replace ${ENDPOINT} bus-workers`]);
    expect(ops.filter((op) => /servicebus|Lock|monitor/.test(op))).toEqual([]);
    await world.stack.up();
    const addresses = world.standIn.state.list(ENDPOINT).map((each) => JSON.stringify(each.inputs["ipConfigurations"]));
    expect(addresses.filter((each) => each?.includes("10.40.2.11"))).toHaveLength(1);
    expect(world.standIn.state.list(ENDPOINT)).toHaveLength(3);
  });

  it("makes endpoints anew with the namespace that they lead to", async () => {
    world.project.program(program({ ...premium, name: "contoso-other" }));
    const ops = changed(await world.again().preview());
    expect(ops).toContain("replace azure-native:servicebus:Namespace bus");
    for (const key of ["workers", "hub"]) expect(ops).toContain(`replace ${ENDPOINT} bus-${key}`);
    expect(ops.filter((op) => op.includes("bus-secondary"))).toEqual([]);
  });

  it("leaves units to the autoscaler, and the tags of the paired second namespace as they are", async () => {
    const workers = { ...premium.privateEndpoints.workers, privateAddress: "10.40.2.11" };
    const now = { ...premium, privateEndpoints: { ...premium.privateEndpoints, workers }, capacity: 8 };
    world.project.program(program(now).replace('"messaging",', '"messaging", tags: { team: "storage" },'));
    const preview = await world.again().preview();
    const namespaces = preview.steps.filter((step) => step.newState?.type === "azure-native:servicebus:Namespace");
    const of = (name: string) => namespaces.find((step) => step.urn.endsWith(`::${name}`));
    expect(of("bus")?.op).toBe("update");
    expect(of("bus")?.newState?.inputs).toMatchObject({ tags: { team: "storage" }, sku: { capacity: 4 } });
    // What stays the same is no step.
    expect(of("bus-secondary")).toBeUndefined();
  });

  it("is taken down from the lock and the pairing inwards, and nothing is left but what goes with its namespace", async () => {
    world.effects.taken();
    await world.stack.destroy();
    expect(world.standIn.state.list().map((each) => each.type)).toEqual([]);
    expect([PAIRING, LOCK].flatMap((type) => world.standIn.state.list(type))).toEqual([]);
    const gone = world.effects.taken();
    expect(gone.filter((call) => call.startsWith("namespaceDeleted")).sort()).toEqual([
      "namespaceDeleted contoso-premium",
      "namespaceDeleted contoso-premium-north",
    ]);
  });

  it("is named with every problem where Azure would refuse it, before anything is made", async () => {
    world.project.program(
      program({ ...premium, capacity: 3, privateEndpoints: { a: { subnetId: platform.network("spoke") } } }),
    );
    const failure = await world
      .again()
      .preview()
      .catch((error: Error) => error.message);
    expect(failure).toMatch(/Invalid arguments for ServiceBus "bus": \d problems/);
    expect(failure).toMatch(/namespace\.capacity: must be one of/);
    expect(failure).toMatch(/namespace\.privateEndpoints\.a\.subnetId: must be the id of a subnet/);
  });
});
