import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { thisMachine } from "../../../stacks/local/cassandra/machine.js";
import { runCommand } from "../../../stacks/local/engine/command.js";
import { cacheFolder } from "../../../stacks/local/run/folder.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

/** Microsoft's client for Python, installed, with the interpreter that runs it. */
export interface PythonClient {
  python: string;
  /** What programs that use it are run with. */
  env: NodeJS.ProcessEnv;
}

/** Why the client cannot be had on this machine: a test says it as the reason for which it was skipped. */
export interface Missing {
  missing: string;
}

const FOLDER = join(packageRoot(), "test/clients/python");
/** The oldest that the pinned packages run on. */
const OLDEST_MINOR = 10;
const VERSION_MS = 10_000;
const INSTALL_MS = 5 * 60_000;

/**
 * The client as `requirements.txt` pins it, installed once for each list and version of Python into the cache folder:
 * into a folder of this process, which is renamed when it is whole.
 */
export async function pythonClient(
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<PythonClient | Missing> {
  const python = thisMachine().onPath("python3");
  if (python === undefined) return { missing: "there is no python3 on the PATH" };
  const version = await run(python, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], signal, VERSION_MS);
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version.stdout) ?? [];
  if (major !== "3" || Number(minor) < OLDEST_MINOR) {
    return { missing: `${python} is version ${version.stdout.trim()}: 3.${OLDEST_MINOR} or newer is needed` };
  }
  const requirements = join(FOLDER, "requirements.txt");
  const key = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const place = join(cacheFolder(), "clients", "python", `3.${minor}-${key}`);
  if (!existsSync(place)) {
    const failure = await install(python, requirements, place, onProgress, signal);
    if (failure !== undefined) return { missing: failure };
  }
  return { python, env: { ...process.env, PYTHONPATH: place, PYTHONNOUSERSITE: "1", PYTHONDONTWRITEBYTECODE: "1" } };
}

/** Installs; gives the reason where it cannot be done. */
async function install(
  python: string,
  requirements: string,
  place: string,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const work = `${place}.${process.pid}-${randomBytes(4).toString("hex")}`;
  mkdirSync(work, { recursive: true });
  onProgress("Installing the Python client of Azure Service Bus (1 MB, once)");
  try {
    const wanted = ["--require-hashes", "--only-binary=:all:", "--no-compile", "-r", requirements];
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", work, ...wanted];
    const { code, stdout, stderr } = await run(python, args, signal, INSTALL_MS, onProgress);
    if (code !== 0)
      return `pip did not install the client: ${(stderr || stdout).trim().split("\n").slice(-3).join(" ")}`;
    try {
      renameSync(work, place);
    } catch (error) {
      // Another process may have been faster, and what it installed is as good.
      if (!existsSync(place)) throw error;
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(program: string, args: string[], signal: AbortSignal, limitMs: number, onLine?: (line: string) => void) {
  return runCommand(program, args, {
    env: { ...process.env, PIP_ROOT_USER_ACTION: "ignore" },
    signal,
    limitMs,
    ...(onLine === undefined ? {} : { onLine }),
  });
}
