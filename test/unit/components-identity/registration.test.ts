import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkloadIdentity, type WorkloadIdentityArgs } from "../../../components/identity/index.js";
import { type Registered, run, UNKNOWN } from "../support/mocks.js";

const IDENTITY = "azure-native:managedidentity:UserAssignedIdentity";
const CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";
const ACCOUNT = "kubernetes:core/v1:ServiceAccount";
const parent = "stowage:index:WorkloadIdentity loader";

const args: WorkloadIdentityArgs = {
  resourceGroupName: "rg",
  location: "westeurope",
  purpose: "Stowage pipeline renders",
  kind: "autoscaler",
  issuerUrl: "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/",
  serviceAccount: { namespace: "stowage", name: "renders" },
  federations: {
    "pull-request": {
      issuerUrl: "https://token.actions.githubusercontent.com",
      subject: "repo:acme/stowage:pull_request",
    },
    "a-second-account": { subject: "system:serviceaccount:stowage:loader" },
  },
  grants: [
    { queue: "renders", right: "receive" },
    { topic: "events", right: "send" },
    { topic: "events", subscription: "audit", right: "manage" },
  ],
  bus: {
    namespace: "contoso",
    entityIds: { renders: "/ids/renders", events: "/ids/events", "events/subscriptions/audit": "/ids/audit" },
  },
};
const identity = (changed: Partial<WorkloadIdentityArgs> = {}) =>
  new WorkloadIdentity("loader", { ...args, ...changed });
const names = (assignments: Registered[]) => assignments.map((a) => a.inputs["roleAssignmentName"]);

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("WorkloadIdentity %s", (_, preview) => {
  it("registers the identity, its credentials, its account and one assignment a grant, each below it", async () => {
    const { resources } = await run(identity, { preview });
    expect(resources.map((r) => `${r.type} ${r.name}`).sort()).toEqual(
      [
        parent,
        `${IDENTITY} loader`,
        `${CREDENTIAL} loader-a-second-account`,
        `${CREDENTIAL} loader-pull-request`,
        `${CREDENTIAL} loader-service-account`,
        `${ACCOUNT} loader-renders`,
        `${ASSIGNMENT} loader-receive-renders`,
        `${ASSIGNMENT} loader-send-events`,
        `${ASSIGNMENT} loader-manage-events/subscriptions/audit`,
      ].sort(),
    );
    for (const resource of resources.slice(1)) expect(resource.parent).toBe(parent);
  });

  it("trusts the service account's token alone, for Azure's one audience", async () => {
    const { one } = await run(identity, { preview });
    expect(one(CREDENTIAL, "loader-service-account").inputs).toEqual({
      resourceGroupName: "rg",
      resourceName: preview ? UNKNOWN : "loader",
      federatedIdentityCredentialResourceName: "service-account",
      issuer: args.issuerUrl,
      subject: "system:serviceaccount:stowage:renders",
      audiences: ["api://AzureADTokenExchange"],
    });
    expect(one(CREDENTIAL, "loader-pull-request").inputs).toMatchObject({
      issuer: "https://token.actions.githubusercontent.com",
      subject: "repo:acme/stowage:pull_request",
    });
  });

  it("writes the credentials one after another", async () => {
    const { all } = await run(identity, { preview });
    const chain = all(CREDENTIAL);
    expect(chain.map((c) => c.name)).toEqual([
      "loader-a-second-account",
      "loader-pull-request",
      "loader-service-account",
    ]);
    for (const [i, credential] of chain.entries())
      expect(credential.dependsOn.filter((d) => d.startsWith(CREDENTIAL))).toEqual(
        chain.slice(Math.max(0, i - 1), i).map((before) => `${CREDENTIAL} ${before.name}`),
      );
  });

  it("annotates the account with the client id and gives its pods no token of Kubernetes", async () => {
    const { one } = await run(identity, { preview });
    expect(one(ACCOUNT, "loader-renders").inputs).toMatchObject({
      metadata: {
        name: "renders",
        namespace: "stowage",
        annotations: {
          "azure.workload.identity/client-id": preview ? UNKNOWN : "11111111-1111-4111-8111-111111111111",
        },
      },
      automountServiceAccountToken: false,
    });
  });

  it("grants at the entity, under a name that is known before the run", async () => {
    const { one } = await run(identity, { preview });
    const { inputs, deleteBeforeReplace } = one(ASSIGNMENT, "loader-receive-renders");
    expect(inputs).toEqual({
      roleAssignmentName: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      scope: "/ids/renders",
      roleDefinitionId: "/providers/Microsoft.Authorization/roleDefinitions/4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
      principalId: preview ? UNKNOWN : "22222222-2222-4222-8222-222222222222",
      principalType: "ServicePrincipal",
      description: "Stowage pipeline renders: receive on renders",
    });
    expect(deleteBeforeReplace).toBe(true);
    expect(one(ASSIGNMENT, "loader-send-events").inputs["roleDefinitionId"]).toMatch(
      /\/69a216fc-b8fb-44d8-bc22-1f3c2cd27a39$/,
    );
    expect(one(ASSIGNMENT, "loader-manage-events/subscriptions/audit").inputs).toMatchObject({
      scope: "/ids/audit",
      roleDefinitionId: "/providers/Microsoft.Authorization/roleDefinitions/090c5cfd-751d-490a-894a-3ce6f1109419",
    });
  });
});

