import { describe, expect, it } from "vitest";
import { BusyAt, LostSettlement } from "../../../stacks/local/broker/index.js";
import { type Bus, eventually, failure, startBus, take, takeOne } from "../broker/client.js";

/** A client that gives up after so long; the others wait five seconds. */
const SHORT = { maxRetries: 0, timeoutInMs: 700, retryDelayInMs: 20, maxRetryDelayInMs: 50 };

async function orders(lockDurationSeconds = 30): Promise<Bus> {
  const bus = await startBus();
  bus.broker.putQueue("orders", { lockDurationSeconds });
  bus.broker.putQueue("other");
  return bus;
}

/** Whether something has come to an end, after everything has run that can run now. */
async function pending(promise: Promise<unknown>, milliseconds = 150): Promise<boolean> {
  const waited = new Promise((resolve) => setTimeout(() => resolve("pending"), milliseconds));
  return (await Promise.race([promise.catch(() => "over"), waited])) === "pending";
}

describe("a frozen connection", () => {
  it("stays and says nothing: what the client asks times out, and is there once it is thawed", async () => {
    const { broker, connect } = await orders();
    const client = connect({ retryOptions: SHORT });
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 1 });
    expect(broker.faults.freeze()).toBe(1);
    expect(broker.faults.freeze()).toBe(0);
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("ServiceTimeout");
    expect(broker.counts("orders").active).toBe(1);
    // Others connect and work as ever.
    await connect().createSender("orders").sendMessages({ body: 3 });
    expect(broker.counts("orders").active).toBe(2);
    expect(broker.faults.thaw()).toBe(1);
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 3,
    );
    await sender.sendMessages({ body: 4 });
    expect(broker.counts("orders").active).toBe(4);
  });

  it("holds deliveries, which come when it is thawed; of one entity's connections if asked", async () => {
    const { broker, connect } = await orders();
    const got: unknown[] = [];
    const subscribe = (queue: string): void => {
      connect()
        .createReceiver(queue)
        .subscribe({
          processMessage: async ({ body }) => {
            got.push(body);
          },
          processError: async () => {},
        });
    };
    subscribe("orders");
    subscribe("other");
    const client = connect();
    // Both receivers are there once they have had something.
    await client.createSender("orders").sendMessages({ body: "first" });
    await client.createSender("other").sendMessages({ body: "second" });
    await eventually(
      () => got.length,
      (length) => length === 2,
    );
    await client.close();
    expect(broker.faults.freeze("orders")).toBe(1);
    const sending = connect();
    await sending.createSender("orders").sendMessages({ body: "held" });
    await sending.createSender("other").sendMessages({ body: "through" });
    await eventually(
      () => got,
      (seen) => seen.includes("through"),
    );
    await eventually(
      () => broker.counts("orders").locked,
      (locked) => locked === 1,
    );
    expect(got).not.toContain("held");
    broker.faults.thaw();
    await eventually(
      () => got,
      (seen) => seen.includes("held"),
    );
  });

  it("does not keep the broker from closing in its time", async () => {
    const { broker, client } = await orders();
    await client.createSender("orders").sendMessages({ body: 1 });
    broker.faults.freeze();
    const started = Date.now();
    await broker.close();
    expect(Date.now() - started).toBeLessThan(5_000);
  });
});

describe("a delay", () => {
  it("of the network adds to every answer, on connections there are and on new ones, and keeps their order", async () => {
    const { broker, client, clock, connect } = await orders();
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 0 });
    broker.faults.delay(500);
    const order: number[] = [];
    const sent = [1, 2, 3].map((body) => sender.sendMessages({ body }).then(() => order.push(body)));
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 4,
    );
    clock.advance(499);
    expect(await pending(Promise.race(sent))).toBe(true);
    clock.advance(1);
    await Promise.all(sent);
    expect(order).toEqual([1, 2, 3]);
    const late = connect().createSender("orders").sendMessages({ body: 4 });
    expect(await pending(late)).toBe(true);
    broker.faults.delay(0);
    const timer = setInterval(() => clock.advance(500), 5);
    await late;
    clearInterval(timer);
  });

  it("of an entity adds to its answers to messages, settlements and requests, and to no other's", async () => {
    const { broker, client, clock } = await orders();
    const sender = client.createSender("orders");
    const receiver = client.createReceiver("orders");
    await sender.sendMessages({ body: 1 });
    const message = await takeOne(receiver);
    await receiver.peekMessages(1);
    broker.faults.delay(2_000, "orders");
    const waiting = [
      sender.sendMessages({ body: 2 }),
      receiver.completeMessage(message),
      receiver.peekMessages(1),
    ] as const;
    await client.createSender("other").sendMessages({ body: 1 });
    expect(await pending(Promise.race(waiting))).toBe(true);
    clock.advance(2_000);
    await Promise.all(waiting);
    broker.faults.delay(0, "orders");
    await sender.sendMessages({ body: 3 });
    expect(broker.counts("orders").active).toBe(2);
  });
});

