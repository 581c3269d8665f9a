import { ExitCode } from "../../runtime/contract/index.js";
import { examine, type Finding, findingLines, Status } from "../../runtime/ops/doctor/index.js";
import { connectionIn, entityOf, invalid, loginOf, withNamespace } from "./bus.js";
import type { DoctorOptions } from "./commands/doctor.js";

/** Tries everything that a worker needs. Exit status 1 where something does not work. */
export async function doctor(options: DoctorOptions): Promise<ExitCode> {
  const { target, pipeline } = entityOf(options);
  if (options.metrics !== undefined && pipeline === undefined)
    throw invalid("--metrics", options.metrics.href, "goes with --pipeline", "Give the pipeline whose lock is judged.");
  const whole = options.connection === undefined ? undefined : connectionIn(options.connection);
  return withNamespace(loginOf(options), async (namespace) => {
    const findings: Finding[] = [];
    const connection = options.store ? whole : undefined;
    for await (const finding of examine({
      namespace,
      target,
      pipeline,
      connection,
      metrics: options.metrics,
      now: Date.now,
    })) {
      findings.push(finding);
      (options.json === true ? process.stderr : process.stdout).write(`${findingLines(finding)}\n`);
    }
    const failed = findings.some(({ status }) => status === Status.Fail);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ ok: !failed, findings })}\n`);
    return failed ? ExitCode.Failed : ExitCode.Ok;
  });
}