describe("the name of a role assignment", () => {
  it("is the same in every run, and in preview and run", async () => {
    const first = await run(identity, { preview: true });
    const second = await run(identity, { preview: false });
    expect(names(first.all(ASSIGNMENT))).toEqual(names(second.all(ASSIGNMENT)));
    expect(new Set(names(first.all(ASSIGNMENT))).size).toBe(3);
  });

  it("differs by identity, by right, by entity and by namespace", async () => {
    const grants = [{ queue: "renders", right: "receive" }] as const;
    const variants: Partial<WorkloadIdentityArgs>[] = [
      {},
      { identityName: "other" },
      { grants: [{ queue: "renders", right: "send" }] },
      { grants: [{ topic: "events", right: "send" }] },
      { bus: { namespace: "fabrikam", entityIds: { renders: "/ids/renders" } } },
    ];
    const runs = await Promise.resolve(variants).then(async (each) => {
      const found: unknown[] = [];
      for (const variant of each) {
        const { all } = await run(() => identity({ grants: [...grants], ...variant }), { preview: true });
        found.push(...names(all(ASSIGNMENT)));
      }
      return found;
    });
    expect(new Set(runs).size).toBe(variants.length);
  });
});

describe("the name of a role assignment in time", () => {
  it("does not change with a release: assignments that exist would be replaced", async () => {
    const { one } = await run(identity, { preview: true });
    expect(one(ASSIGNMENT, "loader-receive-renders").inputs["roleAssignmentName"]).toBe(
      "cd205f6d-fede-5a77-af58-17b11ab2e358",
    );
  });
});

