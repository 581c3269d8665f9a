import { describe, expect, test } from "vitest";
import type { Outcome, Pipeline } from "../../../runtime/contract/index.js";
import { type EngineKit, engineKit } from "./engineKit.js";
import { FakeSession, received } from "./fakeBus.js";
import { clientError, settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };

/** An engine whose messages take a second each. */
function kitOf(change: (pipeline: Pipeline) => void = () => undefined, messageMilliseconds = 1_000): EngineKit {
  const kit: EngineKit = engineKit(
    async () => {
      await new Promise<void>((resolve) => kit.clock.after(messageMilliseconds, resolve));
      return done;
    },
    (p) => {
      p.source.sessions = true;
      p.delivery.concurrency = 1;
      p.delivery.sessionQuantumSeconds = 10;
      p.delivery.sessionIdleMilliseconds = 3_000;
      change(p);
    },
  );
  return kit;
}

function sessionOf(kit: EngineKit, id: string, messages: number): FakeSession {
  const session = new FakeSession(id, kit.clock);
  session.send(...Array.from({ length: messages }, (_, i) => received({ messageId: `${id}${i}`, sessionId: id })));
  kit.sessions.push(session);
  return session;
}

const handOvers = (kit: EngineKit): number =>
  kit.lines.filter((line) => line["msg"] === "session handed over: another one waits").length;

