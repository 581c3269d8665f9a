import { types } from "rhea";
import { describe, expect, it } from "vitest";
import { eventually } from "./client.js";
import { connect, receiveFrom, SESSION_FILTER, SESSION_FILTER_CODE, send } from "./wireKit.js";

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
