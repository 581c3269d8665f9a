import { join } from "node:path";
import { defined, type Pipeline, parsePipeline } from "../../runtime/contract/index.js";
import { packageRoot } from "../packageRoot.js";
import type { Broker } from "./broker/index.js";
import { WORKER_BUNDLE, WORKER_NODE_OPTIONS } from "./bundle.js";
import { type Bus, EmulatorBus, IdentityBus } from "./bus.js";
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
import { CertManagerStandIn } from "./certManager/index.js";
import { azureTenant, clusterIssuer, localConfig, operatorNamespaces, producers, trackedNodes } from "./config.js";
import { ControlSocket } from "./control.js";
import { type Engine, findEngine, prepareRun, StackRun } from "./engine/index.js";
import { createVolumeFolder } from "./gluster/index.js";
import { createLinstorStandIn, type LinstorStandIn, type MachineNode } from "./linstor/index.js";
import { engineLine } from "./preview.js";
import { writePluginShim } from "./providers/base/index.js";
import {
  createKubernetesStandIn,
  type KubernetesObject,
  type KubernetesStandIn,
  type ObjectController,
} from "./providers/kubernetes/index.js";
import { rewrittenLines } from "./rewritten.js";
import { cleanUp, endRun, RUN_VARIABLE } from "./run/cleanUp.js";
import { createRunFolder, type RunFolder } from "./run/folder.js";
import type { SendPlan } from "./traffic/send.js";
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
  /**
   * True for a bus that is spoken to as Microsoft's emulator is: plain TCP, a connection string, no identities and no
   * rights. @default false: workload identity and TLS
   */
  emulator?: boolean;
  /** How long a new or removed role assignment takes to count, in seconds; minutes in Azure. @default 0 */
  propagationSeconds?: number;
  /** How long an access token holds, 125 to 86400 seconds. @default 3600 */
  tokenLifetimeSeconds?: number;
  /** Folder of the project whose `local` stack comes up. @default the package's own */
  projectDir?: string;
}

/** What `up` brought. */
export interface Upped {
  /** Resources in the stack's state, components included. */
  resources: number;
  pipelines: Pipeline[];
}

