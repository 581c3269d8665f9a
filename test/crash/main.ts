import { parseArgs } from "node:util";
import { ExitCode } from "../../runtime/contract/index.js";
import { buildBundle } from "../e2e/workerProcess.js";
import { CrashKind } from "./kinds.js";
import { recoveryRun } from "./recovery.js";
import { crashRun } from "./run.js";
import { seedOf } from "./seed.js";
import { soakRun } from "./soak.js";
import { crashTable, recoveryTable, soakTable } from "./tables.js";

const KINDS = Object.values(CrashKind);
const USAGE = `usage: npm run soak -- [--kind ${KINDS.join("|")}] [--messages N] [--faults N] [--workers N] [--minutes N] [--seed N]

Kills, stops and cuts off workers while they carry messages, for each kind of sink, measures how soon messages come
again after a fault, and watches memory, links and listeners under steady load.

--kind      only this one, and nothing but its crash run
--messages  of each kind; 20000 unless told, a tenth of it for the jobs of gluster, each of which is a process
--faults    brought about in each kind's run; one for 200 messages unless told
--workers   of each kind; 3 unless told
--minutes   of the soak, of each kind of intake; 10 unless told; 0 leaves it out
--seed      of everything that is drawn by lot; STOWAGE_SEED, or a new one, unless told

Exit status: 0 all held, 1 something that was promised did not, 2 invalid input.
`;

interface Options {
  kinds: CrashKind[];
  messages: number;
  faults: number | undefined;
  workers: number;
  minutes: number;
  seed: number;
  /** Only what one kind's crash run shows. */
  only: boolean;
}

function optionsOf(args: string[]): Options | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: { kind: text, messages: text, faults: text, workers: text, minutes: text, seed: text },
  });
  const wrong: string[] = [];
  const number = <T>(name: Exclude<keyof typeof values, "kind">, least: number, otherwise: T): number | T => {
    const given = values[name];
    if (given === undefined) return otherwise;
    const value = Number(given);
    if (!(value >= least && (name === "minutes" || Number.isSafeInteger(value))))
      wrong.push(`--${name} must be a number from ${least} (found ${given}).`);
    return value;
  };
  const kinds = KINDS.filter((kind) => values.kind === undefined || kind === values.kind);
  if (kinds.length === 0) wrong.push(`--kind must be one of ${KINDS.join(", ")} (found ${values.kind}).`);
  const options = {
    kinds,
    messages: number("messages", 100, 20_000),
    faults: number("faults", 0, undefined),
    workers: number("workers", 1, 3),
    minutes: number("minutes", 0, 10),
    seed: number("seed", 1, seedOf()),
    only: values.kind !== undefined,
  };
  if (wrong.length === 0) return options;
  process.stderr.write(`${wrong.join("\n")}\n\n${USAGE}`);
  return undefined;
}

/** The jobs of the volume's sink are processes: a tenth of the messages keeps the machine as busy. */
const JOBS_SHARE = 10;
const MESSAGES_PER_FAULT = 200;
/** Messages of the run with one worker and no faults but its killer. */
const ALONE = 200;

async function main(): Promise<ExitCode> {
  const args = process.argv.slice(2);
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    return ExitCode.Ok;
  }
  let options: Options | undefined;
  try {
    options = optionsOf(args);
  } catch (error) {
    // What parseArgs says of options that there are not.
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
  if (options === undefined) return ExitCode.InvalidInput;
  const end = new AbortController();
  process.once("SIGINT", () => end.abort(new Error("Interrupted.")));
  const { seed } = options;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  log(`seed ${seed}`);
  await buildBundle();
  const broken: string[] = [];
  const show = (table: string, problems: string[]): void => {
    process.stdout.write(`${table}\n`);
    broken.push(...problems);
  };
  const shared = { seed, log, signal: end.signal };
  for (const kind of options.kinds) {
    const messages = kind === CrashKind.Gluster ? Math.ceil(options.messages / JOBS_SHARE) : options.messages;
    const faults = options.faults ?? Math.ceil(messages / MESSAGES_PER_FAULT);
    const report = await crashRun({ ...shared, kind, messages, faults, workers: options.workers });
    show(crashTable(report), report.broken);
  }
  if (!options.only) {
    // The only worker holds the killer and its neighbours together every time.
    const alone = await crashRun({ ...shared, kind: CrashKind.Single, messages: ALONE, faults: 0, workers: 1 });
    show(crashTable(alone), alone.broken);
    const report = await recoveryRun({ detach: 10, drop: 10, halfOpen: 3 }, log, end.signal);
    show(recoveryTable(report), report.broken);
    const seconds = options.minutes * 60;
    for (const kind of seconds > 0 ? ([CrashKind.Single, CrashKind.Session] as const) : []) {
      const soak = await soakRun({ ...shared, kind, seconds, faultSeconds: 20 });
      show(soakTable(soak), soak.broken);
    }
  }
  for (const problem of broken) log(`BROKEN: ${problem}`);
  log(broken.length === 0 ? "everything held" : `replay: --seed ${seed}`);
  return broken.length === 0 ? ExitCode.Ok : ExitCode.Failed;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = ExitCode.Failed;
  },
);
