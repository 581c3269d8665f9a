import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entityOrder } from "../../../components/servicebus/forwarding.js";
import {
  type QueueArgs,
  type ServiceBusEntitiesArgs,
  serviceBusProblems,
} from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { anyForwarding } from "./arbitrary.js";
import { leads, linksOf, longestTo } from "./oracle.js";

const namespace = { tier: "Standard", name: "contoso" } as const;

const paths = (args: ServiceBusEntitiesArgs, reason: RegExp): string[] =>
  serviceBusProblems(args)
    .filter((problem) => reason.test(problem.reason))
    .map((problem) => problem.path);
const round = /^makes messages go round: /;
const tooLong = /^is hop 5 of /;

describe("forwarding between any queues and topics", () => {
  it("is refused for a circle exactly where messages could come back to where they were", () => {
    fc.assert(
      fc.property(anyForwarding, (args) => {
        const links = linksOf(args);
        const around = links.filter(({ from, to }) => from === to || leads(links, to, from));
        const named = paths(args, round);
        expect(named.length > 0).toBe(around.length > 0);
        for (const path of named) expect(around.map((link) => link.path)).toContain(path);
        expect(new Set(named).size).toBe(named.length);
      }),
      { numRuns: 500 },
    );
  });

  it("holds no circle any more once what was named is taken away", () => {
    fc.assert(
      fc.property(anyForwarding, (args) => {
        const named = paths(args, round);
        const left = linksOf(args).filter(({ path }) => !named.includes(path));
        expect(left.filter(({ from, to }) => from === to || leads(left, to, from))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("is refused for its length exactly where a message would be moved a fifth time", () => {
    fc.assert(
      fc.property(anyForwarding, (args) => {
        const links = linksOf(args);
        const straight = links.filter(({ from, to }) => from !== to && !leads(links, to, from));
        const fifth = straight.filter(({ from }) => longestTo(straight, from) === 4).map(({ path }) => path);
        expect(paths(args, tooLong).sort()).toEqual(fifth.sort());
      }),
      { numRuns: 500 },
    );
  });

  it("has no other problem than these", () => {
    fc.assert(
      fc.property(anyForwarding, (args) => {
        expect(serviceBusProblems(args).filter(({ reason }) => !round.test(reason) && !tooLong.test(reason))).toEqual(
          [],
        );
      }),
    );
  });
});

describe("chains", () => {
  const chain = (length: number): ServiceBusEntitiesArgs => ({
    namespace,
    queues: {
      ...Object.fromEntries(Array.from({ length }, (_, i) => [`q${i}`, { forwardTo: `q${i + 1}` }])),
      [`q${length}`]: {},
    },
  });

  it.each([1, 2, 3, 4])("of %d hops are taken", (length) => {
    expect(serviceBusProblems(chain(length))).toEqual([]);
  });

  it("of five hops are refused at the fifth, with the whole way", () => {
    expect(serviceBusProblems(chain(5)).map(formatProblem)).toEqual([
      "queues.q4.forwardTo: is hop 5 of q0 -> q1 -> q2 -> q3 -> q4 -> q5: the service moves a message 4 times and then " +
        'dead-letters it (found "q5"). Let an entity before it forward to q5',
    ]);
  });

  it("are counted through topics, their subscriptions and dead letters, whatever the case of the names", () => {
    const problems = serviceBusProblems({
      namespace,
      queues: { a: { forwardTo: "T" }, b: { forwardDeadLettersTo: "c" }, c: { forwardTo: "U" }, end: {} },
      topics: {
        t: { subscriptions: { one: {}, two: { forwardDeadLettersTo: "B" } } },
        u: { subscriptions: { last: { forwardTo: "end" } } },
      },
    });
    expect(problems.map(({ path, reason }) => [path, reason.split(":")[0]])).toEqual([
      ["topics.u.subscriptions.last.forwardTo", "is hop 5 of a -> t -> b -> c -> u -> end"],
    ]);
  });

  it("name each setting that makes a fifth hop, and not what comes after it", () => {
    const args = chain(6);
    const problems = serviceBusProblems({
      ...args,
      queues: { ...args.queues, q4: { forwardTo: "q5", forwardDeadLettersTo: "q6" } },
    });
    expect(problems.map(({ path }) => path)).toEqual(["queues.q4.forwardTo", "queues.q4.forwardDeadLettersTo"]);
  });
});

describe("targets", () => {
  it("are found without regard to case, and named where they are missing, at most 20 to choose from", () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`q${i}`, {}]));
    const problems = serviceBusProblems({
      namespace,
      queues: { ...many, a: { forwardTo: "Q7" }, b: { forwardTo: "r" } },
    });
    expect(problems.map(({ path }) => path)).toEqual(["queues.b.forwardTo"]);
    expect(problems[0]?.fix).toMatch(/^Add it, or use one of (q\d+, ){19}q\d+ or another of 32$/);
  });

  it("may have sessions, and then what forwards to them may not", () => {
    const to = { forwardTo: "sessions" };
    const sound = {
      namespace,
      queues: { a: to, sessions: { requiresSession: true, forwardDeadLettersTo: "end" }, end: {} },
    };
    expect(serviceBusProblems(sound)).toEqual([]);
    const refused = { ...sound, queues: { ...sound.queues, a: { ...to, requiresSession: true } } };
    expect(serviceBusProblems(refused).map(({ path }) => path)).toEqual(["queues.a.forwardTo"]);
  });

  it("of 10,000 queues in a row of fours are checked within seconds", () => {
    const queues = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i): [string, QueueArgs] => [
        `q${i}`,
        i % 5 === 4 ? {} : { forwardTo: `q${i + 1}`, forwardDeadLettersTo: `q${i - (i % 5) + 4}` },
      ]),
    );
    const begun = performance.now();
    expect(serviceBusProblems({ namespace, queues })).toEqual([]);
    expect(entityOrder({ namespace, queues })).toHaveLength(10_000);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe("the order of creation", () => {
  it("puts every target before what forwards to it, and leaves none out", () => {
    fc.assert(
      fc.property(anyForwarding, (args) => {
        fc.pre(paths(args, round).length === 0);
        const order = entityOrder(args);
        expect([...order].sort()).toEqual(
          [...Object.keys(args.queues ?? {}), ...Object.keys(args.topics ?? {})].sort(),
        );
        for (const { from, to } of linksOf(args)) expect(order.indexOf(to)).toBeLessThan(order.indexOf(from));
      }),
    );
  });
});
