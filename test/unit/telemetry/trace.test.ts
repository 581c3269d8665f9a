import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { producerContextOf, producerTraceOf, traceIdOf } from "../../../runtime/telemetry/trace.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const WHOLE = `00-${TRACE}-${SPAN}-01`;
/** W3C's grammar, the short way to say it. */
const GRAMMAR = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

describe("a producer's context", () => {
  test.each<[string, string, { flags: number } | undefined]>([
    ["as it is", WHOLE, { flags: 1 }],
    ["that is not sampled", `00-${TRACE}-${SPAN}-00`, { flags: 0 }],
    ["of a later version, with more behind it", `01-${TRACE}-${SPAN}-ff-more`, { flags: 255 }],
    ["of the version that is forbidden", `ff-${TRACE}-${SPAN}-01`, undefined],
    ["without a trace", `00-${"0".repeat(32)}-${SPAN}-01`, undefined],
    ["without a span", `00-${TRACE}-${"0".repeat(16)}-01`, undefined],
    ["in capitals", WHOLE.toUpperCase(), undefined],
    ["that ends early", WHOLE.slice(0, -1), undefined],
    ["that is empty", "", undefined],
  ])("%s is what the message carries, or none", (_what, traceparent, expected) => {
    const context = expected && { traceId: TRACE, spanId: SPAN, ...expected };
    expect(producerContextOf({ traceparent })).toEqual(context);
    expect(producerTraceOf({ traceparent })).toEqual(context && { traceId: TRACE, flags: context.flags });
  });

  test("is looked for in the older property where the first has no valid one", () => {
    const properties = { traceparent: `00-${TRACE}-${"0".repeat(16)}-01`, "Diagnostic-Id": `00-${TRACE}-${SPAN}-00` };
    expect(producerContextOf(properties)).toEqual({ traceId: TRACE, spanId: SPAN, flags: 0 });
    expect(producerTraceOf(properties)).toEqual({ traceId: TRACE, flags: 0 });
  });

  test("is one by the grammar, wherever a text differs from it by a character", () => {
    const characters = fc.constantFrom("-", "0", "9", "a", "f", "g", "/", ":", "`", "A", " ", "\u{e9}");
    const changes = fc.array(fc.tuple(fc.nat(WHOLE.length - 1), characters), { maxLength: 3 });
    const texts = fc.tuple(changes, fc.nat(WHOLE.length + 2)).map(([changed, length]) => {
      const units = [...WHOLE];
      for (const [at, character] of changed) units[at] = character;
      return units
        .join("")
        .padEnd(length, "x")
        .slice(0, Math.max(length, WHOLE.length - 1));
    });
    fc.assert(
      fc.property(texts, (traceparent) => {
        const [, traceId] = GRAMMAR.exec(traceparent) ?? [];
        if (traceId === undefined) expect(traceIdOf({ traceparent })).not.toBe(traceparent.slice(3, 35));
        else expect(traceIdOf({ traceparent })).toBe(traceId);
      }),
      { numRuns: 2_000 },
    );
  });
});
