import { describe, expect, test } from "vitest";
import { StoreGate } from "../../../runtime/bus/storeGate.js";
import { FakeClock, settled } from "./fakes.js";

const never = new AbortController().signal;

function gateOf(probe: () => Promise<void>) {
  const clock = new FakeClock();
  const changes: boolean[] = [];
  let openings = 0;
  const gate = new StoreGate({
    probe,
    changed: (up) => changes.push(up),
    shut: () => undefined,
    opened: () => openings++,
    backoff: { baseMilliseconds: 100, maxMilliseconds: 400 },
    clock,
    random: () => 1,
  });
  return { clock, changes, gate, openings: () => openings };
}

describe("the gate before the store", () => {
  test("is shut from the first doubt until a probe succeeds", async () => {
    let up = false;
    const { clock, changes, gate } = gateOf(async () => {
      if (!up) throw new Error("connection refused");
    });
    let passed = false;
    gate.suspect("a write failed");
    void gate.whenOpen(never).then(() => {
      passed = true;
    });
    await clock.advance(1_000);
    expect([gate.open, passed, changes]).toEqual([false, false, [false]]);
    up = true;
    await clock.advance(400);
    expect([gate.open, passed, changes]).toEqual([true, true, [false, true]]);
  });

  test("opens at once where the store answers: the failure was one message's", async () => {
    const { gate, changes, openings } = gateOf(async () => undefined);
    gate.suspect("a write timed out");
    await settled();
    expect(gate.open).toBe(true);
    expect([changes, openings()]).toEqual([[], 1]);
  });

  test("tells nothing and stays shut once it is stopped: a store that is down is not called up", async () => {
    const { clock, changes, gate, openings } = gateOf(() => Promise.reject(new Error("down")));
    gate.suspect("down");
    await settled();
    gate.stop();
    await clock.advance(10_000);
    expect([gate.open, changes, openings()]).toEqual([false, [false], 0]);
    expect(clock.pending).toBe(0);
  });

  test("opens later each time where the store passes its probes and takes nothing, up to a minute", async () => {
    const { clock, gate } = gateOf(async () => undefined);
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const began = clock.now();
      gate.suspect("read-only file system");
      await settled();
      while (!gate.open) await clock.advance(500);
      waits.push(clock.now() - began);
    }
    expect(waits).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  test("opens at once again after the store took something", async () => {
    const { clock, changes, gate } = gateOf(async () => undefined);
    gate.suspect("a write failed");
    await settled();
    gate.suspect("a write failed");
    await settled();
    expect([gate.open, changes]).toEqual([false, [false]]);
    await clock.advance(1_000);
    expect([gate.open, changes]).toEqual([true, [false, true]]);
    gate.succeeded();
    gate.suspect("a write failed");
    await settled();
    expect(gate.open).toBe(true);
  });

  test("counts a probe that does not answer as a failure", async () => {
    const { clock, changes, gate } = gateOf(() => new Promise(() => undefined));
    gate.suspect("a write hung");
    await clock.advance(10_000);
    expect(changes).toEqual([false]);
    gate.stop();
  });

  test("lets go whoever must stop waiting", async () => {
    const { gate } = gateOf(() => Promise.reject(new Error("down")));
    const stop = new AbortController();
    gate.suspect("down");
    const waiting = gate.whenOpen(stop.signal);
    stop.abort();
    await waiting;
    expect(gate.open).toBe(false);
    gate.stop();
  });
});
