import { fork } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../packageRoot.js";
import type { ProducerOrder, ProducerReport } from "./producer.js";

/** The producer's program; compiled, as a process of its own runs it. */
const PROGRAM = "dist/stacks/local/traffic/producer.js";

/**
 * Sends samples from a process of its own, with the variables given and PATH, HOME and TMPDIR of this one, and nothing
 * else. Settles when it has ended; rejects with what it failed of.
 * @param sent called with a pipeline's running total
 */
export async function produce(
  order: ProducerOrder,
  env: { readonly [variable: string]: string },
  signal: AbortSignal,
  sent: (pipeline: string, total: number) => void,
): Promise<void> {
  signal.throwIfAborted();
  const child = fork(join(packageRoot(), PROGRAM), {
    env: { ...own(["PATH", "HOME", "TMPDIR"]), ...env },
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let [done, failure, complaints] = [false, undefined as string | undefined, ""];
  child.stderr?.on("data", (part: Buffer) => {
    complaints = (complaints + part.toString()).slice(-2_000);
  });
  child.on("message", (message) => {
    const report = message as ProducerReport;
    if (report.kind === "sent") sent(report.pipeline, report.total);
    else if (report.kind === "failed") failure = report.message;
    else done = true;
  });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, by) => resolve(by === null ? `exit status ${code}` : `signal ${by}`));
    });
    child.send(order, () => undefined);
    const how = await ended;
    signal.throwIfAborted();
    if (!done) throw new Error(`The sample producer could not send: ${failure ?? (complaints.trim() || how)}`);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function own(names: string[]): { [name: string]: string } {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
