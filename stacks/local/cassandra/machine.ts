import { spawn } from "node:child_process";
import { accessSync, constants, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";

/** How a program ended. */
export interface Ended {
  /** Exit status; undefined where it could not be started or was ended by a signal. */
  status: number | undefined;
  /** What it printed, on both streams; the last 64 KiB. */
  output: string;
}

/** The machine as the search for programs sees it: what the tests replace. */
export interface MachineHost {
  readonly env: NodeJS.ProcessEnv;
  readonly isRoot: boolean;
  /** True where a person can be asked. */
  readonly isTerminal: boolean;
  /** Folders of Java installations that the system's packages made. */
  javaInstallations(): string[];
  /** Full path of a program on the PATH. */
  onPath(program: string): string | undefined;
  /** The file behind all links, if it can be executed. */
  realPath(file: string): string | undefined;
  /** Asks a question that is answered with yes or no; no is assumed. */
  ask(question: string, signal: AbortSignal): Promise<boolean>;
  /** Runs a program to its end, at most 20 minutes. */
  run(command: string[], options: { signal: AbortSignal; onLine(line: string): void }): Promise<Ended>;
}

const JVM_FOLDER = "/usr/lib/jvm";
const RUN_MS = 20 * 60_000;
const OUTPUT_CHARACTERS = 64 * 1024;

/** This machine. */
export function thisMachine(): MachineHost {
  return {
    env: process.env,
    isRoot: process.getuid?.() === 0,
    isTerminal: process.stdin.isTTY === true && process.stderr.isTTY === true,
    javaInstallations() {
      try {
        return readdirSync(JVM_FOLDER)
          .sort()
          .map((name) => join(JVM_FOLDER, name));
      } catch {
        return [];
      }
    },
    onPath(program) {
      const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
      return folders.map((folder) => join(folder, program)).find((file) => executable(file) !== undefined);
    },
    realPath: executable,
    async ask(question, signal) {
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
      } finally {
        terminal.close();
      }
    },
    run,
  };
}

function executable(file: string): string | undefined {
  try {
    const real = realpathSync(file);
    accessSync(real, constants.X_OK);
    return real;
  } catch {
    return undefined;
  }
}

function run(
  command: string[],
  { signal, onLine }: { signal: AbortSignal; onLine(line: string): void },
): Promise<Ended> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      signal: AbortSignal.any([signal, AbortSignal.timeout(RUN_MS)]),
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    const read = (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_CHARACTERS);
      for (const line of chunk.split("\n")) if (line.trim() !== "") onLine(line);
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("error", () => resolve({ status: undefined, output }));
    child.once("close", (status) => resolve({ status: status ?? undefined, output }));
  });
}
