import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MessageFormat, PoisonReason, tableProblems } from "../../../runtime/contract/index.js";
import { mapperOf, type Row } from "../../../runtime/sinks/cassandra/mapping.js";
import { Unfit } from "../../../runtime/sinks/cassandra/unfit.js";
import { seedOf } from "../../crash/seed.js";
import { readBack } from "./driver.js";
import { Draw } from "./generate.js";
import { type DrawnMessage, type DrawnTable, drawMessage, drawTable } from "./generateTable.js";

const TABLES = 500;
const MESSAGES = 20;
/** A few seconds; much more where others use the machine. */
const LIMIT_MS = 60_000;
const anything = fc.jsonValue();

/** What became of a message, in the words in which it was foretold. */
function outcomeOf({ table, columns }: DrawnTable, sent: DrawnMessage["message"]): DrawnMessage["expected"] {
  let row: Row;
  try {
    row = mapperOf(table).row(sent);
  } catch (error) {
    if (error instanceof Unfit) return { reason: error.reason };
    throw error;
  }
  const { change, eventTime, timestamp } = row;
  const cells = columns.map(({ type }, i) => {
    const cell = row.cells[i];
    return cell === undefined ? "unset" : readBack(type, cell);
  });
  return { cells, change, eventTime, timestamp };
}

/** Fails where the two differ. What says where costs a hundred times as much as seeing that they do not. */
function same(outcome: unknown, expected: unknown, { table }: DrawnTable): void {
  if (!isDeepStrictEqual(outcome, expected)) expect({ table, outcome }).toEqual({ table, outcome: expected });
}

describe("10,000 generated messages of generated tables", () => {
  const seed = seedOf();
  const title = (what: string) => `${what} (STOWAGE_SEED=${seed})`;

  it(
    title("become the rows, or the poison, that they are drawn as, whatever types, formats and places"),
    () => {
      const draw = new Draw(seed);
      const counts = new Map<string, number>();
      const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
      for (let i = 0; i < TABLES; i++) {
        const drawn = drawTable(draw);
        expect(tableProblems(drawn.table, "table")).toEqual([]);
        for (let j = 0; j < MESSAGES; j++) {
          const { message, expected } = drawMessage(draw, drawn);
          const outcome = outcomeOf(drawn, message);
          same(outcome, expected, drawn);
          count("reason" in expected ? expected.reason : expected.change);
          count(drawn.table.from.format ?? MessageFormat.Json);
          if ("reason" in expected || j % 4 > 0) continue;
          const { partitionKey } = mapperOf(drawn.table).row(message);
          same(outcomeOf(drawn, Object.assign(message, { partitionKey })), expected, drawn);
          const other = outcomeOf(drawn, Object.assign(message, { partitionKey: `${partitionKey}!` }));
          same(other, { reason: PoisonReason.PartitionKeyMismatch }, drawn);
        }
      }
      expect(counts.get("write")).toBeGreaterThan((TABLES * MESSAGES) / 2);
      for (const each of ["delete", "MissingValue", "InvalidValue", ...Object.values(MessageFormat)])
        expect([each, (counts.get(each) ?? 0) > 100]).toEqual([each, true]);
    },
    LIMIT_MS,
  );

  it(title("are rows or poison, never an error, when their bytes are not what they were"), () => {
    const draw = new Draw(seed);
    const reasons: ReadonlySet<string> = new Set(Object.values(PoisonReason));
    const seen = new Set<string>();
    for (let i = 0; i < TABLES; i++) {
      const drawn = drawTable(draw);
      for (let j = 0; j < MESSAGES / 4; j++) {
        const { message } = drawMessage(draw, drawn);
        const body = Buffer.from(message.body);
        for (let n = draw.below(4); n > 0; n--) body[draw.below(body.length)] = draw.below(256);
        const cut = draw.oneIn(2) ? body.length : draw.below(body.length + 1);
        const outcome = outcomeOf(drawn, { ...message, body: body.subarray(0, cut) });
        seen.add("reason" in outcome ? outcome.reason : outcome.change);
      }
    }
    expect([...seen].filter((each) => !reasons.has(each)).sort()).toEqual(["delete", "write"]);
    expect(seen).toContain(PoisonReason.InvalidBody);
  });

  it(title("are rows or poison whatever JSON stands in any place"), () => {
    const draw = new Draw(seed);
    const seen = new Set<string>();
    for (let i = 0; i < TABLES; i++) {
      const drawn = drawTable(draw);
      const { message } = drawMessage(draw, drawn);
      const values = drawn.columns.map(({ name }) => [name, draw.from(anything)] as const);
      const event = { at: draw.oneIn(2) ? 0 : draw.from(anything), ...Object.fromEntries(values) };
      const body = Buffer.from(JSON.stringify({ ...event, n: Object.fromEntries(values) }));
      const outcome = outcomeOf(drawn, { ...message, body });
      seen.add("reason" in outcome ? "poison" : outcome.change);
    }
    expect(seen).toContain("poison");
  });
});
