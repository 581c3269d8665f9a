import { once } from "node:events";
import { create_container } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { Broker } from "../../../stacks/local/broker/index.js";
import { errorCodes, eventually, failure, startBus, take } from "../broker/client.js";
import { connect, receiveFrom } from "../broker/wireKit.js";

const MINUTE = 60_000;

describe("a link of an entity that changes", () => {
  it("is ended for who receives when it is disabled for receivers, and taken up again by the client", async () => {
    const { broker, client } = await startBus();
    broker.putQueue("orders");
    const errors = errorCodes();
    const got: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: errors.processError,
    });
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 1 });
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
    broker.putQueue("orders", { status: "ReceiveDisabled" });
    await eventually(
      () => errors.codes,
      (codes) => codes.includes("MessagingEntityDisabled"),
    );
    await sender.sendMessages({ body: 2 });
    expect(broker.counts("orders").active).toBe(1);
    broker.putQueue("orders", { status: "Active" });
    await eventually(
      () => got,
      (seen) => seen.includes(2),
      10_000,
    );
  });

  it("is ended for who sends when it is disabled for senders, and for all when it is deleted", async () => {
    const { broker, client } = await startBus();
    broker.putTopic("events");
    broker.putSubscription("events", "audit");
    const sender = client.createSender("events");
    const errors = errorCodes();
    client.createReceiver("events", "audit").subscribe({
      processMessage: async () => {},
      processError: errors.processError,
    });
    await sender.sendMessages({ body: 1 });
    await eventually(
      () => broker.counts("events/Subscriptions/audit").active,
      (active) => active === 0,
    );
    broker.putTopic("events", { status: "SendDisabled" });
    await client.createReceiver("events", "audit").peekMessages(1);
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("MessagingEntityDisabled");
    broker.deleteTopic("events");
    await eventually(
      () => errors.codes,
      (codes) => codes.includes("MessagingEntityNotFound"),
    );
    expect(await failure(sender.sendMessages({ body: 3 }))).toBe("MessagingEntityNotFound");
  });
});

describe("a link on which nothing happens", () => {
  it("is detached after ten minutes, in the service's words, whether it sends, receives or manages", async () => {
    const { broker, clock, connection } = await connect();
    broker.putQueue("orders");
    await once(connection, "connection_open");
    const ends: string[] = [];
    connection.on("sender_error", ({ sender }) => ends.push(String(Reflect.get(sender?.error ?? {}, "description"))));
    connection.on("receiver_error", ({ receiver }) =>
      ends.push(String(Reflect.get(receiver?.error ?? {}, "description"))),
    );
    connection.open_sender({ target: "orders", name: "s" });
    connection.open_receiver({ source: "orders", name: "r", credit_window: 0 });
    const last = connection.open_sender({ target: "orders/$management", name: "m" });
    await once(last, "sendable");
    clock.advance(9 * MINUTE);
    await once(connection.open_sender({ target: "orders", name: "later" }), "sendable");
    expect(ends).toEqual([]);
    clock.advance(2 * MINUTE);
    await eventually(
      () => ends.length,
      (length) => length === 3,
    );
    expect(ends.map((text) => text.replace(/ TrackingId:.*/, "")).sort()).toEqual([
      "The link 'm' is force detached. Code: controller. Details: AmqpControlProtocolClient.IdleTimerExpired: Idle timeout: 00:10:00.",
      "The link 'r' is force detached. Code: consumer. Details: AmqpMessageConsumer.IdleTimerExpired: Idle timeout: 00:10:00.",
      "The link 's' is force detached. Code: publisher. Details: AmqpMessagePublisher.IdleTimerExpired: Idle timeout: 00:10:00.",
    ]);
  });

  it("stays where something happens: a message, a delivery, a settlement, credit", async () => {
    const { broker, clock, connection } = await connect();
    broker.putQueue("orders");
    const { receiver, got, events } = receiveFrom(connection, { address: "orders" });
    await once(receiver, "receiver_open");
    const sender = connection.open_sender("orders");
    await once(sender, "sendable");
    for (let i = 1; i <= 4; i++) {
      clock.advance(6 * MINUTE);
      sender.send({ body: i });
      receiver.add_credit(1);
      await eventually(
        () => got.length,
        (length) => length === i,
      );
    }
    expect(sender.is_open()).toBe(true);
    expect(events.filter((event) => event.startsWith("receiver_error"))).toEqual([]);
  });

  it("is attached again by the Azure client at its next call", async () => {
    const { broker, client, clock, connect: another } = await startBus();
    broker.putQueue("orders");
    const sender = client.createSender("orders");
    const receiver = client.createReceiver("orders");
    await sender.sendMessages({ body: 1 });
    expect((await take(receiver, 1)).map(({ body }) => body)).toEqual([1]);
    clock.advance(11 * MINUTE);
    // Another client's answer shows that the broker has gone on; the first hears of the detach in the meantime.
    await another().createReceiver("orders").peekMessages(1);
    await receiver.peekMessages(1).catch(() => {});
    await sender.sendMessages({ body: 2 });
    expect((await take(receiver, 2)).map(({ body }) => body)).toEqual([1, 2]);
  });
});

