import { describe, expect, test } from "vitest";
import { isForeign, recordOf, withRecord } from "../../../runtime/bus/sessionState.js";
import type { Outcome, Pipeline } from "../../../runtime/contract/index.js";
import { type EngineKit, engineKit } from "./engineKit.js";
import { FakeSession, received } from "./fakeBus.js";
import { clientError, deferred, settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const sessions = (pipeline: Pipeline): void => {
  pipeline.source.sessions = true;
};

/** A session of messages, the n-th with sequence number `from` + n, and the state that it was left with. */
function sessionOf(kit: EngineKit, messageIds: string[], state: unknown = undefined, from = 1): FakeSession {
  const session = new FakeSession("a", kit.clock);
  session.state = state;
  session.send(
    ...messageIds.map((messageId, i) => received({ messageId, sessionId: "a", sequenceNumber: sequence(from + i) })),
  );
  kit.sessions.push(session);
  return session;
}

/** The client's sequence numbers are Longs; only their text is used. */
const sequence = (n: number): never => ({ toString: () => String(n) }) as never;

describe("the state of a session", () => {
  test("tells how far the session is once it is closed, and keeps what others keep there", async () => {
    const kit = engineKit(async () => done, sessions);
    const a = sessionOf(kit, ["a1", "a2", "a3"], Buffer.from('{"theirs":{"step":7}}'));
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect(a.closed).toBe(1);
    expect(a.state).toMatchObject({
      theirs: { step: 7 },
      stowage: { position: { sequenceNumber: "3", messageId: "a3", settled: 3 } },
    });
    expect(a.state).not.toHaveProperty("stowage.begun");
  });

  test("counts on from where the last hold left it", async () => {
    const kit = engineKit(async () => done, sessions);
    const before = withRecord(undefined, {
      position: { sequenceNumber: "9", messageId: "z", settled: 40, at: "then" },
    });
    const a = sessionOf(kit, ["a1", "a2"], before, 10);
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect(recordOf(a.state).position).toMatchObject({ sequenceNumber: "11", settled: 42 });
  });

  test("costs one write at the first message, one when closed, and one in between after 500 messages", async () => {
    const kit = engineKit(async () => done, sessions);
    const a = sessionOf(
      kit,
      Array.from({ length: 700 }, (_, i) => `a${i}`),
    );
    const written: (string | undefined)[] = [];
    a.setSessionState = async (state) => {
      written.push(recordOf(state).position?.sequenceNumber);
    };
    kit.engine.start();
    while (a.settlements.length < 700) await settled();
    expect(written).toEqual([undefined, "500"]);
    await kit.clock.advance(5_000);
    expect(written).toEqual([undefined, "500", "700"]);
  });

  test("is written after ten seconds of work, and no message waits for that", async () => {
    const write = deferred<void>();
    const kit = engineKit(async (_m) => {
      await new Promise<void>((resolve) => kit.clock.after(6_000, resolve));
      return done;
    }, sessions);
    const a = sessionOf(kit, ["a1", "a2", "a3"]);
    let writes = 0;
    a.setSessionState = () => (++writes === 2 ? write.promise : Promise.resolve());
    kit.engine.start();
    await kit.clock.advance(13_000);
    expect([writes, kit.began]).toEqual([2, ["a1", "a2", "a3"]]);
    write.resolve();
    await kit.clock.advance(10_000);
    expect(a.settlements).toHaveLength(3);
  });

  test("lets the next holder complete what was done and not settled, without another run", async () => {
    const kit = engineKit(async () => done, sessions);
    const a = sessionOf(kit, ["a1", "a2"]);
    a.settleError = clientError("ServiceTimeout");
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect([a.settlements, a.closed]).toEqual([[], 1]);
    const again = sessionOf(kit, ["a1", "a2"], a.state);
    await kit.clock.advance(20_000);
    expect(again.settlements).toEqual([
      { messageId: "a1", how: "completed" },
      { messageId: "a2", how: "completed" },
    ]);
    expect(kit.began).toEqual(["a1", "a2"]);
    expect(recordOf(again.state).position).toMatchObject({ messageId: "a2", settled: 2 });
    expect(await kit.value("stowage_messages_total", { outcome: "duplicate" })).toBe(1);
  });

  test("does not take a new message for the one that was done, be it by id or by number alone", async () => {
    const kit = engineKit(async () => done, sessions);
    const state = withRecord(undefined, {
      position: { sequenceNumber: "5", messageId: "a1", settled: 1, at: "then" },
    });
    sessionOf(kit, ["a1"], state, 6);
    sessionOf(kit, ["b1"], state, 5);
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect(kit.began).toEqual(["a1", "b1"]);
  });

  test("a message that takes its session down each time is dead-lettered at the entity's limit", async () => {
    const begun = (holds: number): object => withRecord(undefined, { begun: { sequenceNumber: "1", holds } });
    const deliveries: number[] = [];
    const kit = engineKit(async (m) => {
      deliveries.push(m.deliveryCount);
      return done;
    }, sessions);
    // Lost twice: the broker counted none of it. The entity allows three deliveries.
    const third = sessionOf(kit, ["a1"], begun(2));
    kit.engine.start();
    // What was lost with its worker so often waits for half a lock, and is begun alone.
    await kit.clock.advance(20_000);
    expect([deliveries, third.settlements]).toEqual([[3], [{ messageId: "a1", how: "completed" }]]);
    const fourth = sessionOf(kit, ["a1", "a2"], begun(3));
    await kit.clock.advance(20_000);
    expect(fourth.settlements).toMatchObject([
      { messageId: "a1", how: "deadLettered", reason: "AttemptsExhausted" },
      { messageId: "a2", how: "completed" },
    ]);
    expect(fourth.settlements[0]?.description).toContain("lost 3 times in a row");
    expect(deliveries).toEqual([3, 1]);
  });

  test("is written before work on the first message: what kills the worker must be known by then", async () => {
    const write = deferred<void>();
    const kit = engineKit(async () => done, sessions);
    const a = sessionOf(kit, ["a1"], withRecord(undefined, { begun: { sequenceNumber: "1", holds: 0 } }));
    const written: unknown[] = [];
    a.setSessionState = (state) => {
      written.push(recordOf(state).begun);
      return write.promise;
    };
    kit.engine.start();
    await settled();
    expect([kit.began, written]).toEqual([[], [{ sequenceNumber: "1", holds: 1 }]]);
    write.resolve();
    await settled();
    expect(kit.began).toEqual(["a1"]);
  });

  test("counts no hold against a message that was given back when the worker stopped", async () => {
    const kit = engineKit(
      (_m, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve({ kind: "retry", code: "Interrupted", description: "stop" })),
        ),
      sessions,
    );
    const a = sessionOf(kit, ["a1"]);
    kit.engine.start();
    await settled();
    expect(recordOf(a.state).begun).toEqual({ sequenceNumber: "1", holds: 1 });
    const stopped = kit.engine.stop();
    await kit.clock.advance(20_000);
    expect(await stopped).toBe(true);
    expect(recordOf(a.state).begun).toBeUndefined();
  });

  test("that cannot be written is a line in the log and holds no message up", async () => {
    const kit = engineKit(async () => done, sessions);
    const a = sessionOf(kit, ["a1", "a2"]);
    a.setSessionState = () => Promise.reject(clientError("ServiceBusy"));
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect(a.settlements).toHaveLength(2);
    expect(kit.lines.filter((line) => line["msg"] === "a session's state not written")).toHaveLength(2);
  });

  test("that is not answered holds neither the session nor its first message for ever", async () => {
    const kit = engineKit(
      async () => done,
      (p) => {
        sessions(p);
        p.delivery.client.timeoutSeconds = 15;
      },
    );
    const unread = sessionOf(kit, ["a1"]);
    unread.getSessionState = () => new Promise(() => undefined);
    const unwritten = sessionOf(kit, ["b1"]);
    unwritten.setSessionState = () => new Promise(() => undefined);
    kit.engine.start();
    await kit.clock.advance(4_900);
    expect([kit.began, unread.closed]).toEqual([[], 0]);
    await kit.clock.advance(200);
    expect([kit.began, unread.closed]).toEqual([["b1"], 1]);
    expect(unwritten.settlements).toHaveLength(1);
  });

  test("is not waited for once the session's link is lost", async () => {
    const kit = engineKit(async () => done, sessions);
    const unread = sessionOf(kit, ["a1"]);
    unread.getSessionState = () => new Promise(() => undefined);
    const unwritten = sessionOf(kit, ["b1"]);
    unwritten.setSessionState = () => new Promise(() => undefined);
    kit.engine.start();
    await kit.clock.advance(100);
    for (const session of [unread, unwritten]) {
      const at = { entityPath: "renders", fullyQualifiedNamespace: "n", identifier: "i" };
      await session.handlers?.processError({ error: clientError("detach"), errorSource: "receive", ...at });
    }
    await kit.clock.advance(100);
    expect([unread.closed, unwritten.closed, kit.began]).toEqual([1, 1, []]);
  });

  test("that cannot be read gives the session back, and it is not asked for again at once", async () => {
    const kit = engineKit(async () => done, sessions);
    const failing = Array.from({ length: 20 }, () => {
      const session = sessionOf(kit, ["a1"]);
      session.getSessionState = () => Promise.reject(clientError("ServiceBusy"));
      return session;
    });
    kit.engine.start();
    await kit.clock.advance(1_000);
    const closed = failing.filter((session) => session.closed === 1).length;
    // Four places; each waits a quarter of a second and more between two.
    expect(closed).toBeGreaterThanOrEqual(4);
    expect(closed).toBeLessThanOrEqual(12);
    expect(kit.began).toEqual([]);
  });

  test("is taken out once the session is empty, where the pipeline says so; a stop and what others keep stay", async () => {
    const cleared = async (state: unknown, outcome: Outcome = done): Promise<unknown> => {
      const kit = engineKit(
        async () => outcome,
        (p) => {
          sessions(p);
          p.delivery.emptySessionState = "clear";
          p.delivery.onPoison = "stop";
        },
      );
      const a = sessionOf(kit, ["a1"], state);
      kit.engine.start();
      await kit.clock.advance(5_000);
      expect([a.closed, a.settlements.length]).toEqual([1, 1]);
      return a.state;
    };
    const before = { position: { sequenceNumber: "9", messageId: "z", settled: 40, at: "then" } };
    expect(await cleared(undefined)).toEqual(Buffer.alloc(0));
    expect(await cleared(withRecord(undefined, before))).toEqual(Buffer.alloc(0));
    expect(await cleared(withRecord({ theirs: 7 }, before))).toEqual({ theirs: 7 });
    expect(await cleared(withRecord("theirs", {}))).toEqual({ stowage: { replaced: "theirs" } });
    const poison: Outcome = { kind: "poison", reason: "InvalidBody", description: "no" };
    expect(recordOf(await cleared(undefined, poison)).stopped).toMatchObject({ messageId: "a1" });
  });

  test("stays where the session is handed over with messages left, though an empty one is cleared", async () => {
    const kit = engineKit(
      async () => {
        await new Promise<void>((resolve) => kit.clock.after(1_000, resolve));
        return done;
      },
      (p) => {
        sessions(p);
        p.delivery.concurrency = 1;
        p.delivery.sessionQuantumSeconds = 2;
        p.delivery.emptySessionState = "clear";
      },
    );
    const a = sessionOf(kit, ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"]);
    sessionOf(kit, ["b1"]);
    kit.engine.start();
    await kit.clock.advance(4_000);
    expect(a.closed).toBe(1);
    expect(recordOf(a.state).position?.settled).toBe(a.settlements.length);
    expect(a.settlements.length).toBeGreaterThan(1);
  });

  test("that is somebody else's and no JSON object is left alone", async () => {
    for (const theirs of [Buffer.from([0, 255, 1]), "step 3", Buffer.from("7"), Buffer.from("[1]")]) {
      const kit = engineKit(async () => done, sessions);
      const a = sessionOf(kit, ["a1", "a2"], theirs);
      kit.engine.start();
      await kit.clock.advance(5_000);
      expect([a.settlements.length, a.state]).toEqual([2, theirs]);
    }
  });
});

describe("the record in a session's state", () => {
  const record = {
    position: { sequenceNumber: "12", messageId: "a9", settled: 9, at: "2026-01-01T00:00:00.000Z" },
    begun: { sequenceNumber: "13", holds: 2 },
    stopped: { messageId: "a1", reason: "InvalidBody", at: "2026-01-01T00:00:00.000Z" },
  };

  test("comes back as it was put in, in any form the broker returns it", () => {
    const state = withRecord(undefined, record);
    for (const form of [state, JSON.stringify(state), Buffer.from(JSON.stringify(state))])
      expect(recordOf(form)).toEqual(record);
  });

  test("keeps what an application keeps there, and is not confused by it", () => {
    expect(withRecord({ position: 7 }, record)).toMatchObject({ position: 7 });
    const others = [undefined, null, "", "free text", 7, [], { stopped: true }, { stowage: 1 }, { stowage: [] }];
    for (const other of others) expect(recordOf(other)).toEqual({});
  });

  test("that must replace a state which is no object keeps it beside itself, for good", () => {
    const once = withRecord("step 3", record);
    expect(once).toMatchObject({ stowage: { replaced: "step 3" } });
    expect(withRecord(once, {})).toEqual({ stowage: { replaced: "step 3" } });
    const binary = Buffer.from([0, 255, 1]);
    expect(withRecord(binary, record)).toMatchObject({ stowage: { replaced: binary.toString("base64") } });
  });

  test("nothing is foreign where nothing is", () => {
    for (const nothing of [undefined, null, "", Buffer.alloc(0), "null", Buffer.from("null"), {}, "{}"])
      expect(isForeign(nothing)).toBe(false);
    for (const theirs of [7, "text", [], Buffer.from("x")]) expect(isForeign(theirs)).toBe(true);
  });
});
