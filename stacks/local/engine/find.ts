import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { packageRoot } from "../../packageRoot.js";
import { cacheFolder } from "../run/folder.js";
import { buildEngine, type EngineProgress, requireGo } from "./build.js";
import { runCommand } from "./command.js";
import { readEngineModules } from "./modules.js";
import { parseVersion } from "./versions.js";

/** A Pulumi that can run programs. */
export interface Engine {
  /** `3.259.0` */
  version: string;
  /** Where it was found: on PATH, in the cache, or built now. */
  origin: "path" | "cache" | "built";
  /** Folder of `pulumi` and its host for Node programs. */
  binDir: string;
  /** Environment to run it with: the folder of this Node and its own are first on PATH. */
  env: NodeJS.ProcessEnv;
}

export interface FindEngineOptions {
  /** Folder that keeps built engines. @default `$XDG_CACHE_HOME/stowage/engine`, or `~/.cache/stowage/engine` */
  cacheDir?: string;
  /** Called at least every second while it is built. */
  onProgress?: (progress: EngineProgress) => void;
  /** Ends a build; the promise is rejected with its reason. */
  signal?: AbortSignal;
  /** @default process.env */
  env?: NodeJS.ProcessEnv;
}

const LANGUAGE_HOST = "pulumi-language-nodejs";
const VERSION_LIMIT_MS = 30_000;

/**
 * Finds Pulumi: on PATH (with its host for Node programs), else one built before, else builds it with Go, which
 * takes 5 minutes on 2 cores once.
 * Throws MissingRequirementError where there is neither Pulumi nor a Go that is new enough, EngineBuildError where
 * Go fails, and the signal's reason where the build is stopped.
 */
export async function findEngine(options: FindEngineOptions = {}): Promise<Engine> {
  const { engine, build } = await lookForEngine(options);
  if (engine !== undefined) return engine;
  return build();
}

/** Refuses with a MissingRequirementError where `findEngine` would; builds and starts nothing. */
export async function requireEngine(options: FindEngineOptions = {}): Promise<void> {
  await lookForEngine(options);
}

/** The engine that is there, or how it is built: then Go is there. */
async function lookForEngine(
  options: FindEngineOptions,
): Promise<{ engine: Engine | undefined; build: () => Promise<Engine> }> {
  const env = options.env ?? process.env;
  const modules = readEngineModules(packageRoot());
  const binDir = join(options.cacheDir ?? join(cacheFolder(env), "engine"), modules.hash);
  const engineFrom = (origin: Engine["origin"]): Engine => ({
    version: modules.version,
    origin,
    binDir,
    env: withPath(env, binDir),
  });
  const build = async () => {
    const { signal, onProgress = () => {} } = options;
    await buildEngine(modules, binDir, { env, signal, onProgress });
    return engineFrom("built");
  };
  const onPath = await engineOnPath(env, options.signal);
  if (onPath !== undefined) return { engine: onPath, build };
  if (modules.programs.every((program) => isExecutable(join(binDir, program.file))))
    return { engine: engineFrom("cache"), build };
  await requireGo(modules, env, options.signal);
  return { engine: undefined, build };
}

/** Pulumi 3 on PATH, where it has its host for Node programs beside it or on PATH too. */
async function engineOnPath(env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<Engine | undefined> {
  const found = onPath("pulumi", env);
  if (found === undefined) return undefined;
  const binDir = dirname(found);
  const hosts = [join(binDir, LANGUAGE_HOST), join(dirname(realpathSync(found)), LANGUAGE_HOST)];
  if (onPath(LANGUAGE_HOST, env) === undefined && !hosts.some(isExecutable)) return undefined;
  const asked = await runCommand(found, ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    limitMs: VERSION_LIMIT_MS,
    ...(signal ? { signal } : {}),
  });
  const version = asked.code === 0 ? asked.stdout.trim().replace(/^v/, "") : "";
  return parseVersion(version)?.[0] === 3 ? { version, origin: "path", binDir, env: withPath(env, binDir) } : undefined;
}

function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

/** The host runs `node` from PATH: it shall be the one that runs this, as the machine's own may be too old. */
function withPath(env: NodeJS.ProcessEnv, binDir: string): NodeJS.ProcessEnv {
  return { ...env, PATH: [dirname(process.execPath), binDir, env["PATH"] ?? ""].join(delimiter) };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
