import type { ServiceBusMessage, ServiceBusReceiver, ServiceBusSender } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import type { QueueSettings } from "../../stacks/local/broker/index.js";
import { type Bus, eventually, failure, numberOf, startBus, take, takeOne } from "./broker/client.js";

type Kind = "queue" | "subscription";

interface Entity extends Bus {
  readonly path: string;
  readonly sender: ServiceBusSender;
  readonly receiver: ServiceBusReceiver;
  readonly deadLetters: ServiceBusReceiver;
  change(settings: QueueSettings): void;
}

/** A queue, or a subscription and its topic, with a sender and receivers that do not renew locks by themselves. */
async function entity(kind: Kind, settings: QueueSettings = {}): Promise<Entity> {
  const bus = await startBus();
  const { broker, client } = bus;
  const options = { maxAutoLockRenewalDurationInMs: 0 };
  if (kind === "queue") {
    const change = (changed: QueueSettings): void => broker.putQueue("orders", changed);
    change(settings);
    return {
      ...bus,
      path: "orders",
      change,
      sender: client.createSender("orders"),
      receiver: client.createReceiver("orders", options),
      deadLetters: client.createReceiver("orders", { ...options, subQueueType: "deadLetter" }),
    };
  }
  const { requiresDuplicateDetection, duplicateDetectionWindowSeconds, ...rest } = settings;
  broker.putTopic("events", {
    ...(requiresDuplicateDetection === undefined ? {} : { requiresDuplicateDetection }),
    ...(duplicateDetectionWindowSeconds === undefined ? {} : { duplicateDetectionWindowSeconds }),
  });
  const change = (changed: QueueSettings): void => broker.putSubscription("events", "audit", changed);
  change(rest);
  return {
    ...bus,
    path: "events/Subscriptions/audit",
    change,
    sender: client.createSender("events"),
    receiver: client.createReceiver("events", "audit", options),
    deadLetters: client.createReceiver("events", "audit", { ...options, subQueueType: "deadLetter" }),
  };
}

