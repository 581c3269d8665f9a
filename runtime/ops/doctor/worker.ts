import { type Connection, ExitCode, type Pipeline } from "../../contract/index.js";
import type { SinkSetup } from "../../sinks/index.js";
import { openNamespace } from "../connect.js";
import { targetOf } from "../target.js";
import { Status } from "./finding.js";
import { examine, findingLines } from "./index.js";

/** What `stowage-worker doctor` is given: the input of `stowage-worker run`. */
export interface WorkerDoctorSetup extends Pick<SinkSetup, "sink" | "job"> {
  pipeline: Pipeline;
  connection: Connection;
}

/** The doctor from inside a worker's pod: its network, its identity, its mounts. Exit status 1 where something fails. */
export async function workerDoctor({ pipeline, connection, sink, job }: WorkerDoctorSetup): Promise<ExitCode> {
  const namespace = await openNamespace({ kind: "identity", serviceBus: connection.serviceBus });
  try {
    let failed = false;
    const target = targetOf(pipeline.source);
    const own = { sink, job };
    for await (const finding of examine({
      namespace,
      target,
      pipeline,
      connection,
      metrics: undefined,
      now: Date.now,
      own,
    })) {
      failed ||= finding.status === Status.Fail;
      process.stdout.write(`${findingLines(finding)}\n`);
    }
    return failed ? ExitCode.Failed : ExitCode.Ok;
  } finally {
    await namespace.close();
  }
}
