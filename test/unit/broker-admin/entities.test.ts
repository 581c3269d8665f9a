import { describe, expect, it } from "vitest";
import { all, refusal, startAdmin } from "./kit.js";

const KEY = "c2VjcmV0LWtleS1vZi10aGUtdGVzdHM=";
/** How the service writes a duration that never ends. */
const FOREVER = "P10675199DT2H48M5.4775807S";

const POLICY = {
  claimType: "SharedAccessKey",
  accessRights: ["Manage" as const, "Send" as const, "Listen" as const],
  keyName: "all",
  primaryKey: KEY,
  secondaryKey: `${KEY}2`,
};

describe("a queue", () => {
  it("that is made with nothing said has the service's defaults", async () => {
    const { admin } = await startAdmin();
    const { _response: _, ...queue } = await admin.createQueue("orders");
    expect(queue).toEqual({
      name: "orders",
      lockDuration: "PT1M",
      maxSizeInMegabytes: 1_024,
      maxDeliveryCount: 10,
      requiresSession: false,
      requiresDuplicateDetection: false,
      duplicateDetectionHistoryTimeWindow: "PT10M",
      defaultMessageTimeToLive: FOREVER,
      autoDeleteOnIdle: FOREVER,
      deadLetteringOnMessageExpiration: false,
      enablePartitioning: false,
      enableBatchedOperations: true,
      enableExpress: false,
      status: "Active",
      availabilityStatus: "Available",
      maxMessageSizeInKilobytes: 256,
      authorizationRules: undefined,
      forwardTo: undefined,
      forwardDeadLetteredMessagesTo: undefined,
      userMetadata: undefined,
    });
  });

  it("keeps every setting that the client can send, and the broker goes by them", async () => {
    const { admin, broker, host } = await startAdmin();
    broker.putQueue("archive");
    broker.putTopic("letters");
    const settings = {
      lockDuration: "PT45S",
      maxSizeInMegabytes: 2_048,
      maxDeliveryCount: 4,
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: "P1DT2H3M4.5S",
      defaultMessageTimeToLive: "P14D",
      autoDeleteOnIdle: "PT1H",
      deadLetteringOnMessageExpiration: true,
      enablePartitioning: true,
      enableBatchedOperations: false,
      enableExpress: true,
      status: "ReceiveDisabled" as const,
      maxMessageSizeInKilobytes: 64,
      userMetadata: "ours <&> \"theirs\"  'all' ☺",
      forwardTo: `sb://${host}/archive`,
      forwardDeadLetteredMessagesTo: `sb://${host}/letters`,
      authorizationRules: [POLICY],
    };
    await admin.createQueue("orders", settings);
    expect(await admin.getQueue("orders")).toMatchObject({ name: "orders", requiresSession: false, ...settings });
    expect(broker.entities().find(({ path }) => path === "orders")?.settings).toMatchObject({
      lockDurationSeconds: 45,
      maxDeliveryCount: 4,
      duplicateDetectionWindowSeconds: 93_784.5,
      timeToLive: 14 * 86_400,
      autoDeleteOnIdleSeconds: 3_600,
      forwardTo: "archive",
      forwardDeadLetteredMessagesTo: "letters",
      status: "ReceiveDisabled",
    });
  });

  it("is changed by an update: what that does not say goes back to its default, and what is fixed stays", async () => {
    const { admin, broker } = await startAdmin();
    broker.putQueue("archive");
    const queue = await admin.createQueue("orders", { requiresDuplicateDetection: true, forwardTo: "archive" });
    const { forwardTo: _, ...kept } = queue;
    const changed = await admin.updateQueue({ ...kept, maxDeliveryCount: 3, userMetadata: "new" } as typeof queue);
    expect(changed).toMatchObject({ maxDeliveryCount: 3, userMetadata: "new", requiresDuplicateDetection: true });
    expect(changed.forwardTo).toBeUndefined();
    expect(broker.entities().find(({ path }) => path === "orders")?.settings.forwardTo).toBeUndefined();
  });

  it.each<readonly [string, object, RegExp]>([
    ["a lock duration beyond five minutes", { lockDuration: "PT10M" }, /lockDurationSeconds = 600: must be 1 to 300/],
    ["a duration that is none", { lockDuration: "soon" }, /LockDuration must be an ISO 8601 duration.*'soon'/],
    ["a delivery count of nothing", { maxDeliveryCount: 0 }, /maxDeliveryCount = 0/],
    ["a status that is none", { status: "Sleeping" }, /Status must be one of Active.*'Sleeping'/],
    ["forwarding to what is not there", { forwardTo: "gone" }, /forwardTo = "gone": no queue or topic.*Make it first/],
    [
      "dead letters for what is not there",
      { forwardDeadLetteredMessagesTo: "gone" },
      /forwardDeadLetteredMessagesTo = "gone"/,
    ],
    ["forwarding to itself", { forwardTo: "orders" }, /forwardTo/],
    ["sessions together with forwarding", { requiresSession: true, forwardTo: "x" }, /requiresSession/],
    ["metadata of 1,025 characters", { userMetadata: "x".repeat(1_025) }, /1025 characters/],
    ["a right that is none", { authorizationRules: [{ ...POLICY, accessRights: ["Own"] }] }, /'Own' is no right/],
  ])("cannot be made with %s", async (_, settings, why) => {
    const { admin, broker } = await startAdmin();
    const made = admin.createQueue("orders", settings as object);
    await expect(made).rejects.toThrow(why);
    await expect(made).rejects.toMatchObject({ code: "ServiceError", statusCode: 400 });
    expect(broker.entities()).toEqual([]);
  });

  it("cannot change what is fixed when it is made", async () => {
    const { admin } = await startAdmin();
    const queue = await admin.createQueue("orders");
    await expect(admin.updateQueue({ ...queue, requiresSession: true })).rejects.toThrow(
      /requiresSession.*is false since the entity was made/,
    );
  });

  it("tells its messages exactly, and when it was used", async () => {
    const { admin, broker, clock } = await startAdmin();
    const created = new Date(clock.now());
    await admin.createQueue("orders");
    const before = await admin.getQueueRuntimeProperties("orders");
    expect(before).toMatchObject({ totalMessageCount: 0, sizeInBytes: 0, createdAt: created, modifiedAt: created });
    expect(before.accessedAt).toEqual(new Date("0001-01-01T00:00:00Z"));
    clock.advance(5_000);
    await admin.updateQueue({ ...(await admin.getQueue("orders")), maxDeliveryCount: 1 });
    expect((await admin.getQueueRuntimeProperties("orders")).modifiedAt).toEqual(new Date(clock.now()));
    broker.deleteQueue("orders");
    expect(await refusal(admin.getQueueRuntimeProperties("orders"))).toBe("MessageEntityNotFoundError 200");
  });
});

