import { describe, expect, it } from "vitest";
import { Semaphore } from "../../../runtime/support/semaphore.js";

describe("a semaphore", () => {
  it("lets as many in as it has places, the others in their order, and goes on after a failure", async () => {
    const places = new Semaphore(2);
    const began: number[] = [];
    const ends: (() => void)[] = [];
    const tasks = [0, 1, 2, 3].map((n) =>
      places.run(async () => {
        began.push(n);
        await new Promise<void>((resolve) => {
          ends[n] = resolve;
        });
        if (n === 0) throw new Error("failed");
      }),
    );
    expect(began).toEqual([0, 1]);
    ends[0]?.();
    await expect(tasks[0]).rejects.toThrow("failed");
    expect(began).toEqual([0, 1, 2]);
    ends[2]?.();
    await tasks[2];
    expect(began).toEqual([0, 1, 2, 3]);
    ends[1]?.();
    ends[3]?.();
    await Promise.all([tasks[1], tasks[3]]);
  });
});
