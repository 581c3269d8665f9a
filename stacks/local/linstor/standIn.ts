import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Cluster } from "./cluster.js";
import { LinstorController } from "./controller.js";
import { dispatch } from "./dispatch.js";
import {
  type ClusterState,
  Connection,
  type Device,
  inOrder,
  keyOf,
  resourcesOf,
  type Sources,
  SYSTEM_SOURCES,
} from "./model.js";
import { type Faults, HttpApi } from "./server.js";

/** A machine that may become a LINSTOR node. */
export interface MachineNode {
  /** Host name; the name of the node. */
  name: string;
  /** Value of its label topology.kubernetes.io/zone. */
  zone: string;
  /** Room for each of its pools, in KiB. */
  capacityKib: number;
  /** More labels, for the selectors of satellite configurations. */
  labels?: { [label: string]: string };
}

export interface LinstorStandInOptions {
  nodes: MachineNode[];
  /** Keeps the controller's state over a restart. @default in memory only */
  stateFile?: string;
  /** Port of the API; 0 means any free one. @default 0 */
  port?: number;
  /** Clock and ids. @default the system's */
  sources?: Sources;
}

/** A volume as it stands in the controller: for counting what was stored. */
export interface VolumeInfo {
  name: string;
  group: string;
  sizeKib: number;
  /** Nodes with a disk of it, sorted. */
  nodes: string[];
  /** Nodes that see it without a disk, sorted; tie-breakers are not among them. */
  diskless: string[];
  state: "ready" | "notReady" | "deleting";
  snapshots: string[];
  properties: { [key: string]: string };
}

/** What happens outside the API: satellites come and go, devices are opened, disks fill. For tests. */
export interface Injections {
  /** Sets how the controller sees a node's satellite. */
  connection(node: string, connection: Connection, evictionTimestamp?: number): void;
  /** Opens or closes a volume's device on a node. */
  inUse(volume: string, node: string, inUse: boolean): void;
  /** Sets DRBD's word for the disk of a volume on a node: `Inconsistent`, `SyncTarget(47.72%)`, `UpToDate`. */
  disk(volume: string, node: string, state: string): void;
  /** Takes the DRBD device of a volume on a node away, or gives it back. */
  device(volume: string, node: string, device: Device): void;
  /** Changes the controller's state by hand, for what no other injection says. */
  state(change: (state: ClusterState) => void): void;
}

/** A LINSTOR controller that keeps state and stores nothing. */
export interface LinstorStandIn {
  /** Starts the API on 127.0.0.1; the controller's LinstorCluster object does so, too. */
  listen(): Promise<void>;
  /** `http://127.0.0.1:PORT`; throws before it listens. */
  readonly url: string;
  /** Reacts to the operator's objects. */
  readonly controller: LinstorController;
  readonly faults: Faults;
  readonly inject: Injections;
  /** Every volume, by name. */
  volumes(): VolumeInfo[];
  /** Stops the API and writes the state. */
  close(): Promise<void>;
}

/** Makes a stand-in; nothing listens yet. */
export function createLinstorStandIn(options: LinstorStandInOptions): LinstorStandIn {
  const { nodes, stateFile, port = 0, sources = SYSTEM_SOURCES } = options;
  const cluster = new Cluster(sources, stateFile === undefined ? undefined : loadState(stateFile));
  const machines = new Map(nodes.map((n) => [keyOf(n.name), n]));
  const machine = { capacityOf: (node: string) => machines.get(keyOf(node))?.capacityKib ?? DEFAULT_CAPACITY_KIB };
  const keeper = stateFile === undefined ? undefined : new StateKeeper(stateFile, () => cluster.state);
  const api = new HttpApi((request) => {
    const response = dispatch(cluster, machine, request);
    if (request.method !== "GET") keeper?.changed();
    return response;
  });
  const controller = new LinstorController(cluster, nodes, api, port, () => keeper?.changed());
  return {
    listen: () => api.listen(port),
    get url() {
      return api.url;
    },
    controller,
    faults: api.faults,
    inject: injections(cluster),
    volumes: () => volumesOf(cluster),
    async close() {
      await api.close();
      keeper?.close();
    },
  };
}

/** Room of a pool on a node that the composition root does not know: 4 GiB. */
const DEFAULT_CAPACITY_KIB = 4 * 1024 * 1024;

function volumesOf(cluster: Cluster): VolumeInfo[] {
  return inOrder(cluster.state.definitions).map((definition) => {
    const resources = resourcesOf(definition);
    const disks = resources.filter((r) => !r.diskless);
    const ready = disks.length > 0 && disks.every((r) => r.disk === "UpToDate");
    return {
      name: definition.name,
      group: definition.group,
      sizeKib: definition.volumes.reduce((sum, v) => sum + v.sizeKib, 0),
      nodes: disks.map((r) => r.node),
      diskless: resources.filter((r) => r.diskless && !r.tieBreaker).map((r) => r.node),
      state: definition.deleting ? "deleting" : ready ? "ready" : "notReady",
      snapshots: inOrder(definition.snapshots).map((s) => s.name),
      properties: { ...definition.props },
    };
  });
}

function injections(cluster: Cluster): Injections {
  const resource = (volume: string, node: string) => {
    const found = cluster.definition(volume)?.resources[keyOf(node)];
    if (found === undefined) throw new Error(`There is no resource ${volume} on node ${node}`);
    return found;
  };
  return {
    connection(name, connection, evictionTimestamp) {
      const node = cluster.node(name);
      if (node === undefined) throw new Error(`There is no node ${name}`);
      node.connection = connection;
      delete node.evictionTimestamp;
      if (evictionTimestamp !== undefined) node.evictionTimestamp = evictionTimestamp;
      if (connection === Connection.Online) finishDeletions(cluster, name);
    },
    inUse(volume, node, inUse) {
      resource(volume, node).inUse = inUse;
    },
    disk(volume, node, state) {
      resource(volume, node).disk = state;
    },
    device(volume, node, device) {
      resource(volume, node).device = device;
    },
    state(change) {
      change(cluster.state);
    },
  };
}

/** A satellite that comes back deletes what was marked meanwhile. */
function finishDeletions(cluster: Cluster, node: string): void {
  for (const definition of Object.values(cluster.state.definitions)) {
    if (definition.resources[keyOf(node)]?.deleting === true) delete definition.resources[keyOf(node)];
    if (definition.deleting && Object.keys(definition.resources).length === 0)
      delete cluster.state.definitions[keyOf(definition.name)];
  }
}

function loadState(file: string): ClusterState | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ClusterState;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new Error(`The state of the LINSTOR stand-in cannot be read from ${file}; delete it to begin anew`, {
      cause: error,
    });
  }
}

/** Writes the state to a file, whole and atomically, at most once in a while. */
class StateKeeper {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly file: string,
    private readonly state: () => ClusterState,
  ) {}

  changed(): void {
    this.timer ??= setTimeout(() => this.write(), WRITE_MS);
  }

  close(): void {
    if (this.timer !== undefined) this.write();
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    mkdirSync(dirname(this.file), { recursive: true });
    const part = `${this.file}.part`;
    writeFileSync(part, JSON.stringify(this.state()));
    renameSync(part, this.file);
  }
}

/** How long changes are gathered before the state is written, in milliseconds. */
const WRITE_MS = 200;
