import { describe, expect, it } from "vitest";
import { bench, codeOf, content, receive } from "./helpers.js";

describe("a queue", () => {
  it("hands out in order, and never beyond a receiver's credit", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a"), content("b"), content("c")]);
    const { sink, consumer } = receive(orders, 2);
    expect(sink.ids).toEqual(["a", "b"]);
    orders.send([content("d")]);
    expect(sink.ids).toEqual(["a", "b"]);
    consumer.setCredit(5);
    expect(sink.ids).toEqual(["a", "b", "c", "d"]);
    expect(orders.counts()).toMatchObject({ active: 4, locked: 4 });
  });

  it("stops at once when a receiver says that it takes no more", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a"), content("b")]);
    const got: string[] = [];
    const consumer = orders.open(
      { deliver: (message) => got.push(message.content.messageId) < 1, detach: () => {} },
      "peekLock",
    );
    consumer.setCredit(10);
    expect(got).toEqual(["a"]);
    consumer.setCredit(9);
    expect(got).toEqual(["a", "b"]);
  });

  it("lets receivers take turns", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    const first = receive(orders, 10);
    const second = receive(orders, 10);
    orders.send(["a", "b", "c", "d"].map((id) => content(id)));
    expect(first.sink.ids).toEqual(["a", "c"]);
    expect(second.sink.ids).toEqual(["b", "d"]);
  });

  it("removes what is completed, once", () => {
    const { namespace, queue, settled } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a")]);
    const { sink } = receive(orders, 1);
    orders.settle(sink.lock(0), { kind: "complete" });
    expect(orders.counts()).toMatchObject({ active: 0, locked: 0, bytes: 0 });
    expect(codeOf(() => orders.settle(sink.lock(0), { kind: "complete" }))).toBe("MessageLockLost");
    expect(settled).toEqual([{ path: "orders", messageId: "a", outcome: "completed", deliveryCount: 0 }]);
  });

  it("delivers again when a lock expires, counts it, and refuses the late settlement", () => {
    const { namespace, queue, clock, settled } = bench();
    namespace.putQueue("orders", { lockDurationSeconds: 30 });
    const orders = queue("orders");
    orders.send([content("a"), content("b")]);
    const { sink } = receive(orders, 3);
    clock.advance(29_999);
    expect(sink.ids).toEqual(["a", "b"]);
    clock.advance(1);
    expect(sink.ids).toEqual(["a", "b", "a"]);
    expect(sink.received[2]?.message.deliveryCount).toBe(1);
    expect(codeOf(() => orders.settle(sink.lock(0), { kind: "complete" }))).toBe("MessageLockLost");
    expect(settled.map(({ outcome }) => outcome)).toEqual(["lockExpired", "lockExpired"]);
  });

  it("keeps a renewed lock, and refuses to renew a lost one", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { lockDurationSeconds: 30 });
    const orders = queue("orders");
    orders.send([content("a")]);
    const { sink } = receive(orders, 2);
    clock.advance(20_000);
    expect(orders.renew(sink.lock(0))).toBe(clock.now() + 30_000);
    clock.advance(29_999);
    expect(sink.ids).toEqual(["a"]);
    clock.advance(1);
    expect(sink.ids).toEqual(["a", "a"]);
    expect(codeOf(() => orders.renew(sink.lock(0)))).toBe("MessageLockLost");
  });

  it("keeps the lock of a receiver that has gone until it expires", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { lockDurationSeconds: 30 });
    const orders = queue("orders");
    orders.send([content("a")]);
    const gone = receive(orders, 1);
    gone.consumer.close();
    const next = receive(orders, 1);
    expect(next.sink.ids).toEqual([]);
    orders.settle(gone.sink.lock(0), { kind: "abandon" });
    expect(next.sink.ids).toEqual(["a"]);
    clock.advance(1);
    expect(next.sink.received[0]?.message.deliveryCount).toBe(1);
  });

  it("puts an abandoned message back in its place, with the properties that were set", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a"), content("b"), content("c")]);
    const { sink, consumer } = receive(orders, 2);
    orders.settle(sink.lock(1), { kind: "abandon", changes: new Map([["tried", 1]]) });
    orders.settle(sink.lock(0), { kind: "abandon" });
    consumer.setCredit(3);
    expect(sink.ids).toEqual(["a", "b", "a", "b", "c"]);
    expect(sink.received[3]?.message.changes).toEqual(new Map([["tried", 1]]));
  });

  it("gives a released message back without counting it", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("orders", { maxDeliveryCount: 1 });
    const orders = queue("orders");
    orders.send([content("a")]);
    const { sink, consumer } = receive(orders, 1);
    orders.settle(sink.lock(0), { kind: "release" });
    consumer.setCredit(1);
    expect(sink.received[1]?.message.deliveryCount).toBe(0);
  });

  it("dead-letters a message after its last delivery, abandoned or expired", () => {
    const { namespace, queue, clock, settled } = bench();
    namespace.putQueue("orders", { maxDeliveryCount: 3, lockDurationSeconds: 10 });
    const orders = queue("orders");
    orders.send([content("a")]);
    const { sink, consumer } = receive(orders, 10);
    orders.settle(sink.lock(0), { kind: "abandon" });
    clock.advance(10_000);
    expect(sink.received.map(({ message }) => message.content.messageId)).toEqual(["a", "a", "a"]);
    consumer.setCredit(1);
    orders.settle(sink.lock(2), { kind: "abandon" });
    expect(orders.counts().active).toBe(0);
    const dead = receive(queue("orders/$deadletterqueue"), 1);
    expect(dead.sink.ids).toEqual(["a"]);
    expect(dead.sink.received[0]?.message.deliveryCount).toBe(3);
    expect(dead.sink.received[0]?.message.changes).toEqual(
      new Map([
        ["DeadLetterReason", "MaxDeliveryCountExceeded"],
        ["DeadLetterErrorDescription", "Message could not be consumed after 3 delivery attempts."],
      ]),
    );
    expect(settled.map(({ outcome }) => outcome)).toEqual(["abandoned", "lockExpired", "deadLettered"]);
  });

  it("dead-letters on request; a dead letter expires never, is redelivered for ever and is not dead-lettered again", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { maxDeliveryCount: 1, timeToLive: 5, lockDurationSeconds: 10 });
    const orders = queue("orders");
    orders.send([content("a")]);
    const { sink } = receive(orders, 1);
    orders.settle(sink.lock(0), { kind: "deadLetter", reason: "Bad", description: "It is bad." });
    const dead = queue("orders/$DeadLetterQueue");
    const reader = receive(dead, 100);
    for (let i = 0; i < 5; i++) {
      dead.settle(reader.sink.lock(i), { kind: "abandon" });
    }
    clock.advance(60_000);
    expect(dead.counts().active).toBe(1);
    const last = reader.sink.received.length - 1;
    expect(codeOf(() => dead.settle(reader.sink.lock(last), { kind: "deadLetter" }))).toBe("NotAllowed");
    dead.settle(reader.sink.lock(last), { kind: "complete" });
    expect(dead.counts()).toMatchObject({ active: 0, bytes: 0 });
  });

  it("hands a deferred message out by its number only, and back there when it is abandoned or its lock expires", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { lockDurationSeconds: 10 });
    const orders = queue("orders");
    const [number = 0] = orders.send([content("a")]);
    const { sink } = receive(orders, 10);
    orders.settle(sink.lock(0), { kind: "defer" });
    expect(orders.counts()).toMatchObject({ active: 0, deferred: 1 });
    const [taken] = orders.receiveDeferred([number], "peekLock", undefined);
    expect(taken?.message.deliveryCount).toBe(1);
    expect(codeOf(() => orders.receiveDeferred([number], "peekLock", undefined))).toBe("MessageNotFound");
    clock.advance(10_000);
    expect(orders.counts()).toMatchObject({ active: 0, deferred: 1 });
    const [again] = orders.receiveDeferred([number], "peekLock", undefined);
    expect(again?.message.deliveryCount).toBe(2);
    if (again?.lock !== undefined) {
      orders.settle(again.lock, { kind: "abandon" });
    }
    expect(orders.counts()).toMatchObject({ active: 0, deferred: 1 });
    expect(sink.ids).toEqual(["a"]);
    orders.receiveDeferred([number], "receiveAndDelete", undefined);
    expect(orders.counts()).toMatchObject({ deferred: 0, bytes: 0 });
  });

  it("removes a message that is received and deleted as it is handed out", () => {
    const { namespace, queue, settled } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a"), content("b")]);
    const { sink } = receive(orders, 1, "receiveAndDelete");
    expect(sink.received[0]?.lock).toBeUndefined();
    expect(orders.counts().active).toBe(1);
    expect(settled.map(({ outcome }) => outcome)).toEqual(["consumed"]);
  });

  it("drops a message whose time is over, or dead-letters it where the queue says so", () => {
    const { namespace, queue, clock, settled } = bench();
    namespace.putQueue("short", { timeToLive: 10 });
    namespace.putQueue("kept", { timeToLive: 10, deadLetteringOnMessageExpiration: true });
    queue("short").send([content("a"), content("own", { timeToLiveMs: 2_000 })]);
    queue("kept").send([content("b", { timeToLiveMs: 60_000 })]);
    clock.advance(2_000);
    expect(settled.map(({ messageId, outcome }) => [messageId, outcome])).toEqual([["own", "expired"]]);
    clock.advance(8_000);
    expect(queue("short").counts()).toMatchObject({ active: 0, bytes: 0 });
    const dead = receive(queue("kept/$DeadLetterQueue"), 1);
    expect(dead.sink.received[0]?.message.changes?.get("DeadLetterReason")).toBe("TTLExpiredException");
  });

  it("leaves a locked message alone when its time ends, and expires it when the lock does", () => {
    const { namespace, queue, clock, settled } = bench();
    namespace.putQueue("orders", { timeToLive: 5, lockDurationSeconds: 30 });
    const orders = queue("orders");
    orders.send([content("a"), content("b")]);
    const { sink } = receive(orders, 10);
    clock.advance(10_000);
    orders.settle(sink.lock(0), { kind: "complete" });
    expect(settled.map(({ outcome }) => outcome)).toEqual(["completed"]);
    orders.settle(sink.lock(1), { kind: "abandon" });
    expect(settled.map(({ outcome }) => outcome)).toEqual(["completed", "abandoned", "expired"]);
    expect(orders.counts().active).toBe(0);
  });

  it("enqueues a scheduled message at its time under a new number, unless it was cancelled", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { timeToLive: 1_000 });
    const orders = queue("orders");
    const at = clock.now() + 5_000;
    const [first, second = 0] = orders.send([
      content("a", { scheduledAt: at }),
      content("b", { scheduledAt: at }),
      content("c", { scheduledAt: clock.now() - 1 }),
    ]);
    const { sink } = receive(orders, 10);
    expect(sink.ids).toEqual(["c"]);
    expect(orders.counts().scheduled).toBe(2);
    orders.cancelScheduled([second]);
    expect(codeOf(() => orders.cancelScheduled([second]))).toBe("MessageNotFound");
    clock.advance(5_000);
    expect(sink.ids).toEqual(["c", "a"]);
    expect(sink.received[1]?.message.sequenceNumber).toBeGreaterThan(first ?? 0);
    expect(sink.received[1]?.message.enqueuedAt).toBe(at);
    expect(orders.counts().scheduled).toBe(0);
  });

  it("drops a duplicate within the window, and takes it again after", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { requiresDuplicateDetection: true, duplicateDetectionWindowSeconds: 60 });
    const orders = queue("orders");
    orders.send([content("a"), content("a"), content("b")]);
    clock.advance(59_999);
    orders.send([content("a")]);
    expect(orders.counts().active).toBe(2);
    clock.advance(1);
    orders.send([content("a")]);
    expect(orders.counts().active).toBe(3);
  });

  it("refuses what would go beyond the memory bound, whole, and takes it once there is room", () => {
    const { namespace, queue } = bench(3_000);
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a", { size: 1_000 })]);
    expect(codeOf(() => orders.send([content("b", { size: 10 }), content("c", { size: 1_000 })]))).toBe(
      "QuotaExceeded",
    );
    expect(orders.counts().active).toBe(1);
    const { sink } = receive(orders, 1);
    orders.settle(sink.lock(0), { kind: "complete" });
    orders.send([content("b", { size: 10 }), content("c", { size: 1_000 })]);
    expect(namespace.memory.used).toBe(10 + 1_000 + 2 * 512);
  });

  it("shows messages of every state without taking them, by number and within bounds", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send(["a", "b", "c"].map((id) => content(id)));
    orders.send([content("later", { scheduledAt: clock.now() + 1_000 })]);
    const { sink } = receive(orders, 2);
    orders.settle(sink.lock(1), { kind: "defer" });
    const ids = (from: number, messages = 100, bytes = 10_000): string[] =>
      orders.peek(from, { messages, bytes }).map((message) => `${message.content.messageId}:${message.state}`);
    expect(ids(0)).toEqual(["a:locked", "b:deferred", "c:active", "later:scheduled"]);
    expect(ids(2, 2)).toEqual(["b:deferred", "c:active"]);
    expect(ids(1, 100, 250)).toEqual(["a:locked", "b:deferred"]);
    expect(ids(1, 100, 1)).toEqual(["a:locked"]);
    expect(sink.ids).toEqual(["a", "b"]);
  });

  it("detaches links when its settings change; new ones count for what comes, not for what was given", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { lockDurationSeconds: 30 });
    const orders = queue("orders");
    orders.send([content("a"), content("b")]);
    const { sink } = receive(orders, 1);
    namespace.putQueue("orders", { lockDurationSeconds: 30 });
    expect(sink.detached).toBeUndefined();
    namespace.putQueue("orders", { lockDurationSeconds: 5, maxDeliveryCount: 1 });
    expect(sink.detached?.code).toBe("DetachForced");
    receive(orders, 1);
    clock.advance(5_000);
    expect(queue("orders/$DeadLetterQueue").counts().active).toBe(1);
    expect(orders.counts()).toMatchObject({ active: 1, locked: 1 });
    orders.settle(sink.lock(0), { kind: "complete" });
    expect(orders.counts().active).toBe(0);
  });
});

