import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { defined } from "../../../runtime/contract/index.js";
import { endProcesses, processesWithEnvironment } from "../run/process.js";
import { type CommandResult, runCommand } from "./command.js";
import type { Engine } from "./find.js";
import { nodeOptions } from "./nodeOptions.js";
import { type PreviewDocument, readPreview } from "./preview.js";
import type { PreparedRun } from "./project.js";

export interface RunOptions {
  /** Ends the run in order: the engine finishes what is under way and stops; after `graceMs` it is killed. */
  signal?: AbortSignal;
  /** Kills the engine at once: its state may miss what was just made. */
  killSignal?: AbortSignal;
  /** Milliseconds that the engine has to stop. @default 30000 */
  graceMs?: number;
  /** Milliseconds after which the run is ended as if by `signal`. @default 1800000 */
  limitMs?: number;
  /** Each line that the engine prints. */
  onOutput?: (line: string) => void;
}

export interface UpOptions extends RunOptions {
  /** Fail where anything changes. */
  expectNoChanges?: boolean;
}

/** A resource in the stack's state. */
export interface StackResource {
  urn: string;
  type: string;
  /** Absent for components and providers that have none. */
  id?: string;
  parent?: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

/** The engine ended with an error: `message` has what it said. */
export class EngineRunError extends Error {
  constructor(
    readonly command: string,
    /** Null where it was killed. */
    readonly exitStatus: number | null,
    /** All that it printed on standard output, and the end of its standard error. */
    readonly output: string,
    errors = essence(output),
  ) {
    super(`pulumi ${command} failed (${exitStatus === null ? "killed" : `exit ${exitStatus}`}):\n${errors}`);
    this.name = "EngineRunError";
  }
}

/** The run was ended before it was done, by the caller's signal or by its limit. */
export class EngineStoppedError extends Error {
  constructor(
    readonly command: string,
    readonly why: "signal" | "limit",
  ) {
    super(`pulumi ${command} was stopped${why === "limit" ? " at its time limit" : ""}`);
    this.name = "EngineStoppedError";
  }
}

const LIMIT_MS = 30 * 60_000;
const GRACE_MS = 30_000;
const LEFTOVER_GRACE_MS = 2_000;
/** Marks the processes of one call of the engine, which puts its own children in process groups of their own. */
const MARK = "STOWAGE_ENGINE_CALL";

/**
 * Drives one stack of a prepared run with Pulumi's command line. Not with the Automation API: that starts the same
 * command, but in the terminal's process group, where a Ctrl-C reaches the engine before what it works with has been
 * told, and it writes settings into the project's folder.
 */
export class StackRun {
  #made = false;

  /** @param baseEnv variables for the engine and the program, above the engine's own */
  constructor(
    readonly engine: Engine,
    readonly run: PreparedRun,
    private readonly baseEnv: Readonly<Record<string, string>> = {},
  ) {}

  /** What an update would do, as `pulumi preview --json` says it. Nothing is made. */
  async preview(options: RunOptions = {}): Promise<PreviewDocument> {
    await this.#make(options);
    const result = await this.#call(["preview", "--json", "--show-secrets=false"], options);
    const document = readPreview(result.stdout);
    if (result.code !== 0 || document === undefined) throw failure("preview", result, document?.errors);
    return document;
  }

