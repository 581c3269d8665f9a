import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { afterEach, describe, expect, test } from "vitest";
import { LinkSettler } from "../../runtime/bus/settler.js";
import { type Outcome, replyMessageId, type SinkMessage } from "../../runtime/contract/index.js";
import { deferred } from "../unit/bus/fakes.js";
import { BusKit, done, until } from "./workerKit.js";

describe("the engine on the real client", () => {
  let kit: BusKit;
  afterEach(() => kit.close());

  const active = (): number => kit.broker.counts("renders").active;

  test("gets bodies as the bytes that were sent, in any of AMQP's forms", async () => {
    kit = await new BusKit().open();
    const seen = new Map<string, SinkMessage>();
    await kit.engine(async (message) => {
      seen.set(message.messageId, message);
      return done;
    });
    await kit.send("m", [{ a: 1 }, "text", Buffer.from([0, 255, 1])]);
    const sender = kit.client.createSender("renders");
    await sender.sendMessages({ bodyType: "value", body: { b: [2] }, properties: { messageId: "value" } });
    await sender.sendMessages({
      bodyType: "sequence",
      body: [[1], ["x"]],
      properties: { messageId: "sequence" },
      applicationProperties: { when: new Date(0), n: 7 },
    });
    await until("all five come", () => seen.size === 5);
    const text = (id: string): string | undefined => seen.get(id)?.body.toString("latin1");
    expect([text("m-0"), text("m-1"), text("m-2")]).toEqual(['{"a":1}', '"text"', "\u0000\u00ff\u0001"]);
    expect([text("value"), text("sequence")]).toEqual(['{"b":[2]}', '[[1],["x"]]']);
    expect(seen.get("sequence")?.properties).toEqual({ when: new Date(0), n: 7 });
    await until("all are completed", () => active() === 0);
  });

  test("settles messages in one turn of the loop each in its own way, which the client alone does not", async () => {
    kit = await new BusKit().open();
    const ids = Array.from({ length: 30 }, (_, i) => `m-${i}`);
    await kit.send("m", ids);
    const receiver = kit.client.createReceiver("renders");
    const held: ServiceBusReceivedMessage[] = [];
    while (held.length < ids.length) held.push(...(await receiver.receiveMessages(ids.length - held.length)));
    const settler = new LinkSettler(receiver, undefined);
    const dead = ids.filter((_, i) => i % 3 !== 0);
    await Promise.all(
      held.map((message) => {
        const id = String(message.messageId);
        if (!dead.includes(id)) return settler.completeMessage(message);
        return settler.deadLetterMessage(message, {
          deadLetterReason: `reason of ${id}`,
          deadLetterErrorDescription: id,
        });
      }),
    );
    expect(active()).toBe(0);
    const letters = await kit.deadLetters(dead.length);
    expect(letters.map((letter) => letter.deadLetterReason).sort()).toEqual(dead.map((id) => `reason of ${id}`).sort());
  });

  test("completes ten thousand messages, each worked on once, and holds no more at once than it may", async () => {
    kit = await new BusKit().open();
    const counts = new Map<string, number>();
    let now = 0;
    let most = 0;
    const engine = await kit.engine(
      async (message) => {
        most = Math.max(most, ++now);
        counts.set(message.messageId, (counts.get(message.messageId) ?? 0) + 1);
        await new Promise(setImmediate);
        now--;
        return done;
      },
      (p) => {
        p.delivery.concurrency = 128;
      },
    );
    await kit.send(
      "m",
      Array.from({ length: 10_000 }, (_, i) => i),
    );
    await until("all are completed", () => counts.size === 10_000 && active() === 0, 30);
    expect([...counts.values()].every((n) => n === 1)).toBe(true);
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(128);
    await until("all are counted", async () => {
      return (await engine.value("stowage_messages_total", { outcome: "done" })) === 10_000;
    });
  });

  test("works in batches where the sink takes them", async () => {
    kit = await new BusKit().open();
    let seen = 0;
    await kit.engine(
      async () => {
        seen++;
        return done;
      },
      (p) => {
        p.delivery.concurrency = 64;
      },
      20,
    );
    await kit.send(
      "m",
      Array.from({ length: 500 }, (_, i) => i),
    );
    await until("all are completed", () => seen === 500 && active() === 0);
  });

  test("dead-letters poison with reason and description, and leaves the body as it was", async () => {
    kit = await new BusKit().open();
    await kit.engine(async () => ({ kind: "poison", reason: "InvalidBody", description: "at 3: not JSON" }));
    await kit.send("m", [{ a: 1 }]);
    const [dead] = await kit.deadLetters(1);
    expect(dead).toMatchObject({
      messageId: "m-0",
      body: { a: 1 },
      deadLetterReason: "InvalidBody",
      deadLetterErrorDescription: "at 3: not JSON",
    });
  });

  test("gives a message back up to the entity's last delivery, then dead-letters it with the last error", async () => {
    kit = await new BusKit().open();
    const runs: number[] = [];
    await kit.engine(
      async (message) => {
        runs.push(message.deliveryCount);
        return { kind: "retry", code: "JobFailed", description: "exit status 3" };
      },
      (p) => {
        p.delivery.attempts = 2;
        p.delivery.retryBaseMilliseconds = 10;
      },
    );
    await kit.send("m", ["x"]);
    const [dead] = await kit.deadLetters(1);
    expect(runs).toEqual([1, 1, 2, 2, 3, 3]);
    expect(dead?.deadLetterReason).toBe("AttemptsExhausted");
    expect(dead?.deadLetterErrorDescription).toMatch(/Delivery 3 of 3.*exit status 3/);
  });

  test("keeps the lock of work that takes longer than the lock, also beside a message with the same id", async () => {
    kit = await new BusKit().open({ lockDurationSeconds: 1 });
    const effect = deferred<Outcome>();
    let runs = 0;
    const engine = await kit.engine(
      () => {
        runs++;
        return effect.promise;
      },
      (p) => {
        p.source.lockDurationSeconds = 1;
      },
    );
    const sender = kit.client.createSender("renders");
    await sender.sendMessages([
      { body: 1, messageId: "same" },
      { body: 1, messageId: "same" },
    ]);
    const renewed = () => engine.value("stowage_lock_renewals_total", { result: "renewed" });
    await until("both locks were renewed for three seconds", async () => (await renewed()) >= 10);
    expect(runs).toBe(1);
    effect.resolve(done);
    await until("both are completed", () => active() === 0);
    expect(await engine.value("stowage_lock_lost_total")).toBe(0);
    expect(runs).toBe(2);
  });

  test("answers before it settles, under the same id for every attempt", async () => {
    kit = await new BusKit().open();
    await kit.engine(async (message) => ({
      kind: "done",
      duplicate: false,
      replies: [{ queue: message.replyTo ?? "", kind: "outcome", body: { stored: message.messageId } }],
    }));
    const sender = kit.client.createSender("renders");
    await sender.sendMessages({ body: 1, messageId: "ask", replyTo: "Answers", replyToSessionId: "me" });
    const [answer] = await kit.client.createReceiver("answers").receiveMessages(1, { maxWaitTimeInMs: 10_000 });
    expect(answer).toMatchObject({
      messageId: replyMessageId("renders\nask", "outcome"),
      correlationId: "ask",
      sessionId: "me",
      body: { stored: "ask" },
    });
    await until("the request is completed", () => active() === 0);
  });

  test("refuses to answer elsewhere before it does anything", async () => {
    kit = await new BusKit().open();
    let runs = 0;
    await kit.engine(async () => {
      runs++;
      return done;
    });
    const sender = kit.client.createSender("renders");
    await sender.sendMessages({ body: 1, messageId: "ask", replyTo: "elsewhere" });
    const [dead] = await kit.deadLetters(1);
    expect(dead?.deadLetterReason).toBe("ReplyNotAllowed");
    expect(runs).toBe(0);
  });

  test.each([
    ["the connection is cut", () => kit.broker.faults.dropConnections()],
    ["the link is detached", () => kit.broker.faults.detachLinks("renders")],
  ])("goes on after %s, loses nothing, and holds no more at once than before", async (_what, harm) => {
    kit = await new BusKit().open();
    const stored = new Set<string>();
    let now = 0;
    let most = 0;
    const engine = await kit.engine(
      async (message) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now--;
        stored.add(message.messageId);
        return done;
      },
      (p) => {
        p.delivery.concurrency = 8;
      },
    );
    await kit.send(
      "m",
      Array.from({ length: 1_500 }, (_, i) => i),
    );
    for (const at of [200, 600, 1_000]) {
      await until(`${at} are stored`, () => stored.size >= at);
      harm();
    }
    await until("all are stored and settled", () => stored.size === 1_500 && active() === 0, 30);
    expect(most).toBeLessThanOrEqual(8);
    expect((await engine.engine.ready()).reason).toBe("ready");
    expect(kit.broker.counts("renders").deadLetter).toBe(0);
  });

  test("stops within its grace period and gives back what it could not finish", async () => {
    kit = await new BusKit().open();
    const held: string[] = [];
    const engine = await kit.engine(
      (message, { signal }) => {
        held.push(message.messageId);
        return new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve({ kind: "retry", code: "Interrupted", description: "stop" })),
        );
      },
      (p) => {
        p.delivery.shutdownGraceSeconds = 2;
      },
    );
    await kit.send(
      "m",
      Array.from({ length: 10 }, (_, i) => i),
    );
    await until("four are held", () => held.length === 4);
    const began = Date.now();
    expect(await engine.stop()).toBe(true);
    expect(Date.now() - began).toBeLessThan(4_000);
    expect(kit.broker.counts("renders")).toMatchObject({ active: 10, locked: 0, deadLetter: 0 });
    expect(held).toHaveLength(4);
  });
});

