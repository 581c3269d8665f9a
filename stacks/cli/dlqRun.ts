import { createInterface } from "node:readline/promises";
import { ExitCode } from "../../runtime/contract/index.js";
import { systemClock } from "../../runtime/ops/clock.js";
import type { Namespace } from "../../runtime/ops/connect.js";
import {
  deadLetterBrowser,
  dryReplay,
  makePlan,
  type Plan,
  purge as purgeLetters,
  type RunResult,
  replay as replayLetters,
  SweepEnd,
} from "../../runtime/ops/deadletters/index.js";
import { type EntityFacts, learn } from "../../runtime/ops/entityFacts.js";
import { printable } from "../../runtime/ops/printable.js";
import { checkListenRight, checkSendRight } from "../../runtime/ops/rights.js";
import { pathOf } from "../../runtime/ops/target.js";
import { entityOf, invalid, loginOf, withNamespace } from "./bus.js";
import type { PurgeOptions, ReplayOptions, RunOptions } from "./commands/dlq.js";
import { conditionOf } from "./dlq.js";
import { progressLine } from "./progress.js";
import { type Screen, screen } from "./screen.js";
import { stopping } from "./stopping.js";

/** What `--json` prints. */
interface RunReport extends Partial<RunResult> {
  entity: string;
  dryRun: boolean;
  matched: number;
  /** By reason. */
  reasons: { readonly [reason: string]: number };
  /** Not meant, and in front of the last that is. */
  before: number;
}

/** All that a replay and a purge have in common before they begin. */
async function prepared(options: RunOptions, namespace: Namespace, needs: { send: boolean }, signal: AbortSignal) {
  const { target, pipeline } = entityOf(options);
  const means = await conditionOf(options);
  const browser = deadLetterBrowser(namespace, target);
  await checkListenRight(browser, target, true);
  if (needs.send) await checkSendRight(namespace.client, target);
  const limit = options.limit === undefined ? {} : { limit: options.limit };
  const plan = await makePlan(browser, means, { ...limit, signal });
  const run = { namespace, target, means, plan, signal, rate: options.rate, maxHeld: options.maxHeld };
  return { pipeline, browser, run: { ...run, clock: systemClock } };
}

function checkSelected(options: RunOptions): void {
  const { reason, id, sequence, olderThan, newerThan, filter, all } = options;
  const selected = [reason, id, sequence, olderThan, newerThan, filter].some((option) => option !== undefined);
  if (selected === (all === true))
    throw selected
      ? invalid("--all", true, "goes with no other choice of dead letters", "Keep one of the two.")
      : invalid("--all", undefined, "is missing, and nothing else says which are meant", "Say which, or --all.");
}

/** Replays dead letters. */
export async function replay(options: ReplayOptions): Promise<ExitCode> {
  checkSelected(options);
  const out = screen(process.stderr);
  const signal = stopping();
  return withNamespace(loginOf(options), async (namespace) => {
    const { run, browser, pipeline } = await prepared(options, namespace, { send: true }, signal);
    const entity = pathOf(run.target);
    const learnt = await learn(namespace.admin, run.target);
    const facts: Pick<EntityFacts, "sessions" | "duplicateDetection"> | undefined =
      "facts" in learnt ? learnt.facts : pipeline?.source;
    if (facts === undefined && "unseen" in learnt)
      out.line(
        `Whether ${entity} detects duplicates cannot be seen: ${learnt.unseen}. So each copy gets an id of its own, ` +
          "which is right in either case. --pipeline FILE tells it without that right.",
      );
    if ((facts?.sessions ?? run.plan.withSession > 0) && run.plan.matched > 0 && options.acceptReordering !== true)
      throw invalid(
        "--accept-reordering",
        undefined,
        `is missing: ${entity} has sessions, and a copy comes after what its session has done meanwhile`,
        "Say it where that does no harm.",
      );
    const { readRule } = await import("./sqlFilter.js");
    const whole = { ...run, facts, readRule, onProgress: progress(out, run.plan, "replayed") };
    announce(out, entity, run.plan);
    if (options.dryRun === true) {
      const keptFirst = await dryReplay(whole, browser);
      return ended(
        out,
        options,
        { ...reportOf(entity, run.plan, true), kept: keptFirst.length, keptFirst },
        "replayed",
      );
    }
    const result = await replayLetters(whole);
    return ended(out, options, { ...reportOf(entity, run.plan, false), ...result }, "replayed");
  });
}

