import { stat } from "node:fs/promises";
import * as nodeModule from "node:module";
import { pathToFileURL } from "node:url";
import { StowageError } from "../contract/index.js";
import { brandOf, DEFINITION_VERSION, DefinitionKind, type JobModule, type SinkModule } from "./definitions.js";

/** Why a module of one's own is not taken. The worker ends with exit status 3. */
export const ModuleError = {
  /** There is no file that can be read under the path. */
  NotFound: "ModuleNotFound",
  /** It, or what it imports, cannot be loaded: not an ES module, a syntax error, a missing import, a throw. */
  NotLoaded: "ModuleNotLoaded",
  /** It has no default export. */
  NoDefaultExport: "ModuleNoDefaultExport",
  /** Its default export was not made by the function that it is needed from. */
  NotDefined: "ModuleNotDefined",
  /** It was made by a `stowage/runtime` of another version, which it carries along. */
  OtherVersion: "ModuleOtherVersion",
} as const;
export type ModuleError = (typeof ModuleError)[keyof typeof ModuleError];

/** What a module may import from the worker, wherever it lies. */
const SPECIFIERS: { readonly [specifier: string]: () => Promise<object> } = {
  "stowage/runtime": () => import("../index.js"),
  "stowage/contract": () => import("../contract/index.js"),
};
/** How long a module's own top level may take, in milliseconds. */
const LOAD_MILLISECONDS = 60_000;
/** Where the source of a provided module finds the worker's objects. */
const PROVIDED: unique symbol = Symbol.for("stowage.runtime.provided");
const SCHEME = "stowage:";
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * Loads the sink or the job that a module of one's own exports. Throws a StowageError with a code of `ModuleError`.
 * `import … from "stowage/runtime"` gives the worker's own objects in every ES module that this process loads, whether
 * or not the package is installed beside it: the engine that runs must be the one that the module speaks to.
 */
export async function loadModule(path: string, kind: typeof DefinitionKind.Sink): Promise<SinkModule>;
export async function loadModule(path: string, kind: typeof DefinitionKind.Job): Promise<JobModule>;
export async function loadModule(path: string, kind: DefinitionKind): Promise<SinkModule | JobModule> {
  await checkFile(path, kind);
  await provide();
  const loaded = await imported(path, kind);
  if (!("default" in loaded) || loaded.default === undefined)
    throw new StowageError(
      ModuleError.NoDefaultExport,
      `The ${kind}'s module ${path} has no default export. Write: export default ${makerOf(kind)}(…).`,
    );
  const found = loaded.default;
  const brand = brandOf(found);
  if (brand?.kind !== kind)
    throw new StowageError(
      ModuleError.NotDefined,
      `The default export of the ${kind}'s module ${path} is ${whatIs(brand)}, not one that ${makerOf(kind)} of ` +
        `stowage/runtime made. Write: export default ${makerOf(kind)}(…).`,
    );
  if (brand.version !== DEFINITION_VERSION)
    throw new StowageError(
      ModuleError.OtherVersion,
      `The ${kind}'s module ${path} was defined by version ${brand.version} of stowage/runtime's definitions; this worker ` +
        `knows version ${DEFINITION_VERSION}. Do not bundle stowage/runtime into the module: leave it to the worker.`,
    );
  // The brand, and its version, say that our own code made it.
  return found as SinkModule | JobModule;
}

async function checkFile(path: string, kind: DefinitionKind): Promise<void> {
  let why = "it is not a file";
  try {
    if ((await stat(path)).isFile()) return;
  } catch (error) {
    why = wordsOf(error);
  }
  throw new StowageError(
    ModuleError.NotFound,
    `The ${kind}'s module ${path} is not there: ${why}. Mount it into the container, or correct the pipeline's path.`,
  );
}

async function imported(path: string, kind: DefinitionKind): Promise<object> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const words = `its top level has not ended within ${LOAD_MILLISECONDS / 1000} s`;
    timer = setTimeout(() => reject(new Error(words)), LOAD_MILLISECONDS);
  });
  try {
    const loaded: unknown = await Promise.race([import(pathToFileURL(path).href), limit]);
    return typeof loaded === "object" && loaded !== null ? loaded : {};
  } catch (error) {
    throw new StowageError(
      ModuleError.NotLoaded,
      `The ${kind}'s module ${path} cannot be loaded: ${wordsOf(error)}. It must be an ES module (a .mjs file) whose ` +
        `imports lie beside it or are of Node; ${Object.keys(SPECIFIERS).join(" and ")} come from the worker.`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

let providing: Promise<void> | undefined;

/** Has imports of the specifiers above answered with this process's own objects. Once. */
function provide(): Promise<void> {
  providing ??= register();
  return providing;
}

async function register(): Promise<void> {
  const sources = new Map<string, string>();
  const provided: { [url: string]: object } = {};
  for (const [specifier, load] of Object.entries(SPECIFIERS)) {
    const url = `${SCHEME}${specifier.slice("stowage/".length)}`;
    const exported = await load();
    provided[url] = exported;
    sources.set(url, sourceOf(url, exported));
  }
  Object.defineProperty(globalThis, PROVIDED, { value: provided, configurable: true });
  if (typeof nodeModule.registerHooks !== "function")
    throw new StowageError(
      ModuleError.NotLoaded,
      `Modules of one's own need Node 22.15 or later, whose module.registerHooks they are given stowage/runtime by; ` +
        `this is ${process.version}.`,
    );
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      Object.hasOwn(SPECIFIERS, specifier) && context.conditions.includes("import")
        ? { url: `${SCHEME}${specifier.slice("stowage/".length)}`, format: "module", shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) => {
      const source = sources.get(url);
      return source === undefined ? next(url, context) : { format: "module", source, shortCircuit: true };
    },
  });
}

/** An ES module whose exports are the properties of one of the provided objects. */
function sourceOf(url: string, exported: object): string {
  const names = Object.keys(exported).filter((name) => IDENTIFIER.test(name) && name !== "default");
  const from = `globalThis[Symbol.for(${JSON.stringify(PROVIDED.description)})][${JSON.stringify(url)}]`;
  return [`const own = ${from};`, ...names.map((name) => `export const ${name} = own.${name};`)].join("\n");
}

function makerOf(kind: DefinitionKind): string {
  return kind === DefinitionKind.Sink ? "defineSink" : "defineJob";
}

function whatIs(brand: { kind: unknown } | undefined): string {
  if (brand?.kind === DefinitionKind.Sink) return "a sink";
  return brand?.kind === DefinitionKind.Job ? "a job" : "something else";
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
