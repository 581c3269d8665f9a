import { describe, expect, it, onTestFinished } from "vitest";
import { AccessRight, Broker, tokensRefused } from "../../../stacks/local/broker/index.js";
import { eventually, failure, startBus, takeOne } from "../broker/client.js";
import { FakeClock } from "../broker/helpers.js";
import { PLACES, place } from "./clientKit.js";

describe.each(PLACES)("forwarding with the Azure client, into a $kind (sessions: $sessions)", (where) => {
  it("delivers over a chain of queues and a subscription, with what the sender said", async () => {
    const { broker, client, receiver, message } = await place(where);
    broker.putTopic("entry");
    broker.putSubscription("entry", "on", { forwardTo: "second" });
    broker.putQueue("second", { forwardTo: "orders" });
    await client
      .createSender("entry")
      .sendMessages(message("job", { messageId: "m", applicationProperties: { shot: 12 }, subject: "s" }));
    const got = await takeOne(await receiver());
    expect(got).toMatchObject({ body: "job", messageId: "m", applicationProperties: { shot: 12 }, subject: "s" });
    expect(broker.counts("entry/Subscriptions/on")).toMatchObject({ active: 0, transfer: 0 });
  });

  it("takes dead letters on, with their reason and the entity they come from", async () => {
    const { client, broker, sender, receiver, message, change, path } = await place(where);
    broker.putQueue("graves");
    change({ forwardDeadLetteredMessagesTo: "graves" });
    await sender.sendMessages(message("bad"));
    const reader = await receiver();
    await reader.deadLetterMessage(await takeOne(reader), { deadLetterReason: "r", deadLetterErrorDescription: "d" });
    expect(await takeOne(client.createReceiver("graves"))).toMatchObject({
      body: "bad",
      deadLetterReason: "r",
      deadLetterErrorDescription: "d",
      deadLetterSource: path,
    });
  });
});

describe("what cannot be forwarded", () => {
  it.each(["queue", "subscription"] as const)("is received from the transfer dead letters of its %s", async (kind) => {
    const { broker, client } = await startBus();
    const settings = { forwardTo: "work" };
    broker.putQueue("work", { requiresSession: true });
    broker.putTopic("events");
    if (kind === "queue") {
      broker.putQueue("in", settings);
    } else {
      broker.putSubscription("events", "in", settings);
    }
    const path = kind === "queue" ? "in" : "events/Subscriptions/in";
    const subQueueType = "transferDeadLetter" as const;
    const lost =
      kind === "queue"
        ? client.createReceiver("in", { subQueueType })
        : client.createReceiver("events", "in", { subQueueType });
    const sender = client.createSender(kind === "queue" ? "in" : "events");
    await sender.sendMessages({ body: "no session" });
    broker.deleteQueue("work");
    await sender.sendMessages({ body: "no target", sessionId: "s" });
    broker.putQueue("work", { requiresSession: true, status: "SendDisabled" });
    await sender.sendMessages({ body: "disabled", sessionId: "s" });
    expect(broker.counts(path)).toMatchObject({ active: 0, transferDeadLetter: 3, deadLetter: 0 });
    const [peeked] = await lost.peekMessages(1);
    expect(peeked?.body).toBe("no session");
    const reasons: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const message = await takeOne(lost);
      reasons.push(message.deadLetterReason);
      await lost.completeMessage(message);
    }
    expect(reasons).toEqual(["Session id is null.", "MessagingEntityNotFound", "MessagingEntityDisabled"]);
    expect(broker.counts(path).transferDeadLetter).toBe(0);
    // There once more, the target gets what is sent.
    broker.putQueue("work", { requiresSession: true });
    await sender.sendMessages({ body: "through", sessionId: "s" });
    expect((await takeOne(await client.acceptSession("work", "s"))).body).toBe("through");
  });

  it("is refused to a receiver at the source, in the service's words", async () => {
    const { broker, client } = await startBus();
    broker.putQueue("end");
    broker.putQueue("in", { forwardTo: "end" });
    await expect(client.createReceiver("in").receiveMessages(1, { maxWaitTimeInMs: 500 })).rejects.toThrow(
      "Cannot create a message receiver on an entity with auto-forwarding enabled.",
    );
  });
});

describe.each(PLACES)("the status of a $kind (sessions: $sessions)", (where) => {
  it("stops sending, receiving or both, and keeps what is there", async () => {
    const { broker, client, receiver, message, change, path } = await place(where);
    // A new link each time: what is refused is refused at the attach, or with the message.
    const send = (body: string): Promise<string> => failure(client.createSender("orders").sendMessages(message(body)));
    const receive = async (): Promise<string> => {
      const got = receiver().then((reader) => reader.receiveMessages(1, { maxWaitTimeInMs: 500 }));
      return failure(got);
    };
    // The client takes every refusal of a session by name for a session that another holds.
    const refused = where.sessions ? "SessionCannotBeLocked" : "MessagingEntityDisabled";
    expect(await send("kept")).toBe("it did not fail");
    change({ status: "ReceiveDisabled" });
    expect(await receive()).toBe(refused);
    expect(await send("sent")).toBe("it did not fail");
    change({ status: "Disabled" });
    expect(await receive()).toBe(refused);
    if (where.kind === "queue") {
      expect(await send("refused")).toBe("MessagingEntityDisabled");
      change({ status: "SendDisabled" });
      expect(await send("refused")).toBe("MessagingEntityDisabled");
    } else {
      change({ status: "Active" });
    }
    expect((await takeOne(await receiver())).body).toBe("kept");
    expect(broker.counts(path)).toMatchObject({ active: 2, locked: 1 });
  });
});