describe("the engine on the real client, with sessions", () => {
  let kit: BusKit;
  afterEach(() => kit.close());

  const sessions = { requiresSession: true };

  test("keeps order within each of many sessions, over more sessions than it holds at once", async () => {
    kit = await new BusKit().open(sessions);
    const seen = new Map<string, number[]>();
    const engine = await kit.engine(
      async (message) => {
        const list = seen.get(message.sessionId ?? "") ?? [];
        seen.set(message.sessionId ?? "", [...list, Number(message.body)]);
        return done;
      },
      (p) => {
        p.source.sessions = true;
        p.delivery.concurrency = 8;
      },
    );
    const ids = Array.from({ length: 40 }, (_, i) => `s-${i}`);
    await Promise.all(ids.map((id) => kit.send(id, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], id)));
    await until("all are completed", () => kit.broker.counts("renders").active === 0, 30);
    for (const id of ids) expect(seen.get(id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await until("all are counted", async () => {
      return (await engine.value("stowage_messages_total", { outcome: "done" })) === 400;
    });
  });

  test("with stop, dead-letters the rest of a session after poison, even for the next worker", async () => {
    kit = await new BusKit().open(sessions);
    const work = async (message: SinkMessage): Promise<Outcome> =>
      message.messageId === "a-1" ? { kind: "poison", reason: "InvalidBody", description: "bad" } : done;
    const stop = (p: { source: { sessions: boolean }; delivery: { onPoison: string } }): void => {
      p.source.sessions = true;
      p.delivery.onPoison = "stop";
    };
    const first = await kit.engine(work, stop);
    await kit.send("a", [0, 1, 2, 3], "a");
    await kit.send("b", [0, 1], "b");
    const dead = await kit.deadLetters(3);
    expect(dead.map((m) => [m.messageId, m.deadLetterReason])).toEqual([
      ["a-1", "InvalidBody"],
      ["a-2", "SessionStopped"],
      ["a-3", "SessionStopped"],
    ]);
    await first.stop();
    await kit.engine(work, stop);
    await kit.send("later", [0], "a");
    await until("the later message is dead-lettered too", () => kit.broker.counts("renders").deadLetter === 4);
    expect(kit.broker.counts("renders").active).toBe(0);
  });

  test("goes on in order after the connection is cut, and costs the prefetched messages no delivery", async () => {
    kit = await new BusKit().open(sessions);
    const seen: number[] = [];
    let mostDeliveries = 0;
    await kit.engine(
      async (message) => {
        mostDeliveries = Math.max(mostDeliveries, message.deliveryCount);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (seen.at(-1) !== Number(message.body)) seen.push(Number(message.body));
        return done;
      },
      (p) => {
        p.source.sessions = true;
      },
    );
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    await kit.send("a", numbers, "a");
    for (const at of [30, 90, 150]) {
      await until(`${at} are done`, () => seen.length >= at);
      kit.broker.faults.dropConnections();
    }
    await until("all are completed", () => kit.broker.counts("renders").active === 0, 30);
    expect(seen).toEqual(numbers);
    expect(mostDeliveries).toBeLessThanOrEqual(2);
  });

  test("renews the session's lock while one message takes longer than it", async () => {
    kit = await new BusKit().open({ ...sessions, lockDurationSeconds: 1 });
    const effect = deferred<Outcome>();
    const engine = await kit.engine(
      () => effect.promise,
      (p) => {
        p.source.sessions = true;
        p.source.lockDurationSeconds = 1;
      },
    );
    await kit.send("a", [0], "a");
    const renewed = () => engine.value("stowage_lock_renewals_total", { result: "renewed" });
    await until("the lock was renewed for two seconds", async () => (await renewed()) >= 4);
    effect.resolve(done);
    await until("the message is completed", () => kit.broker.counts("renders").active === 0);
    expect(await engine.value("stowage_lock_lost_total")).toBe(0);
  });
});
