import { describe, expect, test } from "vitest";
import { BUS_DOWN_MILLISECONDS, SINK_STUCK_MILLISECONDS } from "../../../runtime/bus/engine.js";
import type { Outcome } from "../../../runtime/contract/index.js";
import { engineKit } from "./engineKit.js";
import { received } from "./fakeBus.js";
import { clientError, deferred, settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const message = (messageId: string) => received({ messageId });

/** A sink that works until it is told to stop. */
const untilStopped = (_m: unknown, { signal }: { signal: AbortSignal }): Promise<Outcome> =>
  new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve({ kind: "retry", code: "Interrupted", description: "stop" })),
  );

describe("stopping", () => {
  test("ends intake first, finishes what is in work, and closes the bus", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("a"));
    const stopped = kit.engine.stop();
    await kit.clock.advance(1_000);
    expect(receiver?.unsubscribed).toBe(1);
    receiver?.send(message("too late"));
    effect.resolve(done);
    await kit.clock.advance(100);
    expect(await stopped).toBe(true);
    expect(receiver?.settlements).toEqual([{ messageId: "a", how: "completed" }]);
    expect(kit.busClosed()).toBe(true);
  });

  test("gives back within the grace period what cannot be finished in it", async () => {
    const kit = engineKit(untilStopped);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("a"));
    const began = kit.clock.now();
    let ended: number | undefined;
    void kit.engine.stop().then(() => {
      ended = kit.clock.now() - began;
    });
    await kit.clock.advance(20_000);
    expect(receiver?.settlements).toEqual([{ messageId: "a", how: "abandoned" }]);
    expect(ended).toBeLessThanOrEqual(20_000);
  });

  test("does not wait longer than the grace period for a sink that does not return", async () => {
    const kit = engineKit(() => new Promise(() => undefined));
    kit.engine.start();
    await settled();
    kit.receivers[0]?.send(message("a"));
    const stopped = kit.engine.stop();
    await kit.clock.advance(20_000);
    expect(await stopped).toBe(false);
  });
});

describe("health", () => {
  test("is ready once the link is attached and the store answers", async () => {
    let up = true;
    const kit = engineKit(
      async () => done,
      undefined,
      async () => {
        if (!up) throw new Error("the volume is gone");
      },
    );
    expect((await kit.engine.ready()).reason).toContain("bus is not connected");
    kit.engine.start();
    await settled();
    expect(await kit.engine.ready()).toEqual({ ok: true, reason: "ready" });
    up = false;
    expect((await kit.engine.ready()).reason).toContain("the volume is gone");
  });

  test("is not ready while the receiver is detached", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    await receiver?.handlers?.processError({
      error: clientError("ServiceCommunicationProblem", "connection refused"),
      errorSource: "receive",
      entityPath: "renders",
      fullyQualifiedNamespace: "n",
      identifier: "i",
    });
    expect((await kit.engine.ready()).reason).toContain("connection refused");
    await receiver?.attach(4);
    await settled();
    expect((await kit.engine.ready()).ok).toBe(true);
  });

  test("gives up when nothing could be received for the stated time, and not before", async () => {
    const kit = engineKit(
      async () => done,
      (p) => {
        p.source.sessions = true;
      },
    );
    kit.refuse(clientError("MessagingEntityNotFound", "no such entity"));
    kit.engine.start();
    await kit.clock.advance(BUS_DOWN_MILLISECONDS - 2_000);
    expect(kit.noProgress).toEqual([]);
    expect(kit.engine.live().ok).toBe(true);
    await kit.clock.advance(4_000);
    expect(kit.noProgress).toMatchObject([expect.stringContaining("no such entity")]);
    expect(kit.engine.live().ok).toBe(false);
  });

  test("gives up on a sink that was told to stop and does not return", async () => {
    const kit = engineKit(() => new Promise(() => undefined));
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    if (receiver !== undefined) receiver.renewError = clientError("MessageLockLost");
    receiver?.send(message("a"));
    await kit.clock.advance(15_000 + SINK_STUCK_MILLISECONDS - 2_000);
    expect(kit.noProgress).toEqual([]);
    await kit.clock.advance(5_000);
    expect(kit.noProgress).toMatchObject([expect.stringContaining("has not returned")]);
  });
});

describe("the log", () => {
  test("measures how old each message is when it is received, from the entity's own time", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await settled();
    const ago = (milliseconds: number) => new Date(kit.clock.now() - milliseconds);
    kit.receivers[0]?.send(
      received({ messageId: "a", enqueuedTimeUtc: ago(90_000) }),
      // A clock that is ahead makes no message younger than new.
      received({ messageId: "b", enqueuedTimeUtc: ago(-5_000) }),
      received({ messageId: "c" }),
    );
    await settled();
    const lines = (await kit.metrics.registry.metrics()).split("\n").filter((l) => l.startsWith("stowage_message_age"));
    const reading = (name: string) =>
      lines
        .find((line) => line.startsWith(name))
        ?.split(" ")
        .at(-1);
    expect(reading("stowage_message_age_seconds_sum")).toBe("90");
    expect(reading("stowage_message_age_seconds_count")).toBe("2");
  });

  test("has one line a decision, with the trace id, and never a body or a job's own words", async () => {
    const description = "The job refused the message.\nstderr: secret body";
    const kit = engineKit(async (m) =>
      m.messageId === "b" ? { kind: "poison", reason: "JobRefused", description } : done,
    );
    kit.engine.start();
    await settled();
    const body = Buffer.from("secret body");
    kit.receivers[0]?.send(received({ messageId: "a", body }), received({ messageId: "b", body }));
    await settled();
    const decisions = kit.lines.filter((line) => line["messageId"] !== undefined);
    expect(decisions.map((line) => [line["messageId"], line["msg"]])).toEqual([
      ["a", "done"],
      ["b", "dead-lettered"],
    ]);
    for (const line of decisions) expect(line["traceId"]).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(kit.lines)).not.toContain("secret");
  });
});
