import type { ServiceBusMessage, ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import type { SubscriptionSettings } from "../../../stacks/local/broker/index.js";
import { type Bus, failure, startBus, take } from "../broker/client.js";

interface Rules extends Bus {
  readonly rules: ReturnType<Bus["client"]["createRuleManager"]>;
  publish(...messages: ServiceBusMessage[]): Promise<void>;
  receive(count: number): Promise<ServiceBusReceivedMessage[]>;
  dead(count: number): Promise<ServiceBusReceivedMessage[]>;
}

async function startRules(settings: SubscriptionSettings = {}): Promise<Rules> {
  const bus = await startBus();
  bus.broker.putTopic("events");
  bus.broker.putSubscription("events", "mail", settings);
  const rules = bus.client.createRuleManager("events", "mail");
  const sender = bus.client.createSender("events");
  const receiver = bus.client.createReceiver("events", "mail");
  const letters = bus.client.createReceiver("events", "mail", { subQueueType: "deadLetter" });
  return {
    ...bus,
    rules,
    publish: (...messages) => sender.sendMessages(messages),
    receive: (count) => take(receiver, count),
    dead: (count) => take(letters, count),
  };
}

async function listed(rules: Rules["rules"]) {
  const found = [];
  for await (const rule of rules.listRules()) {
    found.push(rule);
  }
  return found;
}

describe("the rule manager of the official client", () => {
  it("lists what a new subscription has", async () => {
    const { rules } = await startRules();
    expect(await listed(rules)).toEqual([{ name: "$Default", filter: { sqlExpression: "1=1" }, action: {} }]);
  });

  it("makes and deletes SQL and correlation rules, and lists them as they were made", async () => {
    const { rules } = await startRules();
    await rules.deleteRule("$Default");
    await rules.createRule("sql", { sqlExpression: "color = 'blue'" }, { sqlExpression: "SET seen = TRUE" });
    const correlation = {
      correlationId: "c",
      messageId: "m",
      to: "t",
      replyTo: "r",
      subject: "s",
      sessionId: "g",
      replyToSessionId: "rg",
      contentType: "ct",
      applicationProperties: { text: "x", count: 3, half: 0.5, yes: true, at: new Date(Date.UTC(2026, 0, 1)) },
    };
    await rules.createRule("correlation", correlation);
    const found = await listed(rules);
    expect(found).toEqual([
      { name: "sql", filter: { sqlExpression: "color = 'blue'" }, action: { sqlExpression: "SET seen = TRUE" } },
      {
        name: "correlation",
        // The client gives a time as the number it is on the wire.
        filter: {
          ...correlation,
          applicationProperties: expect.objectContaining({ text: "x", count: 3, half: 0.5, yes: true }),
        },
        action: {},
      },
    ]);
    await rules.deleteRule("sql");
    expect((await listed(rules)).map(({ name }) => name)).toEqual(["correlation"]);
  });

  it("lists many rules, page by page", async () => {
    const { rules, broker } = await startRules();
    for (let i = 0; i < 250; i++) {
      broker.putRule("events", "mail", `r${i}`, { kind: "correlation", subject: String(i) });
    }
    expect(await listed(rules)).toHaveLength(251);
  });

  it("is told what is wrong with a rule, and of names that are there or are not", async () => {
    const { rules } = await startRules();
    const broken = rules.createRule("broken", { sqlExpression: "color = = 1" });
    await expect(broken).rejects.toThrow(/error at position 9, near '= 1'/);
    expect(await failure(rules.createRule("$Default", { sqlExpression: "1=1" }))).toBe("MessagingEntityAlreadyExists");
    expect(await failure(rules.deleteRule("missing"))).toBe("MessagingEntityNotFound");
    await expect(rules.createRule("bad", { sqlExpression: "1=1" }, { sqlExpression: "SET" })).rejects.toThrow(
      /the name of a property is expected/,
    );
  });

  it("is told of a subscription that is not there", async () => {
    const { client } = await startRules();
    expect(await failure(client.createRuleManager("events", "none").listRules().next())).toBe(
      "MessagingEntityNotFound",
    );
  });
});

describe("rules", () => {
  it("with SQL choose by what the official client sent, with its types", async () => {
    const { rules, publish, receive } = await startRules();
    await rules.deleteRule("$Default");
    await rules.createRule("big-blue", {
      sqlExpression: "color = 'blue' AND quantity >= 10 AND price < 2.6 AND urgent = TRUE AND sys.Label LIKE 'ord%'",
    });
    const fits = { color: "blue", quantity: 10, price: 2.5, urgent: true };
    await publish(
      { body: 1, subject: "order", applicationProperties: { ...fits, color: "red" } },
      { body: 2, subject: "order", applicationProperties: { ...fits, quantity: 9 } },
      { body: 3, subject: "note", applicationProperties: fits },
      { body: 4, subject: "order", applicationProperties: fits },
    );
    expect((await receive(1)).map(({ body }) => body)).toEqual([4]);
  });

  it("give one message for all without an action, and one copy for each with one, which names its rule", async () => {
    const { rules, publish, receive, broker } = await startRules();
    await rules.createRule("also", { sqlExpression: "color = 'blue'" });
    await rules.createRule("halve", { sqlExpression: "1=1" }, { sqlExpression: "SET quantity = quantity / 2" });
    await rules.createRule(
      "strip",
      { subject: "order" },
      { sqlExpression: "REMOVE color; SET sys.Label = 'stripped'" },
    );
    await rules.createRule("never", { sqlExpression: "1=0" }, { sqlExpression: "SET never = 1" });
    await publish({
      body: { deep: [1, "two"] },
      messageId: "m-1",
      subject: "order",
      contentType: "application/json",
      applicationProperties: { color: "blue", quantity: 7, half: 0.5 },
    });
    expect(broker.counts("events/Subscriptions/mail").active).toBe(3);
    const got = await receive(3);
    for (const message of got) {
      expect(message).toMatchObject({
        body: { deep: [1, "two"] },
        messageId: "m-1",
        contentType: "application/json",
        enqueuedSequenceNumber: 1,
      });
    }
    const byRule = new Map(got.map((message) => [message.applicationProperties?.["RuleName"], message]));
    expect(byRule.get(undefined)?.applicationProperties).toEqual({ color: "blue", quantity: 7, half: 0.5 });
    expect(byRule.get("halve")?.applicationProperties).toEqual({
      color: "blue",
      quantity: 3,
      half: 0.5,
      RuleName: "halve",
    });
    expect(byRule.get("strip")?.applicationProperties).toEqual({ quantity: 7, half: 0.5, RuleName: "strip" });
    expect(byRule.get("strip")?.subject).toBe("stripped");
    expect(byRule.get("halve")?.subject).toBe("order");
  });

  it("set every system property that an action can", async () => {
    const { rules, publish, receive, clock } = await startRules();
    await rules.deleteRule("$Default");
    const action = [
      "SET sys.MessageId = 'm-2'",
      "SET sys.CorrelationId = 'c-2'",
      "SET sys.To = 't-2'",
      "SET sys.ReplyTo = 'r-2'",
      "SET sys.SessionId = 's-2'",
      "SET sys.ReplyToSessionId = 'rs-2'",
      "SET sys.ContentType = 'ct-2'",
      "SET sys.TimeToLive = '00:00:10'",
      "SET sys.PartitionKey = 's-2'",
      "SET sys.ScheduledEnqueueTimeUtc = sys.EnqueuedTimeUtc",
    ].join("; ");
    await rules.createRule("all", { sqlExpression: "1=1" }, { sqlExpression: action });
    await publish({ body: "b", messageId: "m-1" });
    const [message] = await receive(1);
    expect(message).toMatchObject({
      body: "b",
      messageId: "m-2",
      correlationId: "c-2",
      to: "t-2",
      replyTo: "r-2",
      sessionId: "s-2",
      replyToSessionId: "rs-2",
      contentType: "ct-2",
      timeToLive: 10_000,
      partitionKey: "s-2",
      scheduledEnqueueTimeUtc: new Date(clock.now()),
    });
  });

  it("put a message into the session that an action gives it", async () => {
    const { rules, publish, client } = await startRules({ requiresSession: true });
    await rules.deleteRule("$Default");
    await rules.createRule(
      "by-color",
      { sqlExpression: "EXISTS(color)" },
      { sqlExpression: "SET sys.SessionId = color" },
    );
    await publish({ body: 1, applicationProperties: { color: "blue" } });
    const session = await client.acceptSession("events", "mail", "blue");
    expect((await take(session, 1)).map(({ body }) => body)).toEqual([1]);
  });

  it("that fail on a message dead-letter it with the reason", async () => {
    const { rules, publish, dead, broker } = await startRules();
    await rules.deleteRule("$Default");
    await rules.createRule("typed", { sqlExpression: "quantity > 5" });
    await publish({ body: 1, applicationProperties: { quantity: "many" } });
    const [message] = await dead(1);
    expect(message).toMatchObject({
      body: 1,
      deadLetterReason: "FilterException",
      deadLetterErrorDescription:
        "Rule 'typed': Operator '>' cannot be applied to operands of type 'String' and 'Int64'.",
    });
    expect(broker.counts("events/Subscriptions/mail").active).toBe(0);
  });

  it("that fail where dead-lettering is off take nothing, and do not keep other rules from taking it", async () => {
    const { rules, publish, receive, broker } = await startRules({ deadLetteringOnFilterEvaluationExceptions: false });
    await rules.createRule("typed", { sqlExpression: "1=1" }, { sqlExpression: "SET quantity = 1 / 0" });
    await publish({ body: 1 });
    expect(await receive(1)).toHaveLength(1);
    expect(broker.counts("events/Subscriptions/mail")).toMatchObject({ active: 1, deadLetter: 0 });
  });
});
