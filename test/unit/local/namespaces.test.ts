import { ServiceBusClient } from "@azure/service-bus";
import { afterEach, describe, expect, it } from "vitest";
import { Broker } from "../../../stacks/local/broker/index.js";
import { isoSeconds, LocalNamespaces } from "../../../stacks/local/namespaces.js";

const made: Broker[] = [];
const namespaces = () =>
  new LocalNamespaces(() => {
    const broker = new Broker();
    made.push(broker);
    return broker;
  });
afterEach(() => Promise.all(made.splice(0).map((broker) => broker.close())));

describe("the namespaces of this machine", () => {
  it("have the entities that the stack registered, with Azure's settings, and no others", async () => {
    const all = namespaces();
    await all.namespaceCreated("bus");
    await all.putQueue("bus", "renders", {
      lockDuration: "PT1M30S",
      maxDeliveryCount: 5,
      requiresSession: true,
      defaultMessageTimeToLive: "P10675199DT2H48M5.4775807S",
    });
    await all.putTopic("bus", "events", { defaultMessageTimeToLive: "PT1H" });
    await all.putSubscription("bus", "events", "audit", { lockDuration: "PT30S", maxDeliveryCount: 3 });
    expect(
      all.broker.entities().map(({ path, lockDurationSeconds, maxDeliveryCount, requiresSession }) => ({
        path,
        lockDurationSeconds,
        maxDeliveryCount,
        requiresSession,
      })),
    ).toEqual([
      { path: "renders", lockDurationSeconds: 90, maxDeliveryCount: 5, requiresSession: true },
      expect.objectContaining({ path: "events" }),
      { path: "events/Subscriptions/audit", lockDurationSeconds: 30, maxDeliveryCount: 3, requiresSession: false },
    ]);
    await all.deleteQueue("bus", "renders");
    expect(all.broker.entities().map((entity) => entity.path)).not.toContain("renders");
  });

  it("hand every setting that the stack rendered to the broker, in any order, and forward for real", async () => {
    const all = namespaces();
    await all.namespaceCreated("bus");
    const shared = {
      defaultMessageTimeToLive: "PT1H",
      autoDeleteOnIdle: "P1D",
      status: "SendDisabled",
      enableBatchedOperations: false,
      userMetadata: "team=vfx",
    };
    const stored = { maxSizeInMegabytes: 2048, maxMessageSizeInKilobytes: 1024, enablePartitioning: true };
    await all.putTopic("bus", "events", { ...shared, ...stored, status: "Active", supportOrdering: true });
    await all.putSubscription("bus", "events", "to-work", {
      forwardTo: "work",
      forwardDeadLetteredMessagesTo: "dead",
      deadLetteringOnFilterEvaluationExceptions: false,
    });
    await all.putQueue("bus", "closed", { ...shared, ...stored });
    await all.putQueue("bus", "work", {});
    await all.putQueue("bus", "dead", {});
    const settings = new Map(all.broker.entities().map((entity) => [entity.path, entity.settings]));
    const expected = {
      timeToLive: 3_600,
      autoDeleteOnIdleSeconds: 86_400,
      enableBatchedOperations: false,
      userMetadata: "team=vfx",
      maxSizeInMegabytes: 2_048,
      maxMessageSizeInKilobytes: 1_024,
      enablePartitioning: true,
    };
    expect(settings.get("closed")).toMatchObject({ ...expected, status: "SendDisabled" });
    expect(settings.get("events")).toMatchObject({ ...expected, status: "Active", supportOrdering: true });
    expect(settings.get("events/Subscriptions/to-work")).toMatchObject({
      forwardTo: "work",
      forwardDeadLetteredMessagesTo: "dead",
      deadLetteringOnFilterEvaluationExceptions: false,
    });
    const client = new ServiceBusClient(all.broker.connectionString());
    await client.createSender("events").sendMessages({ body: "render" });
    const [message] = await client.createReceiver("work").receiveMessages(1);
    expect(message?.body).toBe("render");
    await client.close();
  });

  it("delete what is gone already: its topic went first, or it was idle for its time", async () => {
    const all = namespaces();
    await all.namespaceCreated("bus");
    await all.putTopic("bus", "events", {});
    await all.putSubscription("bus", "events", "audit", {});
    await all.deleteTopic("bus", "events");
    await all.deleteSubscription("bus", "events", "audit");
    await all.deleteQueue("bus", "never");
    expect(all.broker.entities()).toEqual([]);
  });

  it.each([
    [{ filterType: "SqlFilter", sqlFilter: { sqlExpression: "1=0" } }, { kind: "false" }],
    [{ filterType: "SqlFilter", sqlFilter: { sqlExpression: "1 = 1" } }, { kind: "true" }],
    [
      { filterType: "CorrelationFilter", correlationFilter: { label: "order", properties: { region: "eu" } } },
      { kind: "correlation", subject: "order", properties: { region: "eu" } },
    ],
  ])("take the rule %j", async (properties, filter) => {
    const all = namespaces();
    await all.namespaceCreated("bus");
    await all.putTopic("bus", "events", {});
    await all.putSubscription("bus", "events", "audit", {});
    await all.putRule("bus", "events", "audit", "mine", properties);
    const audit = all.broker.entities().find((entity) => entity.path.endsWith("audit"));
    expect(audit?.rules?.["mine"]).toEqual(filter);
  });

  it("run an SQL rule with its action, and refuse SQL that cannot be understood", async () => {
    const all = namespaces();
    await all.namespaceCreated("bus");
    await all.putTopic("bus", "events", {});
    await all.putSubscription("bus", "events", "audit", {});
    await all.deleteRule("bus", "events", "audit", "$Default");
    const sql = { filterType: "SqlFilter", sqlFilter: { sqlExpression: "priority > 3" } };
    await all.putRule("bus", "events", "audit", "urgent", { ...sql, action: { sqlExpression: "SET seen = 'yes'" } });
    const client = new ServiceBusClient(all.broker.connectionString());
    const at = (priority: number) => ({ body: priority, applicationProperties: { priority } });
    await client.createSender("events").sendMessages([at(1), at(5)]);
    const [message] = await client.createReceiver("events", "audit").receiveMessages(2, { maxWaitTimeInMs: 5_000 });
    expect(message?.applicationProperties).toMatchObject({ priority: 5, seen: "yes" });
    await client.close();
    const wrong = { filterType: "SqlFilter", sqlFilter: { sqlExpression: "priority >" } };
    await expect(all.putRule("bus", "events", "audit", "wrong", wrong)).rejects.toThrow();
  });

  it("are made once: the same namespace again has the same endpoint, a deleted one refuses connections", async () => {
    const all = namespaces();
    const { endpoint } = await all.namespaceCreated("bus");
    expect(await all.namespaceCreated("bus")).toEqual({ endpoint });
    await all.namespaceDeleted("bus");
    expect(() => all.broker).toThrow("bring the stack up first");
    await expect(fetch(endpoint)).rejects.toThrow();
  });
});

describe("a duration of Azure", () => {
  it.each<[string, number | undefined]>([
    ["PT5M", 300],
    ["P1DT1H1M1S", 90_061],
    ["PT0.5S", 0.5],
    ["P10675199DT2H48M5.4775807S", undefined],
  ])("%s is %s seconds", (text, seconds) => {
    expect(isoSeconds(text)).toBe(seconds);
  });

  it("that is none is refused, and an absent one is absent", () => {
    expect(() => isoSeconds("5 minutes")).toThrow('"5 minutes" is no ISO 8601 duration');
    expect(isoSeconds(undefined)).toBeUndefined();
  });
});
