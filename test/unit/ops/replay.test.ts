import { describe, expect, it } from "vitest";
import { ORIGINAL_ID_PROPERTY, REPLAYS_PROPERTY } from "../../../runtime/contract/index.js";
import { purge, replay, SweepEnd } from "../../../runtime/ops/deadletters/index.js";
import { OpsKit, type Wanted } from "./kit.js";

const ids = (messages: { messageId?: unknown }[]): unknown[] => messages.map(({ messageId }) => messageId);

/** `count` dead letters, `prefix-0` and on. */
function letters(prefix: string, count: number, reason = "JobRefused"): Wanted[] {
  return Array.from({ length: count }, (_, i) => ({ messageId: `${prefix}-${i}`, body: { i }, reason }));
}

describe("a replay", () => {
  it("sends copies that keep all that the sender said, counts them, and completes the dead letters", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, [
      {
        messageId: "m1",
        body: Buffer.from([0, 255, 1]),
        contentType: "application/x",
        subject: "s",
        correlationId: "c",
        replyTo: "answers",
        replyToSessionId: "rs",
        partitionKey: "p",
        to: "somewhere",
        timeToLive: 3_600_000,
        applicationProperties: { text: "ä", n: 7, half: 0.5, yes: true, at: new Date(1_000), nothing: null as never },
      },
    ]);
    const result = await replay(await kit.run(queue));
    expect(result).toMatchObject({ matched: 1, done: 1, kept: 0, end: SweepEnd.All });
    expect(await kit.content("orders", true)).toEqual([]);
    const [copy] = await kit.content("orders");
    expect(copy).toMatchObject({
      messageId: "m1",
      contentType: "application/x",
      subject: "s",
      correlationId: "c",
      replyTo: "answers",
      replyToSessionId: "rs",
      partitionKey: "p",
      to: "somewhere",
      timeToLive: 3_600_000,
      deliveryCount: 0,
    });
    expect(Buffer.from(copy?.body)).toEqual(Buffer.from([0, 255, 1]));
    expect(copy?.applicationProperties).toEqual({
      ...{ text: "ä", n: 7, half: 0.5, yes: true, at: new Date(1_000), nothing: null },
      [REPLAYS_PROPERTY]: 1,
    });
  });

  it("counts on where the copy is dead-lettered again, and the first id is kept through every copy", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders", { requiresDuplicateDetection: true });
    await kit.deadLetter(queue, [{ messageId: "first", body: 1 }]);
    const seen: unknown[] = [];
    for (let round = 1; round <= 3; round++) {
      await replay(await kit.run(queue, {}, { facts: { sessions: false, duplicateDetection: true } }));
      const [copy] = await kit.content("orders");
      expect(copy?.applicationProperties).toEqual({ [ORIGINAL_ID_PROPERTY]: "first", [REPLAYS_PROPERTY]: round });
      seen.push(copy?.messageId);
      const receiver = kit.client().createReceiver("orders");
      const [message] = await receiver.receiveMessages(1);
      if (message !== undefined) await receiver.deadLetterMessage(message);
    }
    expect(new Set([...seen, "first"]).size).toBe(4);
  });

  it("arrives on an entity with duplicate detection, where a copy under the old id would be dropped", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders", { requiresDuplicateDetection: true });
    await kit.deadLetter(queue, letters("m", 3));
    await kit.client().createSender("orders").sendMessages({ messageId: "m-1", body: "the old id" });
    expect(await kit.content("orders")).toEqual([]);
    await replay(await kit.run(queue, {}, { facts: { sessions: false, duplicateDetection: true } }));
    const copies = await kit.content("orders");
    expect(copies.map((copy) => copy.applicationProperties?.[ORIGINAL_ID_PROPERTY]).sort()).toEqual([
      "m-0",
      "m-1",
      "m-2",
    ]);
  });

  it("gives a copy an id of its own where it is not known whether the entity drops old ones", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders", { requiresDuplicateDetection: true });
    await kit.deadLetter(queue, letters("m", 2));
    const result = await replay({ ...(await kit.run(queue)), facts: undefined });
    expect(result.done).toBe(2);
    expect(await kit.content("orders")).toHaveLength(2);
  });

  it("brings back two dead letters that have one id", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders", { requiresDuplicateDetection: true, duplicateDetectionWindowSeconds: 20 });
    await kit.deadLetter(queue, [{ messageId: "same", body: "one" }]);
    kit.clock.advance(30_000);
    await kit.deadLetter(queue, [{ messageId: "same", body: "two" }]);
    await replay(await kit.run(queue, {}, { facts: { sessions: false, duplicateDetection: true } }));
    expect(await kit.content("orders")).toHaveLength(2);
  });

  it("takes what is meant from behind others, and leaves these where they are, free for everyone", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, [
      ...letters("other", 150, "InvalidBody"),
      ...letters("m", 3),
      ...letters("tail", 5, "X"),
    ]);
    const run = await kit.run(queue, { reasons: ["JobRefused"] });
    expect(run.plan).toMatchObject({ seen: 158, matched: 3, before: 150, reasons: { JobRefused: 3 } });
    expect(await replay(run)).toMatchObject({ done: 3, end: SweepEnd.All });
    expect(ids(await kit.content("orders"))).toEqual(["m-0", "m-1", "m-2"]);
    expect(await kit.content("orders", true)).toHaveLength(155);
    const receiver = kit.client().createReceiver("orders", { subQueueType: "deadLetter" });
    const free = await receiver.receiveMessages(200, { maxWaitTimeInMs: 2_000 });
    expect(free.length).toBeGreaterThan(0);
    expect(free[0]?.messageId).toBe("other-0");
    expect(free[0]?.deadLetterReason).toBe("InvalidBody");
  });

  it("gets past more others than one link can hold, and gives all of them back", { timeout: 60_000 }, async () => {
    const kit = await OpsKit.open();
    // One link of the client comes to a stand at 2,048 that are held.
    const queue = kit.queue("orders", { maxDeliveryCount: 1 });
    await kit.expire(queue, 2_300);
    await kit.deadLetter(queue, letters("m", 2));
    const run = await kit.run(queue, { reasons: ["JobRefused"] }, { maxHeld: 2_500 });
    expect(run.plan).toMatchObject({ matched: 2, before: 2_300 });
    expect(await replay(run)).toMatchObject({ done: 2, end: SweepEnd.All });
    expect(ids(await kit.content("orders"))).toEqual(["m-0", "m-1"]);
    const receiver = kit.client().createReceiver("orders", { subQueueType: "deadLetter" });
    const [first] = await receiver.receiveMessages(1);
    expect(first?.messageId).toBe("expired-0");
    expect(kit.broker.counts("orders").deadLetter).toBe(2_300);
  });

  it("goes on where the locks of what it holds run out meanwhile", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    const between = (name: string) => letters(name, 20, "InvalidBody");
    await kit.deadLetter(queue, [...between("a"), ...letters("m", 1), ...between("b"), { messageId: "m-1", body: 1 }]);
    const run = await kit.run(queue, { reasons: ["JobRefused"] });
    // Ten at a time: the first is replayed while twenty are held, and twenty are still to come.
    const result = await replay({ ...run, rate: 5, onProgress: () => kit.clock.advance(61_000) });
    expect(result).toMatchObject({ matched: 2, done: 2, end: SweepEnd.All });
    expect(ids(await kit.content("orders")).sort()).toEqual(["m-0", "m-1"]);
    const others = await kit.content("orders", true);
    expect(others).toHaveLength(40);
    const deliveries = new Set(others.map(({ deliveryCount }) => deliveryCount));
    expect(deliveries.size, "some were held twice, and some once").toBeGreaterThan(1);
  });

  it("locks no more others than it may, and says so", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, [...letters("other", 30, "InvalidBody"), ...letters("m", 3)]);
    const result = await replay({ ...(await kit.run(queue, { reasons: ["JobRefused"] })), maxHeld: 10 });
    expect(result).toMatchObject({ done: 0, end: SweepEnd.TooManyHeld });
    expect(await kit.content("orders", true)).toHaveLength(33);
  });

  it("replays what was there when it began, and not its own copies that failed again meanwhile", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders", { maxDeliveryCount: 1 });
    await kit.deadLetter(queue, letters("m", 5));
    const run = await kit.run(queue);
    const worker = kit.client().createReceiver("orders");
    const listening = worker.subscribe({
      processMessage: async (message) => worker.deadLetterMessage(message),
      processError: async () => undefined,
    });
    const result = await replay(run);
    expect(result).toMatchObject({ matched: 5, done: 5 });
    await expect.poll(async () => (await kit.content("orders", true)).length).toBe(5);
    await listening.close();
    for (const letter of await kit.content("orders", true))
      expect(letter.applicationProperties?.[REPLAYS_PROPERTY]).toBe(1);
  });

  it("fetches a deferred dead letter too", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, letters("m", 3));
    const receiver = kit.client().createReceiver("orders", { subQueueType: "deadLetter" });
    const [first] = await receiver.receiveMessages(1);
    if (first !== undefined) await receiver.deferMessage(first);
    expect(await replay(await kit.run(queue))).toMatchObject({ matched: 3, done: 3 });
    expect(ids(await kit.content("orders")).sort()).toEqual(["m-0", "m-1", "m-2"]);
    expect(await kit.content("orders", true)).toEqual([]);
  });

  it("keeps a dead letter whose property cannot be sent as it came", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, [
      { messageId: "odd", body: 1, applicationProperties: { big: Buffer.alloc(16, 7) as never } },
      { messageId: "plain", body: 1 },
    ]);
    const result = await replay(await kit.run(queue));
    expect(result).toMatchObject({ done: 1, kept: 1, keptFirst: [{ messageId: "odd", code: "PropertyNotKept" }] });
    expect(ids(await kit.content("orders", true))).toEqual(["odd"]);
  });

  it("keeps the order of the dead letters where there are sessions", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders", { requiresSession: true });
    const client = kit.client();
    await client
      .createSender("orders")
      .sendMessages(Array.from({ length: 20 }, (_, i) => ({ messageId: `m-${i}`, body: i, sessionId: "s" })));
    const session = await client.acceptSession("orders", "s");
    for (const message of await session.receiveMessages(20)) await session.deadLetterMessage(message);
    await session.close();
    const run = await kit.run(queue, {}, { facts: { sessions: true, duplicateDetection: false } });
    expect(run.plan.withSession).toBe(20);
    expect(await replay(run)).toMatchObject({ done: 20 });
    expect(ids(await kit.content("orders"))).toEqual(Array.from({ length: 20 }, (_, i) => `m-${i}`));
  });

  it("sends no more a second than it may", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, letters("m", 6));
    const began = performance.now();
    const run = await kit.run(queue);
    await replay({ ...run, rate: 10, clock: { now: () => performance.now(), after: run.clock.after } });
    expect(performance.now() - began).toBeGreaterThanOrEqual(490);
  });

  it("stops when it is told to, gives back what it holds, and goes on the next time", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, letters("m", 40));
    const stop = new AbortController();
    const run = await kit.run(queue);
    const result = await replay({
      ...run,
      ...{ rate: 200, signal: stop.signal },
      onProgress: (done) => done === 10 && stop.abort(),
    });
    expect(result.end).toBe(SweepEnd.Stopped);
    expect(result.done).toBeLessThan(40);
    expect((await kit.content("orders", true)).length + (await kit.content("orders")).length).toBe(40);
    expect(await replay(await kit.run(queue))).toMatchObject({ done: 40 - result.done });
    expect(new Set(ids(await kit.content("orders"))).size).toBe(40);
    expect(await kit.content("orders")).toHaveLength(40);
  });
});

describe("a purge", () => {
  it("deletes what is meant and nothing else", async () => {
    const kit = await OpsKit.open();
    const queue = kit.queue("orders");
    await kit.deadLetter(queue, [...letters("keep", 4, "InvalidBody"), ...letters("m", 6)]);
    const result = await purge(await kit.run(queue, { reasons: ["JobRefused"] }, { limit: 5 }));
    expect(result).toMatchObject({ matched: 5, done: 5 });
    expect(ids(await kit.content("orders", true))).toEqual(["keep-0", "keep-1", "keep-2", "keep-3", "m-5"]);
    expect(await kit.content("orders")).toEqual([]);
  });
});
