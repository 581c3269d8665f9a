import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { selecting } from "../../../runtime/ops/selection.js";
import { sqlCondition } from "../../../stacks/cli/sqlFilter.js";
import { OpsKit, type Wanted } from "./kit.js";

const NOW = Date.parse("2026-06-01T12:00:00Z");

/** Dead letters as the client hands them over, made through the broker. */
async function received(wanted: Wanted[]): Promise<ServiceBusReceivedMessage[]> {
  const kit = await OpsKit.open();
  await kit.deadLetter(kit.queue("orders"), wanted);
  return kit.content("orders", true);
}

describe("--filter", () => {
  it("sees what the sender said and why it was dead-lettered", async () => {
    const [message] = await received([
      {
        messageId: "order-7",
        body: "x",
        subject: "order.created",
        correlationId: "c7",
        contentType: "application/json",
        applicationProperties: { tenant: "blue", attempts: 4, ratio: 0.25, last: true, at: new Date(NOW) },
        reason: "JobRefused",
        description: "no such frame",
      },
    ]);
    if (message === undefined) throw new Error("there is no dead letter");
    const table: [string, boolean][] = [
      ["tenant = 'blue'", true],
      ["tenant = 'red'", false],
      ["TENANT = 'blue'", true],
      ["attempts > 3 AND ratio < 0.5", true],
      ["attempts = 4.0", true],
      ["attempts IN (1, 2, 3)", false],
      ["last = TRUE", true],
      ["missing IS NULL AND EXISTS(tenant)", true],
      ["missing = 'x' OR tenant LIKE 'b%'", true],
      ["NOT (tenant LIKE 'b_ue')", false],
      ["sys.Label LIKE 'order.%' AND sys.MessageId = 'order-7'", true],
      ["sys.CorrelationId = 'c7' AND sys.ContentType = 'application/json'", true],
      ["DeadLetterReason = 'JobRefused' AND DeadLetterErrorDescription LIKE '%frame%'", true],
      ["sys.EnqueuedTimeUtc IS NULL", false],
      // Types that do not go together: it is not met, and not an error.
      ["tenant > 5", false],
    ];
    for (const [sql, expected] of table) expect(sqlCondition(sql)(message), sql).toBe(expected);
  });

  it.each(["tenant =", "", "tenant = 'blue' AND", "SELECT 1", "sys.Nothing = 1"])(
    "refuses %j, with the reason",
    (sql) => {
      expect(() => sqlCondition(sql)).toThrow("--filter");
    },
  );

  it.each([
    "sys.DeliveryCount > 3",
    "sys.[Size] > 1",
    "p('sys.DeadLetterSource') = 'a'",
    "sys.EnqueuedSequenceNumber = 1",
  ])("refuses %s, which it would answer wrongly", (sql) => {
    expect(() => sqlCondition(sql)).toThrow("not known of a dead letter");
  });
});

describe("a selection", () => {
  /** As much of a message as a selection looks at. */
  const letter = fc
    .record({
      messageId: fc.constantFrom("a", "b", "c"),
      deadLetterReason: fc.constantFrom("X", "Y", undefined),
      hours: fc.integer({ min: 0, max: 5 }),
      original: fc.constantFrom("a", "z", undefined),
      n: fc.integer({ min: 0, max: 3 }),
    })
    .map(({ messageId, deadLetterReason, hours, original, n }) => ({
      facts: { messageId, deadLetterReason, hours, original, n },
      message: {
        ...{ messageId, deadLetterReason },
        enqueuedTimeUtc: new Date(NOW - hours * 3_600_000),
        applicationProperties: original === undefined ? { n } : { n, "stowage-original-id": original },
        _rawAmqpMessage: { applicationProperties: { n } },
      } as unknown as ServiceBusReceivedMessage,
    }));

  it("means exactly what meets all that is given, and any value of a list", () => {
    const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
    fc.assert(
      fc.property(
        letter,
        optional(fc.subarray(["X", "Y"])),
        optional(fc.subarray(["a", "b", "z"])),
        optional(fc.integer({ min: 0, max: 5 })),
        optional(fc.integer({ min: 0, max: 5 })),
        optional(fc.integer({ min: 0, max: 3 })),
        ({ facts, message }, reasons, ids, older, newer, least) => {
          const means = selecting({
            ...(reasons === undefined ? {} : { reasons }),
            ...(ids === undefined ? {} : { ids }),
            ...(older === undefined ? {} : { before: new Date(NOW - older * 3_600_000) }),
            ...(newer === undefined ? {} : { after: new Date(NOW - newer * 3_600_000) }),
            ...(least === undefined ? {} : { filter: sqlCondition(`n >= ${least}`) }),
          });
          const expected =
            (reasons === undefined || reasons.includes(facts.deadLetterReason ?? "")) &&
            (ids === undefined || ids.includes(facts.messageId) || ids.includes(facts.original ?? facts.messageId)) &&
            (older === undefined || facts.hours >= older) &&
            (newer === undefined || facts.hours <= newer) &&
            (least === undefined || facts.n >= least);
          expect(means(message)).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});
