import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allowed } from "../../../components/identity/index.js";
import {
  Integration,
  type IntegrationArgs,
  type IntegrationPipelineArgs,
  integrationProblems,
} from "../../../components/integration/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { clusterCalls, EXISTING_PRINCIPAL } from "../support/environments.js";
import { failureOf, run } from "../support/mocks.js";
import { sink, small } from "./small.js";

const ASSIGNMENT = "azure-native:authorization:RoleAssignment";
const CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential";
const LOOKUP = "azure-native:managedidentity:getUserAssignedIdentity";
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

const build = (args: IntegrationArgs, preview = true) =>
  run(() => new Integration("stowage", args), { preview, calls: clusterCalls });

const scaling = { minReplicas: 1, maxReplicas: 3, messagesPerReplica: 10 };

/** Pipelines with any source, any replies and any scaling; no two share a source. */
const anyPipelines = fc
  .uniqueArray(
    fc.record({
      source: fc.constantFrom(
        { queue: "a" },
        { queue: "b" },
        { queue: "c" },
        { queue: "d" },
        { topic: "events", subscription: "one" },
        { topic: "events", subscription: "two" },
      ),
      replyQueues: fc.uniqueArray(fc.constantFrom("answers", "log"), { maxLength: 2 }),
      scaled: fc.boolean(),
    }),
    { minLength: 2, maxLength: 4, selector: ({ source }) => JSON.stringify(source) },
  )
  .map((each) =>
    Object.fromEntries(
      each.map(({ source, replyQueues, scaled }, i): [string, IntegrationPipelineArgs] => [
        `p${i}`,
        { source, sink, replyQueues, ...(scaled ? { scaling } : {}) },
      ]),
    ),
  );

describe("what workers and autoscalers may do, whatever the pipelines", () => {
  it("no worker ever manages; each autoscaler manages one entity and each role is assigned where its row says", async () => {
    await fc.assert(
      fc.asyncProperty(anyPipelines, async (pipelines) => {
        const { value, known, all } = await build(small(pipelines), false);
        const rights = (await known(value.rights)) ?? [];
        const workers = rights.filter((row) => row.kind === "worker");
        expect(workers.filter((row) => row.right === "manage")).toEqual([]);
        const entities = ["", "a", "b", "c", "d", "answers", "log", "events"];
        entities.push("events/subscriptions/one", "events/subscriptions/two");
        for (const { identity } of workers)
          for (const entity of entities) expect(allowed(rights, identity, entity, "manage")).toBe(false);
        for (const [name, { source, replyQueues = [], scaling: scaled }] of Object.entries(pipelines)) {
          const path = source.queue ?? `${source.topic}/subscriptions/${source.subscription}`;
          const can = (identity: string, access: "send" | "listen" | "manage") =>
            entities.filter((entity) => allowed(rights, identity, entity, access));
          expect(can(`stowage-${name}`, "listen")).toEqual([path]);
          expect(can(`stowage-${name}`, "send").sort()).toEqual([...replyQueues].sort());
          expect(can(`stowage-${name}_autoscaler`, "manage")).toEqual(scaled === undefined ? [] : [path]);
        }
        // Every row is an assignment and every assignment a row: the output says neither more nor less.
        const assigned = all(ASSIGNMENT).map(({ inputs }) => String(inputs["description"]).replace(/^.*: /, ""));
        expect(assigned.sort()).toEqual(rights.map((row) => `${row.right} on ${row.entity}`).sort());
        expect(rights.every((row) => row.scope !== "namespace")).toBe(true);
      }),
      { numRuns: 6 },
    );
    // Each run builds an integration whole: on a busy machine that takes a multiple of what it takes alone.
  }, 120_000);

  it("pods carry the webhook's label under an account with its annotation, and know whom to log in as", async () => {
    const { all, one } = await build(small({ p0: { source: { queue: "a" }, sink } }), false);
    const { template } = one(DEPLOYMENT, "stowage-p0").inputs["spec"] as {
      template: { metadata: { labels: object }; spec: { serviceAccountName: string } };
    };
    expect(template.metadata.labels).toMatchObject({ "azure.workload.identity/use": "true" });
    const account = all("kubernetes:core/v1:ServiceAccount").find(
      ({ inputs }) => (inputs["metadata"] as { name: string }).name === template.spec.serviceAccountName,
    );
    expect(account?.inputs["metadata"]).toMatchObject({
      annotations: { "azure.workload.identity/client-id": "11111111-1111-4111-8111-111111111111" },
    });
    const { "connection.json": json } = one("kubernetes:core/v1:ConfigMap", "stowage-p0").inputs["data"] as {
      "connection.json": string;
    };
    expect(JSON.parse(json).serviceBus).toEqual({
      fullyQualifiedNamespace: "contoso-small.servicebus.windows.net",
      clientId: "11111111-1111-4111-8111-111111111111",
    });
  });
});

