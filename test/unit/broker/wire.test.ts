import net from "node:net";
import { type Connection, create_container, type Delivery, type EventContext, type Receiver, types } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { Broker, type BrokerOptions } from "../../../stacks/local/broker/index.js";
import { eventually } from "./client.js";
import { FakeClock } from "./helpers.js";

// What other AMQP clients do that the JavaScript one does not, frame by frame.

const SESSION_FILTER = "com.microsoft:session-filter";
/** The descriptor under which Go and .NET say a session filter. */
const SESSION_FILTER_CODE = 0x13_7000_000c;

/** The outcome `accepted`, as `rhea` wants it. */
const ACCEPTED = types.wrap_described([], 0x24);

async function connect(options: BrokerOptions = {}) {
  const clock = new FakeClock(Date.now());
  const broker = new Broker({ clock, ...options });
  const address = await broker.listen();
  onTestFinished(() => broker.close());
  const container = create_container();
  for (const event of ["disconnected", "connection_close", "session_close", "error"]) {
    container.on(event, () => {});
  }
  const open = (): Connection => {
    const connection = container.connect({ ...address, reconnect: false });
    onTestFinished(() => connection.close());
    return connection;
  };
  return { broker, clock, address, connection: open(), open };
}

interface Got {
  readonly delivery: Delivery;
  readonly body: unknown;
}

/** A receiving link whose credit is given by hand. */
function receiveFrom(
  connection: Connection,
  source: { readonly address: string; readonly filter?: Record<string, unknown> },
  more: Record<string, unknown> = {},
) {
  const got: Got[] = [];
  const events: string[] = [];
  const receiver: Receiver = connection.open_receiver({
    source,
    credit_window: 0,
    autoaccept: false,
    autosettle: false,
    rcv_settle_mode: 0,
    snd_settle_mode: 0,
    ...more,
  });
  receiver.on("message", ({ message, delivery }: EventContext) => {
    if (message !== undefined && delivery !== undefined) {
      got.push({ delivery, body: message["body"] });
    }
  });
  for (const event of ["receiver_open", "receiver_error", "receiver_close", "receiver_drained", "settled"]) {
    receiver.on(event, () => {
      const error = receiver.error;
      const condition = error !== undefined && "condition" in error ? `:${error.condition}` : "";
      events.push(`${event}${event === "receiver_error" ? condition : ""}`);
    });
  }
  return { receiver, got, events };
}

async function send(connection: Connection, address: string, bodies: readonly unknown[], more = {}): Promise<string[]> {
  const outcomes: string[] = [];
  const sender = connection.open_sender({ target: { address } });
  for (const outcome of ["accepted", "rejected"]) {
    sender.on(outcome, ({ delivery }: EventContext) => {
      const error = delivery?.remote_state?.["error"];
      outcomes.push(error === undefined ? outcome : `${outcome}:${error.condition}`);
    });
  }
  sender.once("sendable", () => {
    for (const body of bodies) {
      sender.send({ body, ...more });
    }
  });
  await eventually(
    () => outcomes,
    (seen) => seen.length === bodies.length,
  );
  return outcomes;
}

describe("credit", () => {
  it("is never exceeded, and a drain is answered at once, whether credit is left or not", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q");
    await send(connection, "q", [1, 2, 3, 4, 5]);
    const { receiver, got, events } = receiveFrom(connection, { address: "q" });
    receiver.add_credit(2);
    await eventually(
      () => got.length,
      (length) => length === 2,
    );
    receiver.drain_credit();
    await eventually(
      () => events,
      (seen) => seen.includes("receiver_drained"),
    );
    receiver.drain = false;
    expect(got.map(({ body }) => body)).toEqual([1, 2]);
    receiver.add_credit(10);
    receiver.drain_credit();
    await eventually(
      () => events.filter((event) => event === "receiver_drained").length,
      (count) => count === 2,
    );
    receiver.drain = false;
    expect(got.map(({ body }) => body)).toEqual([1, 2, 3, 4, 5]);
    expect(receiver["credit"]).toBe(0);
    await send(connection, "q", [6, 7]);
    receiver.add_credit(1);
    await eventually(
      () => got.length,
      (length) => length === 6,
    );
    expect(broker.counts("q")).toMatchObject({ active: 7, locked: 6 });
  });

  it("given before the attach was answered is used when it is", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q", { requiresSession: true });
    const { receiver, got } = receiveFrom(connection, { address: "q", filter: { [SESSION_FILTER]: null } });
    receiver.add_credit(5);
    await send(connection, "q", [1], { group_id: "s" });
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
    expect(receiver.source.filter?.[SESSION_FILTER]).toBe("s");
  });
});

