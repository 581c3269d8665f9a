import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { ServiceBusClient } from "@azure/service-bus";
import { type Connection, create_container } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import WebSocket from "ws";
import { AccessRight, Broker, type ListenOptions } from "../../../stacks/local/broker/index.js";
import { eventually, failure, take, takeOne } from "../broker/client.js";
import { FakeClock } from "../broker/helpers.js";
import { certificate, FIRST_ANSWER, startGuarded } from "../broker-access/kit.js";

async function listening(options: ListenOptions = {}) {
  const clock = new FakeClock(Date.now());
  const broker = new Broker({ clock });
  broker.putQueue("orders");
  const { port } = await broker.listen(options);
  onTestFinished(() => broker.close());
  return { broker, clock, port };
}

function azure(port: number, overWebSocket = false): ServiceBusClient {
  const client = new ServiceBusClient(`Endpoint=sb://localhost:${port}/;SharedAccessKeyName=a;SharedAccessKey=b`, {
    retryOptions: FIRST_ANSWER,
    ...(overWebSocket ? { webSocketOptions: { webSocket: WebSocket } } : {}),
  });
  onTestFinished(() => client.close());
  return client;
}

/** A connection of a bare AMQP client that is open, or how it ended. */
async function opened(options: Record<string, unknown>): Promise<string> {
  const container = create_container();
  return new Promise((resolve) => {
    const connection: Connection = container.connect({ reconnect: false, host: "127.0.0.1", port: 1, ...options });
    onTestFinished(() => connection.close());
    connection.on("connection_open", () => resolve("open"));
    connection.on("connection_error", () => {});
    connection.on("error", () => {});
    connection.on("connection_close", () => {
      const error = connection.error;
      resolve(error !== undefined && "condition" in error ? String(error.condition) : "closed");
    });
    connection.on("disconnected", ({ error }) => resolve(`disconnected ${error?.message ?? ""}`.trim()));
  });
}

async function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connectTcp(port, "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
  });
  socket.end(bytes);
  return ended(socket);
}

async function ended(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(parts).toString("latin1");
}

describe("a port with TLS", () => {
  it("serves the Azure client over amqps", async () => {
    const { port } = await listening({ tls: await certificate() });
    const client = azure(port);
    await client.createSender("orders").sendMessages([{ body: 1 }, { body: "x".repeat(200_000) }]);
    const receiver = client.createReceiver("orders");
    const messages = await take(receiver, 2);
    await Promise.all(messages.map((message) => receiver.completeMessage(message)));
    expect(messages.map(({ body }) => String(body).length)).toEqual([1, 200_000]);
  });

  it("takes TLS 1.2 and 1.3, nothing older and nothing that is not TLS", async () => {
    const { port } = await listening({ tls: await certificate() });
    const handshake = async (options: ConnectionOptions): Promise<string> => {
      const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ...options });
      try {
        await once(socket, "secureConnect");
        return socket.getProtocol() ?? "none";
      } catch (error) {
        return error instanceof Error && "code" in error ? String(error.code) : String(error);
      } finally {
        socket.destroy();
      }
    };
    expect(await handshake({ maxVersion: "TLSv1.2" })).toBe("TLSv1.2");
    expect(await handshake({})).toBe("TLSv1.3");
    expect(await handshake({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" })).toMatch(
      /ALERT_PROTOCOL_VERSION|ECONNRESET/,
    );
    expect(await raw(port, "AMQP\x00\x01\x00\x00")).toBe("");
    expect(await raw(port, "GET / HTTP/1.1\r\n\r\n")).toBe("");
    expect(await handshake({})).toBe("TLSv1.3");
  });

  it("takes bare AMQP too where it is asked to, and without a certificate nothing but that", async () => {
    const { port, broker } = await listening({ tls: await certificate(), plainText: true });
    await azure(port).createSender("orders").sendMessages({ body: 1 });
    const bare = new ServiceBusClient(broker.connectionString(), { retryOptions: FIRST_ANSWER });
    onTestFinished(() => bare.close());
    expect((await takeOne(bare.createReceiver("orders"))).body).toBe(1);
    const { port: second } = await broker.listen();
    expect(await failure(azure(second).createSender("orders").sendMessages({ body: 1 }))).not.toBe("it did not fail");
    await expect(broker.listen({ plainText: false })).rejects.toThrow(/needs 'tls'/);
  });

  it("drops who does not come to AMQP in 20 seconds: silent, in the handshake, in SASL, in HTTP", async () => {
    const { port, clock } = await listening({ tls: await certificate(), plainText: true });
    const sockets = ["", "\x16\x03\x01", "AMQP\x03\x01\x00\x00", "AMQP", "GET /"].map((bytes) => {
      const socket = connectTcp(port, "127.0.0.1");
      socket.write(Buffer.from(bytes, "latin1"));
      onTestFinished(() => {
        socket.destroy();
      });
      return socket;
    });
    const all = Promise.all(sockets.map(ended));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    // Each has its limit, and the one that came to AMQP brought the broker's own timer.
    await eventually(
      () => clock.pending,
      (pending) => pending === sockets.length + 1,
    );
    clock.advance(20_001);
    expect((await all).length).toBe(5);
    expect(await opened({ port, username: "a" })).toBe("open");
  });
});

