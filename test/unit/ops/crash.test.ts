import type { ServiceBusSender } from "@azure/service-bus";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ORIGINAL_ID_PROPERTY } from "../../../runtime/contract/index.js";
import type { Namespace } from "../../../runtime/ops/connect.js";
import { replay } from "../../../runtime/ops/deadletters/index.js";
import { LostSettlement } from "../../../stacks/local/broker/index.js";
import { OpsKit } from "./kit.js";

/** How many random histories are tried. */
const RUNS = process.env["STOWAGE_LONG"] === "1" ? 60 : 6;
const LETTERS = 12;

/** Where one run of the command ends: before or after the nth copy is sent, or the nth dead letter is completed. */
interface CrashPoint {
  step: "send" | "complete";
  after: boolean;
  nth: number;
}

class Crash extends Error {}

/** A namespace whose client dies at that point: what it was asked for is done or not, and nothing is after it. */
function dyingAt(namespace: Namespace, { step, after, nth }: CrashPoint): Namespace {
  const calls = { send: 0, complete: 0 };
  let dead = false;
  const dying = <A extends unknown[]>(kind: "send" | "complete", call: (...args: A) => Promise<void>) => {
    return async (...args: A): Promise<void> => {
      if (dead) throw new Crash();
      const last = kind === step && ++calls[kind] === nth;
      if (last) dead = true;
      if (last && !after) throw new Crash();
      await call(...args);
      if (last) throw new Crash();
    };
  };
  const { client } = namespace;
  const createReceiver = client.createReceiver.bind(client) as (
    ...args: unknown[]
  ) => ReturnType<typeof client.createReceiver>;
  const patched = Object.assign(Object.create(client) as typeof client, {
    createSender: (name: string) => {
      const sender = client.createSender(name);
      const sendMessages: ServiceBusSender["sendMessages"] = sender.sendMessages.bind(sender);
      return Object.assign(sender, { sendMessages: dying("send", sendMessages) });
    },
    createReceiver: (...args: unknown[]) => {
      const receiver = createReceiver(...args);
      return Object.assign(receiver, {
        completeMessage: dying("complete", receiver.completeMessage.bind(receiver)),
        // A process that has died gives nothing back.
        abandonMessage: dying("send", receiver.abandonMessage.bind(receiver)),
      });
    },
  });
  return { ...namespace, client: patched };
}

const points: fc.Arbitrary<CrashPoint[]> = fc.array(
  fc.record({
    step: fc.constantFrom("send" as const, "complete" as const),
    after: fc.boolean(),
    nth: fc.integer({ min: 1, max: LETTERS }),
  }),
  { minLength: 1, maxLength: 3 },
);

describe("a replay that dies anywhere, and is run again", () => {
  it.each([
    { detection: true, words: "doubles nothing on an entity with duplicate detection" },
    { detection: false, words: "doubles at most what was under way, and under the same id" },
  ])("loses nothing, and $words", { timeout: 120_000 }, async ({ detection }) => {
    const kit = await OpsKit.open();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(points, fc.boolean(), async (crashes, sessions) => {
        const name = `orders-${detection}-${round++}`;
        const queue = kit.queue(name, { requiresDuplicateDetection: detection });
        const wanted = Array.from({ length: LETTERS }, (_, i) => ({ messageId: `m-${i}`, body: i }));
        await kit.deadLetter(queue, wanted);
        // With sessions copies are sent one at a time, without several at once.
        const facts = { sessions, duplicateDetection: detection };
        for (const point of crashes) {
          const namespace = kit.namespace();
          const dying = dyingAt(namespace, point);
          await replay(await kit.run(queue, {}, { facts, namespace: dying })).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          await namespace.close();
          // The locks of the dead run out.
          kit.clock.advance(61_000);
        }
        await replay(await kit.run(queue, {}, { facts }));
        const copies = await kit.content(name);
        const originals = copies.map((c) => String(c.applicationProperties?.[ORIGINAL_ID_PROPERTY] ?? c.messageId));
        const expected = wanted.map(({ messageId }) => messageId).sort();
        expect([...new Set(originals)].sort()).toEqual(expected);
        expect(await kit.content(name, true)).toEqual([]);
        if (detection) expect(originals).toHaveLength(LETTERS);
        else expect(originals.length - LETTERS).toBeLessThanOrEqual(crashes.length * (sessions ? 1 : 16));
        await kit.closeClients();
      }),
      { numRuns: RUNS },
    );
  });

  it.each(["connections dropped", LostSettlement.Request, LostSettlement.Answer] as const)(
    "loses and doubles nothing where the bus fails: %s",
    async (fault) => {
      const kit = await OpsKit.open();
      const queue = kit.queue("orders", { requiresDuplicateDetection: true });
      const wanted = Array.from({ length: 40 }, (_, i) => ({ messageId: `m-${i}`, body: i }));
      await kit.deadLetter(queue, wanted);
      const facts = { sessions: true, duplicateDetection: true };
      const run = await kit.run(queue, {}, { facts });
      let hit = false;
      const faulty = {
        ...run,
        onProgress: (done: number) => {
          if (hit || done < 10) return;
          hit = true;
          if (fault === "connections dropped") kit.broker.faults.dropConnections();
          else kit.broker.faults.loseSettlements("orders/$deadletterqueue", { times: 1, lost: fault });
        },
      };
      // Whether the run survives it or not: what counts is what is there after the next one.
      await replay(faulty).catch(() => undefined);
      expect(hit).toBe(true);
      kit.broker.faults.clear();
      await kit.closeClients();
      kit.clock.advance(61_000);
      await replay(await kit.run(queue, {}, { facts }));
      const originals = (await kit.content("orders")).map((c) => c.applicationProperties?.[ORIGINAL_ID_PROPERTY]);
      expect(originals.sort()).toEqual(wanted.map(({ messageId }) => messageId).sort());
      expect(await kit.content("orders", true)).toEqual([]);
    },
  );
});