describe("the status of a queue", () => {
  it("disabled: receivers are detached, sending and receiving are refused, messages stay", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("orders", {});
    const orders = queue("orders");
    orders.send([content("a")]);
    const { sink } = receive(orders, 0);
    namespace.putQueue("orders", { status: "Disabled" });
    expect(sink.detached?.code).toBe("EntityDisabled");
    expect(codeOf(() => orders.send([content("b")]))).toBe("EntityDisabled");
    expect(codeOf(() => receive(orders, 1))).toBe("EntityDisabled");
    namespace.putQueue("orders", {});
    expect(receive(orders, 1).sink.ids).toEqual(["a"]);
  });

  it("one side disabled: the other works", () => {
    const { namespace, queue } = bench();
    namespace.putQueue("in", { status: "ReceiveDisabled" });
    namespace.putQueue("out", { status: "SendDisabled" });
    queue("in").send([content("a")]);
    expect(codeOf(() => receive(queue("in"), 1))).toBe("EntityDisabled");
    expect(codeOf(() => queue("out").send([content("a")]))).toBe("EntityDisabled");
    expect(receive(queue("out"), 1).sink.detached).toBeUndefined();
  });
});

describe("deleting a queue", () => {
  it("detaches its receivers with EntityNotFound, frees its memory and leaves no timer", () => {
    const { namespace, queue, clock } = bench();
    namespace.putQueue("orders", { timeToLive: 100, requiresDuplicateDetection: true });
    const orders = queue("orders");
    orders.send([content("a"), content("b"), content("c", { scheduledAt: clock.now() + 1_000 })]);
    const { sink } = receive(orders, 1);
    namespace.deleteQueue("orders");
    expect(sink.detached?.code).toBe("EntityNotFound");
    expect(namespace.memory.used).toBe(0);
    expect(namespace.deadlines.size).toBe(0);
    expect(namespace.locks.size).toBe(0);
    expect(namespace.find("orders")).toBeUndefined();
    expect(codeOf(() => orders.settle(sink.lock(0), { kind: "complete" }))).toBe("MessageLockLost");
    expect(codeOf(() => namespace.deleteQueue("orders"))).toBe("EntityNotFound");
  });
});
