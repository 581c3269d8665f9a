import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CreditLedger, type CreditLink } from "../../../runtime/bus/credit.js";

const MIB = 1024 * 1024;

function ledgerOf(options: { concurrency?: number; maxHeldBytes?: number } = {}) {
  let taking = true;
  const ledger = new CreditLedger({
    concurrency: options.concurrency ?? 4,
    maxHeldBytes: options.maxHeldBytes ?? 64 * MIB,
    mayTake: () => taking,
  });
  const link: CreditLink = { credit: 0 };
  return { ledger, link, pause: (on: boolean) => (taking = !on) };
}

describe("the ledger of credit", () => {
  test("gives a finished message's credit back to its link", () => {
    const { ledger, link } = ledgerOf();
    ledger.attached(link, 4);
    ledger.took(link, 100);
    expect([ledger.held, ledger.heldBytes, link.credit]).toEqual([1, 100, 3]);
    let back = 0;
    ledger.finished(link, 100, () => back++);
    expect([back, ledger.held, ledger.heldBytes, link.credit]).toEqual([1, 0, 0, 4]);
  });

  test("keeps it while nothing may be taken, and gives it when that is over", () => {
    const { ledger, link, pause } = ledgerOf();
    ledger.attached(link, 4);
    ledger.took(link, 100);
    pause(true);
    let back = 0;
    ledger.finished(link, 100, () => back++);
    expect(back).toBe(0);
    pause(false);
    ledger.settle();
    expect(back).toBe(1);
  });

  test("owes nothing to a link that is gone: its successor was granted credit anew", () => {
    const { ledger, link } = ledgerOf({ concurrency: 8 });
    ledger.attached(link, 4);
    ledger.took(link, 100);
    ledger.detached(link);
    const next: CreditLink = { credit: 0 };
    ledger.attached(next, 4);
    let back = 0;
    ledger.finished(link, 100, () => back++);
    expect(back).toBe(0);
    expect(next.credit).toBe(4);
  });

  test("expects large bodies until it has seen small ones, so that the first link cannot flood the memory", () => {
    const { ledger, link } = ledgerOf({ concurrency: 1_000, maxHeldBytes: 16 * MIB });
    expect(ledger.room).toBe(64);
    ledger.attached(link, 64);
    for (let i = 0; i < 400; i++) {
      ledger.took(link, 1_024);
      ledger.finished(link, 1_024, () => undefined);
    }
    expect(ledger.room).toBeGreaterThan(900);
  });

  test("never has more held and on its way than there are slots, nor more bytes than the limit and one burst", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 512 * 1024 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 50 }), (bodies, concurrency) => {
        const { ledger, link } = ledgerOf({ concurrency, maxHeldBytes: 4 * MIB });
        const held: number[] = [];
        ledger.attached(link, Math.min(concurrency, Math.max(1, ledger.room)));
        for (const bytes of bodies) {
          // The broker uses what credit there is; with none, the oldest message finishes first.
          while (link.credit === 0) ledger.finished(link, held.shift() ?? 0, () => undefined);
          ledger.took(link, bytes);
          held.push(bytes);
          if (ledger.held + ledger.outstanding > concurrency) return false;
          // A burst: all credit that was out when bodies were small is used by the largest ones.
          if (ledger.heldBytes > 4 * MIB + 16 * 512 * 1024) return false;
        }
        return true;
      }),
    );
  });

  test("always lets one message through, however large: it would wait for ever", () => {
    const { ledger } = ledgerOf({ maxHeldBytes: 1 });
    expect(ledger.room).toBe(1);
  });
});
