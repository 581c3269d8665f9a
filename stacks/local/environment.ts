import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { type Pipeline, parsePipeline } from "../../runtime/contract/index.js";
import { packageRoot } from "../packageRoot.js";
import { Broker } from "./broker/index.js";
import {
  cachedDistribution,
  cassandraRequirements,
  claimSubnet,
  createRingController,
  fetchDistribution,
  javaHomeOf,
  nodeAddress,
  type RingController,
  type Subnet,
} from "./cassandra/index.js";
import { localConfig, operatorNamespaces, trackedNodes } from "./config.js";
import { type Engine, findEngine, prepareRun, StackRun } from "./engine/index.js";
import { createVolumeFolder } from "./gluster/index.js";
import { createLinstorStandIn, type LinstorStandIn, type MachineNode } from "./linstor/index.js";
import { LocalNamespaces } from "./namespaces.js";
import { engineLine } from "./preview.js";
import { createAzureNativeStandIn } from "./providers/azure-native/index.js";
import { type ProviderStandIn, writePluginShim } from "./providers/base/index.js";
import {
  createKubernetesStandIn,
  type KubernetesObject,
  type KubernetesStandIn,
  type ObjectController,
} from "./providers/kubernetes/index.js";
import { abandonedRuns, createRunFolder, type RunFolder, removeRun } from "./run/folder.js";
import { endProcesses, processesWithEnvironment } from "./run/process.js";
import type { Stores } from "./traffic/stored.js";

/** How the environment is started. */
export interface EnvironmentOptions {
  /** One Cassandra node instead of three. */
  small: boolean;
  /** Ends the start. */
  signal: AbortSignal;
  /** A line for the person who waits. */
  progress(line: string): void;
  /** How far a long step has come; takes the place of the last one. */
  step(text: string): void;
  /** Folder of the project whose `local` stack comes up. @default the package's own */
  projectDir?: string;
}

/** What `up` brought. */
export interface Upped {
  /** Resources in the stack's state, components included. */
  resources: number;
  pipelines: Pipeline[];
}

/** Variable that every process of a run carries: a later command finds by it what a killed one left behind. */
const RUN_VARIABLE = "STOWAGE_RUN";
/** Annotation of a persistent volume that names its Gluster volume; components/gluster writes it. */
const VOLUME_ANNOTATION = "stowage.dev/gluster-volume";
/** Time for leftovers of a killed run to end by themselves, in milliseconds. */
const LEFTOVER_GRACE_MS = 3_000;
/** Seconds that pods get to end when everything is stopped at once. */
const STOP_SECONDS = 10;

/** The nodes that stand for a cluster: one in each zone. */
const NODES: MachineNode[] = ["1", "2", "3"].map((zone) => ({
  name: `node-${zone}`,
  zone: `local-${zone}`,
  capacityKib: 1024 * 1024 * 1024,
}));

/** The environment `local`: the far ends of one stack on this machine, and the engine that brings it up. */
export class LocalEnvironment {
  private constructor(
    private readonly engine: Engine,
    private readonly folder: RunFolder,
    private readonly namespaces: LocalNamespaces,
    private readonly azure: ProviderStandIn,
    private readonly kubernetes: KubernetesStandIn,
    private readonly linstor: LinstorStandIn,
    private readonly rings: RingController,
    private readonly stack: StackRun,
  ) {}

  /** Which stores are real here, and which are stood in for. */
  readonly real = { cassandra: true, gluster: false, linstor: false };

  /** Checks what is needed, cleans up after killed runs, and starts the far ends; nothing of the stack is up yet. */
  static async start(options: EnvironmentOptions): Promise<LocalEnvironment> {
    const { signal, progress } = options;
    const requirements = await cassandraRequirements({
      maven: cachedDistribution() === undefined,
      signal,
      onProgress: progress,
    });
    const engine = await findEngine({ signal, onProgress: (step) => options.step(engineLine(step)) });
    const distribution =
      cachedDistribution() ??
      (await fetchDistribution({
        maven: requirements.maven ?? "mvn",
        javaHome: javaHomeOf(requirements.java),
        signal,
        onProgress: progress,
      }));
    await cleanUp(progress);
    const folder = createRunFolder();
    const baseEnv = { [RUN_VARIABLE]: folder.path };
    const projectDir = options.projectDir ?? packageRoot();
    const nodes = options.small ? 1 : trackedNodes(projectDir);
    const subnet = await claimSubnet(nodes);
    const opened: { close(): Promise<unknown> }[] = [{ close: () => subnet.release() }];
    try {
      const namespaces = new LocalNamespaces(() => new Broker());
      opened.push(namespaces);
      const linstor = createLinstorStandIn({ nodes: NODES });
      opened.push(linstor);
      await linstor.listen();
      const ringDir = join(folder.path, "cassandra");
      const rings = createRingController({
        ring: { dir: ringDir, distribution, java: requirements.java, subnet, baseEnv, onProgress: progress },
      });
      opened.push({ close: () => rings.stop() });
      const azure = await createAzureNativeStandIn({ stateFile: join(folder.path, "azure.json"), effects: namespaces });
      opened.push(azure);
      const kubernetes = createKubernetesStandIn({
        stateFile: join(folder.path, "kubernetes.json"),
        runDir: join(folder.path, "pods"),
        images: () => ({ entrypoint: [process.execPath, workerBundle()] }),
        controllers: [rings, linstor.controller, volumeFolders(folder)],
        resolveHostPath: (volume) => volumeFolder(folder, volumeName(volume)),
        namespaces: operatorNamespaces(projectDir),
        baseEnv,
      });
      opened.push({ close: () => kubernetes.close(STOP_SECONDS) });
      const plugins = join(folder.path, "plugins");
      const run = prepareRun({
        runDir: folder.path,
        projectDir,
        stack: "local",
        plugins: {
          "azure-native": writePluginShim(plugins, "azure-native", (await azure.listen()).port),
          kubernetes: writePluginShim(plugins, "kubernetes", (await kubernetes.listen()).port),
        },
        config: localConfig(
          projectDir,
          { nodes },
          { linstorUrl: linstor.url, contactPoints: addresses(subnet, nodes) },
        ),
      });
      const stack = new StackRun(engine, run, baseEnv);
      return new LocalEnvironment(engine, folder, namespaces, azure, kubernetes, linstor, rings, stack);
    } catch (error) {
      for (const each of opened.reverse()) await each.close();
      folder.remove();
      throw error;
    }
  }

