import { type Duration, ExitCode, parseDuration } from "../contract/index.js";
import { readInput } from "../input.js";
import type { SchemaInput } from "../ops/schema/index.js";
import { takeSignals } from "./firstSignals.js";
import { UsageError } from "./usage.js";

/** Options of the commands that administer a store. */
export const ADMINISTRATION_OPTIONS = {
  allow: { type: "string", multiple: true },
  publish: { type: "string" },
  reader: { type: "string" },
  kubernetes: { type: "string" },
  rest: { type: "string" },
  json: { type: "boolean" },
} as const;

/** What stands on the command line of such a command. */
export interface AdministrationValues {
  pipeline?: string | undefined;
  connection?: string | undefined;
  allow?: string[] | undefined;
  publish?: string | undefined;
  reader?: string | undefined;
  kubernetes?: string | undefined;
  rest?: string | undefined;
  json?: boolean | undefined;
}

/** The commands: which options each takes, and what it does. */
const COMMANDS: {
  readonly [command: string]: {
    readonly takes: readonly (keyof AdministrationValues)[];
    run(values: AdministrationValues, signal: AbortSignal): Promise<ExitCode>;
  };
} = {
  "schema apply": { takes: ["pipeline", "connection", "allow", "publish", "reader", "kubernetes"], run: runApply },
  "schema diff": { takes: ["pipeline", "connection", "json"], run: runDiff },
  rotate: { takes: ["pipeline", "connection", "publish", "kubernetes", "rest"], run: runRotate },
  password: { takes: ["publish", "kubernetes"], run: runPassword },
};

/** The command that the words name; undefined where they name none of these. */
export function administrationIn(words: readonly string[]): string | undefined {
  const name = words.join(" ");
  return Object.hasOwn(COMMANDS, name) ? name : undefined;
}

/** Runs it until it is done, or until SIGTERM or SIGINT. */
export async function runAdministration(name: string, values: AdministrationValues): Promise<ExitCode> {
  const command = COMMANDS[name];
  if (command === undefined) throw new UsageError(`There is no command ${name}.`);
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const surplus = given.map(([option]) => option).filter((option) => !command.takes.some((taken) => taken === option));
  if (surplus.length > 0) throw new UsageError(`${name} does not take --${surplus.join(", --")}.`);
  const end = new AbortController();
  const release = takeSignals(() => end.abort());
  try {
    return await command.run(values, end.signal);
  } finally {
    release();
  }
}

function inputOf({ pipeline, connection }: AdministrationValues): SchemaInput {
  if (pipeline === undefined || connection === undefined)
    throw new UsageError("Both --pipeline FILE and --connection FILE are needed.");
  return readInput({ pipeline, connection });
}

function needed(option: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`--${option} NAMESPACE/SECRET is needed.`);
  return value;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runApply(values: AdministrationValues, signal: AbortSignal): Promise<ExitCode> {
  const input = inputOf(values);
  const { schemaApply } = await import("../ops/schema/index.js");
  await schemaApply(input, values, print, signal);
  print(`The schema of pipeline ${input.pipeline.name} is in place.`);
  return ExitCode.Ok;
}

/** Like diff(1): 1 where there is a difference. */
async function runDiff(values: AdministrationValues, signal: AbortSignal): Promise<ExitCode> {
  const { schemaDiff, diffText, diffJson } = await import("../ops/schema/index.js");
  const changes = await schemaDiff(inputOf(values), signal);
  process.stdout.write(values.json === true ? diffJson(changes) : await diffText(changes));
  return changes.length === 0 ? ExitCode.Ok : ExitCode.Failed;
}

async function runRotate(values: AdministrationValues, signal: AbortSignal): Promise<ExitCode> {
  const { rotatePassword, secretOf, ROTATION_REST } = await import("../ops/schema/index.js");
  const rest = values.rest ?? ROTATION_REST;
  if (!isDuration(rest)) throw new UsageError(`--rest must be a duration such as 5m or 0s (found ${rest}).`);
  const secret = secretOf("--publish", needed("publish", values.publish), values.kubernetes);
  print(await rotatePassword(inputOf(values), secret, rest, signal));
  return ExitCode.Ok;
}

function isDuration(text: string): text is Duration {
  return parseDuration(text) !== undefined;
}

async function runPassword(values: AdministrationValues, signal: AbortSignal): Promise<ExitCode> {
  const { fillPassword, secretOf } = await import("../ops/schema/index.js");
  print(await fillPassword(secretOf("--publish", needed("publish", values.publish), values.kubernetes), signal));
  return ExitCode.Ok;
}
