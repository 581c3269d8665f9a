import type { ServiceBusClient, ServiceBusSender, ServiceBusSessionReceiver } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import type { SubscriptionSettings } from "../../stacks/local/broker/index.js";
import { type Bus, errorCodes, eventually, failure, numberOf, startBus, take, takeOne } from "./broker/client.js";

type Kind = "queue" | "subscription";

interface Sessions extends Bus {
  readonly path: string;
  readonly sender: ServiceBusSender;
  accept(id: string, client?: ServiceBusClient): Promise<ServiceBusSessionReceiver>;
  acceptNext(client?: ServiceBusClient): Promise<ServiceBusSessionReceiver>;
  send(...ids: string[]): Promise<void>;
}

/** An entity with sessions; `send("a1")` sends message a1 into session a. */
async function sessions(kind: Kind, settings: SubscriptionSettings = {}): Promise<Sessions> {
  const bus = await startBus();
  const { broker, client } = bus;
  const options = { maxAutoLockRenewalDurationInMs: 0 };
  if (kind === "queue") {
    broker.putQueue("work", { ...settings, requiresSession: true });
  } else {
    broker.putTopic("work");
    broker.putSubscription("work", "ordered", { ...settings, requiresSession: true });
  }
  const sender = client.createSender("work");
  return {
    ...bus,
    path: kind === "queue" ? "work" : "work/Subscriptions/ordered",
    sender,
    accept: (id, by = client) =>
      kind === "queue" ? by.acceptSession("work", id, options) : by.acceptSession("work", "ordered", id, options),
    acceptNext: (by = client) =>
      kind === "queue" ? by.acceptNextSession("work", options) : by.acceptNextSession("work", "ordered", options),
    send: (...ids) => sender.sendMessages(ids.map((id) => ({ body: id, messageId: id, sessionId: id.slice(0, 1) }))),
  };
}

const bodies = (messages: readonly { readonly body: unknown }[]): unknown[] => messages.map(({ body }) => body);

