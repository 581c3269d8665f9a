import { spawn } from "node:child_process";
import { once } from "node:events";
import { identityOf, killAll, MARKER, membersOf } from "./leftovers.js";

const OUTPUT = 200;
let count = 0;

/**
 * Runs a command beside a container's process, in its environment, for a probe or a hook. It is ended, with all that
 * it started, at its time-out and when the signal is aborted.
 * Rejects where the program cannot be started and where the time-out is over.
 * @returns its exit code and the first 200 characters of its output
 */
export async function execIn(
  command: readonly string[],
  environment: Record<string, string>,
  cwd: string,
  marker: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ exitCode: number; output: string }> {
  const [program = "", ...args] = command;
  count += 1;
  const own = `${marker}/exec-${count}`;
  const env = { ...environment, [MARKER]: own };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  if (child.pid === undefined) {
    const [error] = (await once(child, "error")) as [Error];
    throw error;
  }
  child.on("error", () => undefined);
  const identity = identityOf(child.pid);
  let output = "";
  const collect = (chunk: Buffer) => {
    if (output.length < OUTPUT) output = (output + chunk.toString("utf8")).slice(0, OUTPUT);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const stop = () => killAll(membersOf(identity, own));
  limit.addEventListener("abort", stop, { once: true });
  if (limit.aborted) stop();
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  limit.removeEventListener("abort", stop);
  stop();
  child.stdout.destroy();
  child.stderr.destroy();
  if (limit.aborted) throw new Error(`${program} did not end within ${timeoutMs} ms`);
  return { exitCode: code ?? 137, output: output.trim() };
}
