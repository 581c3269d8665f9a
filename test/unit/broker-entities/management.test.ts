import { type Connection, message as rheaMessage, types } from "rhea";
import { describe, expect, it } from "vitest";
import { eventually } from "../broker/client.js";
import { connect, receiveFrom, SESSION_FILTER, send } from "../broker/wireKit.js";

interface Reply {
  readonly status: number;
  readonly condition: unknown;
  readonly body: Readonly<Record<string, unknown>>;
}

let requests = 0;

/** Asks `$management` of an entity, as a client does that has the operation. */
async function ask(
  connection: Connection,
  entity: string,
  operation: string,
  body: unknown,
  more: Record<string, unknown> = {},
): Promise<Reply> {
  const address = `${entity}/$management`;
  const replyTo = `reply-${++requests}`;
  const replies: Reply[] = [];
  const receiver = connection.open_receiver({ source: { address }, target: { address: replyTo }, credit_window: 10 });
  receiver.on("message", ({ message }) => {
    const properties = message?.application_properties ?? {};
    replies.push({
      status: properties["statusCode"],
      condition: properties["errorCondition"],
      body: { ...message?.["body"] },
    });
  });
  const sender = connection.open_sender({ target: { address } });
  sender.once("sendable", () => {
    sender.send(
      rheaMessage.encode({
        message_id: replyTo,
        reply_to: replyTo,
        application_properties: { operation, ...more },
        body,
      }),
      undefined,
      0,
    );
  });
  const [reply] = await eventually(
    () => replies,
    (seen) => seen.length > 0,
  );
  receiver.close();
  sender.close();
  if (reply === undefined) {
    throw new Error("No reply came.");
  }
  return reply;
}

const LATEST = new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999));

describe("com.microsoft:batch-delete-messages", () => {
  const operation = "com.microsoft:batch-delete-messages";
  const entities = [
    ["queue", "orders", "orders"],
    ["subscription", "events", "events/Subscriptions/audit"],
    ["dead-letter queue", "orders", "orders/$DeadLetterQueue"],
  ] as const;

  it.each(entities)("deletes the oldest waiting messages of a %s, and says how many", async (kind, to, from) => {
    const { broker, connection } = await connect();
    broker.putQueue("orders", { maxDeliveryCount: 1 });
    broker.putTopic("events");
    broker.putSubscription("events", "audit");
    await send(connection, to, [1, 2, 3, 4]);
    if (kind === "dead-letter queue") {
      const { receiver, got } = receiveFrom(connection, { address: to });
      receiver.add_credit(4);
      await eventually(
        () => got,
        (seen) => seen.length === 4,
      );
      for (const { delivery } of got) {
        delivery.update(false, types.wrap_described([], 0x25));
      }
      await eventually(
        () => broker.counts(to).deadLetter,
        (dead) => dead === 4,
      );
    }
    const body = { "message-count": types.wrap_int(3), "enqueued-time-utc": types.wrap_timestamp(LATEST.getTime()) };
    expect(await ask(connection, from, operation, body)).toMatchObject({ status: 200, body: { "message-count": 3 } });
    const { receiver, got } = receiveFrom(connection, { address: from });
    receiver.add_credit(1);
    await eventually(
      () => got,
      (seen) => seen.length === 1,
    );
    expect(got[0]?.body).toBe(4);
    // What a receiver holds stays; nothing deleted is 204.
    expect(await ask(connection, from, operation, body)).toMatchObject({ status: 204 });
    expect(broker.counts(from).locked).toBe(1);
  });

  it("leaves what came later, what is scheduled and what is deferred", async () => {
    const { broker, connection, clock } = await connect();
    broker.putQueue("orders");
    await send(connection, "orders", ["deferred"]);
    const { receiver, got } = receiveFrom(connection, { address: "orders" });
    receiver.add_credit(1);
    await eventually(
      () => got,
      (seen) => seen.length === 1,
    );
    got[0]?.delivery.update(false, types.wrap_described([false, true], 0x27));
    await eventually(
      () => broker.counts("orders").deferred,
      (deferred) => deferred === 1,
    );
    await send(connection, "orders", ["old"]);
    clock.advance(1_000);
    const cutoff = clock.now();
    await send(connection, "orders", ["new"]);
    await send(connection, "orders", ["later"], {
      message_annotations: { "x-opt-scheduled-enqueue-time": types.wrap_timestamp(clock.now() + 60_000) },
    });
    const body = { "message-count": types.wrap_int(4_000), "enqueued-time-utc": types.wrap_timestamp(cutoff) };
    expect(await ask(connection, "orders", operation, body)).toMatchObject({ body: { "message-count": 1 } });
    expect(broker.counts("orders")).toMatchObject({ active: 1, deferred: 1, scheduled: 1 });
  });

  it("in an entity with sessions deletes those of the session that is held, by who holds it", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("work", { requiresSession: true });
    await send(connection, "work", [1, 2], { group_id: "a" });
    await send(connection, "work", [3], { group_id: "b" });
    const body = { "message-count": types.wrap_int(10) };
    expect(await ask(connection, "work", operation, body)).toMatchObject({
      status: 400,
      condition: "amqp:not-allowed",
    });
    expect(await ask(connection, "work", operation, { ...body, "session-id": "a" })).toMatchObject({
      status: 410,
      condition: "com.microsoft:session-lock-lost",
    });
    const { receiver, events } = receiveFrom(connection, { address: "work", filter: { [SESSION_FILTER]: "a" } });
    await eventually(
      () => events,
      (seen) => seen.includes("receiver_open"),
    );
    const held = await ask(
      connection,
      "work",
      operation,
      { ...body, "session-id": "a" },
      { "associated-link-name": receiver.name },
    );
    expect(held).toMatchObject({ status: 200, body: { "message-count": 2 } });
    expect(broker.counts("work").active).toBe(1);
  });

  it.each([0, 4_001, -1])("refuses %s messages at once", async (count) => {
    const { broker, connection } = await connect();
    broker.putQueue("orders");
    const answer = await ask(connection, "orders", operation, { "message-count": types.wrap_int(count) });
    expect(answer).toMatchObject({ status: 400, condition: "com.microsoft:argument-error" });
  });
});

