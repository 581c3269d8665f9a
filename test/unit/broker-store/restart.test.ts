import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ServiceBusClient } from "@azure/service-bus";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Broker } from "../../../stacks/local/broker/index.js";
import { numberOf, take, takeOne } from "../broker/client.js";
import { FakeClock } from "../broker/helpers.js";

const NO_RETRIES = { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } };
const HOUR_MS = 3_600_000;

/** A data folder over several lives of a broker, on one clock. */
class Lives {
  readonly data = mkdtempSync(join(tmpdir(), "stowage-store-"));
  readonly clock = new FakeClock(Date.now());
  broker: Broker | undefined;
  #client: ServiceBusClient | undefined;

  /** Ends the broker there is, and starts the next one on the same folder. */
  async next(): Promise<{ broker: Broker; client: ServiceBusClient }> {
    await this.end();
    const broker = new Broker({ data: this.data, clock: this.clock });
    this.broker = broker;
    await broker.listen();
    const client = new ServiceBusClient(broker.connectionString(), NO_RETRIES);
    this.#client = client;
    return { broker, client };
  }

  async end(): Promise<void> {
    await this.#client?.close();
    await this.broker?.close();
    this.#client = undefined;
    this.broker = undefined;
  }
}

let lives: Lives;
beforeEach(() => {
  const begun = new Lives();
  lives = begun;
  onTestFinished(async () => {
    await begun.end();
    rmSync(begun.data, { recursive: true, force: true });
  });
});

describe("after a restart", () => {
  it("entities are there with their settings, times and rules, and what was deleted is not", async () => {
    const first = await lives.next();
    first.broker.putQueue("orders", {
      lockDurationSeconds: 20,
      maxDeliveryCount: 3,
      forwardTo: "events",
      timeToLive: 60,
    });
    first.broker.putQueue("gone");
    first.broker.putTopic("events", { requiresDuplicateDetection: true, duplicateDetectionWindowSeconds: 30 });
    first.broker.putSubscription("events", "audit", { requiresSession: true });
    first.broker.putSubscription("events", "gone");
    first.broker.putRule(
      "events",
      "audit",
      "big",
      { kind: "sql", expression: "size > 3" },
      { expression: "SET big = TRUE" },
    );
    first.broker.putRule("events", "audit", "one", { kind: "correlation", properties: { n: 1 } });
    first.broker.deleteRule("events", "audit", "$Default");
    first.broker.deleteSubscription("events", "gone");
    first.broker.deleteQueue("gone");
    const before = first.broker.entities();
    const { broker } = await lives.next();
    expect(broker.entities()).toEqual(before);
    broker.deleteTopic("events");
    expect((await lives.next()).broker.entities().map(({ path }) => path)).toEqual(["orders"]);
  });

  it("messages wait in order with all that they were, and numbers go on", async () => {
    const first = await lives.next();
    first.broker.putQueue("orders");
    const properties = { text: "x", number: 7, flag: true };
    const sent = {
      messageId: "1",
      body: { a: [1] },
      subject: "s",
      applicationProperties: properties,
      timeToLive: HOUR_MS,
    };
    await first.client.createSender("orders").sendMessages([sent, { body: "two" }, { body: "three" }]);
    const [one] = await take(first.client.createReceiver("orders"), 1);
    const second = await lives.next();
    const messages = await take(second.client.createReceiver("orders"), 3);
    expect(messages.map(({ body }) => body)).toEqual([{ a: [1] }, "two", "three"]);
    expect(messages.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 0, 0]);
    expect(messages[0]).toMatchObject({
      messageId: "1",
      subject: "s",
      applicationProperties: properties,
      timeToLive: HOUR_MS,
      sequenceNumber: one?.sequenceNumber,
      enqueuedTimeUtc: one?.enqueuedTimeUtc,
      expiresAtUtc: one?.expiresAtUtc,
    });
    await second.client.createSender("orders").sendMessages({ body: "four" });
    const [four] = await second.client
      .createReceiver("orders")
      .peekMessages(1, { fromSequenceNumber: numberOf(messages[2]).add(1) });
    expect(four?.body).toBe("four");
    expect(numberOf(four).toNumber()).toBe(4);
  });

  it("what was settled stays settled, in whatever way", async () => {
    const first = await lives.next();
    first.broker.putQueue("orders");
    await first.client
      .createSender("orders")
      .sendMessages(["complete", "abandon", "defer", "dead"].map((body) => ({ body })));
    const receiver = first.client.createReceiver("orders");
    for (const message of await take(receiver, 4)) {
      switch (message.body) {
        case "complete":
          await receiver.completeMessage(message);
          break;
        case "abandon":
          await receiver.abandonMessage(message, { tried: "once" });
          break;
        case "defer":
          await receiver.deferMessage(message, { kept: 1 });
          break;
        default:
          await receiver.deadLetterMessage(message, { deadLetterReason: "why", deadLetterErrorDescription: "because" });
      }
    }
    const second = await lives.next();
    expect(second.broker.counts("orders")).toMatchObject({ active: 1, deferred: 1, deadLetter: 1 });
    const again = second.client.createReceiver("orders");
    const [abandoned] = await take(again, 1);
    expect(abandoned).toMatchObject({ body: "abandon", deliveryCount: 1, applicationProperties: { tried: "once" } });
    const peeked = await second.client.createReceiver("orders").peekMessages(10);
    const deferred = peeked.find(({ body }) => body === "defer");
    const [back] = await again.receiveDeferredMessages(numberOf(deferred));
    expect(back).toMatchObject({ body: "defer", applicationProperties: { kept: 1 } });
    const dead = await takeOne(second.client.createReceiver("orders", { subQueueType: "deadLetter" }));
    expect(dead).toMatchObject({ body: "dead", deadLetterReason: "why", deadLetterErrorDescription: "because" });
  });

  it("scheduled messages come at their time, and the cancelled do not", async () => {
    const first = await lives.next();
    first.broker.putTopic("events");
    first.broker.putSubscription("events", "all");
    const sender = first.client.createSender("events");
    const at = new Date(lives.clock.now() + HOUR_MS);
    await sender.scheduleMessages({ body: "kept" }, at);
    await sender.cancelScheduledMessages(await sender.scheduleMessages({ body: "cancelled" }, at));
    const second = await lives.next();
    expect(second.broker.counts("events").scheduled).toBe(1);
    lives.clock.advance(HOUR_MS + 1);
    const message = await takeOne(second.client.createReceiver("events", "all"));
    expect(message.body).toBe("kept");
    await lives.end();
    const third = await lives.next();
    expect(third.broker.counts("events").scheduled).toBe(0);
    expect(third.broker.counts("events/Subscriptions/all").active).toBe(1);
  });

  it("sessions have their state and their messages; duplicates are known; transfers that failed are kept", async () => {
    const first = await lives.next();
    first.broker.putQueue("rooms", { requiresSession: true });
    first.broker.putQueue("once", { requiresDuplicateDetection: true });
    first.broker.putQueue("from", { forwardTo: "nowhere" });
    await first.client.createSender("rooms").sendMessages({ body: "a", sessionId: "a" });
    const session = await first.client.acceptSession("rooms", "a");
    await session.setSessionState(Buffer.from("half way"));
    await session.close();
    await first.client.createSender("once").sendMessages({ body: 1, messageId: "same" });
    await first.client.createSender("from").sendMessages({ body: "lost" });
    const second = await lives.next();
    const accepted = await second.client.acceptNextSession("rooms");
    expect(accepted.sessionId).toBe("a");
    expect(Buffer.from((await accepted.getSessionState()) ?? "").toString()).toBe("half way");
    expect((await takeOne(accepted)).body).toBe("a");
    await accepted.setSessionState(null);
    await second.client.createSender("once").sendMessages({ body: 2, messageId: "same" });
    expect(second.broker.counts("once").active).toBe(1);
    const lost = await takeOne(second.client.createReceiver("from", { subQueueType: "transferDeadLetter" }));
    expect(lost.body).toBe("lost");
    await accepted.close();
    const third = await lives.next();
    expect((await (await third.client.acceptSession("rooms", "a")).getSessionState()) ?? null).toBeNull();
  });

  it("an expired message is gone or dead, though nobody was there when its time was over", async () => {
    const first = await lives.next();
    first.broker.putQueue("orders", { deadLetteringOnMessageExpiration: true });
    await first.client.createSender("orders").sendMessages({ body: "late", timeToLive: 60_000 });
    await lives.end();
    lives.clock.advance(60_001);
    const second = await lives.next();
    lives.clock.advance(1);
    expect(second.broker.counts("orders")).toMatchObject({ active: 0, deadLetter: 1 });
  });

  it("a queue of the same name made anew holds nothing of the old one", async () => {
    const first = await lives.next();
    first.broker.putQueue("orders");
    first.broker.putQueue("orders/below");
    await first.client.createSender("orders").sendMessages({ body: "old" });
    await first.client.createSender("orders/below").sendMessages({ body: "another's" });
    first.broker.deleteQueue("orders");
    first.broker.putQueue("orders");
    const { broker } = await lives.next();
    expect(broker.counts("orders").active).toBe(0);
    expect(broker.counts("orders/below").active).toBe(1);
  });
});

