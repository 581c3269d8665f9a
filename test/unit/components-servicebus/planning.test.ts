import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { iso8601 } from "../../../components/servicebus/duration.js";
import { entityOrder } from "../../../components/servicebus/forwarding.js";
import { type QueueArgs, serviceBusProblems } from "../../../components/servicebus/index.js";

/** Seconds of a duration of days, hours, minutes and seconds; written apart from what it checks. */
function seconds(text: string): number {
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text);
  if (match === null) throw new Error(`${text} is no duration`);
  const [days, hours, minutes, rest] = match.slice(1).map((part) => Number(part ?? 0));
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (rest ?? 0);
}

describe("durations", () => {
  it.each([
    [5, "PT5S"],
    [60, "PT1M"],
    [300, "PT5M"],
    [90_061, "P1DT1H1M1S"],
    [604_800, "P7D"],
  ])("%d seconds are %s, as Azure writes it", (given, text) => {
    expect(iso8601(given)).toBe(text);
  });

  it("keep every number of seconds, in one way of writing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 922_337_203_685 }), (given) => {
        const text = iso8601(given);
        expect(seconds(text)).toBe(given);
        expect(text).not.toMatch(/(?<!\d)0[DHMS]|T$/);
      }),
    );
  });
});

describe("the order of queues", () => {
  /**
   * Queues on five levels that forward only to a level below theirs: no circles, no chain of more than the four hops
   * that the service makes, in any order of the map.
   */
  const acyclic = fc
    .array(fc.record({ level: fc.nat(4), to: fc.option(fc.nat(20)), dead: fc.option(fc.nat(20)) }), {
      minLength: 1,
      maxLength: 20,
    })
    .map((links) => links.sort((a, b) => a.level - b.level))
    .chain((links) => {
      const later = (level: number, by: number | null) => {
        const below = links.flatMap((link, i) => (link.level > level ? [`q${i}`] : []));
        return by === null ? undefined : below[by % below.length];
      };
      const entries = links.map(({ level, to, dead }, i): [string, QueueArgs] => {
        const forwardTo = later(level, to);
        const forwardDeadLettersTo = later(level, dead);
        return [
          `q${i}`,
          { ...(forwardTo ? { forwardTo } : {}), ...(forwardDeadLettersTo ? { forwardDeadLettersTo } : {}) },
        ];
      });
      return fc.shuffledSubarray(entries, { minLength: entries.length, maxLength: entries.length });
    })
    .map((entries) => Object.fromEntries(entries));

  it("puts every target before what forwards to it, and leaves none out", () => {
    fc.assert(
      fc.property(acyclic, (queues) => {
        const args = { namespace: { tier: "Standard", name: "contoso" } as const, queues };
        expect(serviceBusProblems(args)).toEqual([]);
        const order = entityOrder(args);
        expect([...order].sort()).toEqual(Object.keys(queues).sort());
        for (const [name, { forwardTo, forwardDeadLettersTo }] of Object.entries(queues))
          for (const target of [forwardTo, forwardDeadLettersTo])
            if (target !== undefined) expect(order.indexOf(target)).toBeLessThan(order.indexOf(name));
      }),
    );
  });

  it("is never asked for where messages would go round: any circle is refused", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.boolean(), (length, dead) => {
        const queues = Object.fromEntries(
          Array.from({ length }, (_, i): [string, QueueArgs] => [
            `q${i}`,
            { [dead ? "forwardDeadLettersTo" : "forwardTo"]: `q${(i + 1) % length}` },
          ]),
        );
        const problems = serviceBusProblems({ namespace: { tier: "Standard", name: "contoso" }, queues });
        expect(problems.map((p) => p.reason)).toEqual([expect.stringMatching(/^makes messages go round: q0 -> /)]);
      }),
    );
  });
});