describe("com.microsoft:get-message-sessions", () => {
  const operation = "com.microsoft:get-message-sessions";
  const page = (skip: number, top: number, time = LATEST) => ({
    "last-updated-time": types.wrap_timestamp(time.getTime()),
    skip: types.wrap_int(skip),
    top: types.wrap_int(top),
  });

  it.each([
    ["queue", "work", "work"],
    ["subscription", "events", "events/Subscriptions/work"],
  ] as const)("lists the sessions of a %s that have messages, page by page", async (_, to, from) => {
    const { broker, connection } = await connect();
    broker.putQueue("work", { requiresSession: true });
    broker.putTopic("events");
    broker.putSubscription("events", "work", { requiresSession: true });
    expect(await ask(connection, from, operation, page(0, 10))).toMatchObject({ status: 204 });
    for (const id of ["c", "a", "b"]) {
      await send(connection, to, [id], { group_id: id });
    }
    expect(await ask(connection, from, operation, page(0, 2))).toMatchObject({
      status: 200,
      body: { skip: 0, "sessions-ids": ["a", "b"] },
    });
    expect(await ask(connection, from, operation, page(2, 2))).toMatchObject({
      status: 200,
      body: { skip: 2, "sessions-ids": ["c"] },
    });
    expect(await ask(connection, from, operation, page(3, 2))).toMatchObject({ status: 204 });
    expect(await ask(connection, from, operation, {})).toMatchObject({ status: 204 });
  });

  it("lists the sessions whose state was set after a time, messages or not", async () => {
    const { broker, connection, clock } = await connect();
    broker.putQueue("work", { requiresSession: true });
    const setState = async (id: string): Promise<void> => {
      const { receiver, events } = receiveFrom(connection, { address: "work", filter: { [SESSION_FILTER]: id } });
      await eventually(
        () => events,
        (seen) => seen.includes("receiver_open"),
      );
      const body = { "session-id": id, "session-state": types.wrap_binary(Buffer.from("state")) };
      const set = await ask(connection, "work", "com.microsoft:set-session-state", body);
      expect(set).toMatchObject({ status: 200 });
      receiver.close();
    };
    await setState("before");
    clock.advance(1_000);
    const since = new Date(clock.now() - 1);
    await setState("after");
    await send(connection, "work", [1], { group_id: "only messages" });
    expect(await ask(connection, "work", operation, page(0, 10, since))).toMatchObject({
      body: { "sessions-ids": ["after"] },
    });
    expect(await ask(connection, "work", operation, page(0, 10, new Date(0)))).toMatchObject({
      body: { "sessions-ids": ["after", "before"] },
    });
    expect(await ask(connection, "work", operation, page(0, 10))).toMatchObject({
      body: { "sessions-ids": ["only messages"] },
    });
  });

  it("is refused where there are no sessions", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("orders");
    expect(await ask(connection, "orders", operation, page(0, 1))).toMatchObject({
      status: 400,
      condition: "amqp:not-allowed",
    });
  });
});