/** Deletes dead letters, after it has asked. */
export async function purge(options: PurgeOptions): Promise<ExitCode> {
  checkSelected(options);
  const asks = options.yes !== true && options.dryRun !== true;
  if (asks && (!process.stdin.isTTY || options.json === true))
    throw invalid(
      "--yes",
      undefined,
      "is missing, and there is no terminal to ask on",
      "Say --yes, or --dry-run first.",
    );
  const out = screen(process.stderr);
  const signal = stopping();
  return withNamespace(loginOf(options), async (namespace) => {
    const { run } = await prepared(options, namespace, { send: false }, signal);
    const entity = pathOf(run.target);
    announce(out, entity, run.plan);
    if (options.dryRun === true || run.plan.matched === 0)
      return ended(out, options, reportOf(entity, run.plan, options.dryRun === true), "deleted");
    if (asks && !(await confirmed(entity, run.plan.matched, signal))) {
      out.line("Nothing was deleted.");
      return ExitCode.Failed;
    }
    const result = await purgeLetters({ ...run, onProgress: progress(out, run.plan, "deleted") });
    return ended(out, options, { ...reportOf(entity, run.plan, false), ...result }, "deleted");
  });
}

async function confirmed(entity: string, matched: number, signal: AbortSignal): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = `Delete ${matched} dead letters for ever? Type the entity's name, ${entity}, to go on: `;
    return (await asking.question(question, { signal })).trim() === entity;
  } catch {
    return false;
  } finally {
    asking.close();
  }
}

function reportOf(entity: string, { matched, reasons, before }: Plan, dryRun: boolean): RunReport {
  return { entity, dryRun, matched, reasons, before };
}

function announce(out: Screen, entity: string, { seen, matched, reasons }: Plan): void {
  const by = Object.entries(reasons).map(([name, n]) => `${n} ${printable(name) || "(no reason)"}`);
  out.line(`${entity}: ${matched} of ${seen} dead letters are meant${by.length === 0 ? "" : `: ${by.join(", ")}`}.`);
}

function progress(out: Screen, { matched }: Plan, what: string): (done: number) => void {
  const began = Date.now();
  return (done) => out.block([`${progressLine(done, matched, Date.now() - began)}  ${what}`]);
}

const END_WORDS: { readonly [end in SweepEnd]: string | undefined } = {
  [SweepEnd.All]: undefined,
  [SweepEnd.NoMore]: "The others did not come: another receiver holds them, or they are gone. Run it again in a while.",
  [SweepEnd.TooManyHeld]:
    "So many others lie in front of the next one that no more are locked at once: raise --max-held, or choose more of them.",
  [SweepEnd.Stopped]: "Stopped. The same command goes on with what is left.",
};

function ended(out: Screen, options: RunOptions, report: RunReport, what: string): ExitCode {
  for (const { sequenceNumber, messageId, code, description } of report.keptFirst ?? [])
    out.line(`kept ${sequenceNumber} (${printable(messageId)}): ${code}: ${printable(description)}`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (report.dryRun) {
    out.line(`Nothing was touched; ${report.matched - (report.kept ?? 0)} would be ${what}.`);
    return (report.kept ?? 0) > 0 ? ExitCode.Failed : ExitCode.Ok;
  }
  const { done = 0, kept = 0, gone = 0, uncompleted = 0, end = SweepEnd.All } = report;
  out.line(
    `${done} of ${report.matched} ${what}${kept > 0 ? `, ${kept} kept` : ""}${gone > 0 ? `, ${gone} taken by another` : ""}.`,
  );
  const words = END_WORDS[end];
  if (words !== undefined) out.line(words);
  if (uncompleted > 0)
    out.line(
      `${uncompleted} of the copies were accepted although their dead letters are still there (their locks were lost): ` +
        "run again, and they are copied once more, under the same ids; the sinks do each once.",
    );
  if (end === SweepEnd.Stopped) return ExitCode.Interrupted;
  return done === report.matched ? ExitCode.Ok : ExitCode.Failed;
}
