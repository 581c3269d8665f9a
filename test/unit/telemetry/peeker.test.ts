import { ServiceBusClient } from "@azure/service-bus";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Peeker, type PeekReceiver } from "../../../runtime/bus/peeker.js";
import { systemClock } from "../../../runtime/support/clock.js";
import { Broker, type QueueSettings } from "../../../stacks/local/broker/index.js";
import { received } from "../bus/fakeBus.js";
import { clientError, FakeClock, settled } from "../bus/fakes.js";

describe("the peeker, with the unmodified client against the broker", () => {
  let broker: Broker;
  let client: ServiceBusClient;
  let peekers: Peeker[];

  beforeEach(async () => {
    broker = new Broker();
    await broker.listen();
    client = new ServiceBusClient(broker.connectionString(), { retryOptions: { maxRetries: 0 } });
    peekers = [];
  });
  afterEach(async () => {
    await Promise.all(peekers.map((peeker) => peeker.close()));
    await client.close();
    await broker.close();
  });

  function peeker(settings: QueueSettings = {}, deadLetter = false): Peeker {
    broker.putQueue("renders", { maxDeliveryCount: 3, ...settings });
    const options = deadLetter ? ({ subQueueType: "deadLetter" } as const) : {};
    const made = new Peeker({
      createReceiver: () => client.createReceiver("renders", options),
      clock: systemClock,
      limitMilliseconds: 500,
    });
    peekers.push(made);
    return made;
  }

  const send = async (count: number, change: object = {}): Promise<void> => {
    const sender = client.createSender("renders");
    for (let i = 0; i < count; i++) await sender.sendMessages({ body: `b-${i}`, messageId: `m-${i}`, ...change });
    await sender.close();
  };

  test("finds nothing in an empty queue, the oldest in one that is not, and the next once that is settled", async () => {
    const peek = peeker();
    expect(await peek.peekOldest()).toBeUndefined();
    const before = Date.now();
    await send(3);
    const oldest = await peek.peekOldest();
    expect(oldest?.sequenceNumber).toBe("1");
    expect(oldest?.enqueuedAt).toBeGreaterThanOrEqual(before);
    expect(oldest?.enqueuedAt).toBeLessThanOrEqual(Date.now());
    // It looks from the head each time, and takes nothing.
    expect((await peek.peekOldest())?.sequenceNumber).toBe("1");
    const receiver = client.createReceiver("renders");
    for (const message of await receiver.receiveMessages(1)) {
      // What is locked still waits for its settlement.
      expect((await peek.peekOldest())?.sequenceNumber).toBe("1");
      await receiver.completeMessage(message);
    }
    expect((await peek.peekOldest())?.sequenceNumber).toBe("2");
    await receiver.close();
  });

  test("passes over what is deferred or scheduled, however much of it lies in front", async () => {
    const peek = peeker();
    const sender = client.createSender("renders");
    const later = new Date(Date.now() + 3_600_000);
    await sender.scheduleMessages(
      Array.from({ length: 250 }, (_, i) => ({ body: i })),
      later,
    );
    expect(await peek.peekOldest()).toBeUndefined();
    await send(2);
    const receiver = client.createReceiver("renders");
    for (const message of await receiver.receiveMessages(1)) await receiver.deferMessage(message);
    expect((await peek.peekOldest())?.sequenceNumber).toBe("252");
    // A scheduled message that is due gets a number of its own, behind those that were passed over.
    const [due = expect.fail("no number")] = await sender.scheduleMessages([{ body: "soon" }], new Date());
    expect((await peek.peekOldest())?.sequenceNumber).toBe("252");
    for (const message of await receiver.receiveMessages(1)) await receiver.completeMessage(message);
    await expect
      .poll(async () => Number((await peek.peekOldest())?.sequenceNumber))
      .toBeGreaterThanOrEqual(due.toNumber());
    await receiver.close();
    await sender.close();
  });

  test("sees the sessions of an entity that requires them, held or not", async () => {
    const peek = peeker({ requiresSession: true });
    await send(2, { sessionId: "s-1" });
    expect((await peek.peekOldest())?.sequenceNumber).toBe("1");
    const session = await client.acceptSession("renders", "s-1");
    for (const message of await session.receiveMessages(1)) await session.completeMessage(message);
    expect((await peek.peekOldest())?.sequenceNumber).toBe("2");
    await session.close();
  });

  test("sees dead letters", async () => {
    const peek = peeker({}, true);
    await send(1);
    expect(await peek.peekOldest()).toBeUndefined();
    const receiver = client.createReceiver("renders");
    for (const message of await receiver.receiveMessages(1)) await receiver.deadLetterMessage(message);
    expect(await peek.peekOldest()).toBeDefined();
    await receiver.close();
  });

  test("asks without the bodies, and one look serves all who ask at once", async () => {
    const asked: object[] = [];
    broker.putQueue("renders", {});
    await send(1);
    const real = client.createReceiver("renders");
    const receiver: PeekReceiver = {
      peekMessages: (count, options) => {
        asked.push({ count, ...options });
        return real.peekMessages(count, options);
      },
      close: () => real.close(),
    };
    const peek = new Peeker({ createReceiver: () => receiver, clock: systemClock });
    peekers.push(peek);
    const found = await Promise.all([peek.peekOldest(), peek.peekOldest(), peek.peekOldest()]);
    expect(found.map((message) => message?.sequenceNumber)).toEqual(["1", "1", "1"]);
    expect(asked).toMatchObject([{ count: 1, omitMessageBody: true }]);
  });

  test("goes on after the connection was lost", async () => {
    const peek = peeker();
    await send(1);
    expect(await peek.peekOldest()).toBeDefined();
    broker.faults.dropConnections();
    await expect.poll(() => peek.peekOldest().catch(() => undefined)).toBeDefined();
  });

  test.each([
    ["of an ordinary entity goes on behind what it passed over", 0, ["none", "2", "2"]],
    // Partition 3: a lower number may be a newer message's.
    ["of a partitioned entity begins at the first each time", 3, ["none", "844424930131970", "0"]],
  ])("%s", async (_what, partition, asked) => {
    broker.putQueue("renders", {});
    const sender = client.createSender("renders");
    const [number = expect.fail("no number")] = await sender.scheduleMessages(
      [{ body: 1 }],
      new Date(Date.now() + 1e6),
    );
    await sender.close();
    const sequenceNumber = number.add(number.shiftLeft(48).multiply(partition));
    const from: string[] = [];
    const peekMessages: PeekReceiver["peekMessages"] = async (_count, options) => {
      from.push(options?.fromSequenceNumber?.toString() ?? "none");
      return from.length === 1 ? [{ ...received(), state: "scheduled", sequenceNumber }] : [];
    };
    const createReceiver = (): PeekReceiver => ({ peekMessages, close: async () => undefined });
    const peek = new Peeker({ clock: systemClock, createReceiver });
    expect(await peek.peekOldest()).toBeUndefined();
    expect(await peek.peekOldest()).toBeUndefined();
    expect(from).toEqual(asked);
  });
});

describe("the peeker", () => {
  test("gives up a look after 10 s and opens a receiver anew for the next", async () => {
    const clock = new FakeClock();
    let opened = 0;
    let closed = 0;
    let answer = (): Promise<never[]> => new Promise(() => undefined);
    const peek = new Peeker({
      clock,
      createReceiver: () => {
        opened++;
        return { peekMessages: () => answer(), close: async () => void closed++ };
      },
    });
    const look = peek.peekOldest();
    const failed = expect(look).rejects.toThrow("no answer to a peek within 10 s");
    await clock.advance(10_000);
    await failed;
    await settled();
    expect([opened, closed, clock.pending]).toEqual([1, 1, 0]);
    answer = () => Promise.reject(clientError("UnauthorizedAccess"));
    await expect(peek.peekOldest()).rejects.toMatchObject({ code: "UnauthorizedAccess" });
    answer = async () => [];
    expect(await peek.peekOldest()).toBeUndefined();
    expect(opened).toBe(3);
  });
});
