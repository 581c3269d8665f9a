import { join } from "node:path";
import { prepareRun, StackRun } from "../../../stacks/local/engine/index.js";
import { writePluginShim } from "../../../stacks/local/providers/base/index.js";
import {
  createKubernetesStandIn,
  type KubernetesOptions,
  type KubernetesStandIn,
} from "../../../stacks/local/providers/kubernetes/index.js";
import { type TestProject, testEngine, testProject } from "./project.js";

/** A project of its own, and the stand-in for its cluster. */
export interface TestCluster {
  readonly project: TestProject;
  readonly stack: StackRun;
  readonly standIn: KubernetesStandIn;
  /** Starts another stand-in from what the closed one left. */
  startAgain(): Promise<void>;
  /** Stops what runs in the cluster, and removes the project. */
  end(): Promise<void>;
}

/** Makes one with a program's body; nothing is up yet. `options` are what the cluster has besides, given the run's folder. */
export async function testCluster(
  body: string,
  options: (runDir: string) => Omit<KubernetesOptions, "stateFile" | "runDir"> = () => ({}),
): Promise<TestCluster> {
  const engine = await testEngine();
  const project = testProject(body);
  const { dir: projectDir, runDir } = project;
  const whole = { ...options(runDir), stateFile: join(runDir, "kubernetes.json"), runDir: join(runDir, "pods") };
  const start = async (): Promise<{ standIn: KubernetesStandIn; shim: string }> => {
    const standIn = createKubernetesStandIn(whole);
    const { port } = await standIn.listen();
    return { standIn, shim: writePluginShim(join(runDir, "plugins"), "kubernetes", port) };
  };
  let running = await start().catch((error: unknown) => {
    project.remove();
    throw error;
  });
  const plugins = { kubernetes: running.shim };
  return {
    project,
    stack: new StackRun(engine, prepareRun({ runDir, projectDir, stack: "test", plugins })),
    get standIn() {
      return running.standIn;
    },
    startAgain: async () => {
      running = await start();
    },
    end: async () => {
      await running.standIn.close(1);
      project.remove();
    },
  };
}
