import { type Command, InvalidArgumentError, Option } from "commander";
import { type EntityOptions, EXIT_CODES, withEntity } from "./options.js";

/** Options of `stowage doctor`. */
export interface DoctorOptions extends EntityOptions {
  metrics?: URL;
  store: boolean;
  json?: true;
}

const DOCTOR_HELP = `
It tries, in the order in which a worker needs them: the pipeline, the namespace's name, port and certificate, the clock,
the identity and its token, the rights on the entity and on the reply queues, the entity's settings against the
pipeline's (where the identity may manage it), the lock against how long messages take, and with --connection the store:
reached, usable, its version. At the store it does what a worker does at its start. Each line is ok, warn or fail, with
what to do; one fail makes the exit status 1.

  kubectl exec deploy/renders -- node stowage-worker.cjs doctor --pipeline … --connection … sees what the worker sees:
  its network, its identity, its mounts. From here it sees this machine's.

  stowage doctor --pipeline pipeline.json --connection connection.json
  stowage doctor --namespace contoso.servicebus.windows.net --entity orders`;

function address(value: string): URL {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw new InvalidArgumentError("It must be an http or https URL: http://10.0.0.7:8080/metrics.");
  return new URL(value);
}

/** `stowage doctor`. */
export function addDoctor(root: Command): void {
  withEntity(root.command("doctor"))
    .description("try everything that a worker needs, and say what to do about what does not work")
    .addOption(
      new Option("--metrics <url>", "metrics of a worker that runs: how long its messages take").argParser(address),
    )
    .option("--no-store", "leave the store alone")
    .option("--json", "print one JSON object at the end; everything else goes to standard error")
    .addHelpText("after", DOCTOR_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import("../doctor.js");
      process.exitCode = await doctor(options);
    });
}