describe("geo-disaster recovery", () => {
  const pair = { alias: "contoso-alias", location: "northeurope", name: "contoso-small-dr" };
  const standard = small(
    { p0: { source: { topic: "events", subscription: "one" }, sink, replyQueues: ["answers"], scaling } },
    {
      producers: {
        shop: {
          managedIdentity: { resourceGroupName: "shop", name: "shop-api" },
          grants: [{ topic: "events", right: "send" }],
        },
      },
    },
  );
  const namespace = { ...standard.serviceBus.namespace, tier: "Premium" as const, disasterRecovery: pair };
  const args: IntegrationArgs = { ...standard, serviceBus: { ...standard.serviceBus, namespace } };

  it("has every grant on both namespaces, as the pairing copies none, and the matrix shows both", async () => {
    const { value, known, all } = await build(args, false);
    const rights = (await known(value.rights)) ?? [];
    const of = (name: string) =>
      rights.filter((row) => row.namespace === name).map(({ namespace: _, ...row }) => JSON.stringify(row));
    expect(of("contoso-small")).toHaveLength(4);
    expect(of("contoso-small-dr")).toEqual(of("contoso-small"));
    const scopes = all(ASSIGNMENT).map(({ inputs }) => String(inputs["scope"]).split("/namespaces/")[1]);
    expect(scopes.sort()).toEqual(
      rights
        .map(({ namespace: where, scope, entity }) =>
          scope === "queue" ? `${where}/queues/${entity}` : `${where}/topics/${entity}`,
        )
        .sort(),
    );
    const names = all(ASSIGNMENT).map(({ inputs }) => inputs["roleAssignmentName"]);
    expect(new Set(names).size).toBe(8);
    const table = (await known(value.rightsTable)) ?? "";
    for (const where of ["contoso-small", "contoso-small-dr"])
      expect(table).toMatch(new RegExp(`^${where} +events/subscriptions/one +stowage-p0 +worker .* no +yes +no `, "m"));
  });

  it("waits with the grants on the second namespace until both are paired", async () => {
    const { all } = await build(args, false);
    for (const assignment of all(ASSIGNMENT).filter(({ name }) => name.endsWith("@secondary")))
      expect(assignment.dependsOn).toContainEqual(expect.stringMatching(/:DisasterRecoveryConfig /));
  });
});

