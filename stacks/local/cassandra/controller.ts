import { rm } from "node:fs/promises";
import type { ClusterView, ObjectController } from "../providers/kubernetes/controller.js";
import { describeObject, type KubernetesObject, objectId } from "../providers/kubernetes/object.js";
import { type Access, FIRST_LOGIN, type Login } from "./agreement.js";
import { planChanges, planRing, type RingPlan } from "./plan.js";
import { authoritiesOf, type LocalRing, type RingOptions, startRing } from "./ring.js";
import { secureRing } from "./secrets.js";
import { makeSuperuser } from "./superuser.js";

/** What the rings of one environment are started with. */
export interface RingControllerOptions {
  ring: Omit<RingOptions, "signal" | "login">;
  /** How a ring is started. @default startRing */
  start?: (plan: RingPlan, options: RingOptions) => Promise<LocalRing>;
  /** How a ring gets its superuser. @default makeSuperuser */
  superuser?: typeof makeSuperuser;
}

/**
 * Turns the ring objects of a cluster into a ring on this machine: what an operator does, for one ring at a time.
 * A change that a running ring cannot take is refused with what it is.
 */
export interface RingController extends ObjectController {
  /** The ring that runs; undefined where none does. */
  readonly ring: LocalRing | undefined;
  /** How the superuser speaks to the ring; undefined where none runs. */
  readonly access: Access | undefined;
  /** What of the ring's object does not come true on this machine, a line each. */
  notHonoured(): string[];
  /** Ends whatever runs or is starting, and gives the addresses back. */
  stop(): Promise<void>;
}

/** Keeps the ring of one environment. */
export function createRingController(options: RingControllerOptions): RingController {
  return new Controller(options);
}

/** The object that the ring is kept for, and what has been made of it. */
interface Kept {
  id: string;
  plan: RingPlan;
  /** Undefined while the object asks for a stopped ring. */
  ring: Promise<LocalRing> | undefined;
}

class Controller implements RingController {
  readonly kinds = ["K8ssandraCluster", "CassandraDatacenter"];
  ring: LocalRing | undefined;
  access: Access | undefined;
  private kept: Kept | undefined;
  /** The superuser that the ring's data know by now. */
  private superuser: Login | undefined;
  private readonly end = new AbortController();

  constructor(private readonly options: RingControllerOptions) {}

  async applied(
    object: KubernetesObject,
    _previous: KubernetesObject | undefined,
    signal: AbortSignal,
    cluster: ClusterView,
  ): Promise<Record<string, unknown>> {
    this.end.signal.throwIfAborted();
    const plan = planRing(object);
    const id = objectId(object);
    this.refuseChange(object, id, plan);
    if (plan.stopped) await this.finish();
    const ring = plan.stopped ? undefined : (this.kept?.ring ?? this.begin(plan, signal, cluster));
    const kept = { id, plan, ring };
    this.kept = kept;
    try {
      this.ring = await ring;
    } catch (error) {
      // Nothing runs: a later apply may try again.
      if (this.kept === kept) this.kept = undefined;
      throw error;
    }
    return statusOf(object, plan);
  }

  async removed(object: KubernetesObject): Promise<void> {
    if (this.kept?.id !== objectId(object)) return;
    await this.finish();
    this.superuser = undefined;
    await rm(this.options.ring.dir, { recursive: true, force: true });
  }

  notHonoured(): string[] {
    return this.kept?.plan.notHonoured ?? [];
  }

  async stop(): Promise<void> {
    this.end.abort(new Error("the environment is stopped"));
    await this.finish();
    await this.options.ring.subnet?.release();
  }

  private async begin(plan: RingPlan, cancelled: AbortSignal, cluster: ClusterView): Promise<LocalRing> {
    const { start = startRing, superuser: makeRole = makeSuperuser, ring: options } = this.options;
    const signal = AbortSignal.any([this.end.signal, cancelled]);
    const { plan: secured, superuser } = await secureRing(plan, options.dir, cluster, signal);
    const ring = await start(secured, { ...options, signal, login: () => this.superuser ?? FIRST_LOGIN });
    const authorities = authoritiesOf(secured);
    if (superuser !== undefined && this.superuser === undefined) {
      try {
        await makeRole(ring, superuser, authorities, signal);
        this.superuser = superuser;
      } catch (error) {
        await ring.stop();
        // Whose login the data knows is uncertain, and there is nothing else in it: the next try begins anew.
        await rm(options.dir, { recursive: true, force: true });
        throw error;
      }
    }
    this.access = { login: this.superuser, authorities };
    return ring;
  }

  private async finish(): Promise<void> {
    const ring = await this.kept?.ring?.catch(() => undefined);
    this.kept = undefined;
    this.ring = undefined;
    this.access = undefined;
    await ring?.stop();
  }

  private refuseChange(object: KubernetesObject, id: string, plan: RingPlan): void {
    if (this.kept === undefined) return;
    const name = describeObject(object);
    if (this.kept.id !== id)
      throw new Error(
        `${name}: one ring runs on a machine at a time, and ${this.kept.id} does. Remove that one first.`,
      );
    const changes = planChanges(this.kept.plan, plan);
    if (changes.length > 0)
      throw new Error(
        `${name} cannot be changed on this machine: ${changes.join(" ")} Remove the ring and create it anew.`,
      );
  }
}

/** The status that the object's operator would report of it. */
function statusOf(object: KubernetesObject, plan: RingPlan): Record<string, unknown> {
  const condition = (type: string, holds = true) => ({ type, status: holds ? "True" : "False" });
  const datacenter = {
    cassandraOperatorProgress: "Ready",
    conditions: [condition("Initialized"), condition("Stopped", plan.stopped), condition("Ready", !plan.stopped)],
  };
  if (object.kind === "CassandraDatacenter") return datacenter;
  const names = [...new Set(plan.nodes.map((node) => node.datacenter))];
  return {
    conditions: [condition("CassandraInitialized"), condition("Ready", !plan.stopped)],
    datacenters: Object.fromEntries(names.map((name) => [name, { cassandra: datacenter }])),
  };
}
