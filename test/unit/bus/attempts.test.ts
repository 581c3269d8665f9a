import type { ServiceBusMessage, ServiceBusReceivedMessage } from "@azure/service-bus";
import { beforeEach, describe, expect, test } from "vitest";
import { Attempts, type Verdict } from "../../../runtime/bus/attempts.js";
import { isLockLost } from "../../../runtime/bus/errors.js";
import { KeyGuard } from "../../../runtime/bus/keyGuard.js";
import { type HeldLock, LockKeeper, StopReason } from "../../../runtime/bus/locks.js";
import { PROPAGATION_MILLISECONDS, Propagation } from "../../../runtime/bus/propagation.js";
import { Replies } from "../../../runtime/bus/replies.js";
import { StoreGate } from "../../../runtime/bus/storeGate.js";
import { Suspects } from "../../../runtime/bus/suspects.js";
import { ATTEMPTS_PROPERTY, type Outcome, type SinkMessage } from "../../../runtime/contract/index.js";
import { received } from "./fakeBus.js";
import { clientError, deferred, FakeClock, pipelineOf, settled, sinkMessage } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const failed: Outcome = { kind: "retry", code: "JobFailed", description: "exit status 1" };

describe("the attempts at a message", () => {
  let clock: FakeClock;
  let keeper: LockKeeper;
  let up: boolean;
  let sent: ServiceBusMessage[];
  let sendError: Error | undefined;
  let retries: number[];

  beforeEach(() => {
    clock = new FakeClock();
    const events = { renewed: () => undefined, renewalFailed: () => undefined };
    const times = { lockMilliseconds: 30_000, maxProcessingMilliseconds: 120_000 };
    keeper = new LockKeeper(times, clock, events, isLockLost);
    up = true;
    sent = [];
    sendError = undefined;
    retries = [];
  });

  function attemptsOf(
    submit: (message: SinkMessage, attempt: number, signal: AbortSignal) => Promise<Outcome>,
    reschedule?: (received: ServiceBusReceivedMessage, attempts: number, delay: number) => Promise<void>,
  ) {
    const { delivery, source, replyQueues } = pipelineOf();
    const gate = new StoreGate({
      probe: async () => {
        if (!up) throw new Error("down");
      },
      changed: () => undefined,
      shut: () => undefined,
      opened: () => undefined,
      backoff: { baseMilliseconds: 100, maxMilliseconds: 1_000 },
      clock,
      random: () => 1,
    });
    return new Attempts({
      delivery,
      maxDeliveryCount: source.maxDeliveryCount,
      batcher: { submit: (message, attempt, { signal }) => submit(message, attempt, signal) },
      guard: new KeyGuard(),
      gate,
      suspects: new Suspects({ after: source.maxDeliveryCount, gatherMilliseconds: 0, waits: () => undefined, clock }),
      replies: new Replies(replyQueues, () => ({
        sendMessages: async (message) => {
          if (sendError !== undefined) throw sendError;
          sent.push(message);
        },
        scheduleMessages: async () => undefined,
        close: async () => undefined,
      })),
      reschedule,
      propagation: new Propagation(clock),
      clock,
      random: () => 1,
      events: {
        retry: (_message, attempt) => retries.push(attempt),
        reply: () => undefined,
        notScheduled: () => undefined,
      },
    });
  }

  function lockOf(): HeldLock {
    return keeper.hold({ lockedUntil: clock.now() + 30_000, renew: async () => undefined });
  }

  /** Runs to the verdict while time passes. */
  async function verdictOf(attempts: Attempts, message = sinkMessage(), lock = lockOf()): Promise<Verdict | undefined> {
    let verdict: Verdict | undefined;
    void attempts.run(message, lock, received()).then((found) => {
      verdict = found;
    });
    await clock.advance(10_000);
    return verdict;
  }

  test("end with completion when the effect is durable", async () => {
    expect(await verdictOf(attemptsOf(async () => done))).toEqual({ kind: "complete", duplicate: false });
  });

  test("are repeated in place, after a growing wait, as often as the pipeline says", async () => {
    const at: number[] = [];
    const attempts = attemptsOf(async () => {
      at.push(clock.now());
      return failed;
    });
    expect(await verdictOf(attempts)).toEqual({ kind: "abandon", code: "JobFailed", description: "exit status 1" });
    expect(at.map((time) => time - (at[0] ?? 0))).toEqual([0, 100, 300]);
    expect(retries).toEqual([1, 2, 3]);
  });

  test("end in the dead-letter queue with the last error after the entity's last delivery", async () => {
    const verdict = await verdictOf(
      attemptsOf(async () => failed),
      sinkMessage({ deliveryCount: 3 }),
    );
    expect(verdict).toMatchObject({ kind: "deadLetter", reason: "AttemptsExhausted" });
    expect(verdict).toMatchObject({ description: expect.stringMatching(/Delivery 3 of 3.*JobFailed: exit status 1/) });
  });

  test("are not repeated for poison", async () => {
    const poison: Outcome = { kind: "poison", reason: "InvalidBody", description: "not JSON at 3" };
    const verdict = await verdictOf(attemptsOf(async () => poison));
    expect(verdict).toEqual({ kind: "deadLetter", reason: "InvalidBody", description: "not JSON at 3" });
    expect(retries).toEqual([]);
  });

  test.each(["StoreUnavailable", "StoreTimeout", "StoreOverloaded"] as const)(
    "wait while the store is down (%s), and cost nothing meanwhile",
    async (code) => {
      let calls = 0;
      up = false;
      const attempts = attemptsOf(async () => {
        calls++;
        return up ? done : { kind: "retry", code, description: "no quorum" };
      });
      expect(await verdictOf(attempts)).toBeUndefined();
      expect(calls).toBe(1);
      up = true;
      await clock.advance(2_000);
      expect(calls).toBe(2);
    },
  );

  test("settle nothing once the lock is lost, even where the effect is durable", async () => {
    const lock = lockOf();
    const attempts = attemptsOf(async () => {
      lock.stop(StopReason.LockLost);
      return done;
    });
    expect(await verdictOf(attempts, sinkMessage(), lock)).toEqual({ kind: "nothing" });
  });

  test("stop at the pipeline's time limit and give the message back with the reason", async () => {
    const attempts = attemptsOf(
      (_m, _a, signal) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () =>
            resolve({ kind: "retry", code: "Interrupted", description: "the job was told to stop" }),
          ),
        ),
    );
    let verdict: Verdict | undefined;
    void attempts.run(sinkMessage(), lockOf(), received()).then((found) => {
      verdict = found;
    });
    await clock.advance(121_000);
    expect(verdict).toMatchObject({
      kind: "abandon",
      description: expect.stringContaining("maxProcessingSeconds, 120"),
    });
  });

  test("give the message back when the process ends while one waits for the next", async () => {
    const lock = lockOf();
    const attempts = attemptsOf(async () => failed);
    let verdict: Verdict | undefined;
    void attempts.run(sinkMessage(), lock, received()).then((found) => {
      verdict = found;
    });
    await settled();
    lock.stop(StopReason.Stopping);
    await settled();
    expect(verdict).toEqual({ kind: "release" });
  });

  test("never run twice at once for one key", async () => {
    const first = deferred<Outcome>();
    let calls = 0;
    const attempts = attemptsOf(() => (++calls === 1 ? first.promise : Promise.resolve(done)));
    const both = [attempts.run(sinkMessage(), lockOf(), received()), attempts.run(sinkMessage(), lockOf(), received())];
    await settled();
    expect(calls).toBe(1);
    first.resolve(done);
    await Promise.all(both);
    expect(calls).toBe(2);
  });

  test("send the replies before the verdict, under ids derived from the request's", async () => {
    const answer: Outcome = {
      kind: "done",
      duplicate: false,
      replies: [{ queue: "answers", kind: "outcome", body: { ok: true } }],
    };
    const attempts = attemptsOf(async () => answer);
    await verdictOf(attempts);
    await verdictOf(attempts);
    expect(sent).toHaveLength(2);
    expect(sent[0]).toMatchObject({ correlationId: "m-1", body: Buffer.from('{"ok":true}') });
    expect(sent[0]?.messageId).toBe(sent[1]?.messageId);
  });

  test("are repeated where a reply cannot be sent: nothing is settled without its answer", async () => {
    sendError = new Error("the link is down");
    const replies = [{ queue: "answers", kind: "outcome", body: {} }];
    const verdict = await verdictOf(attemptsOf(async () => ({ kind: "done", duplicate: true, replies })));
    expect(verdict).toMatchObject({ kind: "abandon", description: expect.stringContaining("No reply to answers") });
    expect(retries).toEqual([1, 2, 3]);
  });

  test("are not used up by a bus that refuses the reply while new rights are on their way", async () => {
    const replies = [{ queue: "answers", kind: "outcome", body: {} }];
    let effects = 0;
    const attempts = attemptsOf(async () => {
      effects++;
      return { kind: "done", duplicate: false, replies };
    });
    sendError = clientError("UnauthorizedAccess", "'Send' claim(s) are required");
    let verdict: Verdict | undefined;
    void attempts.run(sinkMessage(), lockOf(), received()).then((found) => {
      verdict = found;
    });
    // Longer than maxProcessingSeconds: the wait is not the message's fault.
    await clock.advance(PROPAGATION_MILLISECONDS - 60_000);
    expect([verdict, retries, effects]).toEqual([undefined, [], 1]);
    sendError = undefined;
    await clock.advance(30_000);
    expect(verdict).toEqual({ kind: "complete", duplicate: false });
    expect(sent).toHaveLength(1);
  });

  test("are used up as by any error once rights have had their time", async () => {
    const replies = [{ queue: "answers", kind: "outcome", body: {} }];
    sendError = clientError("UnauthorizedAccess");
    const attempts = attemptsOf(async () => ({ kind: "done", duplicate: false, replies }));
    await clock.advance(PROPAGATION_MILLISECONDS);
    expect(await verdictOf(attempts)).toMatchObject({ kind: "abandon", code: "NotReady" });
    expect(retries).toEqual([1, 2, 3]);
  });

  test("refuse to answer to a queue that the pipeline does not list", async () => {
    const replies = [{ queue: "elsewhere", kind: "outcome", body: {} }];
    const verdict = await verdictOf(attemptsOf(async () => ({ kind: "done", duplicate: false, replies })));
    expect(verdict).toMatchObject({ kind: "deadLetter", reason: "ReplyNotAllowed" });
    expect(sent).toEqual([]);
  });

  describe("at what wants to be tried again later", () => {
    const later: Outcome = { kind: "retry", code: "NotReady", description: "syncing", delayMilliseconds: 60_000 };

    test("hold it under its lock where the pipeline holds", async () => {
      let calls = 0;
      const attempts = attemptsOf(async () => (++calls === 1 ? later : done));
      expect(await verdictOf(attempts)).toBeUndefined();
      await clock.advance(50_000);
      expect(calls).toBe(2);
    });

    test("leave it to a scheduled copy where the pipeline schedules, counting on over the copies", async () => {
      const copies: number[][] = [];
      const attempts = attemptsOf(
        async () => later,
        async (_received, made, delay) => void copies.push([made, delay]),
      );
      expect(await verdictOf(attempts)).toEqual({ kind: "rescheduled", code: "NotReady", description: "syncing" });
      const copy = sinkMessage({ properties: { [ATTEMPTS_PROPERTY]: 4 } });
      expect(await verdictOf(attempts, copy)).toMatchObject({ kind: "rescheduled" });
      expect(copies).toEqual([
        [1, 60_000],
        [5, 60_000],
      ]);
    });

    test("dead-letter it once the copies have used up what its deliveries would have given it", async () => {
      const attempts = attemptsOf(
        async () => later,
        async () => undefined,
      );
      const last = sinkMessage({ properties: { [ATTEMPTS_PROPERTY]: 8 } });
      const verdict = await verdictOf(attempts, last);
      expect(verdict).toMatchObject({ kind: "deadLetter", reason: "AttemptsExhausted" });
      expect(verdict).toMatchObject({ description: expect.stringContaining("All 9 attempts of 3 deliveries") });
    });

    test("hold it all the same where no copy can be sent", async () => {
      let calls = 0;
      const attempts = attemptsOf(
        async () => (++calls === 1 ? later : done),
        async () => {
          throw clientError("ServiceBusy");
        },
      );
      expect(await verdictOf(attempts)).toBeUndefined();
      await clock.advance(50_000);
      expect(calls).toBe(2);
    });
  });
});
