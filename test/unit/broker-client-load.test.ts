import type { ServiceBusSender } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { eventually, startBus, take } from "./broker/client.js";

const COUNT = 1_000;

/** Sends messages 0 to `count` - 1, in batches. */
async function fill(sender: ServiceBusSender, count: number, body = (i: number): unknown => i): Promise<void> {
  for (let from = 0; from < count; from += 200) {
    const length = Math.min(200, count - from);
    await sender.sendMessages(Array.from({ length }, (_, i) => ({ body: body(from + i), messageId: `m${from + i}` })));
  }
}

const ALL = Array.from({ length: COUNT }, (_, i) => i);

describe("a thousand messages", () => {
  it("each reach one subscriber with 200 calls at a time, once", async () => {
    const { client, broker, settled } = await startBus();
    broker.putQueue("orders");
    await fill(client.createSender("orders"), COUNT);
    const got: number[] = [];
    let running = 0;
    let most = 0;
    client.createReceiver("orders").subscribe(
      {
        processMessage: async ({ body }) => {
          most = Math.max(most, ++running);
          got.push(body);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
        },
        processError: async ({ error }) => {
          throw error;
        },
      },
      { maxConcurrentCalls: 200 },
    );
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 0,
      15_000,
    );
    expect(got.sort((a, b) => a - b)).toEqual(ALL);
    expect(most).toBeLessThanOrEqual(200);
    expect(settled.filter(({ outcome }) => outcome === "completed").length).toBe(COUNT);
  });

  it("are shared by two receivers of two clients, each message once", async () => {
    const { broker, client, connect } = await startBus();
    broker.putTopic("events");
    broker.putSubscription("events", "audit");
    const shares: number[][] = [[], []];
    for (const share of shares) {
      connect()
        .createReceiver("events", "audit")
        .subscribe(
          {
            processMessage: async ({ body }) => {
              share.push(body);
            },
            processError: async () => {},
          },
          { maxConcurrentCalls: 20 },
        );
    }
    await fill(client.createSender("events"), COUNT);
    await eventually(
      () => shares.flat().length,
      (length) => length >= COUNT,
      15_000,
    );
    await eventually(
      () => broker.counts("events/Subscriptions/audit").active,
      (active) => active === 0,
    );
    expect(shares.flat().sort((a, b) => a - b)).toEqual(ALL);
    expect(Math.min(...shares.map((share) => share.length))).toBeGreaterThan(COUNT / 10);
  });

  it("sent one by one, a hundred at a time, all arrive, in the order in which they were accepted", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("orders");
    const sender = client.createSender("orders");
    for (let from = 0; from < COUNT; from += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => sender.sendMessages({ body: from + i })));
    }
    const receiver = client.createReceiver("orders", { receiveMode: "receiveAndDelete" });
    expect((await take(receiver, COUNT)).map(({ body }) => body)).toEqual(ALL);
  });

  it("are received beyond what a link holds unsettled, with the lock of each", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("orders");
    await fill(client.createSender("orders"), 2_500);
    // The client keeps at most 2,048 deliveries of a link: the rest must wait for these, and come.
    const receiver = client.createReceiver("orders", { maxAutoLockRenewalDurationInMs: 0 });
    const first = await take(receiver, 2_000);
    expect(new Set(first.map(({ lockToken }) => lockToken)).size).toBe(2_000);
    await Promise.all(first.map((message) => receiver.completeMessage(message)));
    expect((await take(receiver, 500)).map(({ body }) => body)).toEqual(
      Array.from({ length: 500 }, (_, i) => 2_000 + i),
    );
    expect(broker.counts("orders")).toMatchObject({ active: 500, locked: 500 });
  });
});

describe("large messages", () => {
  it("travel in several frames, many at once, and come as they were", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("files");
    const sender = client.createSender("files");
    const body = (i: number): Buffer => Buffer.alloc(200_000 + i, i);
    await Promise.all(Array.from({ length: 40 }, (_, i) => sender.sendMessages({ body: body(i) })));
    const messages = await take(client.createReceiver("files"), 40);
    expect(messages.map((message) => Buffer.compare(message.body, body(message.body[0])))).toEqual(
      messages.map(() => 0),
    );
    expect(new Set(messages.map((message) => message.body.length)).size).toBe(40);
  });
});