describe("a topic", () => {
  it("keeps every setting that the client can send", async () => {
    const { admin } = await startAdmin();
    const settings = {
      defaultMessageTimeToLive: "PT2H",
      maxSizeInMegabytes: 3_072,
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: "PT5M",
      enableBatchedOperations: false,
      status: "SendDisabled" as const,
      userMetadata: "ours",
      supportOrdering: false,
      autoDeleteOnIdle: "P1D",
      enablePartitioning: true,
      enableExpress: true,
      maxMessageSizeInKilobytes: 128,
      authorizationRules: [POLICY],
    };
    await admin.createTopic("events", settings);
    expect(await admin.getTopic("events")).toMatchObject({ name: "events", ...settings });
    const topic = await admin.getTopic("events");
    expect(await admin.updateTopic({ ...topic, userMetadata: "theirs" })).toMatchObject({ userMetadata: "theirs" });
    await admin.createSubscription("events", "a");
    await admin.createSubscription("events", "b");
    expect(await admin.getTopicRuntimeProperties("events")).toMatchObject({
      subscriptionCount: 2,
      scheduledMessageCount: 0,
      sizeInBytes: 0,
    });
    await admin.deleteTopic("events");
    expect(await admin.topicExists("events")).toBe(false);
  });
});

describe("a subscription", () => {
  it("keeps every setting that the client can send", async () => {
    const { admin, broker, host } = await startAdmin();
    broker.putTopic("events");
    broker.putQueue("archive");
    const settings = {
      lockDuration: "PT10S",
      defaultMessageTimeToLive: "PT2H",
      deadLetteringOnMessageExpiration: true,
      deadLetteringOnFilterEvaluationExceptions: false,
      maxDeliveryCount: 2,
      enableBatchedOperations: false,
      status: "ReceiveDisabled" as const,
      userMetadata: "ours",
      autoDeleteOnIdle: "P1D",
      forwardDeadLetteredMessagesTo: `sb://${host}/archive`,
    };
    await admin.createSubscription("events", "audit", { ...settings, requiresSession: true });
    const subscription = await admin.getSubscription("events", "audit");
    expect(subscription).toMatchObject({
      topicName: "events",
      subscriptionName: "audit",
      requiresSession: true,
      ...settings,
    });
    const changed = await admin.updateSubscription({ ...subscription, maxDeliveryCount: 5 });
    expect(changed).toMatchObject({ maxDeliveryCount: 5, requiresSession: true });
    expect(await admin.subscriptionExists("events", "audit")).toBe(true);
    await admin.deleteSubscription("events", "audit");
    expect(await admin.subscriptionExists("events", "audit")).toBe(false);
  });

  it("may have a first rule of its own in place of the one that takes all", async () => {
    const { admin } = await startAdmin();
    await admin.createTopic("events");
    const first = { name: "blue", filter: { sqlExpression: "color = 'blue'" } };
    await admin.createSubscription("events", "ruled", { defaultRuleOptions: first });
    expect((await all(admin.listRules("events", "ruled"))).map(({ name }) => name)).toEqual(["blue"]);
    const broken = { name: "broken", filter: { sqlExpression: "color = =" } };
    await expect(admin.createSubscription("events", "none", { defaultRuleOptions: broken })).rejects.toThrow(
      /position 9/,
    );
    expect(await admin.subscriptionExists("events", "none")).toBe(false);
  });
});

