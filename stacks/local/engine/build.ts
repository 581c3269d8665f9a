import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isSameProcess, processIdentity } from "../run/process.js";
import { runCommand } from "./command.js";
import type { EngineModules, GoProgram } from "./modules.js";
import { MissingRequirementError } from "./requirements.js";
import { isAtLeast } from "./versions.js";

/** How far a build has come; one is given at least every second. */
export interface EngineProgress {
  /** `modules`: sources are fetched. `compile`: packages are compiled, then linked. */
  stage: "modules" | "compile";
  /** The program that is built: `pulumi` or `pulumi-language-nodejs`. */
  program: string;
  /** Milliseconds since the build began. */
  elapsedMs: number;
  /** Modules fetched, or packages compiled, so far. */
  done: number;
  /** Packages that the program has; undefined while its modules are fetched. Go compiles only those it has not yet. */
  of: number | undefined;
}

/** Go could not build the engine: `message` holds the end of what it said. */
export class EngineBuildError extends Error {
  constructor(program: string, said: string) {
    const end = said.trim().split("\n").slice(-12).join("\n");
    super(`${program} could not be built with Go; a second try continues where this one stopped. Go said:\n${end}`);
    this.name = "EngineBuildError";
  }
}

export interface BuildOptions {
  env: NodeJS.ProcessEnv;
  signal: AbortSignal | undefined;
  onProgress: (progress: EngineProgress) => void;
}

const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
const TICK_MS = 1_000;
/** A build takes 5 minutes on 2 cores; a slow network or one core must not be cut off. */
const BUILD_LIMIT_MS = 60 * 60_000;
const GO_VERSION_LIMIT_MS = 120_000;
const BUILDING = ".building-";

/**
 * Refuses where Go is missing or too old for the module files. Go is asked inside the module's folder, as there it
 * may switch to a newer one by itself (GOTOOLCHAIN).
 */
export async function requireGo(modules: EngineModules, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  const { goVersion, version } = modules;
  const cwd = modules.programs[0]?.moduleDir ?? ".";
  const need = `Pulumi is not on PATH, and to build Pulumi ${version} Go ${goVersion} or newer is needed`;
  const install = `install Pulumi (https://www.pulumi.com/docs/install/) or Go ${goVersion} (https://go.dev/doc/install)`;
  let said: string;
  try {
    const options = { cwd, env: goEnvironment(env), limitMs: GO_VERSION_LIMIT_MS, ...(signal ? { signal } : {}) };
    const asked = await runCommand("go", ["env", "GOVERSION"], options);
    if (asked.stopped === "signal") throw abortReason(signal);
    said = asked.code === 0 ? asked.stdout.trim() : asked.stderr.trim();
  } catch (error) {
    if (!isMissingFile(error)) throw error;
    throw new MissingRequirementError([`${need}, but there is no Go: ${install}.`]);
  }
  if (!/^go\d/.test(said) || !isAtLeast(said, goVersion)) {
    throw new MissingRequirementError([`${need}, but Go says "${said.split("\n")[0]}": ${install}.`]);
  }
}

/**
 * Builds the engine into `folder`, which appears only when it is complete. Two builds at once are safe, as is one
 * that is killed: its leavings are removed by the next.
 */
export async function buildEngine(modules: EngineModules, folder: string, options: BuildOptions): Promise<void> {
  const root = join(folder, "..");
  mkdirSync(root, { recursive: true });
  removeAbandonedBuilds(root);
  const own = processIdentity(process.pid);
  const temporary = join(root, `${BUILDING}${process.pid}-${own?.startTime ?? "0"}-${randomBytes(4).toString("hex")}`);
  mkdirSync(join(temporary, "tmp"), { recursive: true });
  const began = Date.now();
  try {
    for (const program of modules.programs) {
      await buildProgram(program, modules.version, temporary, { ...options, began });
    }
    rmSync(join(temporary, "tmp"), { recursive: true, force: true });
    publish(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function buildProgram(
  program: GoProgram,
  version: string,
  into: string,
  options: BuildOptions & { began: number },
): Promise<void> {
  const env = { ...goEnvironment(options.env), GOTMPDIR: join(into, "tmp") };
  const progress: EngineProgress = { stage: "modules", program: program.file, elapsedMs: 0, done: 0, of: undefined };
  const tell = () => options.onProgress({ ...progress, elapsedMs: Date.now() - options.began });
  const ticker = setInterval(tell, TICK_MS);
  const go = async (args: string[]): Promise<string> => {
    tell();
    const result = await runCommand("go", args, {
      cwd: program.moduleDir,
      env,
      limitMs: BUILD_LIMIT_MS,
      ...(options.signal ? { signal: options.signal } : {}),
      onLine: (line, stream) => {
        if (stream === "stderr" && line !== "") progress.done++;
      },
    });
    if (result.stopped === "signal") throw abortReason(options.signal);
    if (result.code !== 0) throw new EngineBuildError(program.file, result.stderr);
    return result.stdout;
  };
  try {
    const packages = await go(["list", "-mod=readonly", "-deps", program.package]);
    Object.assign(progress, { stage: "compile", done: 0, of: packages.trim().split("\n").length });
    const flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-v"];
    const linker = `-s -w -X ${VERSION_VARIABLE}=v${version}`;
    await go(["build", ...flags, "-ldflags", linker, "-o", join(into, program.file), program.package]);
  } finally {
    clearInterval(ticker);
  }
}

/** Go's environment: a work file or flags of the user's own projects must not bend the build. */
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, GOWORK: "off", GOFLAGS: "" };
}

function publish(temporary: string, folder: string): void {
  try {
    renameSync(temporary, folder);
  } catch (error) {
    // Another build was first; its result is as good.
    if (!existsSync(folder)) throw error;
  }
}

function removeAbandonedBuilds(root: string): void {
  for (const name of readdirSync(root).filter((entry) => entry.startsWith(BUILDING))) {
    const [pid, startTime] = name.slice(BUILDING.length).split("-");
    if (startTime === undefined || isSameProcess({ pid: Number(pid), startTime })) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
}

function abortReason(signal: AbortSignal | undefined): unknown {
  return signal?.reason ?? new Error("stopped");
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EACCES");
}