describe("a busy entity", () => {
  it("is ServiceBusy to send to, to attach to and to ask, as often as told; the client goes on when it is over", async () => {
    const { broker, client, connect } = await orders();
    const sender = client.createSender("orders");
    const receiver = client.createReceiver("orders");
    await sender.sendMessages({ body: 1 });
    await receiver.peekMessages(1);
    broker.faults.answerBusy("orders", { times: 2, at: [BusyAt.Send] });
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("ServiceBusy");
    await receiver.peekMessages(1);
    expect(await failure(sender.sendMessages([{ body: 2 }]))).toBe("ServiceBusy");
    await sender.sendMessages({ body: 2 });
    broker.faults.answerBusy("orders");
    expect(await failure(sender.sendMessages({ body: 3 }))).toBe("ServiceBusy");
    expect(await failure(receiver.peekMessages(1))).toBe("ServiceBusy");
    expect(await failure(connect().createReceiver("orders").receiveMessages(1))).toBe("ServiceBusy");
    await client.createSender("other").sendMessages({ body: 1 });
    broker.faults.clear();
    await sender.sendMessages({ body: 3 });
    expect(broker.counts("orders").active).toBe(3);
  });

  it("is waited out by a client that tries again", async () => {
    const { broker, connect } = await orders();
    const sender = connect({ retryOptions: { maxRetries: 3, retryDelayInMs: 10, timeoutInMs: 5_000 } }).createSender(
      "orders",
    );
    await sender.sendMessages({ body: 1 });
    broker.faults.answerBusy("orders", { times: 2 });
    await sender.sendMessages({ body: 2 });
    expect(broker.counts("orders").active).toBe(2);
  });
});

describe("a lost settlement", () => {
  it("on the way here is never answered, and the message comes again when its lock ends", async () => {
    const { broker, connect, clock, settled } = await orders(30);
    const client = connect({ retryOptions: SHORT });
    await client.createSender("orders").sendMessages({ body: 1 });
    const receiver = client.createReceiver("orders");
    const message = await takeOne(receiver);
    broker.faults.loseSettlements("orders");
    expect(await failure(receiver.completeMessage(message))).toBe("ServiceTimeout");
    expect(broker.counts("orders")).toMatchObject({ active: 1, locked: 1 });
    expect(settled).toEqual([]);
    clock.advance(30_001);
    const again = await takeOne(receiver);
    expect([again.body, again.deliveryCount]).toEqual([1, 1]);
    await receiver.completeMessage(again);
    expect(broker.counts("orders").active).toBe(0);
  });

  it("on the way back is done all the same, and its receiver does not know", async () => {
    const { broker, connect } = await orders();
    const client = connect({ retryOptions: SHORT });
    await client.createSender("orders").sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
    const receiver = client.createReceiver("orders");
    const [first, second, third] = await take(receiver, 3);
    if (first === undefined || second === undefined || third === undefined) throw new Error("too few");
    broker.faults.loseSettlements("orders", { times: 2, lost: LostSettlement.Answer });
    expect(await failure(receiver.completeMessage(first))).toBe("ServiceTimeout");
    expect(await failure(receiver.deadLetterMessage(second))).toBe("ServiceTimeout");
    await receiver.completeMessage(third);
    expect(broker.counts("orders")).toMatchObject({ active: 0, deadLetter: 1 });
  });
});

describe("a fault", () => {
  it("that cannot be is refused with what is wrong", async () => {
    const { broker } = await orders();
    const { faults } = broker;
    expect(() => faults.delay(60_001)).toThrow(/from 0 to 60000/);
    expect(() => faults.delay(-1, "orders")).toThrow(/milliseconds = -1/);
    expect(() => faults.answerBusy("orders", { times: 0 })).toThrow(/times = 0/);
    expect(() => faults.loseSettlements("orders", { times: 1.5 })).toThrow(/whole number/);
    for (const use of [
      () => faults.freeze("none"),
      () => faults.delay(1, "none"),
      () => faults.answerBusy("none"),
      () => faults.loseSettlements("none"),
      () => faults.detachLinks("none"),
    ]) {
      expect(use).toThrow(/'none' could not be found/);
    }
  });
});
