import { join } from "node:path";
import { prepareRun, StackRun } from "../../../stacks/local/engine/index.js";
import {
  createAzureNativeStandIn,
  type ServiceBusEffects,
} from "../../../stacks/local/providers/azure-native/index.js";
import { type ProviderStandIn, writePluginShim } from "../../../stacks/local/providers/base/index.js";
import { type TestProject, testEngine, testProject } from "./project.js";

/** One call of the effects: `putQueue bus orders`. */
export class RecordedEffects implements ServiceBusEffects {
  readonly calls: string[] = [];
  /** Properties of the last call by its text. */
  readonly properties = new Map<string, unknown>();

  namespaceCreated = async (name: string) => {
    this.#note("namespaceCreated", name);
    return { endpoint: "http://127.0.0.1:4711/" };
  };
  namespaceDeleted = async (name: string) => this.#note("namespaceDeleted", name);
  putQueue = async (ns: string, name: string, properties: unknown) => this.#note("putQueue", ns, name, properties);
  deleteQueue = async (ns: string, name: string) => this.#note("deleteQueue", ns, name);
  putTopic = async (ns: string, name: string, properties: unknown) => this.#note("putTopic", ns, name, properties);
  deleteTopic = async (ns: string, name: string) => this.#note("deleteTopic", ns, name);
  putSubscription = async (ns: string, topic: string, name: string, properties: unknown) =>
    this.#note("putSubscription", ns, topic, name, properties);
  deleteSubscription = async (ns: string, topic: string, name: string) =>
    this.#note("deleteSubscription", ns, topic, name);
  putRule = async (ns: string, topic: string, subscription: string, name: string, properties: unknown) =>
    this.#note("putRule", ns, topic, subscription, name, properties);
  deleteRule = async (ns: string, topic: string, subscription: string, name: string) =>
    this.#note("deleteRule", ns, topic, subscription, name);

  /** The calls since the last time. */
  taken(): string[] {
    return this.calls.splice(0);
  }

  #note(...parts: unknown[]): void {
    const text = parts.filter((part) => typeof part === "string").join(" ");
    this.calls.push(text);
    const properties = parts.at(-1);
    if (typeof properties === "object") this.properties.set(text, properties);
  }
}

/** A project, the stand-in for Azure that its stack `test` runs against, and what it brought about. */
export interface AzureWorld {
  project: TestProject;
  standIn: ProviderStandIn;
  effects: RecordedEffects;
  stack: StackRun;
  /** Another command's view of the same stack: its files are prepared again. */
  again(): StackRun;
  close(): Promise<void>;
}

/** Makes all of it: the real engine, the real SDK, and the stand-in behind its plug-in program. */
export async function azureWorld(program: string, config: Record<string, string> = {}): Promise<AzureWorld> {
  const engine = await testEngine();
  const project = testProject(program, config);
  const effects = new RecordedEffects();
  const standIn = await createAzureNativeStandIn({ stateFile: join(project.runDir, "azure.json"), effects });
  const { port } = await standIn.listen();
  const plugin = writePluginShim(join(project.runDir, "plugins", "azure-native"), "azure-native", port);
  const again = () => {
    const { dir: projectDir, runDir } = project;
    const run = prepareRun({ runDir, projectDir, stack: "test", plugins: { "azure-native": plugin } });
    return new StackRun(engine, run);
  };
  const close = async () => {
    await standIn.close();
    project.remove();
  };
  return { project, standIn, effects, stack: again(), again, close };
}
