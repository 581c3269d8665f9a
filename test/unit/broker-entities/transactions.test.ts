import { type Delivery, types } from "rhea";
import { describe, expect, it } from "vitest";
import { eventually } from "../broker/client.js";
import { connect, SESSION_FILTER } from "../broker/wireKit.js";
import { ABANDON, ACCEPT, DEFER, REJECT, TransactionClient } from "./transactionKit.js";

async function client() {
  const made = await connect();
  const { broker, connection } = made;
  broker.putQueue("a", { maxDeliveryCount: 3 });
  broker.putQueue("b");
  broker.putTopic("events");
  broker.putSubscription("events", "audit");
  const one = new TransactionClient(connection);
  const coordinator = await one.coordinator();
  return { ...made, one, coordinator };
}

/** The delivery of a message that came. */
function deliveryOf(got: { readonly delivery: Delivery } | undefined): Delivery {
  if (got === undefined) {
    throw new Error("No message came.");
  }
  return got.delivery;
}

describe("a transaction", () => {
  it("shows nothing of what is sent in it until it is committed, and then all, in order", async () => {
    const { broker, one, coordinator } = await client();
    const id = await one.declare(coordinator);
    expect(await one.send("a", "first", { id })).toBe("transactional accepted");
    expect(await one.send("a", "second", { id })).toBe("transactional accepted");
    expect(broker.counts("a").active).toBe(0);
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("a").active).toBe(2);
    expect((await one.receive("a", 2)).map(({ body }) => body)).toEqual(["first", "second"]);
  });

  it("rolled back leaves nothing sent, and what was settled in it locked and free to be settled again", async () => {
    const { broker, one, coordinator, clock } = await client();
    await one.send("a", 1);
    await one.send("a", 2);
    const [first, second] = await one.receive("a", 2);
    const id = await one.declare(coordinator);
    expect(await one.send("a", "new", { id })).toBe("transactional accepted");
    expect(await one.settle(deliveryOf(first), ACCEPT, id)).toBe("transactional accepted");
    expect(await one.discharge(coordinator, id, "rollback")).toBe("accepted");
    expect(broker.counts("a")).toMatchObject({ active: 2, locked: 2 });
    expect(await one.settle(deliveryOf(second), ACCEPT)).toBe("accepted");
    clock.advance(60_000);
    const [again] = await one.receive("a", 1);
    expect(again?.body).toBe(1);
  });

  it("settles in every way with its commit, and not before", async () => {
    const { broker, one, coordinator } = await client();
    for (const body of ["complete", "abandon", "defer", "dead"]) {
      await one.send("a", body);
    }
    const [complete, abandon, defer, dead] = await one.receive("a", 4);
    const id = await one.declare(coordinator);
    for (const [got, outcome] of [
      [complete, ACCEPT],
      [abandon, ABANDON],
      [defer, DEFER],
      [dead, REJECT],
    ] as const) {
      expect(await one.settle(deliveryOf(got), outcome, id)).toBe("transactional accepted");
    }
    expect(broker.counts("a")).toMatchObject({ active: 4, locked: 4, deferred: 0, deadLetter: 0 });
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("a")).toMatchObject({ active: 1, locked: 0, deferred: 1, deadLetter: 1 });
  });

  it("can only be rolled back once a lock in it was lost", async () => {
    const { broker, one, coordinator, clock } = await client();
    await one.send("a", 1);
    const [got] = await one.receive("a", 1);
    const id = await one.declare(coordinator);
    await one.settle(deliveryOf(got), ACCEPT, id);
    await one.send("a", "with it", { id });
    clock.advance(60_000);
    expect(await one.discharge(coordinator, id, "commit")).toBe("rejected:amqp:transaction:rollback");
    expect(broker.counts("a")).toMatchObject({ active: 1, locked: 0 });
  });

  it("is known by its id: one that is unknown, discharged or of another connection is refused", async () => {
    const { one, coordinator, open } = await client();
    const unknown = "rejected:amqp:transaction:unknown-id";
    expect(await one.send("a", 1, { id: Buffer.from("none") })).toBe(unknown);
    const id = await one.declare(coordinator);
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(await one.discharge(coordinator, id, "commit")).toBe(unknown);
    expect(await one.send("a", 1, { id })).toBe(unknown);
    const open2 = await one.declare(coordinator);
    const other = new TransactionClient(open());
    expect(await other.send("a", 1, { id: open2 })).toBe(unknown);
  });

  it("ends after two minutes, and whoever comes after that is told so", async () => {
    const { broker, one, coordinator, clock } = await client();
    const id = await one.declare(coordinator);
    await one.send("a", 1, { id });
    clock.advance(119_999);
    await one.send("a", 2, { id });
    clock.advance(1);
    expect(await one.send("a", 3, { id })).toBe("rejected:amqp:transaction:timeout");
    expect(await one.discharge(coordinator, id, "commit")).toBe("rejected:amqp:transaction:timeout");
    expect(broker.counts("a").active).toBe(0);
  });

  it("holds a hundred messages, and refuses one more without harm to them", async () => {
    const { broker, one, coordinator } = await client();
    const id = await one.declare(coordinator);
    const sent = await Promise.all(Array.from({ length: 100 }, (_, i) => one.send("a", i, { id })));
    expect(new Set(sent)).toEqual(new Set(["transactional accepted"]));
    expect(await one.send("a", "more", { id })).toBe("rejected:amqp:resource-limit-exceeded");
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("a").active).toBe(100);
  });

  it.each(["the coordinator's link", "the connection"])("is rolled back when %s ends", async (what) => {
    const { broker, one, coordinator, connection, open } = await client();
    const other = new TransactionClient(open());
    await other.send("a", "held");
    const [held] = await one.receive("a", 1);
    const id = await one.declare(coordinator);
    await one.send("b", 1, { id });
    await one.settle(deliveryOf(held), ACCEPT, id).catch(() => {});
    if (what === "the connection") {
      connection.close();
      await eventually(
        () => connection.is_closed(),
        (closed) => closed,
      );
    } else {
      coordinator.close();
      await eventually(
        () => coordinator.is_closed(),
        (closed) => closed,
      );
      expect(await one.send("b", 2, { id })).toBe("rejected:amqp:transaction:unknown-id");
    }
    expect(broker.counts("b").active).toBe(0);
    expect(broker.counts("a").active).toBe(1);
  });

  it("refuses a message that is settled in one already, and takes none twice", async () => {
    const { broker, one, coordinator } = await client();
    await one.send("a", 1);
    const [got] = await one.receive("a", 1);
    const first = await one.declare(coordinator);
    const second = await one.declare(coordinator);
    expect(await one.settle(deliveryOf(got), ACCEPT, first)).toBe("transactional accepted");
    expect(await one.discharge(coordinator, first, "commit")).toBe("accepted");
    expect(await one.discharge(coordinator, second, "commit")).toBe("accepted");
    expect(broker.counts("a").active).toBe(0);
  });

  it("refuses at once what the entity would refuse, and goes on", async () => {
    const { broker, one, coordinator } = await client();
    broker.putQueue("work", { requiresSession: true });
    const id = await one.declare(coordinator);
    expect(await one.send("work", 1, { id })).toBe("rejected:amqp:not-allowed");
    expect(await one.send("work", 2, { id, session: "s" })).toBe("transactional accepted");
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("work").active).toBe(1);
  });

  it("is refused as a whole when an entity takes its messages no more", async () => {
    const { broker, one, coordinator } = await client();
    const id = await one.declare(coordinator);
    await one.send("a", 1, { id });
    await one.send("b", 1, { id });
    broker.putQueue("b", { status: "SendDisabled" });
    expect(await one.discharge(coordinator, id, "commit")).toBe("rejected:amqp:transaction:rollback");
    expect([broker.counts("a").active, broker.counts("b").active]).toEqual([0, 0]);
  });

  it("settles a deferred message by its lock token over $management, and takes nothing else there", async () => {
    const { broker, one, coordinator } = await client();
    await one.send("a", 1);
    const [got] = await one.receive("a", 1);
    await one.settle(deliveryOf(got), DEFER);
    const received = await one.ask("a", "com.microsoft:receive-by-sequence-number", {
      "sequence-numbers": types.wrap_array([1], 0x81, undefined),
      "receiver-settle-mode": types.wrap_uint(1),
    });
    const [first] = Array.isArray(received.body["messages"]) ? received.body["messages"] : [];
    const disposition = {
      "disposition-status": "completed",
      "lock-tokens": types.wrap_array([first["lock-token"]], 0x98, undefined),
    };
    const id = await one.declare(coordinator);
    expect(await one.ask("a", "com.microsoft:update-disposition", disposition, id)).toMatchObject({ status: 200 });
    expect(broker.counts("a").active).toBe(1);
    expect(await one.ask("a", "com.microsoft:peek-message", {}, id)).toMatchObject({ status: 501 });
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("a").active).toBe(0);
  });

  it("works on a topic and its subscription, and with sessions", async () => {
    const { broker, one, coordinator } = await client();
    broker.putSubscription("events", "work", { requiresSession: true });
    await one.send("events", "in", { session: "s" });
    const [got] = await one.receive("events/Subscriptions/work", 1, { [SESSION_FILTER]: "s" });
    const id = await one.declare(coordinator);
    expect(await one.settle(deliveryOf(got), ACCEPT, id)).toBe("transactional accepted");
    expect(await one.send("events", "out", { id, session: "s" })).toBe("transactional accepted");
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("events/Subscriptions/work")).toMatchObject({ active: 1 });
    expect(broker.counts("events/Subscriptions/audit")).toMatchObject({ active: 2 });
  });

  it("refuses a coordinator what is no declare or discharge", async () => {
    const { one } = await client();
    const coordinator = await one.coordinator();
    expect(await one.discharge(coordinator, Buffer.alloc(0), "commit")).toBe("rejected:amqp:transaction:unknown-id");
  });
});

