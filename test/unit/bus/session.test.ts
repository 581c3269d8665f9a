import { describe, expect, test } from "vitest";
import { recordOf } from "../../../runtime/bus/sessionState.js";
import type { Outcome, Pipeline } from "../../../runtime/contract/index.js";
import { type EngineKit, engineKit } from "./engineKit.js";
import { FakeSession, received } from "./fakeBus.js";
import { clientError, deferred, settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const poison: Outcome = { kind: "poison", reason: "InvalidBody", description: "not JSON" };
const sessions = (pipeline: Pipeline): void => {
  pipeline.source.sessions = true;
};

/** A session with these messages in it. */
function sessionOf(kit: EngineKit, id: string, messageIds: string[]): FakeSession {
  const session = new FakeSession(id, kit.clock);
  session.send(...messageIds.map((messageId) => received({ messageId, sessionId: id })));
  kit.sessions.push(session);
  return session;
}

describe("a queue with sessions", () => {
  test("keeps strict order within a session, and works on sessions beside each other", async () => {
    const effects = new Map(["a1", "a2", "b1"].map((id) => [id, deferred<Outcome>()]));
    const kit = engineKit((m) => effects.get(m.messageId)?.promise ?? Promise.resolve(done), sessions);
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    sessionOf(kit, "b", ["b1"]);
    kit.engine.start();
    await settled();
    expect(kit.began).toEqual(["a1", "b1"]);
    effects.get("a1")?.resolve(done);
    await settled();
    expect(kit.began).toEqual(["a1", "b1", "a2"]);
    expect(a.settlements.map((s) => s.messageId)).toEqual(["a1"]);
  });

  test("closes an empty session's link and makes room for the next one", async () => {
    const kit = engineKit(
      async () => done,
      (p) => {
        sessions(p);
        p.delivery.concurrency = 1;
      },
    );
    const a = sessionOf(kit, "a", ["a1"]);
    const b = sessionOf(kit, "b", ["b1"]);
    kit.engine.start();
    await kit.clock.advance(1_000);
    expect([a.closed, b.closed]).toEqual([1, 0]);
    expect(kit.began).toEqual(["a1", "b1"]);
    await kit.clock.advance(2_000);
    expect(b.closed).toBe(1);
    expect(await kit.value("stowage_open_sessions")).toBe(0);
  });

  test("holds no session that comes while the store is down, and gives held ones back at no delivery's cost", async () => {
    let up = false;
    const kit = engineKit(
      async () => (up ? done : { kind: "retry", code: "StoreUnavailable", description: "no quorum" }),
      sessions,
      async () => {
        if (!up) throw new Error("no quorum");
      },
    );
    const a = sessionOf(kit, "a", ["a1"]);
    kit.engine.start();
    await kit.clock.advance(1_000);
    // The requests that were on their way when the store failed bring one more session.
    const b = sessionOf(kit, "b", ["b1"]);
    await kit.clock.advance(20_000);
    expect([a.closed, b.closed, b.credit, b.waiting]).toEqual([0, 1, 0, 1]);
    const c = sessionOf(kit, "c", ["c1"]);
    await kit.clock.advance(600_000);
    expect([a.closed, a.settlements, c.closed]).toEqual([1, [], 0]);
    expect(kit.began).toEqual(["a1"]);
    expect(await kit.value("stowage_open_sessions")).toBe(0);
    expect(kit.noProgress).toEqual([]);
    up = true;
    await kit.clock.advance(5_000);
    expect(c.settlements).toEqual([{ messageId: "c1", how: "completed" }]);
  });

  test("holds a session through an outage for as long as the pipeline says, its last delivery too", async () => {
    const kit = engineKit(
      async () => ({ kind: "retry", code: "StoreUnavailable", description: "no quorum" }),
      (p) => {
        sessions(p);
        p.delivery.maxOutageSeconds = 600;
      },
      async () => {
        throw new Error("no quorum");
      },
    );
    const a = new FakeSession("a", kit.clock);
    a.send(received({ messageId: "a1", sessionId: "a", deliveryCount: 2 }));
    kit.sessions.push(a);
    kit.engine.start();
    // The third of three deliveries waits for its turn for half a lock, and fails once.
    await kit.clock.advance(20_000);
    expect(kit.began).toEqual(["a1"]);
    await kit.clock.advance(575_000);
    expect(a.closed).toBe(0);
    expect(a.renewed.length).toBeGreaterThan(30);
    await kit.clock.advance(45_000);
    expect([a.closed, a.settlements, kit.began]).toEqual([1, [], ["a1"]]);
    expect(recordOf(a.state).begun).toBeUndefined();
  });

  test("holds no more sessions than the pipeline's concurrency", async () => {
    const kit = engineKit(
      () => new Promise(() => undefined),
      (p) => {
        sessions(p);
        p.delivery.concurrency = 2;
      },
    );
    for (const id of ["a", "b", "c"]) sessionOf(kit, id, [`${id}1`]);
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect(kit.began).toEqual(["a1", "b1"]);
  });

  test("renews the session's lock, not the messages', while one of them takes long", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise, sessions);
    const a = sessionOf(kit, "a", ["a1"]);
    kit.engine.start();
    await kit.clock.advance(40_000);
    expect(a.renewed).toEqual(["a", "a"]);
    effect.resolve(done);
    await settled();
    expect(a.settlements).toEqual([{ messageId: "a1", how: "completed" }]);
  });

  test("gives a session back at once after a message was abandoned: nothing may overtake it", async () => {
    const kit = engineKit(async () => ({ kind: "retry", code: "NotReady", description: "later" }), sessions);
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect(a.settlements).toEqual([{ messageId: "a1", how: "abandoned" }]);
    expect(a.closed).toBe(1);
    expect(kit.began).not.toContain("a2");
  });

  test("with skip, goes on with the session after poison", async () => {
    const kit = engineKit(async (m) => (m.messageId === "a1" ? poison : done), sessions);
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    kit.engine.start();
    await settled();
    expect(a.settlements).toMatchObject([
      { messageId: "a1", how: "deadLettered", reason: "InvalidBody" },
      { messageId: "a2", how: "completed" },
    ]);
    expect(a.state).not.toMatchObject({ stowage: { stopped: expect.anything() } });
  });

  test("with stop, dead-letters the rest of the session, in this hold and in the next", async () => {
    const kit = engineKit(
      async (m) => (m.messageId === "a1" ? poison : done),
      (p) => {
        sessions(p);
        p.delivery.onPoison = "stop";
      },
    );
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    kit.engine.start();
    await settled();
    expect(a.settlements.map((s) => s.reason)).toEqual(["InvalidBody", "SessionStopped"]);
    expect(a.settlements[1]?.description).toContain('"a1"');
    const again = sessionOf(kit, "a", ["a3"]);
    again.state = Buffer.from(JSON.stringify(a.state));
    await kit.clock.advance(20_000);
    expect(again.settlements.map((s) => s.reason)).toEqual(["SessionStopped"]);
    expect(kit.began).toEqual(["a1"]);
  });

  test("with stop, does not dead-letter before the stop is written: a crash between must not let the session go on", async () => {
    const kit = engineKit(
      async () => poison,
      (p) => {
        sessions(p);
        p.delivery.onPoison = "stop";
      },
    );
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    a.setSessionState = () => Promise.reject(clientError("ServiceCommunicationProblem"));
    kit.engine.start();
    await settled();
    expect(a.settlements).toEqual([]);
    expect(a.closed).toBe(1);
  });

  test("settles nothing once the session's lock is lost, and closes its link", async () => {
    const kit = engineKit(
      (_m, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve({ kind: "retry", code: "Interrupted", description: "stop" })),
        ),
      sessions,
    );
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    a.renewError = clientError("SessionLockLost");
    kit.engine.start();
    await kit.clock.advance(20_000);
    expect(a.settlements).toEqual([]);
    expect(a.closed).toBe(1);
    expect(await kit.value("stowage_lock_lost_total")).toBe(1);
  });

  test("asks again after a refusal, with a growing wait, and is not connected meanwhile", async () => {
    const kit = engineKit(async () => done, sessions);
    kit.refuse(clientError("UnauthorizedAccess"));
    kit.engine.start();
    await kit.clock.advance(5_000);
    expect((await kit.engine.ready()).reason).toContain("UnauthorizedAccess");
    kit.refuse(undefined);
    sessionOf(kit, "a", ["a1"]);
    await kit.clock.advance(10_000);
    expect(kit.began).toEqual(["a1"]);
    expect((await kit.engine.ready()).ok).toBe(true);
  });

  test("gives work back by closing its session, which costs no delivery, where the grace period is too short", async () => {
    const kit = engineKit(
      (_m, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve({ kind: "retry", code: "Interrupted", description: "stop" })),
        ),
      sessions,
    );
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    kit.engine.start();
    await settled();
    const stopped = kit.engine.stop();
    await kit.clock.advance(20_000);
    expect(await stopped).toBe(true);
    expect(a.settlements).toEqual([]);
    expect(a.closed).toBe(1);
    expect(await kit.value("stowage_messages_total", { outcome: "released" })).toBe(1);
  });

  test("gives a session back whose settlement goes unanswered for the client's time limit", async () => {
    const kit = engineKit(
      async () => done,
      (p) => {
        sessions(p);
        p.delivery.client.timeoutSeconds = 7;
      },
    );
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    a.completeMessage = () => new Promise(() => undefined);
    kit.engine.start();
    await kit.clock.advance(6_900);
    expect(a.closed).toBe(0);
    await kit.clock.advance(200);
    expect([a.closed, kit.began]).toEqual([1, ["a1"]]);
  });

  test("ends each session after the message it is at when the worker stops", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise, sessions);
    const a = sessionOf(kit, "a", ["a1", "a2"]);
    kit.engine.start();
    await settled();
    const stopped = kit.engine.stop();
    effect.resolve(done);
    await kit.clock.advance(1_000);
    expect(await stopped).toBe(true);
    expect(a.settlements).toEqual([{ messageId: "a1", how: "completed" }]);
    expect(a.closed).toBe(1);
  });
});
