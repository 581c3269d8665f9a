import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../../runtime/contract/index.js";
import { type AuditTarget, unavailable } from "../../../runtime/telemetry/audit/target.js";
import { engineKit } from "../bus/engineKit.js";
import { received } from "../bus/fakeBus.js";
import { settled } from "../bus/fakes.js";
import { AuditKit, recordsIn } from "./kit.js";

describe("an engine whose pipeline keeps an audit", () => {
  let kit: AuditKit;
  let full: boolean;
  let target: AuditTarget;
  beforeEach(() => {
    kit = new AuditKit();
    full = false;
    target = kit.fileTarget();
    const write = target.write.bind(target);
    target.write = async (bytes) => {
      if (full) throw unavailable("the disk", new Error("ENOSPC"));
      await write(bytes);
    };
  });
  afterEach(() => kit.close());

  const results = (): string[] =>
    recordsIn(...kit.files).flatMap((record) =>
      record.kind === "intent" ? ["intent"] : record.kind === "outcome" ? [record.result] : [],
    );

  test("calls the sink with the intent on record, and settles with the outcome on record", async () => {
    const log = await kit.started({ target });
    const seen: string[][] = [];
    const work = async (): Promise<Outcome> => {
      seen.push(results());
      return { kind: "done", duplicate: false };
    };
    const engine = engineKit(work, undefined, undefined, log);
    engine.engine.start();
    await settled();
    const [receiver] = engine.receivers;
    if (receiver === undefined) throw new Error("no receiver");
    const complete = receiver.completeMessage.bind(receiver);
    receiver.completeMessage = async (message) => {
      seen.push(results());
      await complete(message);
    };
    receiver.send(received({ messageId: "m-1" }));
    await expect.poll(() => receiver.settlements).toEqual([{ messageId: "m-1", how: "completed" }]);
    expect(seen).toEqual([["intent"], ["intent", "done"]]);
    const stopped = engine.engine.stop();
    await engine.clock.advance(100);
    await stopped;
  });

  test("does nothing without a record: its gate is shut until one can be written", async () => {
    const log = await kit.started({ target });
    const engine = engineKit(async () => ({ kind: "done", duplicate: false }), undefined, undefined, log);
    engine.engine.start();
    await settled();
    const [receiver] = engine.receivers;
    full = true;
    receiver?.send(received({ messageId: "m-1" }));
    await expect.poll(() => engine.value("stowage_retries_total", { code: "AuditUnavailable" })).toBe(1);
    for (let i = 0; i < 10; i++) await engine.clock.advance(1_000);
    expect([engine.began, receiver?.settlements]).toEqual([[], []]);
    expect((await engine.engine.ready()).ok).toBe(false);
    expect(engine.lines.map((line) => line["msg"])).toContain(
      "store down: nothing more is asked for, what is held stays held",
    );
    full = false;
    await expect
      .poll(async () => {
        await engine.clock.advance(1_000);
        return receiver?.settlements;
      })
      .toEqual([{ messageId: "m-1", how: "completed" }]);
    expect([engine.began, results()]).toEqual([["m-1"], ["intent", "done"]]);
    const stopped = engine.engine.stop();
    await engine.clock.advance(100);
    await stopped;
  });

  test("does not settle what is done while the outcome cannot be written; the next attempt finds it done", async () => {
    const log = await kit.started({ target });
    const stored = new Set<string>();
    const work = async ({ messageId }: { messageId: string }): Promise<Outcome> => {
      const duplicate = stored.has(messageId);
      stored.add(messageId);
      full = !duplicate;
      return { kind: "done", duplicate };
    };
    const engine = engineKit(work, undefined, undefined, log);
    engine.engine.start();
    await settled();
    const [receiver] = engine.receivers;
    receiver?.send(received({ messageId: "m-1" }));
    await expect.poll(() => engine.value("stowage_retries_total", { code: "AuditUnavailable" })).toBe(1);
    expect(receiver?.settlements).toEqual([]);
    full = false;
    await expect
      .poll(async () => {
        await engine.clock.advance(1_000);
        return receiver?.settlements;
      })
      .toEqual([{ messageId: "m-1", how: "completed" }]);
    expect(recordsIn(...kit.files).at(-1)).toMatchObject({ closes: [2], duplicate: true });
    const stopped = engine.engine.stop();
    await engine.clock.advance(100);
    await stopped;
  });
});
