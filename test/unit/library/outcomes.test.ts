import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineJob, defineSink, done, poison, retry, SinkPoison, SinkRetry } from "../../../runtime/index.js";
import { checkedOutcomes } from "../../../runtime/library/outcomes.js";

const one = (given: unknown) => checkedOutcomes([given], 1, "own")[0];

describe("what a sink of one's own gives", () => {
  test.each([
    ["done", done()],
    [
      "done, with replies and the object",
      done({ duplicate: true, object: "row 1", replies: [{ queue: "q", kind: "k", body: {} }] }),
    ],
    ["retry", retry(SinkRetry.StoreUnavailable, "no route")],
    ["retry, later", retry(SinkRetry.NotReady, "not yet", { delayMilliseconds: 500 })],
    ["poison", poison("wrong")],
    ["poison, of a reason", poison("wrong", SinkPoison.InvalidValue)],
  ])("is taken as it is: %s", (_what, outcome) => {
    expect(one(outcome)).toEqual(outcome);
  });

  test("may leave out that it was no duplicate", () => {
    expect(one({ kind: "done" })).toEqual({ kind: "done", duplicate: false });
  });

  test.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /gave undefined for a message/],
    ["true", true, /gave a boolean/],
    ["a word", "done", /gave a string/],
    ["another kind", { kind: "ok" }, /kind is "ok": it may be done, retry, poison/],
    ["done with a duplicate that is no boolean", { kind: "done", duplicate: "no" }, /done with a duplicate/],
    ["done with an object that is no text", { kind: "done", object: {} }, /done with a duplicate, object or replies/],
    [
      "done with a reply without a queue",
      { kind: "done", replies: [{ kind: "k", body: {} }] },
      /replies of a wrong type/,
    ],
    [
      "a retry with a code of its own",
      { kind: "retry", code: "Busy", description: "x" },
      /code "Busy": it may be StoreUnavailable/,
    ],
    [
      "a retry with a code of the engine's",
      { kind: "retry", code: "KeysUnavailable", description: "x" },
      /KeysUnavailable/,
    ],
    ["a retry without a description", { kind: "retry", code: "NotReady" }, /without a description/],
    [
      "a retry with a delay of no time",
      { kind: "retry", code: "NotReady", description: "x", delayMilliseconds: Number.NaN },
      /no number from 0/,
    ],
    [
      "a retry with a delay for ever",
      { kind: "retry", code: "NotReady", description: "x", delayMilliseconds: Infinity },
      /no number from 0/,
    ],
    [
      "poison with a reason of its own",
      { kind: "poison", reason: "Ugly", description: "x" },
      /reason "Ugly": it may be InvalidBody/,
    ],
    [
      "poison with a reason of the engine's",
      { kind: "poison", reason: "UnverifiedProducer", description: "x" },
      /UnverifiedProducer/,
    ],
    ["a promise", new Promise(() => undefined), /a promise for a message: wait for it, with Promise\.all/],
  ])("is tried again, and never done, where it is %s", (_what, given, words) => {
    expect(one(given)).toMatchObject({
      kind: "retry",
      code: "InvalidOutcome",
      description: expect.stringMatching(words),
    });
  });

  test("leaves no rejection unheard where it is a promise that fails later", async () => {
    const unheard: unknown[] = [];
    const hear = (reason: unknown) => unheard.push(reason);
    process.on("unhandledRejection", hear);
    expect(one(Promise.reject(new Error("late")))).toMatchObject({ code: "InvalidOutcome" });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", hear);
    expect(unheard).toEqual([]);
  });

  test.each<[string, unknown, RegExp]>([
    ["no list", done(), /an object, not a list of outcomes/],
    ["too few", [done()], /1 outcomes for 2 messages/],
    ["too many", [done(), done(), done()], /3 outcomes for 2 messages/],
    ["a list with holes", Array(2), /undefined for a message/],
  ])("counts for no message of the batch where it is %s", (_what, given, words) => {
    const outcomes = checkedOutcomes(given, 2, "own");
    expect(outcomes).toHaveLength(2);
    for (const each of outcomes)
      expect(each).toMatchObject({ code: "InvalidOutcome", description: expect.stringMatching(words) });
  });

  test("is done only where it says so, whatever else it is", () => {
    fc.assert(
      fc.property(fc.anything(), (given) => {
        const outcome = one(given);
        const said = typeof given === "object" && given !== null && "kind" in given && given.kind === "done";
        expect(outcome?.kind === "done" ? said : true).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a definition", () => {
  const process = async () => [];
  test.each<[string, () => unknown, RegExp]>([
    ["without process", () => defineSink({} as never), /process must be a function/],
    ["with a name of no letters", () => defineSink({ name: " ", process }), /name must be 1 to 63/],
    [
      "with too many messages",
      () => defineSink({ process, batching: { maxMessages: 1_001, maxWaitMilliseconds: 0 } }),
      /maxMessages must be a whole number from 1 to 1000 \(found 1001\)/,
    ],
    [
      "with too long a wait",
      () => defineSink({ process, batching: { maxMessages: 1, maxWaitMilliseconds: 1_001 } }),
      /maxWaitMilliseconds must be a whole number from 0 to 1000/,
    ],
    ["of a job that is no function", () => defineJob("cat" as never), /it takes a function/],
  ])("is refused where it stands, %s", (_what, define, words) => {
    expect(define).toThrow(words);
  });

  test("hands its options and its store on, by their types", async () => {
    const sink = defineSink({
      options: ({ size = "1" }) => ({ size: Number(size) }),
      start: async ({ options }) => ({ shelf: Array.from({ length: options.size }, () => "") }),
      process: async (batch, _context, store) => batch.map(() => done({ object: `of ${store.shelf.length}` })),
      info: async ({ shelf }) => ({ version: `Shelf ${shelf.length}` }),
    });
    const own = sink.create({ size: "3" });
    await own.start({} as never);
    expect(await own.process([{}] as never, {} as never)).toEqual([done({ object: "of 3" })]);
    expect(await own.info?.()).toEqual({ version: "Shelf 3" });
    expect(() => defineSink({ process }).create({ size: "3" })).toThrow("takes no options (found size)");
  });
});
