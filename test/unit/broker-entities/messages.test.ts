import type { ServiceBusMessage } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { eventually, failure, numberOf, take, takeOne } from "../broker/client.js";
import { PLACES, place } from "./clientKit.js";

// What the service documents of messages, by the unmodified client: in queues and subscriptions, with and without
// sessions.

const PROPERTIES: NonNullable<ServiceBusMessage["applicationProperties"]> = {
  text: "ä",
  int: -5,
  big: 2 ** 40,
  real: 1.5,
  yes: true,
  none: null,
};

describe.each(PLACES)("the Azure client on a $kind (sessions: $sessions)", (where) => {
  it("gets every kind of body back, and application properties with their types", async () => {
    const { sender, receiver, message } = await place(where);
    const bytes = Buffer.from([0, 255, 128]);
    await sender.sendMessages([
      message({ nested: [1, "two", { three: null }] }, { applicationProperties: PROPERTIES, correlationId: "c" }),
      message(bytes, { subject: "data", contentType: "application/octet-stream" }),
    ]);
    const properties = where.sessions ? { properties: { groupId: "s" } } : {};
    await sender.sendMessages({ body: { a: [1, { b: "c" }] }, bodyType: "value", ...properties });
    await sender.sendMessages({ body: [1, "two", [3]], bodyType: "sequence", ...properties });
    const [json, data, value, sequence] = await take(await receiver(), 4);
    expect(json).toMatchObject({
      body: { nested: [1, "two", { three: null }] },
      applicationProperties: PROPERTIES,
      correlationId: "c",
    });
    expect(data).toMatchObject({ body: bytes, subject: "data", contentType: "application/octet-stream" });
    expect([value?.body, value?._rawAmqpMessage.bodyType]).toEqual([{ a: [1, { b: "c" }] }, "value"]);
    expect([sequence?.body, sequence?._rawAmqpMessage.bodyType]).toEqual([[1, "two", [3]], "sequence"]);
  });

  it("sends batches and schedules, cancels, and peeks from a number on, what is scheduled too", async () => {
    const { sender, receiver, message, broker, path, clock } = await place(where, { lockDurationSeconds: 300 });
    const batch = await sender.createMessageBatch();
    for (const body of [1, 2, 3]) {
      expect(batch.tryAddMessage(message(body))).toBe(true);
    }
    await sender.sendMessages(batch);
    const at = new Date(clock.now() + 60_000);
    const [first, second] = await sender.scheduleMessages([message("soon"), message("never")], at);
    expect(first).toBeDefined();
    await sender.cancelScheduledMessages(second ?? []);
    const reader = await receiver();
    const peeked = await reader.peekMessages(10);
    // A topic keeps what is scheduled, and its subscriptions know nothing of it.
    const scheduled = where.kind === "queue" ? ["soon"] : [];
    expect(peeked.map(({ body }) => body)).toEqual([1, 2, 3, ...scheduled]);
    const from = await reader.peekMessages(2, { fromSequenceNumber: numberOf(peeked[1]) });
    expect(from.map(({ body }) => body)).toEqual([2, 3]);
    clock.advance(60_000);
    await eventually(
      () => broker.counts(path).active,
      (active) => active === 4,
    );
    expect((await take(reader, 4)).map(({ body }) => body)).toEqual([1, 2, 3, "soon"]);
  });

  it("renews, defers, receives deferred, abandons and dead-letters with properties; peeks and takes dead letters", async () => {
    const { sender, receiver, message, sub, broker, path } = await place(where);
    await sender.sendMessages([message("defer"), message("dead")]);
    const reader = await receiver();
    const [defer, dead] = await take(reader, 2);
    if (defer === undefined || dead === undefined) {
      throw new Error("Two messages were sent.");
    }
    await reader.deferMessage(defer, { why: "later" });
    const [again] = await reader.receiveDeferredMessages(numberOf(defer));
    expect(again).toMatchObject({ body: "defer", state: "deferred", applicationProperties: { why: "later" } });
    if (again !== undefined) {
      await reader.completeMessage(again);
    }
    await reader.abandonMessage(dead, { seen: 1 });
    const back = await takeOne(reader);
    expect(back).toMatchObject({ body: "dead", deliveryCount: 1, applicationProperties: { seen: 1 } });
    await reader.deadLetterMessage(back, {
      deadLetterReason: "bad",
      deadLetterErrorDescription: "very",
      by: "me",
    });
    expect(broker.counts(path)).toMatchObject({ active: 0, deferred: 0, deadLetter: 1 });
    const letters = sub("deadLetter");
    const [peeked] = await letters.peekMessages(1, { fromSequenceNumber: numberOf(defer) });
    expect(peeked?.deadLetterReason).toBe("bad");
    const letter = await takeOne(letters);
    expect(letter).toMatchObject({
      deadLetterReason: "bad",
      deadLetterErrorDescription: "very",
      applicationProperties: { seen: 1, by: "me" },
    });
    await letters.completeMessage(letter);
    expect(broker.counts(path).deadLetter).toBe(0);
  });

  it("loses an expired message, or finds it among the dead letters where the entity says so", async () => {
    const { sender, message, broker, path, clock, change, sub } = await place(where, { timeToLive: 60 });
    await sender.sendMessages(message("gone", { timeToLive: 1_000 }));
    clock.advance(1_000);
    expect(broker.counts(path)).toMatchObject({ active: 0, deadLetter: 0 });
    change({ timeToLive: 60, deadLetteringOnMessageExpiration: true });
    // An answer on the same connection comes after the detach: the client knows of it by then.
    await sub("deadLetter").peekMessages(1);
    await sender.sendMessages(message("kept"));
    clock.advance(60_000);
    expect(await takeOne(sub("deadLetter"))).toMatchObject({ body: "kept", deadLetterReason: "TTLExpiredException" });
  });

  it("finds a message among the dead letters after its last delivery", async () => {
    const { sender, receiver, message, sub } = await place(where, { maxDeliveryCount: 2 });
    await sender.sendMessages(message("poison"));
    const reader = await receiver();
    for (let delivery = 0; delivery < 2; delivery++) {
      const got = await takeOne(reader);
      expect(got.deliveryCount).toBe(delivery);
      await reader.abandonMessage(got);
    }
    expect(await takeOne(sub("deadLetter"))).toMatchObject({ deadLetterReason: "MaxDeliveryCountExceeded" });
  });

  it("sends duplicates in vain within the window", async () => {
    const settings = { requiresDuplicateDetection: true, duplicateDetectionWindowSeconds: 60 };
    const { sender, message, broker, path, clock } = await place(where, settings);
    await sender.sendMessages([message(1, { messageId: "same" }), message(2, { messageId: "same" })]);
    clock.advance(59_999);
    await sender.sendMessages(message(3, { messageId: "same" }));
    expect(broker.counts(path).active).toBe(1);
    clock.advance(1);
    await sender.sendMessages(message(4, { messageId: "same" }));
    expect(broker.counts(path).active).toBe(2);
  });

  it("keeps a partition key", async () => {
    const { sender, receiver, message } = await place(where);
    const partitionKey = where.sessions ? "s" : "pk";
    await sender.sendMessages(message(1, { partitionKey }));
    expect(await takeOne(await receiver())).toMatchObject({ partitionKey });
  });

  it("is refused a message beyond the entity's size, and learns that size when it attaches", async () => {
    const settings = { maxMessageSizeInKilobytes: 3_072 };
    const { sender, receiver, message, clock } = await place(where, settings);
    expect((await sender.createMessageBatch()).maxSizeInBytes).toBe(3_145_728);
    const large = message("x".repeat(3_000_000));
    await sender.sendMessages(large);
    expect((await takeOne(await receiver())).body).toBe(large.body);
    const beyond = message("x".repeat(3_200_000));
    expect(await failure(sender.sendMessages(beyond))).toBe("MessageSizeExceeded");
    expect(await failure(sender.scheduleMessages(beyond, new Date(clock.now() + 1_000)))).toBe("MessageSizeExceeded");
    await sender.sendMessages(message("small"));
  });

  it("is refused what an entity cannot hold, with its size; until there is room", async () => {
    const { sender, receiver, message, broker, path } = await place(where, { maxSizeInMegabytes: 1 });
    const part = message("x".repeat(250_000));
    for (let i = 0; i < 4; i++) {
      await sender.sendMessages(part);
    }
    const refused = await sender.sendMessages(part).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "QuotaExceeded" });
    const kind = where.kind === "queue" ? "Queue" : "Topic";
    expect(String(refused)).toMatch(
      new RegExp(
        `The maximum entity size has been reached or exceeded for ${kind}: 'orders'. Size of entity in bytes:\\d+, Max entity size in bytes:1048576`,
      ),
    );
    const reader = await receiver();
    await reader.completeMessage(await takeOne(reader));
    await sender.sendMessages(part);
    expect(broker.counts(path).active).toBe(4);
  });

  it("gives locked messages back without a delivery when a session's link closes, with one when a lock expires", async () => {
    const { sender, receiver, message, broker, path, clock } = await place(where, { lockDurationSeconds: 30 });
    await sender.sendMessages(message("a"));
    const first = await receiver();
    await takeOne(first);
    await first.close();
    // Outside a session a lock outlives its link.
    await eventually(
      () => broker.counts(path).locked,
      (locked) => locked === (where.sessions ? 0 : 1),
    );
    clock.advance(30_000);
    const second = await receiver();
    expect((await takeOne(second)).deliveryCount).toBe(where.sessions ? 0 : 1);
    clock.advance(30_000);
    const third = await receiver();
    expect((await takeOne(third)).deliveryCount).toBe(where.sessions ? 1 : 2);
  });

  it("comes back by itself when the entity's settings change, and by their new terms", async () => {
    const { sender, receiver, message, change, sub, broker, path } = await place(where);
    const got: unknown[] = [];
    const errors: string[] = [];
    const listen = async (): Promise<void> => {
      (await receiver()).subscribe({
        processMessage: async ({ body }) => {
          got.push(body);
        },
        processError: async ({ error }) => {
          errors.push("code" in error ? String(error.code) : error.name);
        },
      });
    };
    await listen();
    await sender.sendMessages(message(1));
    await eventually(
      () => broker.counts(path).active,
      (active) => active === 0,
    );
    change({});
    expect(errors).toEqual([]);
    change({ lockDurationSeconds: 20 });
    if (where.sessions) {
      // A session that is lost is taken again by whoever wants it: the client says so.
      await eventually(
        () => errors,
        (seen) => seen.length > 0,
      );
      await listen();
    }
    // An answer on the same connection comes after the detach: the client knows of it by then.
    await sub("deadLetter").peekMessages(1);
    await sender.sendMessages(message(2));
    await eventually(
      () => got,
      (seen) => seen.length === 2,
    );
    expect(got).toEqual([1, 2]);
  });
});