describe.each<Kind>(["queue", "subscription"])("the Azure client on a %s", (kind) => {
  it("sends one, an array and a batch; receives them in order; completes them", async () => {
    const { sender, receiver, broker, path, settled } = await entity(kind);
    await sender.sendMessages({ body: "one", messageId: "1" });
    await sender.sendMessages([
      { body: "two", messageId: "2" },
      { body: "three", messageId: "3" },
    ]);
    const batch = await sender.createMessageBatch();
    expect(batch.maxSizeInBytes).toBe(262_144);
    expect(batch.tryAddMessage({ body: "four", messageId: "4" })).toBe(true);
    await sender.sendMessages(batch);
    const messages = await take(receiver, 4);
    expect(
      messages.map((message) => [message.body, message.deliveryCount, message.sequenceNumber?.toNumber()]),
    ).toEqual([
      ["one", 0, 1],
      ["two", 0, 2],
      ["three", 0, 3],
      ["four", 0, 4],
    ]);
    expect(broker.counts(path)).toMatchObject({ active: 4, locked: 4 });
    for (const message of messages) {
      await receiver.completeMessage(message);
    }
    expect(broker.counts(path)).toMatchObject({ active: 0, locked: 0, bytes: 0 });
    expect(
      settled.map(({ entity, messageId, outcome, sequenceNumber }) => [entity, messageId, outcome, sequenceNumber]),
    ).toEqual(["1", "2", "3", "4"].map((id) => [path, id, "completed", Number(id)]));
  });

  it("gets every kind of body and every property back as it was sent", async () => {
    const { sender, receiver } = await entity(kind);
    const plain: ServiceBusMessage = {
      body: { nested: [1, "two", { three: null }] },
      messageId: "m",
      correlationId: "c",
      subject: "s",
      to: "t",
      replyTo: "r",
      replyToSessionId: "rs",
      contentType: "application/json",
      partitionKey: "pk",
      timeToLive: 60_000,
      applicationProperties: {
        text: "ä",
        int: -5,
        big: 2 ** 40,
        real: 1.5,
        yes: true,
        none: null,
        when: new Date(5_000),
      },
    };
    const bytes = Buffer.from([0, 255, 128]);
    await sender.sendMessages(plain);
    await sender.sendMessages({ body: bytes });
    await sender.sendMessages({ body: { a: [1, { b: "c" }] }, bodyType: "value", messageAnnotations: { own: 3 } });
    await sender.sendMessages({ body: [1, "two", [3]], bodyType: "sequence", footer: { checked: true } });
    const [first, data, value, sequence] = await take(receiver, 4);
    expect(first).toMatchObject({
      ...plain,
      applicationProperties: { ...plain.applicationProperties, when: 5_000 },
    });
    expect(data?.body).toEqual(bytes);
    expect(value?.body).toEqual({ a: [1, { b: "c" }] });
    expect(value?._rawAmqpMessage.bodyType).toBe("value");
    expect(value?._rawAmqpMessage.messageAnnotations).toMatchObject({ own: 3 });
    expect(sequence?.body).toEqual([1, "two", [3]]);
    expect(sequence?._rawAmqpMessage.bodyType).toBe("sequence");
    expect(sequence?._rawAmqpMessage.footer).toEqual({ checked: true });
  });

  it("says when a message was enqueued, until when it is locked and when it expires", async () => {
    const { sender, receiver, clock } = await entity(kind, { lockDurationSeconds: 30, timeToLive: 3_600 });
    const now = clock.now();
    await sender.sendMessages({ body: 1 });
    const message = await takeOne(receiver);
    expect(message.enqueuedTimeUtc?.getTime()).toBe(now);
    expect(message.lockedUntilUtc?.getTime()).toBe(now + 30_000);
    expect(message.expiresAtUtc?.getTime()).toBe(now + 3_600_000);
    expect(message.messageId).toMatch(/^[0-9a-f]{32}$/);
  });

  it("receives and deletes", async () => {
    const { sender, client, broker, path } = await entity(kind);
    await sender.sendMessages([{ body: 1 }, { body: 2 }]);
    const options = { receiveMode: "receiveAndDelete" } as const;
    const receiver =
      kind === "queue" ? client.createReceiver("orders", options) : client.createReceiver("events", "audit", options);
    const message = await takeOne(receiver);
    expect([message.body, message.lockToken]).toEqual([1, undefined]);
    expect(broker.counts(path).active).toBe(1);
  });

  it("abandons with properties, and gets the message again with them, one delivery on", async () => {
    const { sender, receiver } = await entity(kind);
    await sender.sendMessages({ body: "b", applicationProperties: { kept: 1, changed: "old" } });
    await receiver.abandonMessage(await takeOne(receiver), { changed: "new", added: true });
    const again = await takeOne(receiver);
    expect([again.body, again.deliveryCount]).toEqual(["b", 1]);
    expect(again.applicationProperties).toEqual({ kept: 1, changed: "new", added: true });
  });

  it("dead-letters with reason and description; peeks, receives and completes the dead letter", async () => {
    const { sender, receiver, deadLetters, broker, path, settled } = await entity(kind);
    await sender.sendMessages({ body: "bad", applicationProperties: { kept: 1 } });
    await receiver.deadLetterMessage(await takeOne(receiver), {
      deadLetterReason: "Malformed",
      deadLetterErrorDescription: "The colour is missing.",
      tried: 3,
    });
    expect(broker.counts(path)).toMatchObject({ active: 0, deadLetter: 1 });
    const [peeked] = await deadLetters.peekMessages(1);
    expect(peeked?.deadLetterReason).toBe("Malformed");
    const dead = await takeOne(deadLetters);
    expect(dead).toMatchObject({
      body: "bad",
      deadLetterReason: "Malformed",
      deadLetterErrorDescription: "The colour is missing.",
      applicationProperties: { kept: 1, tried: 3 },
    });
    await deadLetters.completeMessage(dead);
    expect(broker.counts(path).deadLetter).toBe(0);
    expect(settled.map(({ entity: where, outcome }) => [where, outcome])).toEqual([
      [path, "deadLettered"],
      [`${path}/$DeadLetterQueue`, "completed"],
    ]);
  });

  it("finds a message in the dead-letter queue after its last delivery", async () => {
    const { sender, receiver, deadLetters } = await entity(kind, { maxDeliveryCount: 3 });
    await sender.sendMessages({ body: "poison" });
    for (const expected of [0, 1, 2]) {
      const message = await takeOne(receiver);
      expect(message.deliveryCount).toBe(expected);
      await receiver.abandonMessage(message);
    }
    expect(await takeOne(deadLetters)).toMatchObject({
      deliveryCount: 3,
      deadLetterReason: "MaxDeliveryCountExceeded",
      deadLetterErrorDescription: "Message could not be consumed after 3 delivery attempts.",
    });
  });

  it("renews a lock; without that it expires, the message comes again and settling the first fails", async () => {
    const { sender, receiver, clock, change } = await entity(kind, { lockDurationSeconds: 30 });
    await sender.sendMessages({ body: 1 });
    const first = await takeOne(receiver);
    clock.advance(20_000);
    const until = await receiver.renewMessageLock(first);
    expect(until.getTime()).toBe(clock.now() + 30_000);
    change({ lockDurationSeconds: 10 });
    clock.advance(30_000);
    expect(await failure(receiver.completeMessage(first))).toBe("MessageLockLost");
    expect(await failure(receiver.renewMessageLock(first))).toBe("MessageLockLost");
    const second = await takeOne(receiver);
    expect(second.deliveryCount).toBe(1);
    expect(second.lockedUntilUtc?.getTime()).toBe(clock.now() + 10_000);
    await receiver.completeMessage(second);
  });

  it("defers, receives by number, abandons back to deferred, completes", async () => {
    const { sender, receiver, broker, path } = await entity(kind);
    await sender.sendMessages({ body: "later" });
    const message = await takeOne(receiver);
    const number = numberOf(message);
    await receiver.deferMessage(message, { why: "not yet" });
    expect(broker.counts(path)).toMatchObject({ active: 0, deferred: 1 });
    const [deferred] = await receiver.receiveDeferredMessages(number);
    expect(deferred).toMatchObject({
      body: "later",
      deliveryCount: 1,
      state: "deferred",
      applicationProperties: { why: "not yet" },
    });
    if (deferred !== undefined) {
      await receiver.abandonMessage(deferred);
    }
    expect(broker.counts(path)).toMatchObject({ active: 0, deferred: 1 });
    const [again] = await receiver.receiveDeferredMessages([number]);
    expect(again?.deliveryCount).toBe(2);
    if (again !== undefined) {
      await receiver.completeMessage(again);
    }
    expect(broker.counts(path)).toMatchObject({ active: 0, deferred: 0, bytes: 0 });
    expect(await failure(receiver.receiveDeferredMessages(number))).toBe("MessageNotFound");
  });

  it.each(["completeMessage", "abandonMessage", "deferMessage", "deadLetterMessage"] as const)(
    "%s works after the receiver was closed, by the lock token alone",
    async (settle) => {
      const { sender, receiver, client, broker, path } = await entity(kind);
      await sender.sendMessages({ body: 1 });
      const message = await takeOne(receiver);
      await receiver.close();
      const other = kind === "queue" ? client.createReceiver("orders") : client.createReceiver("events", "audit");
      await other[settle](message);
      expect(broker.counts(path)).toMatchObject(
        {
          completeMessage: { active: 0, deferred: 0, deadLetter: 0 },
          abandonMessage: { active: 1, locked: 0 },
          deferMessage: { active: 0, deferred: 1 },
          deadLetterMessage: { active: 0, deadLetter: 1 },
        }[settle],
      );
    },
  );

  it("peeks without taking, on and on, from a number, and what is scheduled too", async () => {
    const { sender, receiver, clock } = await entity(kind);
    await sender.sendMessages(Array.from({ length: 5 }, (_, i) => ({ body: i })));
    if (kind === "queue") {
      await sender.scheduleMessages({ body: "scheduled" }, new Date(clock.now() + 60_000));
    }
    const bodies = (messages: readonly { readonly body: unknown }[]): unknown[] => messages.map(({ body }) => body);
    const first = await receiver.peekMessages(2);
    expect(bodies(first)).toEqual([0, 1]);
    expect(bodies(await receiver.peekMessages(2))).toEqual([2, 3]);
    const one = numberOf(first[0]);
    expect(bodies(await receiver.peekMessages(9, { fromSequenceNumber: one.add(4) }))).toEqual(
      kind === "queue" ? [4, "scheduled"] : [4],
    );
    expect(await receiver.peekMessages(9, { fromSequenceNumber: one.add(1_000) })).toEqual([]);
    expect((await take(receiver, 5)).map((message) => message.body)).toEqual([0, 1, 2, 3, 4]);
  });

  it("schedules and cancels", async () => {
    const { sender, receiver, clock, broker } = await entity(kind);
    const at = new Date(clock.now() + 60_000);
    const numbers = await sender.scheduleMessages([{ body: "a" }, { body: "b" }], at);
    const cancelled = numbers.slice(1);
    await sender.sendMessages({ body: "c", scheduledEnqueueTimeUtc: at });
    expect(broker.counts(kind === "queue" ? "orders" : "events").scheduled).toBe(3);
    await sender.cancelScheduledMessages(cancelled);
    expect(await failure(sender.cancelScheduledMessages(cancelled))).toBe("MessageNotFound");
    clock.advance(60_000);
    expect((await take(receiver, 2)).map((message) => message.body)).toEqual(["a", "c"]);
  });

  it("sees an expired message in the dead-letter queue where the entity says so", async () => {
    const { sender, deadLetters, clock, broker, path } = await entity(kind, { deadLetteringOnMessageExpiration: true });
    await sender.sendMessages({ body: "short", timeToLive: 1_000 });
    clock.advance(1_000);
    expect(broker.counts(path)).toMatchObject({ active: 0, deadLetter: 1 });
    expect((await takeOne(deadLetters)).deadLetterReason).toBe("TTLExpiredException");
  });

  it("sends duplicates in vain within the window", async () => {
    const { sender, broker, path, clock } = await entity(kind, {
      requiresDuplicateDetection: true,
      duplicateDetectionWindowSeconds: 60,
    });
    await sender.sendMessages([
      { body: 1, messageId: "same" },
      { body: 2, messageId: "same" },
    ]);
    expect(broker.counts(path).active).toBe(1);
    clock.advance(60_000);
    await sender.sendMessages({ body: 3, messageId: "same" });
    expect(broker.counts(path).active).toBe(2);
  });

  it("drains: what was asked for and not there costs nothing, and nothing is lost on the way", async () => {
    const { sender, receiver } = await entity(kind);
    const got: unknown[] = [];
    for (let round = 0; round < 4; round++) {
      const pending = receiver.receiveMessages(5, { maxWaitTimeInMs: round % 2 === 0 ? 30 : 300 });
      if (round % 2 === 1) {
        await sender.sendMessages([{ body: round }, { body: round + 100 }]);
      }
      for (const message of await pending) {
        got.push(message.body);
        await receiver.completeMessage(message);
      }
    }
    // Once at least, so that a message that comes twice is seen; more often where a busy machine was late with those above.
    do {
      for (const message of await receiver.receiveMessages(50, { maxWaitTimeInMs: 100 })) {
        got.push(message.body);
      }
    } while (got.length < 4);
    expect(got).toEqual([1, 101, 3, 103]);
  });

  it("subscribes, stops and subscribes again", async () => {
    const { sender, receiver, broker, path } = await entity(kind);
    const got: unknown[] = [];
    const handlers = {
      processMessage: async ({ body }: { body: unknown }) => {
        got.push(body);
      },
      processError: async () => {},
    };
    const first = receiver.subscribe(handlers, { maxConcurrentCalls: 3 });
    await sender.sendMessages([1, 2, 3, 4, 5].map((body) => ({ body })));
    await eventually(
      () => broker.counts(path).active,
      (active) => active === 0,
    );
    await first.close();
    await sender.sendMessages({ body: 6 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toEqual([1, 2, 3, 4, 5]);
    receiver.subscribe(handlers);
    await eventually(
      () => got.length,
      (length) => length === 6,
    );
  });
});
