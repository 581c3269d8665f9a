import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { messageKey, sha256 } from "../../runtime/contract/index.js";
import { readResults } from "../../stacks/local/gluster/index.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit } from "./workerProcess.js";

/** Notes its run before it does anything, and answers with its input in capitals. */
const JOB = `echo "$STOWAGE_MESSAGE_ID $STOWAGE_ATTEMPT" >> "$STOWAGE_LEDGER"; tr a-z A-Z`;
const MESSAGES = 1_000;

describe("a worker that is killed in the middle of 1,000 messages", () => {
  let bus: BusKit;
  let kit: ProcessKit;

  beforeAll(buildBundle);
  afterEach(async () => {
    await kit.close();
    await bus.close();
  });

  const runs = (): string[] => (existsSync(kit.ledger) ? readFileSync(kit.ledger, "utf8").trim().split("\n") : []);
  const hashOf = (run: string): string => sha256(messageKey("renders", run.split(" ")[0] ?? ""));

  test("loses none, stores each once, and computes no stored result again", async () => {
    bus = await new BusKit().open({ maxDeliveryCount: 10 });
    kit = await new ProcessKit().open();
    const pipeline = kit.pipeline(JOB, (p) => {
      p.source.maxDeliveryCount = 10;
      p.delivery.concurrency = 8;
    });
    await bus.send(
      "m",
      Array.from({ length: MESSAGES }, (_, i) => Buffer.from(`body ${i}`)),
    );

    for (const at of [150, 400, 700]) {
      const worker = kit.start(pipeline, bus.connection);
      await until(`${at} are stored`, () => kit.manifests().length >= at, 90);
      await worker.kill();
      const stored = new Set(kit.manifests().map((name) => name.replace(".json", "")));
      const before = runs();
      expect(stored.size).toBeLessThan(MESSAGES);

      const next = kit.start(pipeline, bus.connection);
      await until("the next worker has stored more", () => kit.manifests().length >= stored.size + 20, 90);
      await next.kill();
      const again = runs()
        .slice(before.length)
        .filter((run) => stored.has(hashOf(run)));
      expect(again).toEqual([]);
    }

    const last = kit.start(pipeline, bus.connection);
    await until("all are settled", () => bus.broker.counts("renders").active === 0, 90);
    last.signal("SIGTERM");
    expect(await last.ended).toBe(0);

    const { verified, broken, orphans } = await readResults(kit.volume, "renders");
    expect([verified.length, broken.length]).toEqual([MESSAGES, 0]);
    expect(new Set(verified.map((v) => v.manifest.messageId)).size).toBe(MESSAGES);
    for (const { manifest, path } of verified) {
      const body = `body ${manifest.messageId.slice(2)}`;
      expect([manifest.bodySha256, readFileSync(path, "utf8")]).toEqual([sha256(body), body.toUpperCase()]);
    }
    expect(bus.broker.counts("renders").deadLetter).toBe(0);
    // Killed before it was stored, a run may repeat: at most what six kills can catch in work, and none besides.
    expect(runs().length - MESSAGES).toBeLessThanOrEqual(6 * pipeline.delivery.concurrency);
    expect(orphans.length).toBeLessThanOrEqual(6 * pipeline.delivery.concurrency);
  }, 240_000);
});
