import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { armInvokes } from "../../../stacks/local/providers/azure-native/invokes.js";
import { ProviderState } from "../../../stacks/local/providers/base/index.js";

const TOKEN = "azure-native:managedidentity:getUserAssignedIdentity";
const ID = "/subscriptions/sub/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-api";
const settings = {
  subscriptionId: "sub",
  tenantId: "tenant",
  location: undefined,
  resourceGroups: undefined,
  effects: undefined,
  now: () => new Date(0),
};

describe("the lookup of a managed identity", () => {
  let dir: string;
  let state: ProviderState;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "stowage-invokes-"));
    state = new ProviderState(join(dir, "state.json"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const ask = async (name: string, existing?: string[]) =>
    armInvokes(settings, undefined, existing)[TOKEN]?.(
      { resourceGroupName: "shop", resourceName: name },
      { state, signal: new AbortController().signal },
    );

  it("finds the stack's own by what it was made with, whatever the case of its name", async () => {
    const type = "azure-native:managedidentity:UserAssignedIdentity";
    const outputs = { principalId: "22222222-2222-4222-8222-222222222222", clientId: "c", name: "shop-api" };
    state.put({ type, id: ID, inputs: {}, outputs });
    expect(await ask("Shop-API", [])).toEqual(outputs);
  });

  it("finds one that is said to be there, always with the same object id", async () => {
    const found = await ask("shop-api", ["shop/shop-api"]);
    expect(found).toMatchObject({ id: ID, name: "shop-api", principalId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(await ask("shop-api")).toEqual(found);
  });

  it("refuses any other in the words of Azure Resource Manager", async () => {
    await expect(ask("shop-web", ["shop/shop-api"])).rejects.toThrow(
      "Status=404 Code=\"ResourceNotFound\" Message=\"The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/shop-web' under resource group 'shop' was not found.\"",
    );
  });
});
