import { type Command, InvalidArgumentError, Option } from "commander";
import { count, duration, type EntityOptions, EXIT_CODES, several, withEntity } from "./options.js";

/** Which dead letters are meant. */
export interface SelectionOptions extends EntityOptions {
  reason?: string[];
  id?: string[];
  sequence?: string[];
  /** Milliseconds. */
  olderThan?: number;
  /** Milliseconds. */
  newerThan?: number;
  filter?: string;
  limit?: number;
  json?: true;
}

export interface ShowOptions extends SelectionOptions {
  save?: string;
}

export interface RunOptions extends SelectionOptions {
  all?: true;
  rate: number;
  maxHeld: number;
  dryRun?: true;
}

export interface ReplayOptions extends RunOptions {
  acceptReordering?: true;
}

export interface PurgeOptions extends RunOptions {
  yes?: true;
}

const SELECTION_HELP = `
Which dead letters: all that is given must hold; an option that is given several times holds where one value does.
Ages count from when the entity took the message. --filter is the SQL of subscription rules, on application properties
(DeadLetterReason among them) and system properties:
  --filter "tenant = 'blue' AND attempts > 3 AND sys.Label LIKE 'order%'"`;

const REPLAY_HELP = `
A dead letter is completed only after the entity accepted its copy; stopped at any point, the same command goes on with
what is left. A copy keeps body, properties, session and partition key, counts its replays in stowage-replays, and on an
entity with duplicate detection gets a new id, with the first one in stowage-original-id, by which every sink knows it.
A copy for a subscription goes to its topic: it is sent only where the rules of all its siblings let it pass by, which
takes the manage right to read.

  stowage dlq replay --namespace contoso.servicebus.windows.net --entity orders --reason JobRefused --dry-run
  stowage dlq replay --connection connection.json --pipeline pipeline.json --newer-than 2h --rate 20`;

/** Adds what says which dead letters are meant. */
function withSelection(command: Command): Command {
  return withEntity(command)
    .option("--reason <reason>", "dead-lettered for this reason; may be given several times", several)
    .option("--id <id>", "message id, or the id under which it was first sent; may be given several times", several)
    .option("--sequence <n>", "sequence number; may be given several times", sequence)
    .addOption(new Option("--older-than <age>", "older than 15m, 2h, 7d").argParser(duration))
    .addOption(new Option("--newer-than <age>", "newer than that").argParser(duration))
    .option("--filter <sql>", "a condition in the SQL of subscription rules")
    .addHelpText("after", SELECTION_HELP);
}

function sequence(value: string, before?: string[]): string[] {
  if (!/^\d{1,19}$/.test(value)) throw new InvalidArgumentError("It must be a whole number.");
  return several(value, before);
}

function withRun(command: Command): Command {
  return withSelection(command)
    .option("--all", "every dead letter, where nothing else says which")
    .addOption(new Option("--limit <n>", "so many at most, the oldest first").argParser(count(1, 1_000_000_000)))
    .addOption(
      new Option("--rate <n>", "so many a second at most; 0 for no limit").default(50).argParser(count(0, 100_000)),
    )
    .addOption(
      new Option("--max-held <n>", "dead letters that are not meant and are locked meanwhile, at most")
        .default(2_000)
        .argParser(count(1, 100_000)),
    )
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--json", "print one JSON object at the end; everything else goes to standard error");
}

/** `stowage dlq`. */
export function addDlq(root: Command): void {
  const dlq = root
    .command("dlq")
    .description("dead letters of a queue or subscription: look at them, replay them, delete them")
    .addHelpText("after", EXIT_CODES);

  withSelection(dlq.command("list"))
    .description("list dead letters, the oldest first, and count them by reason; nothing is taken or locked")
    .addOption(new Option("--limit <n>", "so many at most").default(100).argParser(count(1, 1_000_000_000)))
    .option("--json", "print one JSON object a line, one for each dead letter")
    .addHelpText("after", EXIT_CODES)
    .action(async (options: SelectionOptions) => {
      const { list } = await import("../dlq.js");
      process.exitCode = await list(options);
    });

  withSelection(dlq.command("show"))
    .description("show dead letters whole, with their bodies; nothing is taken or locked")
    .addOption(new Option("--limit <n>", "so many at most").default(1).argParser(count(1, 1_000)))
    .option("--save <file>", "write the body of the first one to a file, byte for byte")
    .option("--json", "print one JSON object a line, the body as Base64")
    .addHelpText("after", EXIT_CODES)
    .action(async (options: ShowOptions) => {
      const { show } = await import("../dlq.js");
      process.exitCode = await show(options);
    });

  withRun(dlq.command("replay"))
    .description("send copies of dead letters to where they came from, and complete each once its copy is there")
    .option("--accept-reordering", "needed with sessions: a copy comes after what its session has done meanwhile")
    .addHelpText("after", REPLAY_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (options: ReplayOptions) => {
      const { replay } = await import("../dlqRun.js");
      process.exitCode = await replay(options);
    });

  withRun(dlq.command("purge"))
    .description("delete dead letters for ever; asks before it does")
    .option("--yes", "do not ask")
    .addHelpText("after", EXIT_CODES)
    .action(async (options: PurgeOptions) => {
      const { purge } = await import("../dlqRun.js");
      process.exitCode = await purge(options);
    });
}
