import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Bag, type Bagged } from "../../../runtime/bus/bag.js";
import { Unsettled } from "../../../runtime/bus/unsettled.js";

describe("a bag", () => {
  test("holds what was added and not taken out, in any order of both", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ add: fc.boolean(), which: fc.nat(9) }), { maxLength: 200 }), (steps) => {
        const things: Bagged[] = Array.from({ length: 10 }, () => ({ place: undefined }));
        const bag = new Bag<Bagged>();
        const expected = new Set<Bagged>();
        for (const { add, which } of steps) {
          const thing = things[which];
          if (thing === undefined) continue;
          if (!add) bag.delete(thing);
          else if (!expected.has(thing)) bag.add(thing);
          if (add) expected.add(thing);
          else expected.delete(thing);
          expect(new Set(bag)).toEqual(expected);
          expect(bag.size).toBe(expected.size);
        }
      }),
    );
  });

  test("may be emptied while it is gone through", () => {
    const bag = new Bag<Bagged>();
    for (let i = 0; i < 5; i++) bag.add({ place: undefined });
    let seen = 0;
    for (const thing of bag) {
      bag.delete(thing);
      seen++;
    }
    expect([seen, bag.size]).toEqual([5, 0]);
    const thing: Bagged = { place: undefined };
    bag.add(thing);
    bag.clear();
    bag.delete(thing);
    expect([bag.size, thing.place]).toEqual([0, undefined]);
  });
});

describe("the deliveries of a link that are not settled", () => {
  test("span from the oldest of them on, whatever the order of the settlements", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { minLength: 1, maxLength: 6_000 }), (picks) => {
        const unsettled = new Unsettled();
        const open = new Set<number>();
        let delivered = 0;
        for (const pick of picks) {
          open.add(unsettled.add());
          delivered++;
          // One of the open ones, the oldest where a link could take no more.
          const numbers = [...open];
          const number = open.size > 500 ? numbers[0] : numbers[pick];
          if (number !== undefined) {
            open.delete(number);
            unsettled.settle(number);
          }
          const oldest = open.values().next().value;
          if (unsettled.span !== (oldest === undefined ? 0 : delivered - oldest)) return false;
        }
        return true;
      }),
      { numRuns: 20 },
    );
  });
});