describe.each<Kind>(["queue", "subscription"])("the Azure client on a %s with sessions", (kind) => {
  it("accepts a session by name and gets its messages, in order, and only its", async () => {
    const { accept, send, broker, path, clock } = await sessions(kind, { lockDurationSeconds: 30 });
    await send("a1", "b1", "a2", "b2", "a3");
    const a = await accept("a");
    expect([a.sessionId, a.sessionLockedUntilUtc.getTime()]).toEqual(["a", clock.now() + 30_000]);
    const messages = await take(a, 3);
    expect(bodies(messages)).toEqual(["a1", "a2", "a3"]);
    for (const message of messages) {
      await a.completeMessage(message);
    }
    expect(broker.counts(path)).toMatchObject({ active: 2, locked: 0 });
  });

  it("is refused a session that another holds, until that one closes", async () => {
    const { accept, send, connect } = await sessions(kind);
    await send("a1");
    const first = await accept("a");
    expect(await failure(accept("a", connect()))).toBe("SessionCannotBeLocked");
    await first.close();
    const second = await accept("a", connect());
    expect(bodies(await take(second, 1))).toEqual(["a1"]);
  });

  it("accepts any session that is free, each once", async () => {
    const { acceptNext, send } = await sessions(kind);
    await send("a1", "b1", "a2");
    const receivers = [await acceptNext(), await acceptNext()];
    expect(receivers.map((receiver) => receiver.sessionId)).toEqual(["a", "b"]);
  });

  it("waits for a session until a message comes", async () => {
    const { acceptNext, send } = await sessions(kind);
    let accepted = false;
    const pending = acceptNext().then((receiver) => {
      accepted = true;
      return receiver;
    });
    // A second accept that is answered shows that the first was held back, not lost.
    await send("b1");
    const receiver = await pending;
    expect([accepted, receiver.sessionId]).toEqual([true, "b"]);
    expect(bodies(await take(receiver, 1))).toEqual(["b1"]);
  });

  it("waits for a session until another client gives one up", async () => {
    const { acceptNext, accept, send, connect } = await sessions(kind);
    await send("a1");
    const holder = await accept("a");
    const pending = acceptNext(connect());
    const early = await Promise.race([pending.then(() => "accepted"), take(holder, 1).then(() => "waits")]);
    expect(early).toBe("waits");
    await holder.close();
    const next = await pending;
    expect((await takeOne(next)).deliveryCount).toBe(0);
  });

  it("is told when no session came in time, and takes no session afterwards", async () => {
    const { acceptNext, send, accept, clock } = await sessions(kind);
    const pending = failure(acceptNext());
    let code: string | undefined;
    void pending.then((said) => {
      code = said;
    });
    await eventually(
      () => {
        clock.advance(1_000);
        return code;
      },
      (said) => said !== undefined,
    );
    expect(code).toBe("ServiceTimeout");
    await send("a1");
    expect(bodies(await take(await accept("a"), 1))).toEqual(["a1"]);
  });

  it("keeps a state with the session, over receivers", async () => {
    const { accept } = await sessions(kind);
    const first = await accept("a");
    expect(await first.getSessionState()).toBeNull();
    await first.setSessionState({ step: 2 });
    await first.close();
    const second = await accept("a");
    expect(await second.getSessionState()).toEqual({ step: 2 });
    await second.setSessionState(Buffer.alloc(0));
    expect(await second.getSessionState()).toBeNull();
  });

  it("renews the session's lock", async () => {
    const { accept, send, clock } = await sessions(kind, { lockDurationSeconds: 30 });
    await send("a1");
    const a = await accept("a");
    const message = await takeOne(a);
    clock.advance(20_000);
    expect((await a.renewSessionLock()).getTime()).toBe(clock.now() + 30_000);
    clock.advance(20_000);
    await a.completeMessage(message);
  });

  it("loses a session whose lock expires: told by SessionLockLost, its messages one delivery on", async () => {
    const { accept, send, clock } = await sessions(kind, { lockDurationSeconds: 30 });
    await send("a1");
    const a = await accept("a");
    const errors = errorCodes();
    let handled = 0;
    a.subscribe(
      {
        processMessage: async () => {
          handled++;
        },
        processError: errors.processError,
      },
      { autoCompleteMessages: false },
    );
    await eventually(
      () => handled,
      (count) => count === 1,
    );
    clock.advance(30_000);
    await eventually(
      () => errors.codes,
      (codes) => codes.length > 0,
    );
    expect(errors.codes[0]).toBe("SessionLockLost");
    const again = await accept("a");
    expect((await takeOne(again)).deliveryCount).toBe(1);
  });

  it("fails with SessionLockLost on what it does after the lock expired", async () => {
    const { accept, send, clock } = await sessions(kind, { lockDurationSeconds: 30 });
    await send("a1");
    const a = await accept("a");
    const message = await takeOne(a);
    clock.advance(30_000);
    await eventually(
      () => a.isClosed,
      (closed) => closed,
    );
    expect(await failure(a.completeMessage(message))).toBe("SessionLockLost");
    expect(await failure(a.renewSessionLock())).toBe("SessionLockLost");
  });

  it("gives unsettled messages back at no cost when it closes", async () => {
    const { accept, send } = await sessions(kind, { maxDeliveryCount: 1 });
    await send("a1", "a2");
    const first = await accept("a");
    await take(first, 2);
    await first.close();
    const messages = await take(await accept("a"), 2);
    expect(messages.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([
      ["a1", 0],
      ["a2", 0],
    ]);
  });

  it("gives its session free when its connection is lost, at no cost", async () => {
    const { accept, send, broker, path, connect } = await sessions(kind, { maxDeliveryCount: 1 });
    await send("a1");
    await take(await accept("a", connect()), 1);
    expect(broker.faults.dropConnections()).toBe(2);
    await eventually(
      () => broker.counts(path).locked,
      (locked) => locked === 0,
    );
    const messages = await take(await accept("a", connect()), 1);
    expect(messages.map(({ body, deliveryCount }) => [body, deliveryCount])).toEqual([["a1", 0]]);
  });

  it("abandons, defers, dead-letters inside a session", async () => {
    const { accept, send, client, broker, path } = await sessions(kind);
    await send("a1", "a2", "a3");
    const a = await accept("a");
    const [one, two, three] = await take(a, 3);
    if (one === undefined || two === undefined || three === undefined) {
      throw new Error("Three messages were taken.");
    }
    await a.abandonMessage(one, { tried: 1 });
    await a.deferMessage(two);
    await a.deadLetterMessage(three, { deadLetterReason: "Bad", deadLetterErrorDescription: "It is." });
    expect(broker.counts(path)).toMatchObject({ active: 1, deferred: 1, deadLetter: 1 });
    const again = await takeOne(a);
    expect(again).toMatchObject({ body: "a1", deliveryCount: 1, applicationProperties: { tried: 1 } });
    const [deferred] = await a.receiveDeferredMessages(numberOf(two));
    expect(deferred?.body).toBe("a2");
    if (deferred !== undefined) {
      await a.completeMessage(deferred);
    }
    const dead =
      kind === "queue"
        ? client.createReceiver("work", { subQueueType: "deadLetter" })
        : client.createReceiver("work", "ordered", { subQueueType: "deadLetter" });
    expect(await takeOne(dead)).toMatchObject({ body: "a3", sessionId: "a", deadLetterReason: "Bad" });
  });

  it("peeks the session's messages only", async () => {
    const { accept, send } = await sessions(kind);
    await send("a1", "b1", "a2");
    expect(bodies(await (await accept("a")).peekMessages(10))).toEqual(["a1", "a2"]);
  });

  it("receives and deletes from a session", async () => {
    const { send, client, broker, path } = await sessions(kind);
    await send("a1", "a2");
    const options = { receiveMode: "receiveAndDelete" } as const;
    const a =
      kind === "queue"
        ? await client.acceptSession("work", "a", options)
        : await client.acceptSession("work", "ordered", "a", options);
    expect(bodies(await take(a, 2))).toEqual(["a1", "a2"]);
    expect(broker.counts(path).active).toBe(0);
  });

  it("subscribes in many sessions at once; each keeps its order", async () => {
    const { acceptNext, sender, broker, path } = await sessions(kind);
    const ids = Array.from({ length: 10 }, (_, i) => `s${i}`);
    for (let round = 0; round < 10; round++) {
      await sender.sendMessages(ids.map((sessionId) => ({ body: round, sessionId })));
    }
    const seen = new Map<string, unknown[]>();
    for (let i = 0; i < ids.length; i++) {
      const receiver = await acceptNext();
      seen.set(receiver.sessionId, []);
      receiver.subscribe({
        processMessage: async ({ body, sessionId }) => {
          seen.get(sessionId ?? "")?.push(body);
        },
        processError: async () => {},
      });
    }
    await eventually(
      () => broker.counts(path).active,
      (active) => active === 0,
    );
    expect([...seen.keys()].sort()).toEqual(ids);
    for (const order of seen.values()) {
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });
});

describe("sessions, wrongly asked for", () => {
  it("a plain receiver on an entity with sessions, a session on one without, a message without an id", async () => {
    const { client, broker } = await startBus();
    broker.putQueue("work", { requiresSession: true });
    broker.putQueue("plain");
    expect(await failure(client.createReceiver("work").receiveMessages(1, { maxWaitTimeInMs: 500 }))).not.toBe(
      "it did not fail",
    );
    expect(await failure(client.acceptSession("plain", "a"))).not.toBe("it did not fail");
    expect(await failure(client.acceptNextSession("plain"))).not.toBe("it did not fail");
    await expect(client.createSender("work").sendMessages({ body: 1 })).rejects.toThrow(/SessionId was not set/);
  });
});
