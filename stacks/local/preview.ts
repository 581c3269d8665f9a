import { join } from "node:path";
import { type EngineProgress, findEngine, prepareRun, StackRun } from "./engine/index.js";
import { createAzureNativeStandIn } from "./providers/azure-native/index.js";
import { writePluginShim } from "./providers/base/index.js";
import { createKubernetesStandIn } from "./providers/kubernetes/index.js";
import { createRunFolder } from "./run/folder.js";

export interface PreviewEnvironmentOptions {
  /** `dev`, `prod`: there is a Pulumi.<environment>.yaml. */
  environment: string;
  /** Folder of the Pulumi project. */
  projectDir: string;
  /** True for what `pulumi preview --json` prints, false for what `pulumi preview` shows a person. */
  json: boolean;
  signal: AbortSignal;
  /** How far a build of the engine has come; takes the place of the last one. */
  step: (text: string) => void;
}

/**
 * What an environment would register from nothing, by the real engine against stand-ins that make nothing.
 * The project's folder is only read.
 */
export async function previewEnvironment(options: PreviewEnvironmentOptions): Promise<string> {
  const { environment, projectDir, signal, step } = options;
  const engine = await findEngine({ signal, onProgress: (progress) => step(engineLine(progress)) });
  const folder = createRunFolder();
  const azure = await createAzureNativeStandIn({ stateFile: join(folder.path, "azure.json") });
  const kubernetes = createKubernetesStandIn({ stateFile: join(folder.path, "kubernetes.json") });
  try {
    const plugins = {
      "azure-native": writePluginShim(join(folder.path, "plugins"), "azure-native", (await azure.listen()).port),
      kubernetes: writePluginShim(join(folder.path, "plugins"), "kubernetes", (await kubernetes.listen()).port),
    };
    const run = prepareRun({ runDir: folder.path, projectDir, stack: environment, plugins });
    const stack = new StackRun(engine, run);
    return options.json ? (await stack.preview({ signal })).text : await stack.previewText({ signal });
  } finally {
    await Promise.all([azure.close(), kubernetes.close()]);
    folder.remove();
  }
}

/** How far a build of the engine has come, in one line. */
export function engineLine(step: EngineProgress): string {
  const seconds = Math.round(step.elapsedMs / 1000);
  const done =
    step.of === undefined ? `${step.done} modules fetched` : `${step.done} of at most ${step.of} packages compiled`;
  return `Building the Pulumi engine with Go, once: ${step.program}, ${done}, ${seconds} s`;
}
