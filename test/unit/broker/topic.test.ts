import { describe, expect, it } from "vitest";
import type { Filter } from "../../../stacks/local/broker/core/filters.js";
import type { SqlValue } from "../../../stacks/local/broker/core/sql/values.js";
import { bench, codeOf, content, receive } from "./helpers.js";

function topicBench() {
  const made = bench();
  made.namespace.putTopic("events", { requiresDuplicateDetection: true });
  made.namespace.putSubscription("events", "audit", { maxDeliveryCount: 1 });
  made.namespace.putSubscription("events", "mail", {});
  return { ...made, topic: made.namespace.topic("events") };
}

describe("a topic", () => {
  it("gives every subscription its own copy, settled on its own", () => {
    const { topic, queue } = topicBench();
    topic.send([content("a")]);
    const audit = receive(queue("events/Subscriptions/audit"), 1);
    const mail = receive(queue("EVENTS/subscriptions/MAIL"), 1);
    expect([audit.sink.ids, mail.sink.ids]).toEqual([["a"], ["a"]]);
    queue("events/Subscriptions/audit").settle(audit.sink.lock(0), { kind: "abandon" });
    expect(queue("events/Subscriptions/audit/$DeadLetterQueue").counts().active).toBe(1);
    expect(queue("events/Subscriptions/mail").counts()).toMatchObject({ active: 1, locked: 1 });
  });

  it("drops duplicates before they reach a subscription, and holds what is scheduled", () => {
    const { topic, queue, clock } = topicBench();
    topic.send([content("a"), content("a"), content("later", { scheduledAt: clock.now() + 500 })]);
    expect(topic.scheduled).toBe(1);
    expect(queue("events/Subscriptions/mail").counts().active).toBe(1);
    clock.advance(500);
    expect(queue("events/Subscriptions/mail").counts().active).toBe(2);
  });

  it("asks for room for a copy in each subscription", () => {
    const { namespace } = bench(2_000);
    namespace.putTopic("events", {});
    namespace.putSubscription("events", "a", {});
    namespace.putSubscription("events", "b", {});
    expect(codeOf(() => namespace.topic("events").send([content("big", { size: 600 })]))).toBe("QuotaExceeded");
    expect(namespace.memory.used).toBe(0);
  });

  it("dead-letters a message without a session id in a subscription with sessions", () => {
    const { namespace, queue } = bench();
    namespace.putTopic("events", {});
    namespace.putSubscription("events", "ordered", { requiresSession: true });
    namespace.topic("events").send([content("a"), content("b", { sessionId: "s" })]);
    const dead = receive(queue("events/Subscriptions/ordered/$DeadLetterQueue"), 5);
    expect(dead.sink.ids).toEqual(["a"]);
    expect(dead.sink.received[0]?.message.changes?.get("DeadLetterReason")).toBe("Session id is null.");
    expect(queue("events/Subscriptions/ordered").counts().active).toBe(1);
  });

  it("lets the topic's time to live count in its subscriptions", () => {
    const { namespace, queue, clock } = bench();
    namespace.putTopic("events", { timeToLive: 5 });
    namespace.putSubscription("events", "a", { timeToLive: 60 });
    namespace.topic("events").send([content("x")]);
    clock.advance(5_000);
    expect(queue("events/Subscriptions/a").counts().active).toBe(0);
  });

  it("is deleted with its subscriptions", () => {
    const { namespace, queue } = topicBench();
    const { sink } = receive(queue("events/Subscriptions/audit"), 1);
    namespace.deleteTopic("events");
    expect(sink.detached?.code).toBe("EntityNotFound");
    expect(namespace.find("events/Subscriptions/audit")).toBeUndefined();
  });
});

describe("rules", () => {
  const facts = {
    subject: "order",
    correlationId: "c1",
    properties: new Map<string, SqlValue>([
      ["region", "north"],
      ["size", 3],
      ["urgent", true],
    ]),
  };
  const table: readonly [string, Filter, boolean][] = [
    ["true", { kind: "true" }, true],
    ["false", { kind: "false" }, false],
    ["one field", { kind: "correlation", subject: "order" }, true],
    ["one field, other value", { kind: "correlation", subject: "Order" }, false],
    ["a field that is not set", { kind: "correlation", to: "x" }, false],
    ["all that is named", { kind: "correlation", subject: "order", correlationId: "c1", messageId: "m" }, true],
    ["all but one", { kind: "correlation", subject: "order", correlationId: "c2" }, false],
    ["properties", { kind: "correlation", properties: { region: "north", size: 3, urgent: true } }, true],
    ["a property of another type", { kind: "correlation", properties: { size: "3" } }, false],
    ["a property that is missing", { kind: "correlation", properties: { colour: "red" } }, false],
  ];

  it.each(table)("%s", (_, filter, takes) => {
    const { topic, namespace, queue } = topicBench();
    namespace.putRule("events", "mail", "only", filter);
    namespace.deleteRule("events", "mail", "$Default");
    topic.send([content("m", { facts })]);
    expect(queue("events/Subscriptions/mail").counts().active).toBe(takes ? 1 : 0);
  });

  it("take a message once, however many of them do", () => {
    const { topic, namespace, queue } = topicBench();
    namespace.putRule("events", "mail", "also", { kind: "true" });
    topic.send([content("m")]);
    expect(queue("events/Subscriptions/mail").counts().active).toBe(1);
  });

  it("with SQL that cannot be understood are refused with the place", () => {
    const { namespace } = topicBench();
    expect(() => namespace.putRule("events", "mail", "sizes", { kind: "sql", expression: "size > > 3" })).toThrow(
      /error at position 8, near '> 3'/,
    );
  });

  it("that are not there cannot be deleted", () => {
    const { namespace } = topicBench();
    expect(codeOf(() => namespace.deleteRule("events", "mail", "none"))).toBe("EntityNotFound");
  });
});
