import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One Go program that is built: its module's folder, its package, and the name of its file. */
export interface GoProgram {
  file: string;
  moduleDir: string;
  package: string;
}

/** What the engine is built from: the module files in the package's `tools` folder. */
export interface EngineModules {
  /** Version of Pulumi: `3.259.0`. */
  version: string;
  /** Oldest Go that can build it: `1.26.0`. */
  goVersion: string;
  /** Names the build: changes with any module file, the platform and the processor. */
  hash: string;
  programs: readonly GoProgram[];
}

const ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3";

/** Reads the module files. Throws where a folder is not what it should be: the package is incomplete. */
export function readEngineModules(packageRoot: string): EngineModules {
  const [engineDir, hostDir] = [join(packageRoot, "tools", "engine"), join(packageRoot, "tools", "langhost")];
  const [engine, host] = [readModule(engineDir), readModule(hostDir)];
  const version = requiredVersion(engine.mod, ENGINE_MODULE);
  if (version === undefined || engine.go === undefined) {
    throw new Error(
      `${join(engineDir, "go.mod")} names no version of ${ENGINE_MODULE} or of Go; install stowage again`,
    );
  }
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  for (const text of [engine.mod, engine.sum, host.mod, host.sum]) hash.update(text).update("\0");
  return {
    version,
    goVersion: engine.go,
    hash: hash.digest("hex").slice(0, 16),
    programs: [
      { file: "pulumi", moduleDir: engineDir, package: toolOf(engineDir, engine.mod) },
      { file: "pulumi-language-nodejs", moduleDir: hostDir, package: toolOf(hostDir, host.mod) },
    ],
  };
}

function readModule(dir: string): { mod: string; sum: string; go: string | undefined } {
  const mod = readFileSync(join(dir, "go.mod"), "utf8");
  return { mod, sum: readFileSync(join(dir, "go.sum"), "utf8"), go: /^go (\S+)$/m.exec(mod)?.[1] };
}

function requiredVersion(mod: string, module: string): string | undefined {
  const line = mod.split("\n").find((text) => text.trim().startsWith(`${module} v`));
  return line?.trim().slice(module.length + 2);
}

function toolOf(dir: string, mod: string): string {
  const tool = /^tool (\S+)$/m.exec(mod)?.[1];
  if (tool === undefined)
    throw new Error(`${join(dir, "go.mod")} names no single tool to build; install stowage again`);
  return tool;
}
