import { describe, expect, test } from "vitest";
import type { PeekedMessage } from "../../../runtime/bus/peeker.js";
import { Watchdog } from "../../../runtime/bus/watchdog.js";
import { clientError, FakeClock } from "./fakes.js";

const LOCK = 30_000;
const STEP = 90_000;
const HOLD = 300_000;

function watched() {
  const clock = new FakeClock();
  const steps: string[] = [];
  const state = {
    received: 0,
    wanting: true,
    peek: async (): Promise<PeekedMessage | undefined> => undefined,
    /** What a step brings about. */
    afterStep: (_what: string): void => undefined,
  };
  const step = async (what: string): Promise<void> => {
    steps.push(what);
    state.afterStep(what);
  };
  const watchdog = new Watchdog({
    received: () => state.received,
    wanting: () => state.wanting,
    peekOldest: () => state.peek(),
    recycleReceivers: () => step("receivers"),
    recycleClient: () => step("client"),
    giveUp: (reason) => void steps.push(`end: ${reason}`),
    stepped: () => undefined,
    clock,
    noProgressMilliseconds: STEP,
    lockMilliseconds: LOCK,
    maxHoldMilliseconds: HOLD,
  });
  watchdog.start();
  const waits = (sequenceNumber: string) => {
    state.peek = async () => ({ sequenceNumber, enqueuedAt: clock.now() });
  };
  return { clock, steps, state, watchdog, waits };
}

describe("the watchdog", () => {
  test("is content with an entity in which nothing waits, for ever", async () => {
    const { clock, steps } = watched();
    await clock.advance(100 * STEP);
    expect(steps).toEqual([]);
  });

  test("replaces the receivers, then the client, then ends the process, where the same message stays", async () => {
    const { clock, steps, waits } = watched();
    waits("7");
    await clock.advance(STEP + 20_000);
    expect(steps).toEqual(["receivers"]);
    await clock.advance(STEP + 20_000);
    expect(steps).toEqual(["receivers", "client"]);
    await clock.advance(HOLD + 2 * LOCK + STEP);
    expect(steps).toHaveLength(3);
    expect(steps[2]).toContain("message 7 is there for");
    await clock.advance(10 * STEP);
    expect(steps).toHaveLength(3);
  });

  test("does not end the process for a message that another worker may still be holding", async () => {
    const { clock, steps, waits } = watched();
    waits("7");
    await clock.advance(HOLD + LOCK);
    expect(steps).toEqual(["receivers", "client"]);
    waits("8");
    await clock.advance(HOLD + LOCK);
    expect(steps).toEqual(["receivers", "client"]);
  });

  test("is content with messages that come and go: another worker takes them", async () => {
    const { clock, steps, state } = watched();
    let n = 0;
    state.peek = async () => ({ sequenceNumber: String(n++), enqueuedAt: 0 });
    await clock.advance(20 * STEP);
    expect(steps).toEqual([]);
  });

  test("begins anew once a message has come", async () => {
    const { clock, steps, state, waits } = watched();
    waits("7");
    state.afterStep = () => {
      state.received++;
    };
    await clock.advance(STEP + 20_000);
    await clock.advance(STEP / 2);
    expect(steps).toEqual(["receivers"]);
    state.afterStep = () => undefined;
    await clock.advance(STEP + 10_000);
    expect(steps).toEqual(["receivers", "receivers"]);
  });

  test("asks nothing while messages flow, or while the worker wants none", async () => {
    const { clock, steps, state } = watched();
    let peeks = 0;
    state.peek = async () => {
      peeks++;
      return { sequenceNumber: "7", enqueuedAt: 0 };
    };
    for (let i = 0; i < 100; i++) {
      state.received++;
      await clock.advance(STEP / 10);
    }
    state.wanting = false;
    await clock.advance(10 * STEP);
    expect([peeks, steps]).toEqual([0, []]);
  });

  test("replaces the client at once where nobody answers a look, and ends the process where that does not help", async () => {
    const { clock, steps, state } = watched();
    state.peek = () => new Promise(() => undefined);
    await clock.advance(STEP + 1_000);
    expect(steps).toEqual([]);
    await clock.advance(STEP / 4);
    expect(steps).toEqual(["client"]);
    await clock.advance(STEP + STEP / 3);
    expect(steps[1]).toContain("no look at the entity succeeds");
  });

  test("takes an error of a look for what it is, and goes on", async () => {
    const { clock, steps, state, waits } = watched();
    state.peek = async () => {
      throw clientError("ServiceBusy");
    };
    await clock.advance(STEP / 2);
    state.peek = async () => undefined;
    await clock.advance(STEP);
    waits("9");
    await clock.advance(LOCK);
    expect(steps).toEqual([]);
  });

  test("does nothing any more once it is stopped", async () => {
    const { clock, steps, waits, watchdog } = watched();
    waits("7");
    watchdog.stop();
    await clock.advance(100 * STEP);
    expect(steps).toEqual([]);
  });
});