describe("places for sessions", () => {
  test("a session whose quantum is over makes room after the message it is at, at no delivery's cost", async () => {
    const kit = kitOf();
    const a = sessionOf(kit, "a", 100);
    kit.engine.start();
    await kit.clock.advance(5_000);
    const b = sessionOf(kit, "b", 3);
    await kit.clock.advance(4_900);
    expect([a.closed, b.settlements.length]).toEqual([0, 0]);
    await kit.clock.advance(1_600);
    expect(a.closed).toBe(1);
    expect(a.settlements.length).toBeGreaterThanOrEqual(10);
    expect(a.settlements.length).toBeLessThanOrEqual(11);
    expect(a.settlements.every((s) => s.how === "completed")).toBe(true);
    await kit.clock.advance(3_000);
    expect(b.settlements).toHaveLength(3);
    expect(handOvers(kit)).toBe(1);
  });

  test("the quantum is the pipeline's", async () => {
    const kit = kitOf((p) => {
      p.delivery.sessionQuantumSeconds = 2;
    });
    const a = sessionOf(kit, "a", 100);
    kit.engine.start();
    await settled();
    sessionOf(kit, "b", 1);
    await kit.clock.advance(3_500);
    expect([a.closed, kit.began.includes("b0")]).toEqual([1, true]);
  });

  test("a session that is alone keeps its place however long it is worked on, and there is no hot loop", async () => {
    const kit = kitOf();
    let asked = 0;
    const a = sessionOf(kit, "a", 1_000);
    const shift = kit.sessions.shift.bind(kit.sessions);
    kit.sessions.shift = () => {
      asked++;
      return shift();
    };
    kit.engine.start();
    await kit.clock.advance(600_000);
    expect([a.closed, a.settlements.length]).toEqual([0, 600]);
    // The first, and long polls of 15 s since the quantum was over, each looked at when it is asked and when it ends.
    expect(asked).toBeLessThan(100);
    expect(handOvers(kit)).toBe(0);
  });

  test("an empty session makes room at once where another waits, and is kept for the idle time where none does", async () => {
    const kit = kitOf();
    const a = sessionOf(kit, "a", 1);
    kit.engine.start();
    await kit.clock.advance(2_500);
    expect([a.settlements.length, a.closed]).toEqual([1, 0]);
    a.send(received({ messageId: "a-late", sessionId: "a" }));
    await kit.clock.advance(1_500);
    expect([a.settlements.length, a.closed]).toEqual([2, 0]);
    await kit.clock.advance(3_000);
    expect(a.closed).toBe(1);

    const waiting = kitOf();
    const first = sessionOf(waiting, "a", 1);
    const second = sessionOf(waiting, "b", 1);
    waiting.engine.start();
    await waiting.clock.advance(1_200);
    expect([first.closed, second.closed, waiting.began]).toEqual([1, 0, ["a0", "b0"]]);
  });

  test("the idle time is the pipeline's", async () => {
    const kit = kitOf((p) => {
      p.delivery.concurrency = 2;
      p.delivery.sessionIdleMilliseconds = 30_000;
    });
    const a = sessionOf(kit, "a", 1);
    kit.engine.start();
    await kit.clock.advance(30_000);
    expect(a.closed).toBe(0);
    await kit.clock.advance(1_500);
    expect(a.closed).toBe(1);
  });

  test("an empty session makes room before one in work, then the one that has had its place for longest", async () => {
    const kit = kitOf((p) => {
      p.delivery.concurrency = 3;
      p.delivery.sessionIdleMilliseconds = 60_000;
    });
    const long = sessionOf(kit, "l", 100);
    kit.engine.start();
    await kit.clock.advance(500);
    const short = sessionOf(kit, "s", 100);
    const empty = sessionOf(kit, "e", 1);
    await kit.clock.advance(29_000);
    const closed = (): number[] => [long, short, empty].map((session) => session.closed);
    expect(closed()).toEqual([0, 0, 0]);
    sessionOf(kit, "x", 100);
    await kit.clock.advance(16_000);
    expect(closed()).toEqual([0, 0, 1]);
    sessionOf(kit, "y", 100);
    await kit.clock.advance(17_000);
    expect(closed()).toEqual([1, 0, 1]);
  });

  test("a session that has got a place by itself leaves no other one without", async () => {
    const kit = kitOf((p) => {
      p.delivery.concurrency = 2;
    });
    for (const id of ["a", "b", "c", "d", "e", "f"]) sessionOf(kit, id, 40);
    kit.engine.start();
    await kit.clock.advance(60_000);
    // Six sessions, two places, quanta of ten seconds: all had a turn within three of them.
    expect(new Set(kit.began.map((id) => id[0]))).toEqual(new Set(["a", "b", "c", "d", "e", "f"]));
  });

  test("what arrives while a session is handed over does not count as held for ever", async () => {
    const kit = kitOf();
    kit.engine.start();
    for (let i = 0; i < 30; i++) {
      const session = sessionOf(kit, `s${i}-`, 100);
      const close = session.close.bind(session);
      // The client hands over what is on its way until the link is closed.
      session.close = async () => {
        for (let n = 0; n < 3; n++) void session.handlers?.processMessage(received({ messageId: `late${n}` }));
        await close();
      };
      await kit.clock.advance(11_000);
    }
    expect(new Set(kit.began.map((id) => id.split("-")[0])).size).toBe(30);
    expect(kit.began.length).toBeGreaterThan(300);
    expect(await kit.value("stowage_in_flight_messages")).toBeLessThanOrEqual(4);
  });

  test("stops while one waits for its place: both are given back, nothing is begun", async () => {
    const kit = kitOf(undefined, 8_000);
    const a = sessionOf(kit, "a", 100);
    kit.engine.start();
    await kit.clock.advance(9_000);
    const b = sessionOf(kit, "b", 1);
    await kit.clock.advance(2_000);
    expect([a.closed, b.closed, await kit.value("stowage_open_sessions")]).toEqual([0, 0, 2]);
    const stopped = kit.engine.stop();
    await kit.clock.advance(10_000);
    expect(await stopped).toBe(true);
    expect([a.closed, b.closed, b.settlements]).toEqual([1, 1, []]);
    expect(await kit.value("stowage_open_sessions")).toBe(0);
  });

  test("a lock that is lost while its session waits for a place costs nothing but that session", async () => {
    const kit = kitOf(undefined, 25_000);
    const a = sessionOf(kit, "a", 100);
    kit.engine.start();
    await kit.clock.advance(26_000);
    const b = sessionOf(kit, "b", 1);
    b.renewError = clientError("SessionLockLost");
    await kit.clock.advance(30_000);
    const c = sessionOf(kit, "c", 1);
    await kit.clock.advance(40_000);
    expect([a.closed, b.closed, b.settlements]).toEqual([1, 1, []]);
    expect(c.settlements).toHaveLength(1);
  });

  test("a session's lock is renewed until the sink has let go of its message, also beyond the time limit", async () => {
    let release: (outcome: Outcome) => void = () => undefined;
    const kit = engineKit(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
      (p) => {
        p.source.sessions = true;
        p.delivery.maxProcessingSeconds = 60;
      },
    );
    const a = sessionOf(kit, "a", 2);
    kit.engine.start();
    await kit.clock.advance(110_000);
    expect(a.renewed.length).toBeGreaterThanOrEqual(6);
    expect([a.closed, await kit.value("stowage_lock_lost_total")]).toEqual([0, 0]);
    release({ kind: "retry", code: "Interrupted", description: "late" });
    await settled();
    expect([a.closed, a.settlements]).toEqual([1, [{ messageId: "a0", how: "abandoned" }]]);
  });
});
