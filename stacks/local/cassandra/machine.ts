import { accessSync, constants, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { runCommand } from "../engine/command.js";

/** How a program ended. */
export interface Ended {
  /** Exit status; undefined where it could not be started or was ended by a signal. */
  status: number | undefined;
  /** What it printed, on both streams. */
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
  run(command: string[], options: RunOptions): Promise<Ended>;
}

/** How a program is run. */
export interface RunOptions {
  signal: AbortSignal;
  onLine(line: string): void;
}

const JVM_FOLDER = "/usr/lib/jvm";
const RUN_MS = 20 * 60_000;

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

async function run(command: string[], { signal, onLine }: RunOptions): Promise<Ended> {
  const [program = "", ...args] = command;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    const { code, stdout, stderr } = await runCommand(program, args, { env, signal, limitMs: RUN_MS, onLine });
    return { status: code ?? undefined, output: stdout + stderr };
  } catch (error) {
    signal.throwIfAborted();
    return { status: undefined, output: error instanceof Error ? error.message : String(error) };
  }
}
