import fc from "fast-check";
import { expect, test } from "vitest";
import { type OutcomeKind, OutcomeTurns } from "../../../runtime/bus/outcomeTurns.js";

/** Lets every settlement out and gives the turns, each with what left in it. */
async function turnsOf(kinds: OutcomeKind[]): Promise<string[][]> {
  const ends: (() => void)[] = [];
  const turns = new OutcomeTurns((step) => ends.push(step));
  const left: string[][] = [[]];
  const all = kinds.map((kind, i) => turns.enter(kind).then(() => left.at(-1)?.push(`${kind}-${i}`)));
  await new Promise(setImmediate);
  for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
    left.push([]);
    end();
    await new Promise(setImmediate);
  }
  await Promise.all(all);
  return left.filter((turn) => turn.length > 0);
}

test("completions leave together, anything else alone, all in the order of the calls", async () => {
  const kind = fc.constantFrom<OutcomeKind>("complete", "other");
  await fc.assert(
    fc.asyncProperty(fc.array(kind, { maxLength: 30 }), async (kinds) => {
      const turns = await turnsOf(kinds);
      expect(turns.flat()).toEqual(kinds.map((each, i) => `${each}-${i}`));
      for (const turn of turns) expect(turn.length === 1 || turn.every((t) => t.startsWith("complete"))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("completions that come one after another share a turn", async () => {
  expect(await turnsOf(["complete", "complete", "other", "complete", "complete"])).toEqual([
    ["complete-0", "complete-1"],
    ["other-2"],
    ["complete-3", "complete-4"],
  ]);
});
