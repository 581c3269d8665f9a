import { beforeEach, describe, expect, test } from "vitest";
import { isLockLost } from "../../../runtime/bus/errors.js";
import { type Grant, type HeldLock, LockKeeper, StopReason } from "../../../runtime/bus/locks.js";
import { clientError, deferred, FakeClock, settled } from "./fakes.js";

const LOCK = 30_000;

describe("the keeper of locks", () => {
  let clock: FakeClock;
  let keeper: LockKeeper;
  let renewals: number[];
  let failures: number;

  beforeEach(() => {
    clock = new FakeClock();
    renewals = [];
    failures = 0;
    const events = { renewed: () => undefined, renewalFailed: () => failures++ };
    keeper = new LockKeeper({ lockMilliseconds: LOCK, maxProcessingMilliseconds: 100_000 }, clock, events, isLockLost);
  });

  function hold(grant: Partial<Grant> = {}): { lock: HeldLock; start: number } {
    const start = clock.now();
    const lock = keeper.hold({
      lockedUntil: start + LOCK,
      renew: async () => {
        renewals.push(clock.now() - start);
      },
      ...grant,
    });
    return { lock, start };
  }

  test("renews at half of what remains, again and again", async () => {
    const { lock } = hold();
    await clock.advance(50_000);
    expect(renewals).toEqual([15_000, 30_000, 45_000]);
    expect(lock.holds).toBe(true);
    expect(lock.stopped).toBeUndefined();
  });

  test("renews sooner where the broker's lock ends sooner", async () => {
    hold({ lockedUntil: clock.now() + 8_000 });
    await clock.advance(4_000);
    expect(renewals).toEqual([4_000]);
  });

  test("renews no longer than the pipeline allows, and says so while the lock still holds", async () => {
    const { lock } = hold();
    await clock.advance(100_000);
    expect(lock.stopped).toBe(StopReason.TimeLimit);
    expect(lock.holds).toBe(true);
    const before = renewals.length;
    await clock.advance(30_000);
    expect(renewals.length).toBe(before);
    expect(lock.holds).toBe(false);
  });

  test("calls a lock lost when the broker says so", async () => {
    const { lock } = hold({ renew: () => Promise.reject(clientError("MessageLockLost")) });
    await clock.advance(15_000);
    expect(lock.stopped).toBe(StopReason.LockLost);
    expect(lock.holds).toBe(false);
  });

  test("tries a renewal again that failed for another reason, and keeps the lock where that succeeds", async () => {
    let tries = 0;
    const { lock } = hold({
      renew: () => (++tries < 3 ? Promise.reject(clientError("ServiceCommunicationProblem")) : Promise.resolve()),
    });
    await clock.advance(29_000);
    expect(tries).toBe(3);
    expect(failures).toBe(2);
    expect(lock.stopped).toBeUndefined();
    await clock.advance(5_000);
    expect(lock.holds).toBe(true);
  });

  test("asks again where a renewal gets no answer, while there is time: one went down with its link", async () => {
    const asked: number[] = [];
    const { lock, start } = hold({
      renew: () => {
        asked.push(clock.now() - start);
        return asked.length < 3 ? new Promise(() => undefined) : Promise.resolve();
      },
    });
    await clock.advance(29_000);
    expect(asked.length).toBeGreaterThanOrEqual(3);
    expect(failures).toBe(2);
    expect(lock.stopped).toBeUndefined();
    await clock.advance(5_000);
    expect(lock.holds).toBe(true);
  });

  test("does not begin work under a lock that is nearly over and is renewed at the third try only, before that", async () => {
    let tries = 0;
    const { lock } = hold({
      lockedUntil: clock.now() + 2_500,
      renew: () => (++tries < 3 ? Promise.reject(clientError("ServiceBusy")) : Promise.resolve()),
    });
    let holds: boolean | undefined;
    void lock.fresh().then((found) => {
      holds = found;
    });
    await clock.advance(0);
    expect([tries, holds]).toEqual([1, undefined]);
    await clock.advance(2_500);
    expect([tries, holds]).toEqual([3, true]);
    expect(lock.isAmple(clock.now())).toBe(true);
  });

  test("does not begin work under a lock whose renewal is not answered", async () => {
    const { lock } = hold({ lockedUntil: clock.now() + 1_500, renew: () => new Promise(() => undefined) });
    const fresh = lock.fresh();
    await clock.advance(3_000);
    expect(await fresh).toBe(false);
    expect(lock.stopped).toBe(StopReason.LockLost);
  });

  test("calls a lock lost when it ends, even while a renewal is on its way, and does not revive it", async () => {
    const answer = deferred<void>();
    const { lock } = hold({ renew: () => answer.promise });
    await clock.advance(30_000);
    expect(lock.stopped).toBe(StopReason.LockLost);
    answer.resolve();
    await settled();
    expect(lock.holds).toBe(false);
  });

  test("knows after the process stood still that the lock is over, before any timer has run", () => {
    const { lock } = hold();
    clock.freeze(31_000);
    expect(lock.holds).toBe(false);
  });

  test("renews a lock that is nearly over before work starts under it", async () => {
    const { lock } = hold({ lockedUntil: clock.now() + 1_000 });
    expect(await lock.fresh()).toBe(true);
    expect(renewals).toEqual([0]);
    await clock.advance(5_000);
    expect(lock.holds).toBe(true);
  });

  test("does not start work under a lock that is over", async () => {
    const { lock } = hold({
      lockedUntil: clock.now() - 1,
      renew: () => Promise.reject(clientError("MessageLockLost")),
    });
    expect(await lock.fresh()).toBe(false);
    expect(lock.stopped).toBe(StopReason.LockLost);
  });

  test("renews each of two locks of the same message by itself", async () => {
    const renewed: string[] = [];
    const grant = (name: string): Grant => ({
      lockedUntil: clock.now() + LOCK,
      renew: async () => void renewed.push(name),
    });
    const first = keeper.hold(grant("first"));
    keeper.hold(grant("second"));
    await clock.advance(16_000);
    expect(renewed.sort()).toEqual(["first", "second"]);
    keeper.release(first);
    await clock.advance(15_000);
    expect(renewed.sort()).toEqual(["first", "second", "second"]);
  });

  test("lets go of all locks at its end", async () => {
    const { lock } = hold();
    keeper.end();
    await clock.advance(LOCK);
    expect(renewals).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(lock.holds).toBe(false);
  });

  test("stops looking at the clock when nothing is held", async () => {
    const { lock } = hold();
    keeper.release(lock);
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
  });
});