describe("a transaction over several entities", () => {
  it("of a client that has its links apart from the coordinator spans one entity only", async () => {
    const { broker, one, coordinator, connection } = await client();
    const apart = new TransactionClient(connection);
    const id = await one.declare(coordinator);
    expect(await apart.send("a", 1, { id })).toBe("transactional accepted");
    expect(await apart.send("b", 1, { id })).toBe("rejected:amqp:not-allowed");
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect([broker.counts("a").active, broker.counts("b").active]).toEqual([1, 0]);
  });

  it("moves a message from one queue to another, in the session of the coordinator, or not at all", async () => {
    const { broker, one, coordinator } = await client();
    await one.send("a", "job");
    for (const how of ["rollback", "commit"] as const) {
      const id = await one.declare(coordinator);
      const [got] = await one.receive("a", 1);
      expect(
        await one.settle(deliveryOf(got), how === "rollback" ? ABANDON : ACCEPT, how === "commit" ? id : undefined),
      ).toMatch(/accepted|0x27/);
      expect(await one.send("b", "done", { id })).toBe("transactional accepted");
      expect(await one.discharge(coordinator, id, how)).toBe("accepted");
    }
    expect([broker.counts("a").active, broker.counts("b").active]).toEqual([0, 1]);
  });

  it("settles at its first entity only", async () => {
    const { one, coordinator } = await client();
    await one.send("a", 1);
    await one.send("b", 1);
    const [a] = await one.receive("a", 1);
    const [b] = await one.receive("b", 1);
    const id = await one.declare(coordinator);
    expect(await one.settle(deliveryOf(a), ACCEPT, id)).toBe("transactional accepted");
    expect(await one.settle(deliveryOf(b), ACCEPT, id)).toBe("rejected:amqp:not-allowed");
  });

  it.each(["queue", "topic"])("sends via its entity to another %s, wherever the links are", async (kind) => {
    const { broker, one, coordinator, connection } = await client();
    const apart = new TransactionClient(connection);
    const destination = kind === "queue" ? "b" : "events";
    const holds = kind === "queue" ? "b" : "events/Subscriptions/audit";
    await apart.send("a", "job");
    const [got] = await apart.receive("a", 1);
    const id = await one.declare(coordinator);
    expect(await apart.settle(deliveryOf(got), ACCEPT, id)).toBe("transactional accepted");
    expect(await apart.send(destination, "done", { id, via: "a" })).toBe("transactional accepted");
    expect(broker.counts(holds).active).toBe(0);
    expect(await one.discharge(coordinator, id, "commit")).toBe("accepted");
    expect(broker.counts("a").active).toBe(0);
    const [done] = await apart.receive(holds, 1);
    expect(done?.body).toBe("done");
  });

  it("puts what its destination refuses into the transfer dead letters of the entity it was sent via", async () => {
    const { broker, one } = await client();
    broker.putQueue("work", { requiresSession: true });
    expect(await one.send("work", 1, { via: "a" })).toBe("accepted");
    expect(await one.send("work", 2, { via: "a", session: "s" })).toBe("accepted");
    expect(broker.counts("a")).toMatchObject({ active: 0, transferDeadLetter: 1 });
    expect(broker.counts("work").active).toBe(1);
    expect((await one.receive("a/$Transfer/$DeadLetterQueue", 1))[0]?.body).toBe(1);
    expect(await one.send("events", 3, { via: "events" })).toBe("accepted");
    await expect(one.send("nowhere", 4, { via: "a" })).rejects.toThrow("amqp:not-found");
  });
});
