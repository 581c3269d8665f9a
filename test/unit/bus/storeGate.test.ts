import { describe, expect, test } from "vitest";
import { StoreGate } from "../../../runtime/bus/storeGate.js";
import { FakeClock, settled } from "./fakes.js";

const never = new AbortController().signal;

function gateOf(probe: () => Promise<void>) {
  const clock = new FakeClock();
  const changes: boolean[] = [];
  const gate = new StoreGate({
    probe,
    changed: (up) => changes.push(up),
    backoff: { baseMilliseconds: 100, maxMilliseconds: 400 },
    clock,
    random: () => 1,
  });
  return { clock, changes, gate };
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
    const { gate } = gateOf(async () => undefined);
    gate.suspect("a write timed out");
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
