import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseHead, reportLines, type VerifyReport, verifyAudit } from "../../../runtime/ops/audit/index.js";
import { AuditKit, DONE, linesIn, messageOf, recordsIn, work } from "./kit.js";

const RUNS = process.env["STOWAGE_LONG"] === "1" ? 1_000 : 60;

describe("verification of an audit", () => {
  let kit: AuditKit;
  beforeEach(() => {
    kit = new AuditKit();
  });
  afterEach(() => kit.close());

  /** A chain of several files with intents, outcomes, an open one and a restart; its lines by file. */
  async function chain(worker = "pod-1"): Promise<{ files: string[]; lines: string[][] }> {
    const first = await kit.started({ worker, target: kit.fileTarget(worker, 6_000) });
    await first.intent([messageOf("never ended")], 1);
    await work(first, ["a", "b", "c", "d", "e"]);
    await first.close();
    const second = await kit.started({ worker, target: kit.fileTarget(worker, 6_000) });
    await work(second, ["f", "g", "h"], { kind: "retry", code: "NotReady", description: "" });
    await second.close();
    const files = kit.files.filter((file) => file.includes(`.${worker}.`));
    return { files, lines: files.map(linesIn) };
  }

  /** A chain whose records were written in groups of several, without its close; its lines. */
  async function grouped(): Promise<string[]> {
    const log = await kit.started({ worker: "pod-1" });
    for (const ids of [
      ["a", "b", "c"],
      ["d", "e", "f", "g"],
    ])
      await Promise.all(ids.map((id) => work(log, [id])));
    return linesIn(kit.files[0] ?? "");
  }

  const verify = (files: string[], head?: string, from?: string): Promise<VerifyReport> =>
    verifyAudit({
      files,
      ...(head === undefined ? {} : { heads: [parseHead(head)] }),
      ...(from === undefined ? {} : { from: [from] }),
    });

  const broken = (report: VerifyReport) => report.chains.find((each) => each.broken !== undefined)?.broken;

  /** One file with all lines. */
  const together = (lines: string[], name = "copy.jsonl"): string =>
    kit.write(name, lines.map((l) => `${l}\n`).join(""));

  test("a whole chain is verified, with its head, its end and what is open", async () => {
    const { files } = await chain();
    const records = recordsIn(...files);
    const report = await verify(files, records.at(-1)?.hash);
    expect(report).toMatchObject({ verified: true, records: records.length, openTotal: 1, empty: [], notes: [] });
    expect(report.chains).toMatchObject([{ worker: "pod-1", pipeline: "renders", first: 1, unproven: 0, ended: true }]);
    expect(report.open).toMatchObject([{ message: "never ended", sequence: 2, delivery: 1, attempt: 1 }]);
    expect(reportLines(report).at(-1)).toBe(`verified: ${records.length} records, all of them up to the heads`);
  });

  test("an edited record is named with its line", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    for (const at of [0, 5, all.length - 1]) {
      const changed = all.with(at, (all[at] ?? "").replace('"pipeline":"renders"', '"pipeline":"renderz"'));
      const report = await verify([together(changed)]);
      expect([report.verified, broken(report)?.kind, broken(report)?.line]).toEqual([false, "edited", at + 1]);
    }
  });

  test("an edited record with a hash computed anew is seen at the record after it", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    const changed = all.with(5, rehashed((all[5] ?? "").replace('"message":"b"', '"message":"x"')));
    const report = await verify([together(changed)]);
    expect([report.verified, broken(report)?.kind, broken(report)?.line]).toEqual([false, "recomputed", 7]);
  });

  test("two records that were swapped are seen as that", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    const changed = all.with(6, all[7] ?? "").with(7, all[6] ?? "");
    const report = await verify([together(changed)]);
    expect([report.verified, broken(report)?.kind, broken(report)?.line]).toEqual([false, "swapped", 7]);
    expect(broken(report)?.reason).toContain("line 8");
  });

  test("dropped records are counted", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    const report = await verify([together(all.toSpliced(4, 3))]);
    expect([report.verified, broken(report)?.kind, broken(report)?.line]).toEqual([false, "dropped", 5]);
    expect(broken(report)?.reason).toContain("3 records are missing");
  });

  test("a whole file that is missing is seen, and so is a beginning; --from says where the rest is kept", async () => {
    const { files, lines } = await chain();
    expect(files.length).toBeGreaterThan(2);
    expect(broken(await verify(files.toSpliced(1, 1)))?.kind).toBe("dropped");
    const rest = files.slice(1);
    const report = await verify(rest);
    expect([report.verified, broken(report)?.kind, broken(report)?.line]).toEqual([false, "cut", 1]);
    const last = recordsIn(files[0] ?? "").at(-1)?.hash ?? "";
    const kept = await verify(rest, undefined, last);
    expect([kept.verified, kept.chains[0]?.first]).toEqual([true, (lines[0]?.length ?? 0) + 1]);
    // Of what was open before the first file the chain itself tells.
    expect(kept.open).toMatchObject([{ message: "never ended", sequence: 2 }]);
    expect((await verify(rest, undefined, "ab".repeat(32))).verified).toBe(false);
  });

  test("a cut end is told by the head alone", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    const head = recordsIn(together(all, "whole.jsonl")).at(-1);
    const cut = together(all.slice(0, -3));
    const without = await verify([cut]);
    expect(without.verified).toBe(true);
    expect(reportLines(without).at(-1)).toContain("without --head this proves nothing against cutting the end");
    expect(reportLines(without)[0]).toContain("killed, running, or cut");
    const report = await verify([cut], head?.hash);
    expect([report.verified, report.heads[0]?.reason]).toEqual([false, expect.stringContaining("cut before it")]);
    const numbered = await verify([cut], `${head?.sequence}:${head?.hash}`);
    expect(numbered.heads[0]?.reason).toContain(`no chain holds together up to sequence ${head?.sequence}`);
  });

  test("a chain that was written anew as a whole is told by the head alone", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    const head = recordsIn(together(all, "whole.jsonl")).at(-1);
    const changed = all.with(5, (all[5] ?? "").replace('"message":"b"', '"message":"x"'));
    const copy = together(recomputed(changed));
    expect((await verify([copy])).verified).toBe(true);
    const report = await verify([copy], `${head?.sequence}:${head?.hash}`);
    expect([report.verified, report.heads[0]?.reason]).toEqual([false, expect.stringContaining("recomputed")]);
  });

  test("a record whose form is not a worker's is refused, even with hashes that fit", async () => {
    const { lines } = await chain();
    const all = lines.flat();
    const twice = (all[5] ?? "").replace('"kind":', '"kind":"intent","kind":');
    const report = await verify([together(recomputed(all.with(5, twice)))]);
    expect([report.verified, broken(report)?.kind, broken(report)?.line]).toEqual([false, "edited", 6]);
  });

  test("a torn end in the middle of a chain must be told of by the next record, and be there", async () => {
    const { files, lines } = await chain();
    const [first = "", second = ""] = files;
    writeFileSync(first, `${(lines[0] ?? []).join("\n")}\n{"audit":1,"ch`);
    const report = await verify(files);
    expect([report.verified, broken(report)?.kind, broken(report)?.file]).toEqual([false, "cut", first]);

    const last = files.at(-1) ?? "";
    writeFileSync(first, `${(lines[0] ?? []).join("\n")}\n`);
    writeFileSync(last, `${(lines.at(-1) ?? []).join("\n")}\n{"audit":1,"ch`);
    const atEnd = await verify(files);
    expect([atEnd.verified, atEnd.notes.length]).toEqual([true, 1]);

    const third = await kit.started();
    await third.close();
    expect((await verify(kit.files)).verified).toBe(true);
    writeFileSync(last, `${(lines.at(-1) ?? []).join("\n")}\n`);
    const gone = await verify(kit.files);
    expect([gone.verified, broken(gone)?.kind]).toEqual([false, "cut"]);
    expect(second).not.toBe("");
  });

  test("lines of a log between records are no break on standard output, and one in a file", async () => {
    const { files, lines } = await chain();
    const all = lines.flat();
    const log = '{"level":"info","msg":"done"}';
    const report = await verify([together([log, ...all.toSpliced(3, 0, log)])]);
    expect([report.verified, broken(report)?.kind]).toEqual([false, "edited"]);
    const streamed = recomputed(all.map((l) => l.replace('"destination":"file"', '"destination":"stdout"')));
    expect((await verify([together([log, ...streamed.toSpliced(3, 0, log)])])).verified).toBe(true);
    expect(files.length).toBeGreaterThan(0);
  });

  test("chains of several workers are told apart in one file, and one closes what another left open", async () => {
    const first = await kit.started({ worker: "pod-1" });
    await first.intent([messageOf("m-1"), messageOf("m-2")], 1);
    const second = await kit.started({ worker: "pod-2" });
    await second.intent([messageOf("m-1", { deliveryCount: 2 })], 1);
    await second.outcomes([messageOf("m-1")], [DONE]);
    await Promise.all([first.close(), second.close()]);
    const [one = [], two = []] = kit.files.map(linesIn);
    const mixed = one.flatMap((line, i) => [line, ...(two[i] === undefined ? [] : [two[i]])]);
    const report = await verify([together(mixed)]);
    expect([report.verified, report.chains.length]).toEqual([true, 2]);
    expect(report.open.map(({ message, worker }) => [message, worker])).toEqual([["m-2", "pod-1"]]);
  });

  test("files without a record prove nothing", async () => {
    const report = await verify([kit.write("empty", ""), kit.write("other", "hello\n")]);
    expect([report.verified, report.empty.length]).toEqual([false, 2]);
    await expect(verify([kit.directory, "/nowhere"])).rejects.toThrow(/2 problems/);
    expect(() => parseHead("12:abc")).toThrow("must be 64 hexadecimal digits");
  });

  test("records that were written at once have one hash, and a break is placed within their group", async () => {
    const all = await grouped();
    expect(recordsIn(together(all)).map(({ previous, hash }) => [previous, hash].map((h) => typeof h))).toEqual(
      [1, 3, 3, 4, 4].flatMap((size) =>
        Array.from({ length: size }, (_, i) => [
          i === 0 ? "string" : "undefined",
          i === size - 1 ? "string" : "undefined",
        ]),
      ),
    );
    const found = async (lines: string[]) => {
      const { kind, line, reason } = broken(await verify([together(lines)])) ?? {};
      return [kind, line, reason];
    };
    const text = (at: number): string => all[at] ?? "";
    // Lines 8 to 11 are the intents of d to g.
    const edited = await found(all.with(9, text(9).replace('"message":"f"', '"message":"x"')));
    expect(edited).toEqual(["edited", 8, expect.stringContaining("lines 8 to 11")]);
    expect(await found(all.with(9, text(9).slice(0, -5)))).toEqual(["edited", 10, expect.anything()]);
    expect(await found(all.toSpliced(8, 2))).toEqual(["dropped", 9, expect.stringContaining("2 records are missing")]);
    expect(await found(all.with(8, text(9)).with(9, text(8)))).toEqual([
      "swapped",
      9,
      expect.stringContaining("line 10"),
    ]);
    // Without its hash a group has no end, and one that begins in the middle of another has none either.
    expect(await found(all.with(10, text(10).replace(/,"hash":"[0-9a-f]{64}"/, "")))).toEqual([
      "edited",
      12,
      expect.stringContaining("line 8 has no end"),
    ]);
    expect(await found(recomputed(all.with(7, text(7).replace('"d"', '"x"'))).with(11, text(11)))).toEqual([
      "recomputed",
      12,
      expect.anything(),
    ]);
  });

  test("a group that was torn anywhere, at the end of a line too, was not written: the chain goes on before it", async () => {
    const all = await grouped();
    const [file = ""] = kit.files;
    const whole = all.slice(0, 7);
    const last = all
      .slice(7, 11)
      .map((line) => `${line}\n`)
      .join("");
    const lineEnds = [...last.matchAll(/\n/g)].map(({ index }) => index + 1).slice(0, -1);
    await kit.close();
    for (const cut of [1, ...lineEnds, (lineEnds[0] ?? 0) + 20, last.length - 1]) {
      kit = new AuditKit();
      const torn = kit.write(file.split("/").at(-1) ?? "", `${whole.join("\n")}\n${last.slice(0, cut)}`);
      // A live process is the one that wrote it; this one goes on.
      const before = await verify([torn]);
      expect([before.verified, before.notes.length, before.openTotal]).toEqual([true, 1, 0]);
      const second = await kit.started();
      await work(second, ["d"]);
      await second.close();
      const [opened] = recordsIn(kit.files[1] ?? "");
      expect(opened).toMatchObject({ sequence: 8, open: [], torn: [{ bytes: cut }] });
      for (const files of [kit.files, kit.files.toReversed()]) {
        const report = await verify(files);
        expect([report.verified, report.notes, report.records]).toEqual([true, [], 11]);
      }
      if (cut !== 1) await kit.close();
      if (cut === 1) {
        writeFileSync(torn, `${whole.join("\n")}\n`);
        expect(broken(await verify(kit.files))?.kind).toBe("cut");
        await kit.close();
      }
    }
  });

  test("a write of more records than a group may have is several groups", async () => {
    const log = await kit.started();
    await log.intent(
      Array.from({ length: 2_500 }, (_, i) => messageOf(`m-${i}`)),
      1,
    );
    const ends = recordsIn(...kit.files).filter((record) => record.hash !== undefined);
    expect(ends.map(({ sequence }) => sequence)).toEqual([1, 1_025, 2_049, 2_501]);
    expect((await verify(kit.files, ends.at(-1)?.hash)).verified).toBe(true);
  });

  test.each([
    ["one by one", async () => (await chain()).lines.flat()],
    ["in groups", grouped],
  ])("no change of a line, of the order or of the number goes unseen below the head: %s", async (_how, written) => {
    const all = await written();
    const head = recordsIn(together(all, "whole.jsonl")).at(-1)?.hash;
    const at = fc.nat({ max: all.length - 1 });
    const change = fc.oneof(
      fc.record({ what: fc.constant("edit" as const), at, where: fc.nat(), bit: fc.nat({ max: 6 }) }),
      fc.record({ what: fc.constant("swap" as const), at, other: at }),
      fc.record({ what: fc.constant("drop" as const), at, count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ what: fc.constant("repeat" as const), at, other: at }),
      fc.record({ what: fc.constant("cut" as const), at, where: fc.nat() }),
      fc.record({ what: fc.constant("recompute" as const), at }),
    );
    await fc.assert(
      fc.asyncProperty(change, async (made) => {
        const changed = applied(all, made);
        fc.pre(changed !== `${all.join("\n")}\n`);
        const report = await verify([kit.write("copy.jsonl", changed)], head);
        expect(report.verified).toBe(false);
      }),
      { numRuns: RUNS },
    );
  });

  type Change =
    | { what: "edit"; at: number; where: number; bit: number }
    | { what: "swap" | "repeat"; at: number; other: number }
    | { what: "drop"; at: number; count: number }
    | { what: "cut"; at: number; where: number }
    | { what: "recompute"; at: number };

  function applied(all: string[], made: Change): string {
    const line = all[made.at] ?? "";
    const text = (lines: string[]): string => lines.map((each) => `${each}\n`).join("");
    switch (made.what) {
      case "edit": {
        const bytes = Buffer.from(line);
        const where = made.where % bytes.length;
        bytes[where] = (bytes[where] ?? 0) ^ (1 << made.bit);
        return text(all.with(made.at, bytes.toString()));
      }
      case "swap":
        return text(all.with(made.at, all[made.other] ?? "").with(made.other, line));
      case "repeat":
        return text(all.toSpliced(made.other, 0, line));
      case "drop":
        return text(all.toSpliced(made.at, made.count));
      case "cut":
        return text(all.slice(0, made.at)) + line.slice(0, made.where % line.length);
      case "recompute":
        return text(recomputed(all.with(made.at, line.replace('"worker":"pod-1"', '"worker":"pod-9"'))));
    }
  }
});

/** A line, or the lines of a group, with the hash of what they say now. */
function rehashed(group: string): string {
  const content = group.slice(0, group.lastIndexOf(',"hash":"'));
  return `${content},"hash":"${hash("sha256", content)}"}`;
}

/** All lines with the hashes that a forger who may write the whole file would give them. */
function recomputed(lines: string[]): string[] {
  let previous = "0".repeat(64);
  return lines
    .join("\n")
    .split(/(?<=,"hash":"[0-9a-f]{64}"\})\n/)
    .flatMap((group) => {
      const made = rehashed(group.replace(/"previous":"[0-9a-f]{64}"/, `"previous":"${previous}"`));
      previous = made.slice(-66, -2);
      return made.split("\n");
    });
}