describe("an entity that is not used", () => {
  it("is deleted after its time: sending, peeking, an open receiver or a scheduled message is use", async () => {
    const { broker, client, clock } = await startBus();
    const idle = { autoDeleteOnIdleSeconds: 300 };
    broker.putQueue("idle", idle);
    broker.putTopic("events", idle);
    broker.putSubscription("events", "audit", { autoDeleteOnIdleSeconds: 100 });
    broker.putQueue("scheduled", idle);
    const paths = (): string[] => broker.entities().map(({ path }) => path);
    const sender = client.createSender("scheduled");
    await sender.scheduleMessages({ body: 1 }, new Date(clock.now() + 500_000));
    await sender.close();
    clock.advance(99_999);
    await client.createReceiver("events", "audit").peekMessages(1);
    clock.advance(99_999);
    expect(paths()).toContain("events/Subscriptions/audit");
    // What its topic gives it is no use of a subscription, but of the topic.
    const publisher = client.createSender("events");
    await publisher.sendMessages({ body: 1 });
    await publisher.close();
    clock.advance(2);
    expect(paths()).not.toContain("events/Subscriptions/audit");
    clock.advance(100_000);
    expect(paths().sort()).toEqual(["events", "scheduled"]);
    expect(await failure(client.createSender("idle").sendMessages({ body: 1 }))).toBe("MessagingEntityNotFound");
    clock.advance(200_000);
    expect(paths()).toEqual(["scheduled"]);
    clock.advance(600_000);
    expect(paths()).toEqual([]);
  });

  it("takes its shared access policies along", async () => {
    const clock = new FakeClock();
    const broker = new Broker({ clock, access: tokensRefused });
    onTestFinished(() => broker.close());
    const policy = { name: "send", primaryKey: "secret", rights: [AccessRight.Send] };
    const put = (): void => broker.putQueue("orders", { autoDeleteOnIdleSeconds: 60 });
    put();
    broker.putSharedAccessPolicy("orders", policy);
    clock.advance(60_000);
    put();
    expect(() => broker.deleteSharedAccessPolicy("orders", "send")).toThrow("could not be found");
  });

  it("lives while a receiver waits", async () => {
    const { broker, client, clock } = await startBus();
    broker.putQueue("orders", { autoDeleteOnIdleSeconds: 300 });
    const got: unknown[] = [];
    const receiver = client.createReceiver("orders");
    receiver.subscribe({
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: async () => {},
    });
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 1 });
    await eventually(
      () => got.length,
      (count) => count === 1,
    );
    await sender.close();
    clock.advance(500_000);
    expect(broker.counts("orders").active).toBe(0);
    await receiver.close();
    await eventually(
      () => {
        clock.advance(300_000);
        return broker.entities().length;
      },
      (count) => count === 0,
    );
  });
});

describe("a large message", () => {
  it("of 100 MB passes where its entity takes such, and comes as it was", async () => {
    const { broker, client } = await startBus();
    broker.putQueue("large", { maxMessageSizeInKilobytes: 102_400 });
    const body = Buffer.alloc(100_000_000, 7);
    await client.createSender("large").sendMessages({ body });
    const got = await takeOne(client.createReceiver("large"));
    expect(Buffer.isBuffer(got.body) && got.body.equals(body)).toBe(true);
  });
});

describe("what is known of an entity", () => {
  it("is its settings, its times and its counts, transfers too", async () => {
    const { broker, client, clock } = await startBus();
    const made = clock.now();
    broker.putQueue("end");
    const settings = {
      forwardTo: "end",
      maxSizeInMegabytes: 2_048,
      userMetadata: "mine",
      status: "ReceiveDisabled",
      enableBatchedOperations: false,
    } as const;
    broker.putQueue("in", settings);
    const seen = () => broker.entities().find(({ path }) => path === "in");
    expect(seen()).toMatchObject({ createdAt: made, updatedAt: made, accessedAt: undefined, settings });
    clock.advance(1_000);
    await client.createSender("in").sendMessages({ body: Buffer.alloc(1_000) });
    expect(seen()).toMatchObject({ updatedAt: made, accessedAt: made + 1_000, counts: { active: 0, transfer: 1 } });
    const size = seen()?.counts.sizeInBytes ?? 0;
    expect(size).toBeGreaterThan(1_000);
    expect(size).toBeLessThan(1_200);
    clock.advance(1_000);
    broker.putQueue("in", { ...settings, status: "Active" });
    expect(seen()).toMatchObject({ updatedAt: made + 2_000, counts: { transfer: 0, sizeInBytes: 0 } });
    expect(broker.counts("end")).toMatchObject({ active: 1, sizeInBytes: size });
    broker.putQueue("in", { ...settings, status: "Active" });
    clock.advance(1_000);
    expect(seen()?.updatedAt).toBe(made + 2_000);
  });

  it("counts for a topic what its subscriptions hold, and bounds it there", async () => {
    const { broker, client } = await startBus();
    broker.putTopic("events", { maxSizeInMegabytes: 1 });
    broker.putSubscription("events", "a");
    broker.putSubscription("events", "b");
    const sender = client.createSender("events");
    const body = Buffer.alloc(200_000);
    for (let i = 0; i < 3; i++) {
      await sender.sendMessages({ body });
    }
    expect(await failure(sender.sendMessages({ body }))).toBe("QuotaExceeded");
    const topic = broker.counts("events");
    const parts = ["a", "b"].map((name) => broker.counts(`events/Subscriptions/${name}`).sizeInBytes);
    expect(topic.sizeInBytes).toBe((parts[0] ?? 0) + (parts[1] ?? 0));
    broker.deleteSubscription("events", "b");
    expect(broker.counts("events").sizeInBytes).toBe(parts[0]);
    await sender.sendMessages({ body });
  });
});
