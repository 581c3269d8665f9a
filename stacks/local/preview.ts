import { type EngineProgress, findEngine, prepareRun, StackRun } from "./engine/index.js";
import { cleanUp, RUN_VARIABLE } from "./run/cleanUp.js";
import { Closers } from "./run/closers.js";
import { createRunFolder } from "./run/folder.js";
import { previewStandIns } from "./standIns.js";

export interface PreviewEnvironmentOptions {
  /** `dev`, `prod`: there is a Pulumi.<environment>.yaml. */
  environment: string;
  /** Folder of the Pulumi project. */
  projectDir: string;
  /** True for what `pulumi preview --json` prints, false for what `pulumi preview` shows a person. */
  json: boolean;
  signal: AbortSignal;
  /** How far a long step has come; takes the place of the last one. */
  step: (text: string) => void;
}

/**
 * What an environment would register from nothing, by the real engine against stand-ins that make nothing.
 * The project's folder is only read.
 */
export async function previewEnvironment(options: PreviewEnvironmentOptions): Promise<string> {
  const { environment, projectDir, signal, step } = options;
  await cleanUp(step);
  const engine = await findEngine({ signal, onProgress: (progress) => step(engineLine(progress)) });
  const closers = new Closers();
  try {
    const folder = createRunFolder();
    closers.add(() => folder.remove());
    const plugins = await previewStandIns(folder.path, closers);
    const run = prepareRun({ runDir: folder.path, projectDir, stack: environment, plugins });
    const stack = new StackRun(engine, run, { [RUN_VARIABLE]: folder.path });
    return options.json ? (await stack.preview({ signal })).text : await stack.previewText({ signal });
  } finally {
    await closers.close();
  }
}

/** How far a build of the engine has come, in one line. */
export function engineLine(step: EngineProgress): string {
  const seconds = Math.round(step.elapsedMs / 1000);
  const done =
    step.of === undefined ? `${step.done} modules fetched` : `${step.done} of at most ${step.of} packages compiled`;
  return `Building the Pulumi engine with Go, once: ${step.program}, ${done}, ${seconds} s`;
}