describe("rules", () => {
  it("are made, read, changed, listed and deleted", async () => {
    const { admin } = await startAdmin();
    await admin.createTopic("events");
    await admin.createSubscription("events", "audit");
    const parameters = { "@text": "blue", "@count": 3, "@yes": true };
    const sql = { sqlExpression: "color = @text AND n > @count AND y = @yes", sqlParameters: parameters };
    await admin.createRule("events", "audit", "sql", sql, {
      sqlExpression: "SET a = @b",
      sqlParameters: { "@b": "c" },
    });
    expect(await admin.getRule("events", "audit", "sql")).toMatchObject({
      name: "sql",
      filter: sql,
      action: { sqlExpression: "SET a = @b", sqlParameters: { "@b": "c" } },
    });
    const correlation = {
      correlationId: "c",
      messageId: "m",
      to: "t",
      replyTo: "r",
      subject: "<s>",
      sessionId: "g",
      replyToSessionId: "rg",
      contentType: "ct",
      applicationProperties: { text: "x", half: 0.5, yes: false, at: new Date(Date.UTC(2026, 0, 1)) },
    };
    await admin.createRule("events", "audit", "correlation", correlation);
    const rule = await admin.getRule("events", "audit", "correlation");
    expect(rule.filter).toEqual(correlation);
    expect(rule.action).toEqual({ sqlExpression: undefined, sqlParameters: undefined });
    await admin.updateRule("events", "audit", { ...rule, filter: { subject: "other" } });
    expect((await admin.getRule("events", "audit", "correlation")).filter).toMatchObject({ subject: "other" });
    expect((await all(admin.listRules("events", "audit"))).map(({ name }) => name)).toEqual([
      "$Default",
      "correlation",
      "sql",
    ]);
    expect((await admin.getRule("events", "audit", "$Default")).filter).toMatchObject({ sqlExpression: "1=1" });
    await admin.deleteRule("events", "audit", "$Default");
    expect(await admin.ruleExists("events", "audit", "$Default")).toBe(false);
  });

  it("that cannot be understood are refused with the place", async () => {
    const { admin, broker } = await startAdmin();
    broker.putTopic("events");
    broker.putSubscription("events", "audit");
    const broken = admin.createRule("events", "audit", "r", { sqlExpression: "color = = 'x'" });
    await expect(broken).rejects.toThrow(/SubCode=40000.*error at position 9, near '= 'x''/);
    await expect(broken).rejects.toMatchObject({ code: "ServiceError", statusCode: 400 });
  });
});

