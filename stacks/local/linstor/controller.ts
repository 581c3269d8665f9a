import type { ObjectController } from "../providers/kubernetes/controller.js";
import { type KubernetesObject, listAt, recordAt, textAt, textsAt } from "../providers/kubernetes/object.js";
import type { Cluster } from "./cluster.js";
import { inOrder, keyOf, type Properties } from "./model.js";
import { createNode, createPool, deletePool, modifyNode } from "./operations/nodes.js";
import { modifyController } from "./operations/stores.js";
import type { HttpApi } from "./server.js";
import type { MachineNode } from "./standIn.js";

const API = "piraeus.io/v1";
const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";

/** A pool type of a satellite configuration, with LINSTOR's word for it and what it lies on. */
const POOL_TYPES: { readonly [field: string]: { kind: string; place: (pool: KubernetesObject["spec"]) => string } } = {
  lvmPool: { kind: "LVM", place: (p) => textAt(p, "volumeGroup") ?? "" },
  lvmThinPool: { kind: "LVM_THIN", place: (p) => `${textAt(p, "volumeGroup") ?? ""}/${textAt(p, "thinPool") ?? ""}` },
  zfsPool: { kind: "ZFS", place: (p) => textAt(p, "zPool") ?? "" },
  zfsThinPool: { kind: "ZFS_THIN", place: (p) => textAt(p, "zPool") ?? "" },
  filePool: { kind: "FILE", place: (p) => textAt(p, "directory") ?? "" },
  fileThinPool: { kind: "FILE_THIN", place: (p) => textAt(p, "directory") ?? "" },
};

/** Does what the Piraeus operator does: the cluster's object starts the controller, each configuration makes pools. */
export class LinstorController implements ObjectController {
  readonly kinds = ["LinstorCluster", "LinstorSatelliteConfiguration"];
  private linstorCluster: KubernetesObject | undefined;
  private readonly configurations = new Map<string, KubernetesObject>();

  constructor(
    private readonly cluster: Cluster,
    private readonly machines: readonly MachineNode[],
    private readonly api: HttpApi,
    private readonly port: number,
    private readonly changed: () => void,
  ) {}

  async applied(object: KubernetesObject): Promise<Record<string, unknown> | undefined> {
    if (object.apiVersion !== API) throw new Error(`${object.kind} must be of ${API}, not of ${object.apiVersion}`);
    if (object.kind === "LinstorCluster") {
      this.linstorCluster = object;
      // With a controller elsewhere the operator runs satellites only; there is nothing for this one to serve.
      if (textAt(object.spec, "externalController", "url") === undefined) await this.api.listen(this.port);
    } else {
      this.check(object);
      this.configurations.set(object.metadata.name, object);
    }
    this.reconcile();
    const when = this.cluster.sources.now().toISOString();
    const condition = (type: string) => ({ type, status: "True", reason: "AsExpected", lastTransitionTime: when });
    return { conditions: ["Applied", "Available", "Configured"].map(condition) };
  }

  async removed(object: KubernetesObject): Promise<void> {
    if (object.kind === "LinstorCluster") {
      this.linstorCluster = undefined;
      await this.api.close();
    } else this.configurations.delete(object.metadata.name);
    this.reconcile();
  }

  /** Refuses what would silently give no pool. */
  private check(configuration: KubernetesObject): void {
    const what = `LinstorSatelliteConfiguration ${configuration.metadata.name}`;
    if (configuration.spec?.["nodeAffinity"] !== undefined)
      throw new Error(`${what}: nodeAffinity is not modelled by the LINSTOR stand-in; use nodeSelector`);
    if (this.selected(configuration).length === 0) {
      const labels = this.machines.map((m) => `${m.name} ${JSON.stringify(labelsOf(m))}`).join(", ");
      throw new Error(`${what} selects none of the nodes ${labels}`);
    }
    for (const pool of listAt(configuration.spec, "storagePools")) poolOf(pool, what);
  }

  private selected(object: KubernetesObject): MachineNode[] {
    const selector = Object.entries(textsAt(object.spec, "nodeSelector"));
    return this.machines.filter((machine) => {
      const labels = labelsOf(machine);
      return selector.every(([label, value]) => labels[label] === value);
    });
  }

  /** Makes nodes and pools as the objects say; a pool that still holds volumes stays. */
  private reconcile(): void {
    if (this.linstorCluster === undefined) return;
    modifyController(this.cluster, { override_props: propertiesOf(this.linstorCluster) });
    for (const machine of this.selected(this.linstorCluster)) {
      this.register(machine);
      const wanted = [...this.configurations.values()].filter((c) => this.selected(c).includes(machine));
      const props = Object.assign({}, ...wanted.map(propertiesOf)) as Properties;
      if (Object.keys(props).length > 0) modifyNode(this.cluster, machine.name, { override_props: props });
      const pools = wanted.flatMap((c) => listAt(c.spec, "storagePools").map((p) => poolOf(p, c.metadata.name)));
      this.makePools(machine, pools);
    }
    this.changed();
  }

  private register(machine: MachineNode): void {
    if (this.cluster.node(machine.name) !== undefined) return;
    const topology = Object.entries(labelsOf(machine)).map(([label, value]) => [`Aux/topology/${label}`, value]);
    createNode(this.cluster, {
      name: machine.name,
      type: "SATELLITE",
      props: Object.fromEntries([...topology, ["Aux/registered-by", "piraeus-operator"]]),
      net_interfaces: [{ name: "default-ipv4", address: "127.0.0.1" }],
    });
  }

  private makePools(machine: MachineNode, pools: PoolPlan[]): void {
    const node = this.cluster.node(machine.name);
    if (node === undefined) return;
    for (const { name } of inOrder(node.pools))
      if (!pools.some((p) => keyOf(p.name) === keyOf(name))) deletePool(this.cluster, machine.name, name);
    for (const { name, kind, place } of pools) {
      if (node.pools[keyOf(name)] !== undefined) continue;
      const props = { "StorDriver/StorPoolName": place };
      const request = { storage_pool_name: name, provider_kind: kind, props };
      createPool(this.cluster, machine.name, request, machine.capacityKib);
    }
  }
}

interface PoolPlan {
  name: string;
  kind: string;
  place: string;
}

function poolOf(pool: unknown, what: string): PoolPlan {
  const name = textAt(pool, "name") ?? "";
  for (const [field, { kind, place }] of Object.entries(POOL_TYPES)) {
    const found = recordAt(pool, field);
    if (found !== undefined) return { name, kind, place: place(found) || name };
  }
  throw new Error(
    `${what}: the storage pool ${JSON.stringify(name)} has none of ${Object.keys(POOL_TYPES).join(", ")}`,
  );
}

function labelsOf(machine: MachineNode): Properties {
  return { [HOST]: machine.name, [ZONE]: machine.zone, "kubernetes.io/os": "linux", ...machine.labels };
}

/** `properties: [{ name, value }]` as LINSTOR's own. */
function propertiesOf(object: KubernetesObject): Properties {
  const entries = listAt(object.spec, "properties").flatMap((p) => {
    const [name, value] = [textAt(p, "name"), textAt(p, "value")];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
