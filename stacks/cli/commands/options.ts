import { type Command, InvalidArgumentError, Option } from "commander";

export const EXIT_CODES = `
Exit codes:
  0    what was asked for came true
  1    it ran, and something that was asked for did not come true
  2    the input is wrong; nothing was touched
  3    something that is needed is missing (a program, a port, a right, an entity); nothing was started
  130  ended by Ctrl-C before it was done; everything that was started is stopped`;

/** An option's value as a whole number in a closed range; `why` says where the range comes from. */
export function count(min: number, max: number, why = ""): (value: string) => number {
  return (value) => {
    const n = Number(value);
    if (!Number.isInteger(n) || n < min || n > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.${why}`);
    return n;
  };
}

const UNITS: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `90s`, `15m`, `2h`, `7d`, in milliseconds; at most ten years. */
export function duration(value: string): number {
  const [, number, unit = ""] = /^(\d{1,9})([smhd])$/.exec(value) ?? [];
  const seconds = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (!(seconds <= 3_650 * 86_400))
    throw new InvalidArgumentError("It must be a number with s, m, h or d behind it, at most 3650d: 15m, 2h, 7d.");
  return seconds * 1_000;
}

/** Gathers the values of an option that may be given several times. */
export function several(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Where a namespace is and how to log in to it. */
export interface BusOptions {
  namespace?: string;
  connection?: string;
}

/** Which entity is meant. */
export interface EntityOptions extends BusOptions {
  entity?: string;
  pipeline?: string;
}

export const CONNECTION_STRING = "STOWAGE_CONNECTION_STRING";
export const ADMIN_CONNECTION_STRING = "STOWAGE_ADMIN_CONNECTION_STRING";

const LOGIN_HELP = `
How it logs in:
  --namespace HOST    as you: az login, a managed identity, AZURE_* variables (DefaultAzureCredential)
  --connection FILE   as the worker whose connection.json it is
  ${CONNECTION_STRING}, a variable of the environment: for a broker or Microsoft's emulator. Never an option:
                      every user of a machine sees command lines. ${ADMIN_CONNECTION_STRING} is for an
                      administration at another port: Endpoint=sb://localhost:5300;SharedAccessKeyName=k;SharedAccessKey=k`;

/** Adds the options that say where the namespace is. */
export function withBus(command: Command): Command {
  return command
    .addOption(
      new Option("--namespace <host>", "the namespace: contoso.servicebus.windows.net").conflicts(["connection"]),
    )
    .option("--connection <file>", "a worker's connection.json")
    .addHelpText("after", LOGIN_HELP);
}

/** Adds the options that say which entity is meant. */
export function withEntity(command: Command): Command {
  return withBus(command)
    .addOption(
      new Option("--entity <path>", "a queue, orders, or a subscription, events/subscriptions/audit").conflicts([
        "pipeline",
      ]),
    )
    .option("--pipeline <file>", "a worker's pipeline.json: its source is the entity");
}
