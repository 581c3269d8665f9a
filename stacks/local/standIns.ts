import { join } from "node:path";
import { createAzureNativeStandIn } from "./providers/azure-native/index.js";
import { writePluginShim } from "./providers/base/index.js";
import { createKubernetesStandIn } from "./providers/kubernetes/index.js";
import type { Closers } from "./run/closers.js";

/** Plug-in folders of stand-ins that listen, by the name of their package, for a run's Pulumi.yaml. */
export type Plugins = { [name: string]: string };

/** Makes each stand-in listen, and writes the program by which the engine finds it. */
export async function listenAll(
  dir: string,
  standIns: { [name: string]: { listen(): Promise<{ port: number }> } },
): Promise<Plugins> {
  const plugins = join(dir, "plugins");
  const entries = Object.entries(standIns).map(async ([name, standIn]) => {
    const { port } = await standIn.listen();
    return [name, writePluginShim(plugins, name, port)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Stand-ins for a preview: they keep their state in `dir` and make nothing. */
export async function previewStandIns(dir: string, closers: Closers): Promise<Plugins> {
  const azure = await createAzureNativeStandIn({ stateFile: join(dir, "azure.json") });
  closers.add(() => azure.close());
  const kubernetes = createKubernetesStandIn({ stateFile: join(dir, "kubernetes.json") });
  closers.add(() => kubernetes.close());
  return listenAll(dir, { "azure-native": azure, kubernetes });
}