describe("a crash", () => {
  it("after the answer of the administration leaves what it made", async () => {
    const { broker } = await lives.next();
    const { port } = await broker.listenAdmin();
    const entry =
      '<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><QueueDescription ' +
      'xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"><MaxDeliveryCount>4</MaxDeliveryCount>' +
      "</QueueDescription></content></entry>";
    const address = `http://127.0.0.1:${port}/made?api-version=2021-05`;
    const { status } = await fetch(address, {
      method: "PUT",
      body: entry,
      headers: { "content-type": "application/atom+xml" },
    });
    expect(status).toBe(201);
    // What is on the disk at this moment, without a word to the broker.
    const crashed = mkdtempSync(join(tmpdir(), "stowage-crashed-"));
    onTestFinished(() => rmSync(crashed, { recursive: true, force: true }));
    cpSync(lives.data, crashed, { recursive: true });
    const after = new Broker({ data: crashed });
    onTestFinished(() => after.close());
    expect(after.entities()).toMatchObject([{ path: "made", maxDeliveryCount: 4 }]);
  });
});

describe("a data folder", () => {
  it("belongs to one broker at a time", async () => {
    await lives.next();
    expect(() => new Broker({ data: lives.data })).toThrow(
      `The data folder '${lives.data}' cannot be used: another broker has it.`,
    );
    await lives.end();
    await lives.next();
  });

  it("of another version, or that is none, is refused and left as it is", async () => {
    await lives.next();
    await lives.end();
    const database = new DatabaseSync(join(lives.data, "broker.sqlite"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    expect(() => new Broker({ data: lives.data })).toThrow("its tables are of version 99");
    expect(() => new Broker({ data: "/dev/null/data" })).toThrow("The data folder '/dev/null/data' cannot be used");
  });

  it("is made where it is not there, in a folder that is", async () => {
    const data = join(lives.data, "of", "mine");
    expect(() => new Broker({ data })).toThrow(`there is no folder '${join(lives.data, "of")}': make it`);
    const broker = new Broker({ data: join(lives.data, "mine") });
    await broker.close();
    expect(existsSync(join(lives.data, "mine", "broker.sqlite"))).toBe(true);
  });
});