  /** The same for people to read, as `pulumi preview` shows it. */
  async previewText(options: RunOptions = {}): Promise<string> {
    await this.#make(options);
    return (await this.#succeed(["preview", "--suppress-progress"], options)).stdout;
  }

  /** Brings the stack up. */
  async up(options: UpOptions = {}): Promise<void> {
    await this.#make(options);
    const expect = options.expectNoChanges ? ["--expect-no-changes"] : [];
    await this.#change(["up", "--skip-preview", "--suppress-outputs", ...expect], options);
  }

  /** Takes over what changed behind the engine's back. */
  async refresh(options: UpOptions = {}): Promise<void> {
    const expect = options.expectNoChanges ? ["--expect-no-changes"] : [];
    await this.#change(["refresh", "--skip-preview", ...expect], options);
  }

  /** Takes down everything that the stack holds. */
  async destroy(options: RunOptions = {}): Promise<void> {
    await this.#change(["destroy", "--skip-preview"], options);
  }

  /** The stack's outputs, secrets in the clear. */
  async outputs(options: RunOptions = {}): Promise<Record<string, unknown>> {
    const result = await this.#succeed(["stack", "output", "--json", "--show-secrets"], options);
    return JSON.parse(result.stdout) as Record<string, unknown>;
  }

  /** What the stack holds, components included; the stack itself and the providers are left out. */
  async resources(options: RunOptions = {}): Promise<StackResource[]> {
    const result = await this.#succeed(["stack", "export", "--show-secrets"], options);
    const state = JSON.parse(result.stdout) as { deployment: { resources?: Partial<StackResource>[] } };
    return (state.deployment.resources ?? []).flatMap(({ urn, type, id, parent, inputs, outputs }) =>
      urn === undefined || type === undefined || /^pulumi:(pulumi:Stack|providers:)/.test(type)
        ? []
        : [
            {
              urn,
              type,
              ...(id ? { id } : {}),
              ...(parent ? { parent } : {}),
              inputs: inputs ?? {},
              outputs: outputs ?? {},
            },
          ],
    );
  }

  /** Frees a stack whose run was killed: its lock goes, so that the next run can begin. */
  async cancel(options: RunOptions = {}): Promise<void> {
    await this.#succeed(["cancel", "--yes"], options);
  }

  async #make(options: RunOptions): Promise<void> {
    if (this.#made) return;
    const { onOutput: _, ...quiet } = options;
    const result = await this.#call(["stack", "init", "--no-select"], quiet);
    if (result.code !== 0 && !/already exists/.test(result.stderr)) throw failure("stack init", result);
    this.#made = true;
  }

  async #change(args: string[], options: RunOptions): Promise<void> {
    await this.#succeed([...args, "--yes", "--suppress-progress", "--suppress-permalink"], options);
  }

  async #succeed(args: string[], options: RunOptions): Promise<CommandResult> {
    const result = await this.#call(args, options);
    if (result.code !== 0) throw failure(args.filter((arg) => !arg.startsWith("-")).join(" "), result);
    return result;
  }

  #environment(call: string): NodeJS.ProcessEnv {
    const env = { ...withoutPulumi(this.engine.env), ...this.baseEnv, ...this.run.env, [MARK]: call };
    return { ...env, NODE_OPTIONS: nodeOptions(env) };
  }

  async #call(args: string[], options: RunOptions): Promise<CommandResult> {
    const id = randomBytes(8).toString("hex");
    const { onOutput, signal, killSignal } = options;
    try {
      const result = await runCommand(
        join(this.engine.binDir, "pulumi"),
        [...args, "--stack", this.run.stack, "--non-interactive", "--color", "never"],
        {
          cwd: this.run.workDir,
          env: this.#environment(id),
          limitMs: options.limitMs ?? LIMIT_MS,
          graceMs: options.graceMs ?? GRACE_MS,
          ...defined({ signal, killSignal }),
          ...defined({ onLine: onOutput }),
        },
      );
      if (result.stopped !== undefined) throw new EngineStoppedError(args[0] ?? "", result.stopped);
      return result;
    } finally {
      const left = processesWithEnvironment(MARK, id);
      if (left.length > 0) await endProcesses(left, LEFTOVER_GRACE_MS);
    }
  }
}

/** The user's own Pulumi settings (a login, a stack, a provider to attach to) must not reach a run of ours. */
function withoutPulumi(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("PULUMI_")));
}

function failure(command: string, result: CommandResult, errors?: string): EngineRunError {
  return new EngineRunError(command, result.code, `${result.stdout}\n${result.stderr}`, errors);
}

/** What a person must read of an engine's output: from its diagnostics on, or else its end. */
function essence(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const start = lines.findIndex((line) => /^Diagnostics:/.test(line));
  const end =
    start < 0 ? -1 : lines.findIndex((line, index) => index > start && /^(Resources|Outputs|Duration):/.test(line));
  return (start < 0 ? lines.slice(-20) : lines.slice(start + 1, end < 0 ? undefined : end)).join("\n");
}