describe("the namespace", () => {
  it("tells what it is", async () => {
    const { admin, clock } = await startAdmin({ namespace: { name: "ours", sku: "Premium", messagingUnits: 2 } });
    expect(await admin.getNamespaceProperties()).toMatchObject({
      name: "ours",
      messagingSku: "Premium",
      messagingUnits: 2,
      createdAt: new Date(clock.now()),
    });
  });

  it("lists its entities page by page, in order", async () => {
    const { admin, broker } = await startAdmin();
    const names = Array.from({ length: 230 }, (_, i) => `q${String(i).padStart(3, "0")}`);
    for (const name of [...names].reverse()) {
      broker.putQueue(name);
      broker.putTopic(`t${name}`);
    }
    broker.putSubscription("tq000", "b");
    broker.putSubscription("tq000", "a");
    expect((await all(admin.listQueues())).map(({ name }) => name)).toEqual(names);
    expect((await all(admin.listTopics())).map(({ name }) => name)).toEqual(names.map((name) => `t${name}`));
    const subscriptions = await all(admin.listSubscriptions("tq000"));
    expect(subscriptions.map(({ subscriptionName }) => subscriptionName)).toEqual(["a", "b"]);
    expect(await all(admin.listSubscriptionsRuntimeProperties("tq000"))).toHaveLength(2);
    expect(await all(admin.listQueuesRuntimeProperties())).toHaveLength(230);
    expect(await all(admin.listTopicsRuntimeProperties())).toHaveLength(230);
    const pages = await all(admin.listQueues().byPage({ maxPageSize: 90 }));
    expect(pages.map((page) => page.length)).toEqual([90, 90, 50]);
    const [second] = await all(admin.listQueues().byPage({ maxPageSize: 50, continuationToken: "200" }));
    expect(second?.map(({ name }) => name)).toEqual(names.slice(200));
    expect(await all(admin.listSubscriptions("tq001"))).toEqual([]);
  });

  it("says of names that are there, and of names that are not, what the client knows", async () => {
    const { admin } = await startAdmin();
    await admin.createQueue("orders");
    await admin.createTopic("events");
    await admin.createSubscription("events", "audit");
    const [exists, missing] = ["MessageEntityAlreadyExistsError 409", "MessageEntityNotFoundError 404"];
    expect(await refusal(admin.createQueue("ORDERS"))).toBe(exists);
    expect(await refusal(admin.createTopic("orders"))).toBe(exists);
    expect(await refusal(admin.createQueue("events"))).toBe(exists);
    expect(await refusal(admin.createSubscription("events", "audit"))).toBe(exists);
    expect(await refusal(admin.createRule("events", "audit", "$Default", { sqlExpression: "1=1" }))).toBe(exists);
    // The service answers these two with an empty list.
    expect(await refusal(admin.getQueue("none"))).toBe("MessageEntityNotFoundError 200");
    expect(await refusal(admin.getTopic("none"))).toBe("MessageEntityNotFoundError 200");
    expect(await refusal(admin.getSubscription("events", "none"))).toBe(missing);
    expect(await refusal(admin.getSubscription("none", "none"))).toBe(missing);
    expect(await refusal(admin.getRule("events", "audit", "none"))).toBe(missing);
    expect(await refusal(admin.deleteQueue("none"))).toBe(missing);
    expect(await refusal(admin.deleteRule("events", "audit", "none"))).toBe(missing);
    const queue = await admin.getQueue("orders");
    expect(await refusal(admin.updateQueue({ ...queue, name: "none" }))).toBe(missing);
    expect(await refusal(admin.createSubscription("none", "a"))).toBe(missing);
    expect(await refusal(admin.createQueue("no good?"))).toBe("ServiceError 400");
  });

  it("takes names with slashes, dots and dashes", async () => {
    const { admin } = await startAdmin();
    const name = "europe/north.1/orders-a_b";
    await admin.createQueue(name);
    expect((await admin.getQueue(name)).name).toBe(name);
    await admin.createTopic(`${name}/t`);
    await admin.createSubscription(`${name}/t`, "s.1-a");
    expect(await admin.getSubscription(`${name}/t`, "s.1-a")).toMatchObject({
      topicName: `${name}/t`,
      subscriptionName: "s.1-a",
    });
    await admin.deleteQueue(name);
    expect(await admin.queueExists(name)).toBe(false);
  });
});