describe("WorkloadIdentity", () => {
  it("leaves an account alone that it is told exists", async () => {
    const serviceAccount = { namespace: "keda", name: "keda-operator", create: false };
    const { all, one, value, known } = await run(() => identity({ serviceAccount }), { preview: false });
    expect(all(ACCOUNT)).toEqual([]);
    expect(one(CREDENTIAL, "loader-service-account").inputs["subject"]).toBe(
      "system:serviceaccount:keda:keda-operator",
    );
    expect(await known(value.serviceAccountName)).toBe("keda-operator");
  });

  it("says what the identity may do, already in a preview", async () => {
    const { value, known } = await run(identity, { preview: true });
    const who = {
      identity: "loader",
      kind: "autoscaler",
      principalType: "ServicePrincipal",
      namespace: "contoso",
    };
    expect(await known(value.rights)).toEqual([
      { ...who, scope: "queue", entity: "renders", right: "receive", role: "Azure Service Bus Data Receiver" },
      { ...who, scope: "topic", entity: "events", right: "send", role: "Azure Service Bus Data Sender" },
      {
        ...who,
        scope: "subscription",
        entity: "events/subscriptions/audit",
        right: "manage",
        role: "Azure Service Bus Data Owner",
      },
    ]);
  });

  it("takes ids that come all at once, and then depends on all of them", async () => {
    const bus = { namespace: "contoso", entityIds: pulumi.output({ renders: "/ids/renders" }) };
    const grants = [{ queue: "renders", right: "receive" }] as const;
    const { one } = await run(() => identity({ bus, grants: [...grants] }), { preview: false });
    expect(one(ASSIGNMENT, "loader-receive-renders").inputs["scope"]).toBe("/ids/renders");
  });

  it("takes workflows alone, and then makes no account and needs no cluster", async () => {
    const githubActions = { prod: { organization: "acme", repository: "stowage", environment: "prod" } };
    const deployer = () =>
      new WorkloadIdentity("deploy", { resourceGroupName: "rg", location: "westeurope", purpose: "x", githubActions });
    const { resources, one, value, known } = await run(deployer, { preview: false });
    expect(resources.map((r) => r.type)).toEqual(["stowage:index:WorkloadIdentity", IDENTITY, CREDENTIAL]);
    expect(one(CREDENTIAL, "deploy-prod").inputs).toMatchObject({
      federatedIdentityCredentialResourceName: "prod",
      issuer: "https://token.actions.githubusercontent.com",
      subject: "repo:acme/stowage:environment:prod",
      audiences: ["api://AzureADTokenExchange"],
    });
    expect(await known(value.serviceAccountName)).toBe("");
  });

  it("chains every credential, whatever it is of, so that no two are written at once", async () => {
    const credentials = fc.record({
      accounts: fc.integer({ min: 0, max: 9 }),
      workflows: fc.integer({ min: 0, max: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(credentials, async ({ accounts, workflows }) => {
        const count = (n: number) => Array.from({ length: n }, (_, i) => i);
        const { all } = await run(
          () =>
            identity({
              federations: Object.fromEntries(
                count(accounts).map((i) => [`acc-${i}`, { subject: `system:serviceaccount:a:b${i}` }]),
              ),
              githubActions: Object.fromEntries(
                count(workflows).map((i) => [`zip-${i}`, { organization: "a", repository: "b", environment: `e${i}` }]),
              ),
            }),
          { preview: true },
        );
        const chain = all(CREDENTIAL);
        expect(chain).toHaveLength(accounts + workflows + 1);
        for (const [i, credential] of chain.entries())
          expect(credential.dependsOn.filter((d) => d.startsWith(CREDENTIAL))).toEqual(
            chain.slice(Math.max(0, i - 1), i).map((before) => `${CREDENTIAL} ${before.name}`),
          );
      }),
      { numRuns: 10 },
    );
  });

  it("grants on the namespace only where that is said", async () => {
    const bus = { namespace: "contoso", namespaceId: "/ids/contoso", entityIds: { renders: "/ids/renders" } };
    const grants = [
      { scope: "namespace", right: "send" },
      { queue: "renders", scope: "entity", right: "receive" },
    ] as const;
    const { one, value, known } = await run(() => identity({ bus, grants: [...grants] }), { preview: false });
    expect(one(ASSIGNMENT, "loader-send").inputs).toMatchObject({
      scope: "/ids/contoso",
      description: "Stowage pipeline renders: send on the whole of contoso",
    });
    expect(one(ASSIGNMENT, "loader-receive-renders").inputs["scope"]).toBe("/ids/renders");
    expect((await known(value.rights))?.map(({ scope, entity }) => ({ scope, entity }))).toEqual([
      { scope: "namespace", entity: "" },
      { scope: "queue", entity: "renders" },
    ]);
  });

  it("makes every grant on both namespaces of a pair, each under a name of its own", async () => {
    const bus = {
      namespace: "contoso",
      entityIds: { renders: "/a/renders" },
      secondary: { namespace: "contoso-dr", entityIds: { renders: "/b/renders" } },
    };
    const { one, all, value, known } = await run(
      () => identity({ bus, grants: [{ queue: "renders", right: "receive" }] }),
      { preview: false },
    );
    expect(one(ASSIGNMENT, "loader-receive-renders").inputs["scope"]).toBe("/a/renders");
    expect(one(ASSIGNMENT, "loader-receive-renders@secondary").inputs["scope"]).toBe("/b/renders");
    expect(new Set(names(all(ASSIGNMENT))).size).toBe(2);
    expect((await known(value.rights))?.map((row) => row.namespace)).toEqual(["contoso", "contoso-dr"]);
  });
});
