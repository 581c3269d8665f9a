import { describe, expect, it } from "vitest";
import { PrincipalGrants, type PrincipalGrantsArgs } from "../../../components/identity/index.js";
import { failureOf, run, UNKNOWN } from "../support/mocks.js";

const ASSIGNMENT = "azure-native:authorization:RoleAssignment";
const LOOKUP = "azure-native:managedidentity:getUserAssignedIdentity";
const principalId = "5f0c2f6e-8a5c-4c53-9f0e-0d7d3a2b1c01";

const args: PrincipalGrantsArgs = {
  principalId,
  principalType: "Group",
  purpose: "Shop publishes orders",
  grants: [
    { queue: "orders", right: "send" },
    { topic: "events", right: "send" },
  ],
  bus: { namespace: "contoso", entityIds: { orders: "/ids/orders", events: "/ids/events" } },
};
const { principalId: _, principalType: __, ...rest } = args;
const lookedUp: PrincipalGrantsArgs = { ...rest, managedIdentity: { resourceGroupName: "shop-rg", name: "shop-api" } };
const grants = (given: PrincipalGrantsArgs) => () => new PrincipalGrants("shop", given);

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("PrincipalGrants %s", (_, preview) => {
  it("assigns a role for each grant to the principal that exists, and makes nothing else", async () => {
    const { resources, one, calls } = await run(grants(args), { preview });
    expect(resources.map((r) => `${r.type} ${r.name}`)).toEqual([
      "stowage:index:PrincipalGrants shop",
      `${ASSIGNMENT} shop-send-orders`,
      `${ASSIGNMENT} shop-send-events`,
    ]);
    expect(one(ASSIGNMENT, "shop-send-orders").inputs).toEqual({
      roleAssignmentName: expect.stringMatching(/^[0-9a-f-]{36}$/),
      scope: "/ids/orders",
      roleDefinitionId: "/providers/Microsoft.Authorization/roleDefinitions/69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
      principalId,
      principalType: "Group",
      description: "Shop publishes orders: send on orders",
    });
    expect(calls).toEqual([]);
  });

  it("says what the principal may do", async () => {
    const { value, known } = await run(grants(args), { preview });
    expect(await known(value.rights)).toEqual(
      ["orders", "events"].map((entity) => ({
        identity: "shop",
        kind: "producer",
        principalType: "Group",
        namespace: "contoso",
        scope: entity === "orders" ? "queue" : "topic",
        entity,
        right: "send",
        role: "Azure Service Bus Data Sender",
      })),
    );
  });

  it("looks a managed identity up by its name", async () => {
    const { one, calls } = await run(grants(lookedUp), { preview, calls: { [LOOKUP]: { principalId } } });
    expect(calls).toEqual([{ token: LOOKUP, inputs: { resourceGroupName: "shop-rg", resourceName: "shop-api" } }]);
    expect(one(ASSIGNMENT, "shop-send-orders").inputs).toMatchObject({
      principalId,
      principalType: "ServicePrincipal",
    });
    expect(one(ASSIGNMENT, "shop-send-orders").inputs["principalId"]).not.toBe(UNKNOWN);
  });
});

describe("a lookup that fails", () => {
  it("is an error that names the principal, says why, and what to do", async () => {
    // The stand-in for Azure refuses every function that it is given no answer for.
    expect(await failureOf(grants(lookedUp))).toContain(
      'Principal "shop": managed identity shop-api of resource group shop-rg could not be looked up: ' +
        `No mock for function ${LOOKUP}. Correct managedIdentity, or give principalId and principalType in its place.`,
    );
  });

  it("is an error as well where the answer has no object id", async () => {
    expect(await failureOf(grants(lookedUp), { [LOOKUP]: { clientId: principalId } })).toMatch(
      /Principal "shop": managed identity shop-api of resource group shop-rg has no object id yet\./,
    );
  });
});
