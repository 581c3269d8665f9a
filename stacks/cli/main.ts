import { Command, Option } from "commander";
// Of the contract these two alone: its index loads the schemas, a third of the time in which the broker starts.
import { ExitCode } from "../../runtime/contract/codes.js";
import { InvalidInputError } from "../../runtime/contract/problems.js";
import { packageVersion } from "../packageRoot.js";
import { addAudit } from "./commands/audit.js";
import { addDlq } from "./commands/dlq.js";
import { addDoctor } from "./commands/doctor.js";
import { addLag } from "./commands/lag.js";
import { count, EXIT_CODES } from "./commands/options.js";
import { addSchema } from "./commands/schema.js";
import { addSend } from "./commands/send.js";
import { addTrace } from "./commands/trace.js";

/** Options of `stowage local`. */
export interface LocalOptions {
  once?: true;
  messages: number;
  poison: number;
  small?: true;
  json?: true;
  emulator?: true;
  /** Seconds that a new or removed role assignment takes to count. */
  propagation: number;
  /** Seconds that an access token holds. */
  tokenLifetime: number;
}

/** Options of `stowage preview`. */
export interface PreviewOptions {
  json?: true;
}

/** Options of `stowage broker`. */
export interface BrokerCommandOptions {
  config?: string;
  host: string;
  allowRemote?: true;
  port: number;
  adminPort: number;
  data?: string;
  maxBytes?: number;
  maxMessageBytes?: number;
  tlsCa?: string;
  tlsKey?: string;
  tlsCert?: string;
  json?: true;
}

/** The whole command line. Each command's room is loaded when that command is called, never before. */
export function program(): Command {
  const root = new Command("stowage")
    .description("Azure Service Bus joined to Gluster, LINSTOR and Cassandra, as one typed Pulumi stack.")
    .version(packageVersion(), "-V, --version", "print the version")
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .showHelpAfterError("Run with --help to see what it takes.");

  root
    .command("local")
    .description("bring the whole stack up on this machine, send sample traffic through it, and destroy it again")
    .option("--once", "end after the sample traffic is stored, instead of at Ctrl-C")
    .addOption(
      new Option("--messages <n>", "good messages to each pipeline").default(100).argParser(count(1, 1_000_000)),
    )
    .addOption(
      new Option("--poison <n>", "bad messages to each pipeline, which must end in its dead-letter queue")
        .default(0)
        .argParser(count(0, 100_000)),
    )
    .option("--small", "one Cassandra node instead of three")
    .addOption(
      new Option(
        "--propagation <seconds>",
        "how long a new or removed role assignment takes to count; minutes in Azure",
      )
        .default(0)
        .argParser(count(0, 3_600)),
    )
    .addOption(
      new Option("--token-lifetime <seconds>", "how long an access token holds")
        .default(3_600)
        .argParser(count(125, 86_400, " The Azure clients renew a token 120 s before its end, and spin below that.")),
    )
    .addOption(
      new Option(
        "--emulator",
        "a bus as Microsoft's emulator is: a connection string, no identities, no rights",
      ).conflicts(["propagation", "tokenLifetime"]),
    )
    .option("--json", "print one JSON object at the end; everything else goes to standard error")
    .addHelpText("after", EXIT_CODES)
    .action(async (options: LocalOptions) => {
      const { local } = await import("./local.js");
      process.exitCode = await local(options);
    });

  root
    .command("preview")
    .description("preview an environment with the real engine against stand-ins; no Azure account is needed")
    .argument("<environment>", "dev or prod, or any environment that has a Pulumi.<environment>.yaml")
    .option("--json", "print what `pulumi preview --json` prints")
    .addHelpText("after", EXIT_CODES)
    .action(async (environment: string, options: PreviewOptions) => {
      const { preview } = await import("./preview.js");
      process.exitCode = await preview(environment, options);
    });

  root
    .command("broker")
    .description(
      "run the broker alone, in place of Microsoft's emulator: AMQP for the Azure clients, and administration",
    )
    .option("--config <file>", "queues, topics, subscriptions and rules, in the format of Microsoft's emulator")
    .option("--data <folder>", "keep entities and messages in this folder, over restarts and crashes")
    .addOption(new Option("--port <n>", "AMQP; 0 takes a free one").default(5672).argParser(count(0, 65_535)))
    .addOption(
      new Option("--admin-port <n>", "administration; 0 takes a free one").default(5300).argParser(count(0, 65_535)),
    )
    .addOption(
      new Option("--host <address>", "where to listen; another than loopback needs --allow-remote").default(
        "127.0.0.1",
      ),
    )
    .option("--allow-remote", "listen where others reach it: whoever does may use it, and no token is looked at")
    .addOption(
      new Option(
        "--max-bytes <n>",
        "bytes of messages that are held; QuotaExceeded beyond (default: 536870912)",
      ).argParser(count(1_024, Number.MAX_SAFE_INTEGER)),
    )
    .addOption(
      new Option("--max-message-bytes <n>", "bytes of one message or batch (default: 262144)").argParser(
        count(1_024, 104_857_600),
      ),
    )
    .addOption(
      new Option(
        "--tls-ca <file>",
        "take TLS as well; the authority to trust is made and written here; its certificate is for localhost, 127.0.0.1 and ::1",
      ).conflicts(["tlsKey", "tlsCert"]),
    )
    .option("--tls-key <file>", "take TLS as well, with this private key (PEM) and --tls-cert")
    .option("--tls-cert <file>", "the certificate chain (PEM) of --tls-key")
    .option("--json", "print one JSON object when it listens; everything else goes to standard error")
    .addHelpText("after", EXIT_CODES)
    .action(async (options: BrokerCommandOptions) => {
      const { broker } = await import("./broker.js");
      process.exitCode = await broker(options);
    });

  addDlq(root);
  addSend(root);
  addLag(root);
  addDoctor(root);
  addAudit(root);
  addTrace(root);
  addSchema(root);
  return root;
}

/** Runs the command line and sets the process's exit code. */
export async function main(argv: string[]): Promise<void> {
  try {
    await program().parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Says what went wrong on standard error and gives the exit code for it. */
function report(error: unknown): ExitCode {
  if (!(error instanceof Error)) {
    process.stderr.write(`${String(error)}\n`);
    return ExitCode.Failed;
  }
  // Commander has printed its own message already; --help and --version end with 0.
  if ("code" in error && typeof error.code === "string" && error.code.startsWith("commander."))
    return "exitCode" in error && error.exitCode === 0 ? ExitCode.Ok : ExitCode.InvalidInput;
  process.stderr.write(`${error.message}\n`);
  if (error instanceof InvalidInputError) return ExitCode.InvalidInput;
  return "exitCode" in error && typeof error.exitCode === "number" ? (error.exitCode as ExitCode) : ExitCode.Failed;
}
