import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { type Connection, create_container } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { Broker, type BrokerOptions } from "../../../stacks/local/broker/index.js";
import { eventually } from "../broker/client.js";

/** Connections of the test that bring up many; the service's own number in the long run. */
const MANY = process.env["STOWAGE_LONG"] === "1" ? 5_000 : 2_000;

async function listening(options: BrokerOptions = {}) {
  const broker = new Broker(options);
  broker.putQueue("orders");
  const { port } = await broker.listen();
  onTestFinished(() => broker.close());
  const container = create_container();
  for (const event of ["connection_error", "connection_close", "disconnected", "session_error", "error"]) {
    container.on(event, () => {});
  }
  const dial = (more: Record<string, unknown> = {}): Connection => {
    const connection = container.connect({ host: "127.0.0.1", port, reconnect: false, username: "a", ...more });
    onTestFinished(() => connection.close());
    return connection;
  };
  return { broker, port, dial };
}

/** The condition with which the broker closes a connection. */
async function closedWith(connection: Connection): Promise<{ condition: string; description: string }> {
  await once(connection, "connection_close");
  const { error } = connection;
  return error !== undefined && "condition" in error
    ? { condition: String(error.condition), description: String(error.description) }
    : { condition: "", description: "" };
}

describe("a connection's bounds", () => {
  it("are announced: channels, handles, frames, the time-out, as the service announces them", async () => {
    const { dial } = await listening();
    const connection = dial();
    await once(connection, "connection_open");
    expect(connection.channel_max).toBe(4_999);
    expect(connection.max_frame_size).toBe(65_536);
    expect(connection.idle_time_out).toBe(60_000);
    const session = connection.create_session();
    session.begin();
    await once(session, "session_open");
    expect(Reflect.get(Reflect.get(session, "remote"), "begin").handle_max).toBe(255);
  });

  it("are kept: a channel beyond the highest, and a handle beyond the highest, end the connection with why", async () => {
    const { dial } = await listening();
    const far = dial();
    await once(far, "connection_open");
    const session = far.create_session();
    Object.assign(Reflect.get(session, "local"), { channel: 5_000 });
    session.begin();
    expect(await closedWith(far)).toEqual({
      condition: "amqp:connection:framing-error",
      description: "Channel 5000 is beyond the channel-max of 4999.",
    });
    const wide = dial();
    await once(wide, "connection_open");
    for (let i = 0; i < 257; i++) {
      wide.open_receiver({ source: "orders", name: `link ${i}`, credit_window: 0 });
    }
    expect(await closedWith(wide)).toEqual({
      condition: "amqp:connection:framing-error",
      description: "Handle 256 is beyond the handle-max of 255.",
    });
  });

  it("leave room for 256 links in a session, and for many sessions", async () => {
    const { dial } = await listening();
    const connection = dial();
    await once(connection, "connection_open");
    let attached = 0;
    connection.on("receiver_open", () => {
      attached += 1;
    });
    for (let i = 0; i < 256; i++) {
      connection.open_receiver({ source: "orders", name: `link ${i}`, credit_window: 0 });
    }
    for (let i = 0; i < 300; i++) {
      const session = connection.create_session();
      session.begin();
      session.open_receiver({ source: "orders", credit_window: 0 });
    }
    await eventually(
      () => attached,
      (count) => count === 556,
    );
  });
});

describe("many connections", () => {
  it(`${MANY} stay open at little cost, and one too many is told so with an AMQP error, not cut`, async () => {
    const { dial } = await listening({ maxConnections: MANY });
    const before = process.memoryUsage();
    let opened = 0;
    const connections: Connection[] = [];
    for (let i = 0; i < MANY; i++) {
      const connection = dial();
      connection.once("connection_open", () => {
        opened += 1;
      });
      connections.push(connection);
      if (i % 100 === 99) {
        await eventually(
          () => opened,
          (count) => count === i + 1,
        );
      }
    }
    const after = process.memoryUsage();
    const each = (after.heapUsed + after.external - before.heapUsed - before.external) / MANY;
    // Both ends are in this process: the broker's half is less.
    console.log(`${MANY} connections: ${Math.round(each / 1_024)} KiB each, both ends together`);
    expect(each).toBeLessThan(100 * 1_024);
    expect(await closedWith(dial())).toEqual({
      condition: "amqp:resource-limit-exceeded",
      description: expect.stringContaining(`${MANY} connections, the most it takes`),
    });
    connections[0]?.close();
    await eventually(
      async () => {
        const again = dial();
        again.open_receiver({ source: "orders", credit_window: 0 });
        return Promise.race([
          once(again, "receiver_open").then(() => true),
          once(again, "disconnected").then(() => false),
        ]);
      },
      (open) => open,
    );
    const receiver = connections[1]?.open_receiver({ source: "orders", credit_window: 1 });
    const sender = connections[2]?.open_sender("orders");
    if (receiver === undefined || sender === undefined) throw new Error("no connection");
    const got = once(receiver, "message");
    await once(sender, "sendable");
    sender.send({ body: 1 });
    const [{ message }] = await got;
    expect(message.body).toBe(1);
  }, 120_000);
});

describe("an idle time-out", () => {
  it("is kept by the broker: it says something at least that often", async () => {
    const { dial } = await listening();
    const connection = dial({ idle_time_out: 1_000 });
    await once(connection, "connection_open");
    const lost = once(connection, "disconnected").then(() => "disconnected");
    // The client drops a peer that was silent for twice its time-out.
    const outlived = new Promise((resolve) => setTimeout(() => resolve("open"), 2_600));
    expect(await Promise.race([lost, outlived])).toBe("open");
    expect(connection.is_open()).toBe(true);
  });

  it("is asked of the client: one that is silent for twice as long is told why and dropped, one with heartbeats stays", async () => {
    const { port, dial } = await listening({ idleTimeoutMs: 200 });
    const alive = dial();
    await once(alive, "connection_open");
    const silent = dial();
    await once(silent, "connection_open");
    // Its heartbeats stop, its socket stays.
    clearTimeout(Reflect.get(silent, "heartbeat_out"));
    Object.assign(silent, { _write_frame: () => {} });
    const started = Date.now();
    expect(await closedWith(silent)).toEqual({
      condition: "amqp:resource-limit-exceeded",
      description: "max idle time exceeded",
    });
    expect(Date.now() - started).toBeLessThan(5_000);
    expect(alive.is_open()).toBe(true);
    expect(port).toBeGreaterThan(0);
  });

  it("drops a socket that went dead without a word, though it never answers the close", async () => {
    const { port } = await listening({ idleTimeoutMs: 100 });
    const socket = connectTcp(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(Buffer.from("AMQP\x00\x01\x00\x00", "latin1"));
    // An open with a container id and nothing else.
    socket.write(Buffer.from("0000001102000000005310c00401a10161", "hex"));
    socket.resume();
    await once(socket, "close");
  });
});
