import { describe, expect, it } from "vitest";
import type { Queue } from "../../../stacks/local/broker/core/queue.js";
import { bench, codeOf, content, receive } from "../broker/helpers.js";

const ALL = { messages: 10_000, bytes: 1e9 };

function ids(queue: Queue): string[] {
  return queue.peek(0, ALL).map((message) => message.content.messageId);
}

/** Reasons of what lies in a dead-letter queue, in order. */
function reasons(queue: Queue): unknown[] {
  return queue.peek(0, ALL).map((message) => message.changes?.get("DeadLetterReason"));
}

describe("a queue that forwards", () => {
  it("passes each message on, in order, with its first number and a new one; nobody receives from it", () => {
    const { namespace, queue, settled, clock } = bench();
    namespace.putQueue("end", {});
    namespace.putQueue("start", { forwardTo: "END" });
    queue("end").send([content("own")]);
    queue("start").send([content("a"), content("b")]);
    clock.advance(5_000);
    queue("start").send([content("c")]);
    expect(ids(queue("end"))).toEqual(["own", "a", "b", "c"]);
    const [, a, , c] = queue("end").peek(0, ALL);
    expect(a).toMatchObject({ sequenceNumber: 2, enqueuedSequenceNumber: 1, hops: 1, deliveryCount: 0 });
    expect(c).toMatchObject({ sequenceNumber: 4, enqueuedSequenceNumber: 3, enqueuedAt: clock.now() });
    expect(queue("start").counts()).toMatchObject({ active: 0, transfer: 0, bytes: 0 });
    expect(settled.map(({ path, outcome }) => `${path} ${outcome}`)).toEqual([
      "start forwarded",
      "start forwarded",
      "start forwarded",
    ]);
    expect(codeOf(() => receive(queue("start"), 1))).toBe("NotAllowed");
    expect(codeOf(() => queue("start").receiveDeferred([1], "peekLock", undefined))).toBe("NotAllowed");
  });

  it("takes 'sb://host/name' for a name, and refuses itself, a subscription and sessions at the source", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("end", {});
    namespace.putQueue("start", { forwardTo: "sb://bus.servicebus.windows.net/end/" });
    queue("start").send([content("a")]);
    expect(ids(queue("end"))).toEqual(["a"]);
    expect(() => namespace.putQueue("q", { forwardTo: "Q" })).toThrow(/forwardTo = "Q": is the entity itself/);
    expect(() => namespace.putQueue("q", { forwardTo: "t/Subscriptions/s" })).toThrow(/is no queue or topic/);
    expect(() => namespace.putQueue("q", { forwardTo: "end", requiresSession: true })).toThrow(
      /cannot be combined with requiresSession/,
    );
  });

  it("passes a message on four times and no more", () => {
    const { namespace, queue } = bench();
    for (let i = 0; i < 6; i++) {
      namespace.putQueue(`q${i}`, i < 5 ? { forwardTo: `q${i + 1}` } : {});
    }
    queue("q0").send([content("far")]);
    queue("q1").send([content("near")]);
    expect(ids(queue("q5"))).toEqual(["near"]);
    const lost = queue("q4/$Transfer/$DeadLetterQueue");
    expect(ids(lost)).toEqual(["far"]);
    expect(reasons(lost)).toEqual(["MaxTransferHopCountExceeded"]);
  });

  it("ends a circle after four hops", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("a", { forwardTo: "b" });
    namespace.putQueue("b", { forwardTo: "a" });
    queue("a").send([content("round")]);
    expect(ids(queue("a/$Transfer/$DeadLetterQueue"))).toEqual(["round"]);
    expect(namespace.memory.used).toBe(queue("a/$Transfer/$DeadLetterQueue").counts().bytes);
  });

  it.each([
    ["missing", "MessagingEntityNotFound"],
    ["disabled", "MessagingEntityDisabled"],
    ["full", "QuotaExceeded"],
    ["small", "MessageSizeExceeded"],
    ["sessions", "Session id is null."],
  ])("puts what a %s target refuses into its transfer dead-letter queue", (name, reason) => {
    const { namespace, queue } = bench(10_000_000);
    namespace.putQueue("disabled", { status: "SendDisabled" });
    namespace.putQueue("full", { maxSizeInMegabytes: 1 });
    queue("full").send([content("filler", { size: 1_048_000 })]);
    namespace.putQueue("small", { maxMessageSizeInKilobytes: 1 });
    namespace.putQueue("sessions", { requiresSession: true });
    namespace.putQueue("start", { forwardTo: name });
    queue("start").send([content("a", { size: 2_000 })]);
    const lost = queue("start/$Transfer/$DeadLetterQueue");
    expect(reasons(lost)).toEqual([reason]);
    expect(queue("start/$DeadLetterQueue").counts().active).toBe(0);
    // What is there can be received and completed, and is not dead-lettered again.
    const { sink } = receive(lost, 1);
    expect(codeOf(() => lost.settle(sink.lock(0), { kind: "deadLetter" }))).toBe("NotAllowed");
    lost.settle(sink.lock(0), { kind: "complete" });
    expect(lost.counts().active).toBe(0);
  });

  it("into sessions passes on what has a session id", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("work", { requiresSession: true });
    namespace.putQueue("start", { forwardTo: "work" });
    queue("start").send([content("a", { sessionId: "s" })]);
    const { sink } = receive(queue("work"), 1, "peekLock", queue("work").acceptSession("s"));
    expect(sink.ids).toEqual(["a"]);
  });

  it("goes on to a target that was deleted and is there again", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("end", {});
    namespace.putQueue("start", { forwardTo: "end" });
    namespace.deleteQueue("end");
    queue("start").send([content("a")]);
    namespace.putQueue("end", {});
    queue("start").send([content("b")]);
    expect(ids(queue("end"))).toEqual(["b"]);
    expect(reasons(queue("start/$Transfer/$DeadLetterQueue"))).toEqual(["MessagingEntityNotFound"]);
  });

  it("keeps the time to live that counts, and expires on the way", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("end", { timeToLive: 60 });
    namespace.putQueue("start", { forwardTo: "end", timeToLive: 20, status: "ReceiveDisabled" });
    queue("start").send([content("short", { timeToLiveMs: 5_000 }), content("long")]);
    expect(queue("start").counts()).toMatchObject({ active: 0, transfer: 2 });
    clock.advance(10_000);
    expect(queue("start").counts()).toMatchObject({ active: 0, transfer: 1 });
    namespace.putQueue("start", { forwardTo: "end", timeToLive: 20 });
    expect(queue("end").peek(0, ALL)).toMatchObject([{ expiresAt: clock.now() + 10_000 }]);
    clock.advance(10_000);
    expect(queue("end").counts().active).toBe(0);
  });

  it("passes on what waits when forwarding is set, in turns, and detaches its receivers", () => {
    const { namespace, queue, clock } = bench(100_000_000);
    namespace.putQueue("end", {});
    namespace.putQueue("start", {});
    queue("start").send(Array.from({ length: 1_200 }, (_, i) => content(`m${i}`)));
    const { sink } = receive(queue("start"), 2);
    namespace.putQueue("start", { forwardTo: "end" });
    expect(sink.detached?.code).toBe("DetachForced");
    expect(queue("start").counts()).toMatchObject({ transfer: 698, locked: 2, active: 2 });
    clock.advance(1);
    expect(queue("end").counts().active).toBe(1_198);
    // Locked before: settled as ever, or passed on once it comes back.
    queue("start").settle(sink.lock(0), { kind: "complete" });
    queue("start").settle(sink.lock(1), { kind: "abandon" });
    expect(queue("start").counts()).toMatchObject({ active: 0, transfer: 0 });
    expect(ids(queue("end")).at(-1)).toBe("m1");
  });

  it("stops what was under way when it is deleted", () => {
    const { namespace, queue, clock } = bench(100_000_000);
    namespace.putQueue("end", {});
    namespace.putQueue("start", {});
    queue("start").send(Array.from({ length: 600 }, (_, i) => content(`m${i}`)));
    namespace.putQueue("start", { forwardTo: "end" });
    namespace.deleteQueue("start");
    clock.advance(10);
    expect(queue("end").counts().active).toBe(500);
    expect(namespace.memory.used).toBe(queue("end").counts().bytes);
  });

  it("passes on a scheduled message once it is due", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("end", {});
    namespace.putQueue("start", { forwardTo: "end" });
    queue("start").send([content("later", { scheduledAt: clock.now() + 1_000 })]);
    expect(queue("start").counts()).toMatchObject({ scheduled: 1, transfer: 0 });
    clock.advance(1_000);
    expect(ids(queue("end"))).toEqual(["later"]);
  });

  it("drops at its target what the target has seen", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("end", { requiresDuplicateDetection: true });
    namespace.putQueue("start", { forwardTo: "end" });
    queue("start").send([content("same"), content("same")]);
    expect(ids(queue("end"))).toEqual(["same"]);
  });
});

