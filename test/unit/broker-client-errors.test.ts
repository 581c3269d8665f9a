import { spawnSync } from "node:child_process";
import net from "node:net";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { Broker } from "../../stacks/local/broker/index.js";
import { errorCodes, eventually, failure, startBus, take, takeOne } from "./broker/client.js";

describe("what is not there", () => {
  it("is MessagingEntityNotFound: to send, to receive, to peek, to accept", async () => {
    const { client, broker } = await startBus();
    broker.putTopic("events");
    const missing = [
      client.createSender("none").sendMessages({ body: 1 }),
      client.createReceiver("none").receiveMessages(1, { maxWaitTimeInMs: 500 }),
      client.createReceiver("none").peekMessages(1),
      client.createReceiver("events", "none").receiveMessages(1, { maxWaitTimeInMs: 500 }),
      client.createReceiver("none", { subQueueType: "deadLetter" }).receiveMessages(1, { maxWaitTimeInMs: 500 }),
      client.acceptSession("none", "a"),
      client.acceptNextSession("none"),
    ];
    expect(await Promise.all(missing.map(failure))).toEqual(missing.map(() => "MessagingEntityNotFound"));
  });

  it("becomes known to a subscriber when its queue is deleted, and it receives again once there is one", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("orders");
    const errors = errorCodes();
    const got: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: errors.processError,
    });
    await client.createSender("orders").sendMessages({ body: 1 });
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
    broker.deleteQueue("orders");
    await eventually(
      () => errors.codes,
      (codes) => codes.includes("MessagingEntityNotFound"),
    );
    broker.putQueue("orders");
    await client.createSender("orders").sendMessages({ body: 2 });
    await eventually(
      () => got,
      (seen) => seen.length === 2,
    );
    expect(got).toEqual([1, 2]);
  });

  it("is a topic to receive from, or a subscription to send to", async () => {
    const { client, broker } = await startBus();
    broker.putTopic("events");
    broker.putSubscription("events", "audit");
    expect(await failure(client.createReceiver("events").receiveMessages(1, { maxWaitTimeInMs: 300 }))).not.toBe(
      "it did not fail",
    );
    expect(await failure(client.createSender("events/Subscriptions/audit").sendMessages({ body: 1 }))).not.toBe(
      "it did not fail",
    );
  });
});

describe("what is too much", () => {
  it("is MessageSizeExceeded for a message beyond the limit, alone, batched or scheduled; the link goes on", async () => {
    const { client, broker, clock } = await startBus({ maxMessageBytes: 100_000 });
    broker.putQueue("orders");
    const sender = client.createSender("orders");
    const big = { body: "x".repeat(100_000) };
    expect(await failure(sender.sendMessages(big))).toBe("MessageSizeExceeded");
    expect(await failure(sender.scheduleMessages(big, new Date(clock.now() + 1_000)))).toBe("MessageSizeExceeded");
    await sender.sendMessages({ body: "y".repeat(99_000) });
    expect(broker.counts("orders").active).toBe(1);
    expect((await sender.createMessageBatch()).maxSizeInBytes).toBe(100_000);
  });

  it("is QuotaExceeded when the broker is full, until something is taken out", async () => {
    const { client, broker } = await startBus({ maxBytes: 20_000 });
    broker.putQueue("orders");
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: "x".repeat(10_000) });
    expect(await failure(sender.sendMessages({ body: "x".repeat(10_000) }))).toBe("QuotaExceeded");
    const receiver = client.createReceiver("orders", { receiveMode: "receiveAndDelete" });
    await take(receiver, 1);
    await sender.sendMessages({ body: "x".repeat(10_000) });
  });
});

describe("a disabled entity", () => {
  it("is MessagingEntityDisabled to send to and to receive from", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("orders", { status: "Disabled" });
    const receiver = client.createReceiver("orders");
    const errors = errorCodes();
    receiver.subscribe({ processMessage: async () => {}, processError: errors.processError });
    await eventually(
      () => errors.codes,
      (codes) => codes.includes("MessagingEntityDisabled"),
    );
    broker.putQueue("in", {});
    const sender = client.createSender("in");
    await sender.sendMessages({ body: 1 });
    broker.putQueue("in", { status: "SendDisabled" });
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("MessagingEntityDisabled");
    expect(await failure(client.createSender("orders").sendMessages({ body: 2 }))).toBe("MessagingEntityDisabled");
    expect((await takeOne(client.createReceiver("in"))).body).toBe(1);
  });
});

describe("faults on request", () => {
  it("dropped connections: a subscriber comes back, and gets what was sent meanwhile", async () => {
    const { client, broker, connect } = await startBus();
    broker.putQueue("orders");
    const got: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: async () => {},
    });
    await client.createSender("orders").sendMessages({ body: 1 });
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 0,
    );
    expect(broker.faults.dropConnections()).toBe(1);
    await connect().createSender("orders").sendMessages({ body: 2 });
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 0,
      10_000,
    );
    expect(got).toEqual([1, 2]);
  });

  it("detached links: a subscriber comes back", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("orders");
    const got: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: async () => {},
    });
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 1 });
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 0,
    );
    expect(broker.faults.detachLinks("orders")).toBe(2);
    // An answer on the same connection comes after the detach: the client knows of it by then.
    await client.createReceiver("orders").peekMessages(1);
    await sender.sendMessages({ body: 2 });
    await eventually(
      () => broker.counts("orders").active,
      (active) => active === 0,
    );
    expect(got).toEqual([1, 2]);
  });
});

