import { InvalidInputError, type Problem, problem, within } from "../../contract/index.js";
import { DefinitionKind, type ModuleLog, type OwnSink, type SinkModule } from "../../library/definitions.js";
import { loadModule } from "../../library/modules.js";
import { ModuleSink, type ModuleSinkSetup } from "./sink.js";

const OPTIONS_PATH = "pipeline.sink.module.options";
const SILENT: ModuleLog = { debug: none, info: none, warn: none, error: none };

function none(): void {}

/**
 * The sink of a pipeline that has its own. `sink` is taken where it is given, else the module is loaded. Throws a
 * StowageError with a code of `ModuleError` where that cannot be, an InvalidInputError where it refuses its options.
 */
export async function createSink(
  setup: Omit<ModuleSinkSetup, "log"> & { log?: ModuleLog | undefined; sink?: SinkModule | undefined },
): Promise<ModuleSink> {
  const { pipeline, worker, log = SILENT, sink } = setup;
  const settings = pipeline.sink.module;
  if (settings === undefined) throw new Error(`The pipeline ${pipeline.name} has no sink of its own.`);
  const module = sink ?? (await loadModule(settings.path, DefinitionKind.Sink));
  return new ModuleSink(module, created(module, settings.options), { pipeline, worker, log });
}

function created(module: SinkModule, options: { readonly [name: string]: string } | undefined): OwnSink {
  try {
    return module.create(options);
  } catch (error) {
    throw new InvalidInputError(`The sink ${module.name} refuses its options`, problemsOf(error, options));
  }
}

function problemsOf(error: unknown, options: object | undefined): Problem[] {
  if (error instanceof InvalidInputError) return within(OPTIONS_PATH, error.problems);
  const reason = error instanceof Error ? error.message : String(error);
  return [problem(OPTIONS_PATH, options, reason, "Correct the options, or the module")];
}
