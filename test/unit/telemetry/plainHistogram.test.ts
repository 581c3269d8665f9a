import fc from "fast-check";
import { Histogram, Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { PlainHistogram } from "../../../runtime/telemetry/plainHistogram.js";

const BUCKETS = [0.005, 0.5, 1, 60];

/** In one order of keys, without exemplars. */
const facts = ["name", "help", "type", "values", "metricName", "labels", "le", "pipeline", "value"];

/** The same values in the library's own histogram and in the plain one: what both registries tell. */
async function told(values: number[]) {
  const of = async (make: typeof Histogram | typeof PlainHistogram) => {
    const registry = new Registry();
    registry.setDefaultLabels({ pipeline: "p" });
    const histogram = new make({ name: "seconds", help: "How long.", buckets: [...BUCKETS], registers: [registry] });
    for (const value of values) histogram.observe(value);
    return { text: await registry.metrics(), json: await registry.getMetricsAsJSON() };
  };
  return { library: await of(Histogram), plain: await of(PlainHistogram) };
}

describe("a histogram without labels", () => {
  test("tells what the library's own one tells, as text and as JSON, whatever was observed", async () => {
    const value = fc.oneof(fc.constantFrom(0, ...BUCKETS), fc.double({ min: 0, max: 100, noNaN: true }));
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 50 }), async (values) => {
        const { library, plain } = await told(values);
        expect(plain.text).toBe(library.text);
        // The library's also says of each value that it has no exemplar.
        expect(JSON.stringify(plain.json, facts)).toBe(JSON.stringify(library.json, facts));
      }),
      { numRuns: 50 },
    );
  });

  test("begins anew after a reset", async () => {
    const registry = new Registry();
    const histogram = new PlainHistogram({ name: "seconds", help: "h", buckets: [1], registers: [registry] });
    histogram.observe(2);
    histogram.reset();
    expect(await registry.metrics()).toContain("seconds_count 0");
  });
});