  get engineVersion(): string {
    return this.engine.version;
  }

  /** The broker of the stack's namespace. */
  get broker(): Broker {
    return this.namespaces.broker;
  }

  /** Where each store is read back from. */
  get stores(): Stores {
    return {
      volumeFolder: (volume) => volumeFolder(this.folder, volume),
      linstorUrl: this.linstor.url,
      cassandra: this.rings.ring,
    };
  }

  /** The pods that run, for tests that kill them. */
  get pods(): KubernetesStandIn {
    return this.kubernetes;
  }

  /** A client of the namespace, as a producer has it. */
  serviceBusClient(): ServiceBusClient {
    return new ServiceBusClient(this.broker.connectionString());
  }

  /** Brings the stack up and says what it holds. */
  async up(signal: AbortSignal, onOutput?: (line: string) => void): Promise<Upped> {
    await this.stack.up({ signal, ...(onOutput === undefined ? {} : { onOutput }) });
    const [outputs, resources] = [await this.stack.outputs({ signal }), await this.stack.resources({ signal })];
    const { pipelines } = outputs;
    if (!Array.isArray(pipelines)) throw new Error("the stack has no output `pipelines`, a list of its pipelines");
    return { resources: resources.length, pipelines: pipelines.map(parsePipeline) };
  }

  /** What a person must know of this environment: what was rewritten, and what of the spec has no counterpart here. */
  notices(): string[] {
    const rewrites = this.kubernetes
      .rewrites()
      .map(({ pod, what, from, to }) => `rewritten in ${pod}: ${what} ${from} -> ${to}`);
    const kept = this.kubernetes.notRun().map((object) => `kept, not run: ${object.kind} ${object.metadata.name}`);
    const ring = this.rings.notHonoured().map((what) => `not on this machine: ${what}`);
    return [
      "Stand-ins: Azure Resource Manager, Service Bus, Kubernetes, LINSTOR; Gluster is a folder. Real: the engine, the clients, Cassandra.",
      ...new Set([...rewrites, ...kept, ...ring]),
    ];
  }

  /** Destroys the stack, then stops everything. With `atOnce` aborted the destroy is left out or cut short. */
  async down(atOnce: AbortSignal): Promise<void> {
    try {
      if (!atOnce.aborted) await this.stack.destroy({ signal: atOnce });
    } catch (error) {
      if (!atOnce.aborted) throw error;
    } finally {
      await this.stop();
    }
  }

  /** Stops everything that was started, without destroying the stack, and removes the run folder. */
  async stop(): Promise<void> {
    await this.kubernetes.close(STOP_SECONDS);
    await Promise.all([this.azure.close(), this.rings.stop(), this.linstor.close(), this.namespaces.close()]);
    await endProcesses(processesWithEnvironment(RUN_VARIABLE, this.folder.path), LEFTOVER_GRACE_MS);
    this.folder.remove();
  }
}

/** Ends what killed runs left behind, and removes their folders. */
async function cleanUp(progress: (line: string) => void): Promise<void> {
  for (const path of abandonedRuns()) {
    const left = processesWithEnvironment(RUN_VARIABLE, path);
    progress(`Cleaning up after a run that was killed: ${left.length} processes in ${path}`);
    await endProcesses(left, LEFTOVER_GRACE_MS);
    removeRun(path);
  }
}

function addresses(subnet: Subnet, nodes: number): string[] {
  return Array.from({ length: nodes }, (_, index) => nodeAddress(subnet.prefix, index));
}

function workerBundle(): string {
  return join(packageRoot(), "dist", "worker", "stowage-worker.cjs");
}

function volumeFolder(folder: RunFolder, volume: string): string {
  return join(folder.path, "volumes", volume);
}

function volumeName(object: KubernetesObject): string {
  const name = object.metadata.annotations?.[VOLUME_ANNOTATION];
  if (name !== undefined) return name;
  throw new Error(`persistent volume ${object.metadata.name} has no annotation ${VOLUME_ANNOTATION}`);
}

/** Makes the folder of each Gluster volume that the stack mounts. */
function volumeFolders(folder: RunFolder): ObjectController {
  return {
    kinds: ["PersistentVolume"],
    async applied(object) {
      await createVolumeFolder(volumeFolder(folder, volumeName(object)), volumeName(object));
      return { phase: "Available" };
    },
    async removed() {
      // The claim policy is Retain: what is on the volume stays until the run folder goes.
    },
  };
}
