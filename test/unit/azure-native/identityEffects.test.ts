import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ARM_TYPES,
  createAzureNativeStandIn,
  type IdentityEffects,
  uuidOf,
} from "../../../stacks/local/providers/azure-native/index.js";
import { armModel } from "../../../stacks/local/providers/azure-native/model.js";
import type { OperationContext, PropertyMap, ResourceModel } from "../../../stacks/local/providers/base/index.js";
import { ProviderState } from "../../../stacks/local/providers/base/index.js";

const GROUP = "/subscriptions/s/resourceGroups/g/providers";
const IDENTITY = `${GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/renders`;
const QUEUE = `${GROUP}/Microsoft.ServiceBus/namespaces/bus-1/queues/renders`;
const NAME = "0a0a0a0a-0000-4000-8000-000000000001";
const MADE = new Date("2026-01-02T03:04:05Z");

/** Effects that note what they are told. */
function noted(): { effects: IdentityEffects; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const note =
    (name: string) =>
    (...args: unknown[]) =>
      void calls.push([name, ...args]);
  const effects: IdentityEffects = {
    putIdentity: note("putIdentity"),
    deleteIdentity: note("deleteIdentity"),
    putFederatedCredential: note("putFederatedCredential"),
    deleteFederatedCredential: note("deleteFederatedCredential"),
    putRoleAssignment: note("putRoleAssignment"),
    deleteRoleAssignment: note("deleteRoleAssignment"),
  };
  return { effects, calls };
}

/** What the assignment is on. */
const queue = { type: "azure-native:servicebus:Queue", id: QUEUE, inputs: {}, outputs: {} };

let dir: string;
let state: ProviderState;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "stowage-identity-"));
  state = new ProviderState(join(dir, "azure.json"));
  state.put(queue);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const context = (): OperationContext => ({
  ...{ state, signal: new AbortController().signal, urn: "u", type: "t", name: "n", timeoutSeconds: 0 },
});

function model(token: string, identities: IdentityEffects): ResourceModel {
  const type = ARM_TYPES[token];
  if (type === undefined) throw new Error(token);
  const settings = { subscriptionId: "s", tenantId: "tenant", location: undefined, resourceGroups: undefined };
  return armModel(token, type, { ...settings, effects: { identities }, now: () => MADE });
}

const identityInputs = { resourceGroupName: "g", resourceName: "renders", location: "westeurope" };
const credentialInputs = (name: string): PropertyMap => ({
  ...{ resourceGroupName: "g", resourceName: "renders", federatedIdentityCredentialResourceName: name },
  ...{ issuer: "https://issuer.invalid/", subject: "system:serviceaccount:a:b", audiences: ["api://x"] },
});
const assignmentInputs: PropertyMap = {
  ...{ scope: QUEUE, roleAssignmentName: NAME, principalId: "p", principalType: "ServicePrincipal" },
  roleDefinitionId: "/providers/Microsoft.Authorization/roleDefinitions/4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
};
const MANAGED = "azure-native:managedidentity:UserAssignedIdentity";
const CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";

describe("identities and role assignments become known as they are made", () => {
  it("with what Azure gives them, and are forgotten as they go", async () => {
    const { effects, calls } = noted();
    await model(MANAGED, effects).create(identityInputs, context());
    await model(CREDENTIAL, effects).create(credentialInputs("service-account"), context());
    const { id } = await model(ASSIGNMENT, effects).create(assignmentInputs, context());
    const stored = state.list(ASSIGNMENT)[0];
    if (stored !== undefined) await model(ASSIGNMENT, effects).delete?.(id, stored, context());
    const principalId = uuidOf(`${IDENTITY}#principal`);
    const { roleDefinitionId } = assignmentInputs;
    expect(calls).toEqual([
      [
        "putIdentity",
        IDENTITY,
        { name: "renders", tenantId: "tenant", clientId: uuidOf(`${IDENTITY}#client`), principalId },
      ],
      [
        "putFederatedCredential",
        IDENTITY,
        "service-account",
        { issuer: "https://issuer.invalid/", subject: "system:serviceaccount:a:b", audiences: ["api://x"] },
      ],
      ["putRoleAssignment", id, { scope: QUEUE, principalId: "p", roleDefinitionId, madeAt: MADE.getTime() }],
      ["deleteRoleAssignment", id],
    ]);
  });

  it("and go with what they lie in: credentials with their identity, assignments with their entity", async () => {
    const { effects, calls } = noted();
    await model(MANAGED, effects).create(identityInputs, context());
    await model(CREDENTIAL, effects).create(credentialInputs("service-account"), context());
    const { id } = await model(ASSIGNMENT, effects).create(assignmentInputs, context());
    await model(queue.type, effects).delete?.(QUEUE, queue, context());
    const identity = state.list(MANAGED)[0];
    if (identity !== undefined) await model(MANAGED, effects).delete?.(IDENTITY, identity, context());
    expect(calls.slice(3)).toEqual([
      ["deleteRoleAssignment", id],
      ["deleteFederatedCredential", IDENTITY, "service-account"],
      ["deleteIdentity", IDENTITY],
    ]);
    expect(state.list(ASSIGNMENT)).toEqual([]);
  });

  it("and are made known again when the stand-in starts on its state", async () => {
    const first = noted();
    await model(ASSIGNMENT, first.effects).create(assignmentInputs, context());
    await model(MANAGED, first.effects).create(identityInputs, context());
    await model(CREDENTIAL, first.effects).create(credentialInputs("service-account"), context());
    const { effects, calls } = noted();
    const standIn = await createAzureNativeStandIn({ stateFile: join(dir, "azure.json"), identities: effects });
    await standIn.close();
    expect(calls.map(([name]) => name)).toEqual(["putIdentity", "putFederatedCredential", "putRoleAssignment"]);
    expect(calls).toEqual([...first.calls.slice(1), ...first.calls.slice(0, 1)]);
  });
});

describe("federated credentials of one identity", () => {
  it("that are written at once are refused but one, as Azure does it, and one after another they are taken", async () => {
    const { effects } = noted();
    await model(MANAGED, effects).create(identityInputs, context());
    const credentials = model(CREDENTIAL, effects);
    const results = await Promise.allSettled(
      ["first", "second", "third"].map((name) => credentials.create(credentialInputs(name), context())),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    const refused = results[1]?.status === "rejected" ? String(results[1].reason) : "";
    expect(refused).toContain('Status=409 Code="ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"');
    expect(refused).toContain(IDENTITY);
    await credentials.create(credentialInputs("second"), context());
    // A delete is a write as well.
    const [one, two] = state.list(CREDENTIAL);
    if (one === undefined || two === undefined) throw new Error("two credentials are there");
    const deletes = await Promise.allSettled([
      credentials.delete?.(one.id, one, context()),
      credentials.delete?.(two.id, two, context()),
    ]);
    expect(deletes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  it("of two identities do not disturb each other", async () => {
    const { effects } = noted();
    await model(MANAGED, effects).create(identityInputs, context());
    await model(MANAGED, effects).create({ ...identityInputs, resourceName: "volumes" }, context());
    const credentials = model(CREDENTIAL, effects);
    const others = { ...credentialInputs("service-account"), resourceName: "volumes" };
    await Promise.all([
      credentials.create(credentialInputs("service-account"), context()),
      credentials.create(others, context()),
    ]);
    expect(state.list(CREDENTIAL)).toHaveLength(2);
  });
});
