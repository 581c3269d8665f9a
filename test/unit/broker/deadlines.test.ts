import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Deadline, Deadlines } from "../../../stacks/local/broker/core/deadlines.js";
import { FakeClock } from "./helpers.js";

describe("deadlines of the same moment", () => {
  it("come in the order of their sequence numbers, whatever was set between them and however they were set", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 40 }, (_, i) => i + 1),
          { minLength: 2 },
        ),
        fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 20 }),
        (numbers, others) => {
          const clock = new FakeClock();
          const deadlines = new Deadlines(clock);
          const fired: number[] = [];
          const item = (sequenceNumber?: number): Deadline => ({
            deadlineAt: 0,
            deadlineSlot: -1,
            ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
            due: () => sequenceNumber !== undefined && fired.push(sequenceNumber),
          });
          for (const [i, number] of numbers.entries()) {
            deadlines.set(item(number), clock.now() + 10);
            const other = others[i];
            if (other !== undefined) deadlines.set(item(), clock.now() + other);
          }
          clock.advance(20);
          expect(fired).toEqual([...numbers].sort((a, b) => a - b));
        },
      ),
    );
  });
});
