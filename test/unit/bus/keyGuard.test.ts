import { describe, expect, test } from "vitest";
import { KeyGuard } from "../../../runtime/bus/keyGuard.js";
import { settled } from "./fakes.js";

const never = new AbortController().signal;

describe("the guard of keys", () => {
  test("lets one holder at a time into a key, in the order in which they came", async () => {
    const guard = new KeyGuard();
    const order: string[] = [];
    await guard.enter("k", never);
    for (const name of ["second", "third"]) void guard.enter("k", never).then(() => order.push(name));
    await settled();
    expect(order).toEqual([]);
    guard.leave("k");
    await settled();
    expect(order).toEqual(["second"]);
    guard.leave("k");
    await settled();
    expect(order).toEqual(["second", "third"]);
    guard.leave("k");
    expect(guard.size).toBe(0);
  });

  test.each(["b", "toString", "__proto__", "7"])("does not make other keys wait: %s", async (key) => {
    const guard = new KeyGuard();
    await guard.enter("a", never);
    expect(guard.tryEnter(key)).toBe(true);
    expect(guard.tryEnter(key)).toBe(false);
    guard.leave(key);
    expect(guard.tryEnter(key)).toBe(true);
  });

  test("turns away who gives up waiting, and passes over them", async () => {
    const guard = new KeyGuard();
    const giveUp = new AbortController();
    await guard.enter("k", never);
    const second = guard.enter("k", giveUp.signal);
    const third = guard.enter("k", never);
    giveUp.abort();
    expect(await second).toBe(false);
    guard.leave("k");
    expect(await third).toBe(true);
  });
});