describe("a subscription that forwards", () => {
  it("feeds another topic, and that its subscriptions; hops count over both", () => {
    const { namespace, queue } = bench();
    namespace.putTopic("all", {});
    namespace.putTopic("north", {});
    namespace.putQueue("audit", {});
    namespace.putSubscription("all", "north", { forwardTo: "north" });
    namespace.putSubscription("all", "rest", {});
    namespace.putSubscription("north", "audit", { forwardTo: "audit" });
    namespace.putSubscription("north", "own", {});
    const all = namespace.find("all");
    if (all?.kind !== "topic") {
      throw new Error("There is no topic.");
    }
    all.topic.send([content("a")]);
    expect(ids(queue("all/Subscriptions/rest"))).toEqual(["a"]);
    expect(ids(queue("north/Subscriptions/own"))).toEqual(["a"]);
    expect(queue("audit").peek(0, ALL)).toMatchObject([{ hops: 2, enqueuedSequenceNumber: 1 }]);
    expect(queue("all/Subscriptions/north").counts().active).toBe(0);
  });
});

describe("forwarding dead letters", () => {
  it("takes them on with their reason and where they come from", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("graveyard", {});
    namespace.putQueue("work", { forwardDeadLetteredMessagesTo: "graveyard" });
    queue("work").send([content("a")]);
    const { sink } = receive(queue("work"), 1);
    queue("work").settle(sink.lock(0), { kind: "deadLetter", reason: "bad", description: "very" });
    expect(queue("work/$DeadLetterQueue").counts()).toMatchObject({ active: 0, transfer: 0 });
    const [message] = queue("graveyard").peek(0, ALL);
    expect(message).toMatchObject({ deliveryCount: 0, hops: 1, enqueuedSequenceNumber: 1 });
    expect(message?.content.facts()).toMatchObject({
      to: "work",
      properties: new Map([
        ["DeadLetterReason", "bad"],
        ["DeadLetterErrorDescription", "very"],
      ]),
    });
    expect(codeOf(() => receive(queue("work/$DeadLetterQueue"), 1))).toBe("NotAllowed");
  });

  it("ends in the entity's transfer dead letters where the target is gone", () => {
    const { namespace, queue } = bench();
    namespace.putTopic("t", {});
    namespace.putSubscription("t", "s", { forwardDeadLetteredMessagesTo: "gone", maxDeliveryCount: 1 });
    const topic = namespace.find("t");
    if (topic?.kind !== "topic") {
      throw new Error("There is no topic.");
    }
    topic.topic.send([content("a")]);
    const subscription = queue("t/Subscriptions/s");
    const { sink } = receive(subscription, 1);
    subscription.settle(sink.lock(0), { kind: "abandon" });
    expect(reasons(queue("t/Subscriptions/s/$Transfer/$DeadLetterQueue"))).toEqual(["MessagingEntityNotFound"]);
  });
});