describe("a broker", () => {
  it("has its entities from put and delete only, and tells them", async () => {
    const { broker } = await startBus();
    expect(broker.entities()).toEqual([]);
    broker.putQueue("orders", { requiresSession: true, lockDurationSeconds: 15 });
    broker.putTopic("events");
    broker.putSubscription("events", "audit", { maxDeliveryCount: 4 });
    broker.putRule("events", "audit", "north", { kind: "correlation", properties: { region: "north" } });
    broker.deleteRule("events", "audit", "$Default");
    expect(
      broker.entities().map(({ kind, path, requiresSession, maxDeliveryCount, rules }) => ({
        kind,
        path,
        requiresSession,
        maxDeliveryCount,
        rules,
      })),
    ).toEqual([
      { kind: "queue", path: "orders", requiresSession: true, maxDeliveryCount: 10, rules: undefined },
      { kind: "topic", path: "events", requiresSession: false, maxDeliveryCount: 10, rules: undefined },
      {
        kind: "subscription",
        path: "events/Subscriptions/audit",
        requiresSession: false,
        maxDeliveryCount: 4,
        rules: { north: { kind: "correlation", properties: { region: "north" } } },
      },
    ]);
    broker.deleteSubscription("events", "audit");
    broker.deleteTopic("events");
    broker.deleteQueue("orders");
    expect(broker.entities()).toEqual([]);
  });

  it("filters by correlation what the Azure client sends", async () => {
    const { broker, client } = await startBus();
    broker.putTopic("events");
    broker.putSubscription("events", "north");
    broker.putRule("events", "north", "north", {
      kind: "correlation",
      subject: "order",
      properties: { region: "north" },
    });
    broker.deleteRule("events", "north", "$Default");
    await client.createSender("events").sendMessages([
      { body: 1, subject: "order", applicationProperties: { region: "south" } },
      { body: 2, subject: "order", applicationProperties: { region: "north" } },
      { body: 3, applicationProperties: { region: "north" } },
    ]);
    expect(broker.counts("events/Subscriptions/north").active).toBe(1);
    expect((await takeOne(client.createReceiver("events", "north"))).body).toBe(2);
  });

  it("says before it listens that it has no address, and listens on more ports until it is closed", async () => {
    const broker = new Broker();
    expect(() => broker.connectionString()).toThrow(/before it listens/);
    const { host, port } = await broker.listen({ host: "127.0.0.2" });
    expect(broker.connectionString()).toBe(
      `Endpoint=sb://${host}:${port};SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true`,
    );
    const more = await broker.listen();
    expect(more.port).not.toBe(port);
    expect(broker.connectionString()).toContain(`:${port};`);
    await broker.close();
    await broker.close();
    await expect(broker.listen()).rejects.toThrow(/was closed/);
    await new Broker().close();
  });

  it("says whose port it is when it cannot have it", async () => {
    const { broker } = await startBus();
    const port = Number(/:(\d+);/.exec(broker.connectionString())?.[1]);
    const second = new Broker();
    await expect(second.listen({ port })).rejects.toThrow(/EADDRINUSE/);
    await second.close();
  });

  it("closes within its bound with clients that are connected, silent or half gone", async () => {
    const broker = new Broker();
    broker.putQueue("orders");
    const { port, host } = await broker.listen();
    const silent = net.connect(port, host);
    const halfOpen = net.connect({ port, host, allowHalfOpen: true });
    await Promise.all([silent, halfOpen].map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    halfOpen.write("AMQP");
    const { ServiceBusClient } = await import("@azure/service-bus");
    const client = new ServiceBusClient(broker.connectionString());
    await client.createSender("orders").sendMessages({ body: 1 });
    const before = Date.now();
    await broker.close();
    expect(Date.now() - before).toBeLessThan(5_000);
    await client.close();
    silent.destroy();
    halfOpen.destroy();
  });

  it("leaves nothing that keeps a process alive", () => {
    const bundle = buildSync({
      entryPoints: ["stacks/local/broker/index.ts"],
      bundle: true,
      platform: "node",
      format: "cjs",
      packages: "external",
      write: false,
    });
    const script = `
      const { ServiceBusClient } = require("@azure/service-bus");
      (async () => {
        const broker = new module.exports.Broker();
        broker.putQueue("orders", { timeToLive: 60 });
        await broker.listen();
        const client = new ServiceBusClient(broker.connectionString());
        await client.createSender("orders").sendMessages({ body: 1 });
        await client.close();
        await broker.close();
        console.log("closed");
      })();`;
    const ended = spawnSync(process.execPath, ["-"], {
      input: `${bundle.outputFiles[0]?.text}${script}`,
      timeout: 10_000,
      encoding: "utf8",
    });
    expect([ended.status, ended.signal, ended.stderr, ended.stdout]).toEqual([0, null, "", "closed\n"]);
  });
});
