import { type Command, InvalidArgumentError, Option } from "commander";
import { count, duration, type EntityOptions, EXIT_CODES, several, withEntity } from "./options.js";

/** Options of `stowage send`. */
export interface SendOptions extends EntityOptions {
  file?: string;
  body?: string;
  bodyFile?: string;
  id?: string;
  idPrefix?: string;
  session?: string;
  partitionKey?: string;
  subject?: string;
  contentType?: string;
  correlationId?: string;
  to?: string;
  replyTo?: string;
  replyToSession?: string;
  property?: string[];
  schedule?: Date;
  /** Milliseconds. */
  ttl?: number;
  fromLine: number;
  rate: number;
  dryRun?: true;
  json?: true;
}

const SEND_HELP = `
A file is NDJSON: a line a message. A line may have body (any JSON), bodyText or bodyBase64, messageId, sessionId,
partitionKey, subject, contentType, correlationId, to, replyTo, replyToSessionId, timeToLiveSeconds,
scheduledEnqueueTime (2026-01-31T08:00:00Z) and properties. What a line does not say it gets from the options.
A file is read through before its first message is sent: a line that is wrong is named, and nothing is sent.

  stowage send --namespace contoso.servicebus.windows.net --entity orders --body '{"n":1}' --property tenant=blue
  stowage send --connection connection.json --entity orders --file orders.ndjson --id-prefix load-7
  jq -c '{messageId:.id, body:.}' all.json | stowage send --entity orders --file -`;

/** A moment by ISO 8601, or a while from now: `15m`. */
function moment(value: string): Date {
  if (/^\d{1,9}[smhd]$/.test(value)) return new Date(Date.now() + duration(value));
  const at = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError("It must be 2026-01-31T08:00:00Z, or a while from now: 15m, 2h.");
  return new Date(at);
}

function property(value: string, before?: string[]): string[] {
  if (!/^[^=]*[^=:]:?=/s.test(value)) throw new InvalidArgumentError("It must be name=text or name:=json.");
  return several(value, before);
}

/** `stowage send`. */
export function addSend(root: Command): void {
  withEntity(root.command("send"))
    .description("send a message, or a file of them, to a queue or topic")
    .addOption(
      new Option("--file <file>", "a file of messages, one a line; - for standard input").conflicts([
        ...["body", "bodyFile", "id"],
      ]),
    )
    .addOption(new Option("--body <text>", "the body, as text").conflicts(["bodyFile"]))
    .option("--body-file <file>", "the body, byte for byte")
    .option("--id <id>", "message id (default: a new UUID)")
    .option("--id-prefix <text>", "with --file: lines without a messageId get this, a dash and their number")
    .option("--session <id>", "session")
    .option("--partition-key <key>", "partition key")
    .option("--subject <text>", "subject")
    .option("--content-type <type>", "content type of the body")
    .option("--correlation-id <id>", "correlation id")
    .option("--to <address>", "the address that forwarding rules may look at")
    .option("--reply-to <queue>", "where answers go")
    .option("--reply-to-session <id>", "session of the answers")
    .option("--property <name=text>", "application property; name:=json for numbers and booleans", property)
    .addOption(new Option("--schedule <time>", "a moment, or a while from now: 15m").argParser(moment))
    .addOption(new Option("--ttl <age>", "time to live: 15m, 2h, 7d").argParser(duration))
    .addOption(
      new Option("--from-line <n>", "with --file: the first line that is sent")
        .default(1)
        .argParser(count(1, Number.MAX_SAFE_INTEGER)),
    )
    .addOption(
      new Option("--rate <n>", "messages a second at most; 0 for no limit").default(0).argParser(count(0, 1_000_000)),
    )
    .option("--dry-run", "check everything, rights included, and send nothing")
    .option("--json", "print one JSON object at the end; everything else goes to standard error")
    .addHelpText("after", SEND_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (options: SendOptions) => {
      const { send } = await import("../send.js");
      process.exitCode = await send(options);
    });
}
