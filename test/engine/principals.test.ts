import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../stacks/packageRoot.js";
import { type AzureWorld, azureWorld } from "./support/azure.js";

const IDENTITY = "azure-native:managedidentity:UserAssignedIdentity";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";
const components = JSON.stringify(join(packageRoot(), "dist", "components", "index.js"));

/** A bus and somebody else's identity; with a name, what that identity is granted by a component that looks it up. */
const program = (lookup?: string) => `
  const { ServiceBus, PrincipalGrants } = require(${components});
  const managedidentity = require("@pulumi/azure-native/managedidentity");
  const resources = require("@pulumi/azure-native/resources");
  const group = new resources.ResourceGroup("shop", { resourceGroupName: "shop", location: "westeurope" });
  new managedidentity.UserAssignedIdentity("api", { resourceGroupName: group.name, resourceName: "shop-api" });
  const place = { resourceGroupName: group.name, location: "westeurope" };
  const namespace = { name: "contoso-shop", tier: "Standard" };
  const bus = new ServiceBus("bus", { ...place, namespace, queues: { orders: {} } });
  const name = ${JSON.stringify(lookup)};
  if (name !== undefined)
    new PrincipalGrants("shop", {
      managedIdentity: { resourceGroupName: "shop", name },
      purpose: "The shop publishes orders",
      grants: [{ queue: "orders", right: "send" }],
      bus: { namespace: "contoso-shop", entityIds: { orders: bus.entityId("orders") } },
    });`;

let world: AzureWorld;

beforeAll(async () => {
  world = await azureWorld(program());
  await world.stack.up();
}, 600_000);
afterAll(() => world?.close());

describe("grants to a principal that exists, on the real engine", { timeout: 90_000 }, () => {
  it("fail at preview where it cannot be looked up, in words that name it, without a stack trace", async () => {
    world.project.program(program("shop-web"));
    const said = await world.stack.preview().then(
      () => "accepted",
      (error: unknown) => String(error),
    );
    expect(said).toContain(
      'Principal "shop": managed identity shop-web of resource group shop could not be looked up: ',
    );
    expect(said).toContain("userAssignedIdentities/shop-web' under resource group 'shop' was not found");
    expect(said).toContain("Correct managedIdentity, or give principalId and principalType in its place.");
    expect(said).not.toMatch(/\n\s+at /);
    expect(world.standIn.state.list(ASSIGNMENT)).toEqual([]);
  });

  it("are made to the very principal that was found, and are no change the second time", async () => {
    world.project.program(program("shop-api"));
    await world.stack.up();
    const [identity] = world.standIn.state.list(IDENTITY);
    const [assignment] = world.standIn.state.list(ASSIGNMENT);
    expect(assignment?.inputs).toMatchObject({
      principalId: identity?.outputs["principalId"],
      principalType: "ServicePrincipal",
      scope: expect.stringMatching(/\/namespaces\/contoso-shop\/queues\/orders$/),
      description: "The shop publishes orders: send on orders",
    });
    const again = await world.stack.preview();
    expect(again.steps.filter((step) => step.op !== "same")).toEqual([]);
  });
});