describe("SASL", () => {
  it("offers what the official clients ask for, and takes a connection without it", async () => {
    const { port } = await listening();
    const answer = await raw(port, "AMQP\x03\x01\x00\x00");
    for (const mechanism of ["MSSBCBS", "PLAIN", "ANONYMOUS"]) {
      expect(answer).toContain(mechanism);
    }
    expect(await opened({ port, username: "a" })).toBe("open");
    expect(await opened({ port, username: "a", password: "b" })).toBe("open");
    expect(await opened({ port })).toBe("open");
  });

  it("PLAIN is the name and key of a shared access policy, where rights are looked at", async () => {
    const { broker, port, log } = await startGuarded();
    broker.putSharedAccessPolicy("orders", { name: "sender", rights: [AccessRight.Send], primaryKey: "key" });
    expect(await opened({ port, username: "sender", password: "key" })).toBe("open");
    expect(await opened({ port, username: "sender", password: "wrong" })).not.toBe("open");
    expect(log.map(({ action, outcome, who, entity }) => [action, outcome, who, entity])).toEqual([
      ["put-token", "allowed", "sender", "orders"],
      ["put-token", "refused", "sender", ""],
    ]);
    const container = create_container();
    const connection = container.connect({
      ...{ port, host: "127.0.0.1", reconnect: false },
      ...{ username: "sender", password: "key" },
    });
    onTestFinished(() => connection.close());
    const ends: string[] = [];
    for (const event of ["sender_open", "receiver_open", "sender_error", "receiver_error"]) {
      connection.on(event, ({ sender, receiver }) => {
        const error = (sender ?? receiver)?.error;
        ends.push(error !== undefined && "condition" in error ? String(error.condition) : event);
      });
    }
    connection.open_sender({ target: { address: "orders" } });
    connection.open_receiver({ source: { address: "orders" } });
    await eventually(
      () => ends,
      (seen) => seen.includes("sender_open") && seen.includes("amqp:unauthorized-access"),
    );
  });
});

describe("a WebSocket", () => {
  it("carries all that the Azure client does, in TLS", async () => {
    const { port, broker } = await listening({ tls: await certificate() });
    broker.putQueue("sessions", { requiresSession: true });
    const client = azure(port, true);
    const bodies = Array.from({ length: 300 }, (_, i) => ({ body: `${i} ${"x".repeat(i * 5)}` }));
    await client.createSender("orders").sendMessages(bodies);
    const receiver = client.createReceiver("orders");
    const messages = await take(receiver, bodies.length);
    await Promise.all(messages.map((message) => receiver.completeMessage(message)));
    expect(messages.map(({ body }) => body)).toEqual(bodies.map(({ body }) => body));
    await client.createSender("sessions").sendMessages({ body: 1, sessionId: "a" });
    const session = await client.acceptNextSession("sessions");
    expect((await take(session, 1)).map(({ body }) => body)).toEqual([1]);
    await session.setSessionState("state");
    expect(String(await session.getSessionState())).toBe("state");
    await session.close();
    expect(broker.counts("orders").active).toBe(0);
  });

  it("is looked at for rights as any other connection", async () => {
    const { directory, client } = await startGuarded();
    directory.grant("producer", "orders", AccessRight.Send);
    const producer = client("producer", { webSocketOptions: { webSocket: WebSocket } });
    await producer.createSender("orders").sendMessages({ body: 1 });
    expect(await failure(producer.createReceiver("orders").peekMessages(1))).toBe("UnauthorizedAccess");
  });

  it("may be bare where plain text is taken, and is dropped and closed like a socket", async () => {
    const { port, broker } = await listening();
    const dial = create_container().websocket_connect(WebSocket);
    const details = dial(`ws://127.0.0.1:${port}/$servicebus/websocket`, ["AMQPWSB10"], {});
    expect(await opened({ port, connection_details: details })).toBe("open");
    expect(broker.faults.dropConnections()).toBe(1);
    expect(await opened({ port, connection_details: details })).toBe("open");
    await broker.close();
  });

  it("is refused at another path, with another sub-protocol, and a plain request is told what to ask for", async () => {
    const { port } = await listening();
    const refused = async (path: string, protocols: string[]): Promise<string> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols);
      const [error] = await once(socket, "error");
      return error instanceof Error ? error.message : String(error);
    };
    expect(await refused("/elsewhere", ["AMQPWSB10"])).toMatch(/404/);
    expect(await refused("/$servicebus/websocket", ["mqtt"])).toMatch(/400/);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(answer.status).toBe(426);
    expect(await answer.text()).toContain("$servicebus/websocket");
    const text = new WebSocket(`ws://127.0.0.1:${port}/$servicebus/websocket`, ["AMQPWSB10"]);
    text.on("error", () => {});
    await once(text, "open");
    text.send("this is no AMQP");
    await once(text, "close");
    expect(await opened({ port, username: "a" })).toBe("open");
  });
});