/** Annotation of a persistent volume that names its Gluster volume; components/gluster writes it. */
const VOLUME_ANNOTATION = "stowage.dev/gluster-volume";
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
    private readonly bus: Bus,
    private readonly kubernetes: KubernetesStandIn,
    private readonly linstor: LinstorStandIn,
    private readonly rings: RingController,
    private readonly certManager: CertManagerStandIn,
    private readonly control: ControlSocket | undefined,
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
    const opened: { close(): unknown }[] = [{ close: () => subnet.release() }];
    try {
      const bus = await startBus(folder.path, projectDir, options);
      opened.push(bus);
      const linstor = createLinstorStandIn({ nodes: NODES });
      opened.push(linstor);
      await linstor.listen();
      const ringDir = join(folder.path, "cassandra");
      const rings = createRingController({
        ring: { dir: ringDir, distribution, java: requirements.java, subnet, baseEnv, onProgress: progress },
      });
      opened.push({ close: () => rings.stop() });
      const certManager = new CertManagerStandIn();
      opened.push(certManager);
      const kubernetes = createKubernetesStandIn({
        stateFile: join(folder.path, "kubernetes.json"),
        runDir: join(folder.path, "pods"),
        images: () => ({ entrypoint: [process.execPath, ...WORKER_NODE_OPTIONS, workerBundle()] }),
        controllers: [certManager, rings, linstor.controller, volumeFolders(folder)],
        resolveHostPath: (volume) => volumeFolder(folder, volumeName(volume)),
        namespaces: operatorNamespaces(projectDir),
        baseEnv: { ...baseEnv, ...bus.trust },
        ...bus.podIdentity,
      });
      opened.push({ close: () => kubernetes.close(STOP_SECONDS) });
      const control = await ControlSocket.listen(join(folder.path, "control.sock"), kubernetes);
      if (control !== undefined) opened.push(control);
      const plugins = join(folder.path, "plugins");
      const run = prepareRun({
        runDir: folder.path,
        projectDir,
        stack: "local",
        plugins: {
          "azure-native": writePluginShim(plugins, "azure-native", (await bus.azure.listen()).port),
          kubernetes: writePluginShim(plugins, "kubernetes", (await kubernetes.listen()).port),
        },
        config: localConfig(
          projectDir,
          { nodes },
          { linstorUrl: linstor.url, contactPoints: addresses(subnet, nodes) },
          { emulator: options.emulator === true },
        ),
      });
      const stack = new StackRun(engine, run, baseEnv);
      return new LocalEnvironment(engine, folder, bus, kubernetes, linstor, rings, certManager, control, stack);
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
    return this.bus.namespaces.broker;
  }

  /** Folder of the run: state, logs, the access log. It is removed at the end. */
  get runFolder(): string {
    return this.folder.path;
  }

  /** Where each store is read back from. */
  get stores(): Stores {
    const { ring, access } = this.rings;
    return {
      volumeFolder: (volume) => volumeFolder(this.folder, volume),
      linstorUrl: this.linstor.url,
      cassandra:
        ring === undefined
          ? undefined
          : { contactPoints: ring.contactPoints, port: ring.port, datacenter: ring.datacenter, access },
    };
  }

  /** The pods that run, for tests that kill them. */
  get pods(): KubernetesStandIn {
    return this.kubernetes;
  }

  /**
   * Sends samples to pipelines from processes of their own, each as a producer that the stack lets send there.
   * @param sent called with a pipeline's running total
   */
  async send(
    pipelines: Pipeline[],
    plan: SendPlan,
    signal: AbortSignal,
    sent: (pipeline: string, total: number) => void,
  ): Promise<void> {
    await this.bus.send(pipelines, plan, signal, sent, { [RUN_VARIABLE]: this.folder.path });
  }

  /** What to look at when the bus did not let somebody do something; empty where it refused nobody. */
  refusals(): string {
    return this.bus.refusals();
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
    const rewrites = rewrittenLines(this.kubernetes.rewrites(), join(this.folder.path, "rewritten.txt"));
    const onDemand = this.kubernetes.onDemand().map(({ metadata: { namespace = "", name }, spec }) => {
      const how = this.control?.command(namespace, name) ?? "only from code: the run's folder has too long a path";
      return `run when asked, not by its schedule ${spec?.["schedule"]}: CronJob ${namespace}/${name}: ${how}`;
    });
    const kept = this.kubernetes.notRun().map((object) => `kept, not run: ${object.kind} ${object.metadata.name}`);
    const ring = this.rings.notHonoured().map((what) => `not on this machine: ${what}`);
    return [
      `Stand-ins: Azure Resource Manager, ${this.bus.standIns}, Kubernetes, cert-manager, LINSTOR; Gluster is a folder. Real: the engine, the clients, Cassandra.`,
      ...this.bus.notices(),
      ...new Set([...rewrites, ...kept, ...onDemand, ...ring]),
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
    await this.control?.close();
    await this.kubernetes.close(STOP_SECONDS);
    this.certManager.close();
    await Promise.all([this.rings.stop(), this.linstor.close(), this.bus.close()]);
    await endRun(this.folder.path);
    this.folder.remove();
  }
}

/** The bus of a run: with identities, or as an emulator. */
function startBus(dir: string, projectDir: string, options: EnvironmentOptions): Promise<Bus> {
  if (options.emulator === true) return EmulatorBus.start(dir);
  const { propagationSeconds, tokenLifetimeSeconds } = options;
  const [issuerUrl, tenantId] = [clusterIssuer(projectDir), azureTenant(projectDir)];
  return IdentityBus.start(
    { dir, issuerUrl, ...defined({ tenantId, propagationSeconds, tokenLifetimeSeconds }) },
    producers(projectDir),
  );
}

function addresses(subnet: Subnet, nodes: number): string[] {
  return Array.from({ length: nodes }, (_, index) => nodeAddress(subnet.prefix, index));
}

function workerBundle(): string {
  return join(packageRoot(), WORKER_BUNDLE);
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