describe("a reader that is slow", () => {
  it("is sent what its socket takes and little more, and the rest when it reads on", async () => {
    const { broker, connection, open } = await connect();
    broker.putQueue("q");
    await send(connection, "q", Array<Buffer>(600).fill(Buffer.alloc(100_000)));
    const slow = open();
    const { receiver, got, events } = receiveFrom(slow, { address: "q" });
    await eventually(
      () => events,
      (seen) => seen.includes("receiver_open"),
    );
    const { socket } = slow;
    receiver.add_credit(500);
    await eventually(
      () => got.length,
      (length) => length > 0,
    );
    socket.pause();
    // Once it stands still: what is locked has left for the socket, the rest waits in the queue.
    let before = -1;
    const locked = await eventually(
      () => broker.counts("q").locked,
      (now) => {
        const still = now === before;
        before = now;
        return still;
      },
    );
    expect(locked).toBeLessThan(400);
    socket.resume();
    await eventually(
      () => got.length,
      (length) => length >= 500,
    );
    // What is sent on after a pause counts against the same credit.
    await send(connection, "q", [1]);
    expect([got.length, broker.counts("q").locked]).toEqual([500, 500]);
  });
});

describe("an attach", () => {
  it("is answered in the settle modes and with the addresses that were asked for, $cbs too", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q");
    for (const [address, snd, rcv] of [
      ["q", 0, 1],
      ["q", 1, 0],
      ["$cbs", 1, 0],
      ["q/$management", 0, 0],
    ] as const) {
      const { receiver, events } = receiveFrom(connection, { address }, { snd_settle_mode: snd, rcv_settle_mode: rcv });
      await eventually(
        () => events,
        (seen) => seen.includes("receiver_open"),
      );
      expect([receiver.snd_settle_mode, receiver.rcv_settle_mode, receiver.source.address]).toEqual([
        snd,
        rcv,
        address,
      ]);
    }
  });

  it("to what is not there is answered, and ended with amqp:not-found", async () => {
    const { connection } = await connect();
    const { receiver, events } = receiveFrom(connection, { address: "none" });
    await eventually(
      () => events,
      (seen) => seen.includes("receiver_close"),
    );
    expect(events).toEqual(["receiver_open", "receiver_error:amqp:not-found", "receiver_close"]);
    expect(receiver.source).toMatchObject({ value: null });
  });

  it("for a session named in a described filter is answered in the same form", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q", { requiresSession: true });
    await send(connection, "q", ["x"], { group_id: "s 1" });
    const filter = { [SESSION_FILTER]: types.wrap_described("s 1", SESSION_FILTER_CODE) };
    const { receiver, events, got } = receiveFrom(connection, { address: "q", filter });
    await eventually(
      () => events,
      (seen) => seen.includes("receiver_open"),
    );
    const answered = receiver.source.filter?.[SESSION_FILTER];
    expect([answered.value, answered.descriptor.value]).toEqual(["s 1", SESSION_FILTER_CODE]);
    expect(receiver.properties["com.microsoft:locked-until-utc"]).toBeInstanceOf(Buffer);
    receiver.add_credit(1);
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
  });

  it("that waits for a session may be given up, and takes none afterwards", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q", { requiresSession: true });
    broker.putQueue("other");
    const wish = { address: "q", filter: { [SESSION_FILTER]: null } };
    const first = receiveFrom(connection, wish);
    // An answer on the same connection shows that the attach has been seen, and is held back.
    await send(connection, "other", [1]);
    expect(first.events).toEqual([]);
    first.receiver.close();
    await eventually(
      () => first.events,
      (seen) => seen.includes("receiver_close"),
    );
    const second = receiveFrom(connection, wish);
    await send(connection, "q", [1], { group_id: "s" });
    await eventually(
      () => second.events,
      (seen) => seen.includes("receiver_open"),
    );
    second.receiver.add_credit(1);
    await eventually(
      () => second.got.length,
      (length) => length === 1,
    );
  });
});

describe("a connection that is lost while a session is waited for", () => {
  it("takes none afterwards", async () => {
    const { broker, connection, open } = await connect();
    broker.putQueue("q", { requiresSession: true });
    broker.putQueue("other");
    receiveFrom(connection, { address: "q", filter: { [SESSION_FILTER]: null } });
    await send(connection, "other", [1]);
    expect(broker.faults.dropConnections()).toBe(1);
    const next = open();
    await send(next, "q", [1], { group_id: "s" });
    const { receiver, got } = receiveFrom(next, { address: "q", filter: { [SESSION_FILTER]: "s" } });
    receiver.add_credit(1);
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
  });
});

