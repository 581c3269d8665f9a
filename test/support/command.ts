import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { packageRoot } from "../../stacks/packageRoot.js";

/** A run of the `stowage` command as a process of its own. */
export interface CommandRun {
  child: ChildProcess;
  /** What it has printed so far. */
  output(): { stdout: string; stderr: string };
  /** Resolves once standard error matches; rejects when the command ends before that, or after `withinMs`. */
  until(pattern: RegExp, withinMs: number): Promise<void>;
  /** Its exit code; null where a signal ended it. */
  ended: Promise<number | null>;
}

/** Starts the compiled command, never through npm, in a process group of its own. */
export function startCommand(
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; stdin?: "ignore" | "pipe" } = {},
): CommandRun {
  const bin = join(packageRoot(), "dist", "stacks", "cli", "bin.js");
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd ?? packageRoot(),
    env: options.env ?? process.env,
    stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
    detached: true,
  });
  let [stdout, stderr] = ["", ""];
  const waiting = new Set<() => void>();
  child.stdout?.on("data", (part: Buffer) => {
    stdout += part.toString();
  });
  child.stderr?.on("data", (part: Buffer) => {
    stderr += part.toString();
    for (const look of waiting) look();
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  const until = (pattern: RegExp, withinMs: number) =>
    new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        waiting.delete(look);
        settle();
      };
      const fail = (why: string) =>
        finish(() => reject(new Error(`${why} before ${pattern} in:\n${stderr.slice(-4_000)}`)));
      const look = () => {
        if (pattern.test(stderr)) finish(resolve);
      };
      const timer = setTimeout(() => fail(`${withinMs} ms passed`), withinMs);
      waiting.add(look);
      void ended.then((code) => fail(`the command ended with ${code}`));
      look();
    });
  return { child, output: () => ({ stdout, stderr }), until, ended };
}
