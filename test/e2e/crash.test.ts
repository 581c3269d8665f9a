import { beforeAll, describe, expect, test } from "vitest";
import { CrashKind } from "../crash/kinds.js";
import { type RecoveryReport, recoveryRun } from "../crash/recovery.js";
import { type CrashReport, crashRun } from "../crash/run.js";
import { seedOf } from "../crash/seed.js";
import { type SoakReport, soakRun } from "../crash/soak.js";
import { crashTable, recoveryTable, soakTable } from "../crash/tables.js";
import { buildBundle } from "./workerProcess.js";

const LIMIT = 240_000;
const MESSAGES: { readonly [kind in CrashKind]: number } = {
  single: 1_500,
  batch: 1_500,
  session: 1_500,
  gluster: 300,
};
/** Each kind of fault once, and two of them twice. */
const FAULTS = 12;
/** So that the rounds in which suspects are told apart are the last four: it saves their waiting here. */
const EXPECTED_RESTARTS = 5;
const SOAKS = [CrashKind.Single, CrashKind.Session] as const;

/** A run that goes on while others do: its report, or why there is none, with the way to it. */
interface Run<Report> {
  report: Promise<Report>;
  lines: string[];
}

describe("workers that are killed, stopped and cut off while they carry messages", () => {
  const seed = seedOf();
  const signal = new AbortController().signal;
  const crashes = new Map<CrashKind, Run<CrashReport>>();
  const soaks = new Map<CrashKind, Run<SoakReport>>();
  let recovery: Run<RecoveryReport> | undefined;
  let alone: Run<CrashReport> | undefined;

  function begin<Report>(run: (log: (line: string) => void) => Promise<Report>): Run<Report> {
    const lines = [`STOWAGE_SEED=${seed}`];
    const report = run((line) => void lines.push(line));
    // Looked at by its own test, which may come later.
    report.catch(() => undefined);
    return { report, lines };
  }

  /** What a run came to; its lines are shown where it failed or broke a promise. */
  async function held<Report extends { broken: string[] }>(
    run: Run<Report> | undefined,
    shown: (report: Report) => string,
  ): Promise<Report> {
    if (run === undefined) throw new Error("the run was not begun");
    const report = await run.report.catch((error: unknown) => {
      throw new Error(run.lines.join("\n"), { cause: error });
    });
    process.stdout.write(`${shown(report)}\n`);
    expect(report.broken.join("\n"), run.lines.join("\n")).toBe("");
    return report;
  }

  // Waiting for locks to end is most of what these do: they run beside each other.
  beforeAll(async () => {
    await buildBundle();
    const shared = { seed, workers: 2, faults: FAULTS, expectedRestarts: EXPECTED_RESTARTS, signal };
    for (const kind of Object.values(CrashKind))
      crashes.set(
        kind,
        begin((log) => crashRun({ ...shared, kind, messages: MESSAGES[kind], log })),
      );
    for (const kind of SOAKS)
      soaks.set(
        kind,
        begin((log) => soakRun({ kind, seed, seconds: 20, faultSeconds: 2, log, signal })),
      );
    // One worker holds the killer and its neighbours together every time: nobody else can take them over.
    alone = begin((log) => crashRun({ ...shared, kind: CrashKind.Single, messages: 100, faults: 0, workers: 1, log }));
    recovery = begin((log) => recoveryRun({ detach: 2, drop: 2, halfOpen: 1 }, log, signal));
  }, LIMIT);

  for (const kind of SOAKS)
    test(`leak neither links nor listeners when links are lost again and again: ${kind}`, {
      timeout: LIMIT,
    }, async () => {
      const { links, connections } = await held(soaks.get(kind), soakTable);
      expect(links.length + connections.length).toBeGreaterThanOrEqual(5);
    });

  test("receive again within two seconds of a lost link, and within the watchdog's time on a half-open one", {
    timeout: LIMIT,
  }, async () => {
    const { figures } = await held(recovery, recoveryTable);
    expect(Object.keys(figures)).toEqual(["detach", "drop", "halfOpen"]);
  });

  test("store every neighbour of a message that kills the only worker every time", { timeout: LIMIT }, async () => {
    const { effects, killed, highestInnocentDelivery } = await held(alone, crashTable);
    expect(effects).toBeGreaterThan(80);
    expect(killed).toBe(10);
    // They were held beside it, more than once.
    expect(highestInnocentDelivery).toBeGreaterThan(2);
  });

  for (const kind of Object.values(CrashKind))
    test(`lose nothing and do nothing twice, and one killer takes nobody along: ${kind}`, {
      timeout: LIMIT,
    }, async () => {
      const { effects, deadLetters, messages, faults } = await held(crashes.get(kind), crashTable);
      expect(effects + deadLetters).toBe(messages);
      expect(Object.keys(faults).length).toBe(10);
    });
});
