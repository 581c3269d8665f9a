import net from "node:net";
import { type EventContext, types } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "./client.js";
import { ACCEPTED, connect, receiveFrom, send } from "./wireKit.js";

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