describe("a connection without links", () => {
  async function dialled() {
    const { broker, clock, connection } = await connect();
    broker.putQueue("orders");
    await once(connection, "connection_open");
    return { clock, connection };
  }

  it("is closed after a minute if it never had one", async () => {
    const { clock, connection } = await dialled();
    const closed = once(connection, "connection_close");
    clock.advance(MINUTE + 15_000);
    await closed;
    expect(connection.error).toMatchObject({
      condition: "amqp:connection:forced",
      description: expect.stringContaining("did not have any active links in the past 60000 milliseconds"),
    });
  });

  it("is closed five minutes after its last, and not before", async () => {
    const { clock, connection } = await dialled();
    const sender = connection.open_sender("orders");
    await once(sender, "sendable");
    clock.advance(5 * MINUTE);
    sender.close();
    await once(sender, "sender_close");
    clock.advance(4 * MINUTE);
    const session = connection.create_session();
    session.begin();
    await once(session, "session_open");
    const closed = once(connection, "connection_close");
    clock.advance(MINUTE + 15_000);
    await closed;
    expect(connection.error).toMatchObject({
      description: expect.stringContaining("did not have any active links in the past 300000 milliseconds"),
    });
  });

  it("does not keep its place by tokens alone", async () => {
    const { clock, connection } = await dialled();
    const sender = connection.open_sender("$cbs");
    await once(sender, "sendable");
    const closed = once(connection, "connection_close");
    clock.advance(MINUTE + 15_000);
    await closed;
  });
});

describe("a broker's bounds", () => {
  it.each([
    [{ maxConnections: 0 }, /maxConnections = 0: must be 1 to 20000/],
    [{ idleTimeoutMs: 10 }, /idleTimeoutMs = 10: must be 100 to 600000/],
    [{ linkIdleMs: Number.NaN }, /linkIdleMs = NaN: must be 1000 or more/],
  ])("are checked when it is made: %o", (options, message) => {
    expect(() => new Broker(options)).toThrow(message);
  });

  it("leave a broker without connections no timer", async () => {
    const { broker, clock } = await startBus();
    const port = Number(/:(\d+);/.exec(broker.connectionString())?.[1]);
    const container = create_container();
    const connection = container.connect({ host: "127.0.0.1", port, reconnect: false });
    connection.on("disconnected", () => {});
    onTestFinished(() => connection.close());
    await once(connection, "connection_open");
    expect(clock.pending).toBeGreaterThan(0);
    connection.close();
    await eventually(
      () => {
        clock.advance(15_000);
        return clock.pending;
      },
      (pending) => pending === 0,
    );
  });
});