describe("producers and deployers", () => {
  const producers = {
    shop: {
      managedIdentity: { resourceGroupName: "shop", name: "shop-api" },
      grants: [{ queue: "a", right: "send" as const }],
    },
    people: {
      principalId: "66666666-6666-4666-8666-666666666666",
      principalType: "Group" as const,
      grants: [
        { topic: "events", right: "send" as const },
        { queue: "answers", right: "receive" as const },
      ],
    },
  };
  const deployers = {
    ci: { githubActions: { prod: { organization: "acme", repository: "infra", environment: "prod" } } },
  };
  const args = small({ p0: { source: { queue: "a" }, sink } }, { producers, deployers });

  it("are granted what is said, and stand in the matrix beside the workers", async () => {
    const { value, known, one, all } = await build(args, false);
    expect(one(ASSIGNMENT, "stowage-shop_producer-send-a").inputs).toMatchObject({
      principalId: EXISTING_PRINCIPAL,
      principalType: "ServicePrincipal",
      description: "Producer shop of Stowage pipeline p0: send on a",
    });
    expect(one(ASSIGNMENT, "stowage-people_producer-receive-answers").inputs).toMatchObject({
      principalId: producers.people.principalId,
      principalType: "Group",
    });
    const rights = (await known(value.rights)) ?? [];
    expect(rights.map(({ identity, kind, entity, right }) => [identity, kind, right, entity])).toEqual([
      ["stowage-p0", "worker", "receive", "a"],
      ["stowage-shop_producer", "producer", "send", "a"],
      ["stowage-people_producer", "producer", "send", "events"],
      ["stowage-people_producer", "producer", "receive", "answers"],
    ]);
    expect(one(CREDENTIAL, "stowage-ci_deployer-prod").inputs["subject"]).toBe("repo:acme/infra:environment:prod");
    expect(all("kubernetes:core/v1:ServiceAccount").map((account) => account.name)).toEqual(["stowage-p0-p0"]);
    expect(await known(value.rightsTable)).toMatch(/Without any right here: stowage-ci_deployer \(deployer\)\.$/);
  });

  it("are described by the pipelines that they have to do with, of many by the first of them", async () => {
    const many = Object.fromEntries(
      ["a", "b", "c", "d"].map((queue): [string, IntegrationPipelineArgs] => [
        `from-${queue}`,
        { source: { queue }, sink },
      ]),
    );
    const answering = { source: { topic: "events", subscription: "one" }, sink, replyQueues: ["answers"] };
    const all = { ...many, answering, last: { source: { topic: "events", subscription: "two" }, sink } };
    const { shop, people } = producers;
    const wide = { ...people, grants: [{ scope: "namespace" as const, right: "send" as const }] };
    const { all: found } = await build(small(all, { producers: { shop, people, wide } }));
    const described = found(ASSIGNMENT).map(({ inputs }) => String(inputs["description"]));
    expect(described.filter((text) => text.startsWith("Producer")).sort()).toEqual([
      "Producer people of Stowage pipelines answering, last: receive on answers",
      "Producer people of Stowage pipelines answering, last: send on events",
      "Producer shop of Stowage pipeline from-a: send on a",
      "Producer wide of Stowage pipelines from-a, from-b, from-c, from-d, answering, 1 more: send on the whole of contoso-small",
    ]);
  });

  it("that cannot be looked up are named", async () => {
    expect(await failureOf(() => new Integration("stowage", args))).toMatch(
      new RegExp(`Principal "stowage-shop_producer": managed identity shop-api .*could not be looked up: .*${LOOKUP}`),
    );
  });

  it("are the same in a preview, matrix and names of assignments included", async () => {
    const [preview, real] = [await build(args, true), await build(args, false)];
    const shown = async (each: typeof real) => [
      await each.known(each.value.rights),
      await each.known(each.value.rightsTable),
      each.all(ASSIGNMENT).map(({ inputs }) => inputs["roleAssignmentName"]),
    ];
    expect(await shown(preview)).toEqual(await shown(real));
  });

  const send = { queue: "a", right: "send" as const };
  const principal = { principalId: "66666666-6666-4666-8666-666666666666", principalType: "User" as const };
  it.each<[string, unknown, string[]]>([
    [
      "a producer that manages, takes a worker's messages, or has a slip in a grant",
      {
        producers: {
          boss: { ...principal, grants: [{ queue: "b", right: "manage" }] },
          thief: { ...principal, grants: [{ queue: "A", right: "receive" }] },
          all: { ...principal, grants: [{ scope: "namespace", right: "receive" }] },
          slip: { ...principal, grants: [{ queue: "b", rights: "send" }] },
        },
      },
      [
        'producers.boss.grants.0.right: is more than a producer needs: it can change and delete the entity (found "manage"). Give send or receive; what counts messages or looks after the bus has an identity and a kind of its own',
        'producers.thief.grants.0.queue: is not a queue of serviceBus (found "A"). Use one of a, b, c, d, answers, log',
        'producers.thief.grants.0.right: lets the producer take messages from the source of pipelines.p0 (found "receive"). Grant it where answers go, or on a subscription of its own',
        'producers.all.grants.0.right: lets the producer take messages from the source of pipelines.p0 (found "receive"). Grant it where answers go, or on a subscription of its own',
        "producers.slip.grants.0.right: must be one of send, receive, manage. Choose one of them",
        'producers.slip.grants.0.rights: unknown key (found "send"). Did you mean right?',
      ],
    ],
    [
      "entities that are not there, and a queue that is a topic",
      {
        producers: {
          shop: {
            ...principal,
            grants: [
              { queue: "events", right: "send" },
              { topic: "event", right: "send" },
              { topic: "events", subscription: "three", right: "receive" },
            ],
          },
        },
      },
      [
        'producers.shop.grants.0.queue: is not a queue of serviceBus (found "events"). Use one of a, b, c, d, answers, log',
        'producers.shop.grants.1.topic: is not a topic of serviceBus (found "event"). Use one of events',
        'producers.shop.grants.2.subscription: is not a subscription of events (found "three"). Use one of one, two',
      ],
    ],
    [
      "one principal twice, and a name that is none",
      { producers: { one: { ...principal, grants: [send] }, Two_: { ...principal, grants: [send] } } },
      [
        'producers.Two_: must be named with 1 to 40 lower-case letters, digits or -, the first a letter (found "Two_"). Rename it',
        'producers.Two_.grants.0: is granted to the same principal by producers.one.grants.0; Azure refuses that (found {"queue":"a","right":"send"}). Remove one',
      ],
    ],
    [
      "a deployer that nobody is, one with a slip in its workflow, and one with too many",
      {
        deployers: {
          nobody: { githubActions: {} },
          slip: { githubActions: { main: { organization: "acme", repository: "infra", brunch: "main" } } },
          many: {
            githubActions: Object.fromEntries(
              Array.from({ length: 21 }, (_, i) => [
                `env-${i}`,
                { organization: "acme", repository: "infra", environment: `e${i}` },
              ]),
            ),
          },
        },
      },
      [
        "deployers.nobody.githubActions: must have at least one workflow (found {}). Name who runs pulumi up",
        'deployers.slip.githubActions.main.brunch: unknown key (found "main"). Did you mean branch?',
        'deployers.many.federations: must be at most 20 for an identity (Azure\'s limit) (found "21 with those of serviceAccount and githubActions"). Make a second identity',
      ],
    ],
  ])("are refused with %s", (_, changed, lines) => {
    expect(
      integrationProblems("stowage", { ...args, producers: {}, deployers: {}, ...(changed as object) }).map(
        formatProblem,
      ),
    ).toEqual(lines);
  });
});