describe("a disposition", () => {
  it("in one frame for many deliveries settles them all, and is answered in one", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q");
    await send(connection, "q", [1, 2, 3, 4]);
    const { receiver, got, events } = receiveFrom(connection, { address: "q" }, { rcv_settle_mode: 1 });
    receiver.add_credit(4);
    await eventually(
      () => got.length,
      (length) => length === 4,
    );
    for (const { delivery } of got) {
      delivery.update(false, ACCEPTED);
    }
    await eventually(
      () => events.filter((event) => event === "settled").length,
      (count) => count === 4,
    );
    expect(got.map(({ delivery }) => delivery.remote_state?.constructor)).toEqual(
      got.map(() => got[0]?.delivery.remote_state?.constructor),
    );
    expect(broker.counts("q").active).toBe(0);
  });

  it("after the lock expired is answered settled and rejected", async () => {
    const { broker, connection, clock } = await connect();
    broker.putQueue("q", { lockDurationSeconds: 10 });
    await send(connection, "q", [1]);
    const { receiver, got, events } = receiveFrom(connection, { address: "q" }, { rcv_settle_mode: 1 });
    receiver.add_credit(1);
    const [first] = await eventually(
      () => got,
      (seen) => seen.length === 1,
    );
    clock.advance(10_000);
    first?.delivery.update(false, ACCEPTED);
    await eventually(
      () => events,
      (seen) => seen.includes("settled"),
    );
    expect(first?.delivery.remote_state?.["error"].condition).toBe("com.microsoft:message-lock-lost");
  });

  it("that is already settled needs no answer; released gives back at no cost", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q", { maxDeliveryCount: 1 });
    await send(connection, "q", [1]);
    const { receiver, got } = receiveFrom(connection, { address: "q" });
    receiver.add_credit(1);
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
    got[0]?.delivery.release();
    receiver.add_credit(1);
    await eventually(
      () => got.length,
      (length) => length === 2,
    );
    got[1]?.delivery.accept();
    await eventually(
      () => broker.counts("q").active,
      (active) => active === 0,
    );
  });

  it("for a range far beyond what there is costs nothing and harms nobody", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q");
    await send(connection, "q", [1, 2]);
    const { receiver, got } = receiveFrom(connection, { address: "q" });
    receiver.add_credit(2);
    await eventually(
      () => got.length,
      (length) => length === 2,
    );
    const disposition = {
      role: true,
      first: 0,
      last: 4_000_000_000,
      settled: true,
      state: ACCEPTED,
    };
    connection["_write_frame"](
      0,
      types
        .define_composite({
          name: "disposition",
          code: 0x15,
          fields: [
            { name: "role", type: "boolean" },
            { name: "first", type: "uint" },
            { name: "last", type: "uint" },
            { name: "settled", type: "boolean" },
            { name: "state", type: "*" },
          ],
        })
        ["create"](disposition),
    );
    await eventually(
      () => broker.counts("q").active,
      (active) => active === 0,
    );
  });
});

describe("a peer that misbehaves", () => {
  it.each([
    ["no AMQP at all", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    [
      "a frame of 4 GiB",
      Buffer.concat([Buffer.from("AMQP\x00\x01\x00\x00", "latin1"), Buffer.from("ffffffff02000000", "hex")]),
    ],
    [
      "a frame that is noise",
      Buffer.concat([
        Buffer.from("AMQP\x00\x01\x00\x00", "latin1"),
        Buffer.from("0000001002000000ffffffffffffffff", "hex"),
      ]),
    ],
  ])("%s: its connection ends, others go on", async (_, bytes) => {
    const { broker, connection, address } = await connect();
    broker.putQueue("q");
    const socket = net.connect(address.port, address.host);
    onTestFinished(() => {
      socket.destroy();
    });
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    socket.resume();
    socket.end(bytes);
    await ended;
    expect(await send(connection, "q", [1])).toEqual(["accepted"]);
  });

  it("bytes that are no message: refused, and the link goes on", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("q");
    const outcomes: string[] = [];
    const sender = connection.open_sender({ target: { address: "q" } });
    sender.on("rejected", ({ delivery }: EventContext) => outcomes.push(delivery?.remote_state?.["error"].condition));
    sender.on("accepted", () => outcomes.push("accepted"));
    sender.once("sendable", () => {
      sender.send(Buffer.from("noise"), undefined, 0);
      sender.send(Buffer.from("noise"), undefined, 77);
      sender.send({ body: 1 });
    });
    await eventually(
      () => outcomes,
      (seen) => seen.length === 3,
    );
    expect(outcomes).toEqual(["amqp:decode-error", "amqp:not-implemented", "accepted"]);
  });

  it("a message far beyond the limit is refused, and the next one is taken", async () => {
    const { broker, connection } = await connect({ maxMessageBytes: 100_000 });
    broker.putQueue("q");
    expect(await send(connection, "q", [Buffer.alloc(20_000_000), Buffer.alloc(10)])).toEqual([
      "rejected:amqp:link:message-size-exceeded",
      "accepted",
    ]);
  });
});
