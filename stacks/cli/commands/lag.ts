import { type Command, Option } from "commander";
import { count, type EntityOptions, EXIT_CODES, several, withBus } from "./options.js";

/** Options of `stowage lag`. */
export interface LagOptions extends Omit<EntityOptions, "entity"> {
  entity?: string[];
  look: number;
  /** Seconds. */
  watch?: number;
  json?: true;
}

const LAG_HELP = `
Nothing is taken or locked. The age of the oldest message takes the listen right only, and a message that a worker holds
counts as waiting. Exact counts take the manage right; without it messages are counted by looking, up to --look.

  stowage lag --namespace contoso.servicebus.windows.net --entity orders --entity events/subscriptions/audit
  stowage lag --connection connection.json --pipeline pipeline.json --watch 10`;

/** `stowage lag`. */
export function addLag(root: Command): void {
  withBus(root.command("lag"))
    .description("how many messages wait, since when, and how many were dead-lettered")
    .addOption(
      new Option(
        "--entity <path>",
        "a queue, or a subscription, events/subscriptions/audit; may be given several times",
      )
        .argParser(several)
        .conflicts(["pipeline"]),
    )
    .option("--pipeline <file>", "a worker's pipeline.json: its source is the entity")
    .addOption(
      new Option("--look <n>", "messages that are counted by looking, at most")
        .default(1_000)
        .argParser(count(1, 1_000_000)),
    )
    .addOption(new Option("--watch <seconds>", "again every so many seconds, until Ctrl-C").argParser(count(1, 86_400)))
    .option("--json", "print one JSON object a line, one for each entity and look")
    .addHelpText("after", LAG_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (options: LagOptions) => {
      const { lag } = await import("../lag.js");
      process.exitCode = await lag(options);
    });
}
