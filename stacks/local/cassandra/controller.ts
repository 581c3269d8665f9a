import { rm } from "node:fs/promises";
import type { ObjectController } from "../providers/kubernetes/controller.js";
import { describeObject, type KubernetesObject, objectId } from "../providers/kubernetes/object.js";
import { planChanges, planRing, type RingPlan } from "./plan.js";
import { type LocalRing, type RingOptions, startRing } from "./ring.js";

/** What the rings of one environment are started with. */
export interface RingControllerOptions {
  ring: Omit<RingOptions, "signal">;
  /** How a ring is started. @default startRing */
  start?: (plan: RingPlan, options: RingOptions) => Promise<LocalRing>;
}

/**
 * Turns the ring objects of a cluster into a ring on this machine: what an operator does, for one ring at a time.
 * A change that a running ring cannot take is refused with what it is.
 */
export interface RingController extends ObjectController {
  /** The ring that runs; undefined where none does. */
  readonly ring: LocalRing | undefined;
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
  private kept: Kept | undefined;
  private readonly end = new AbortController();

  constructor(private readonly options: RingControllerOptions) {}

  async applied(
    object: KubernetesObject,
    _previous: KubernetesObject | undefined,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    this.end.signal.throwIfAborted();
    const plan = planRing(object);
    const id = objectId(object);
    this.refuseChange(object, id, plan);
    if (plan.stopped) await this.finish();
    const ring = plan.stopped ? undefined : (this.kept?.ring ?? this.begin(plan, signal));
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

  private begin(plan: RingPlan, signal: AbortSignal): Promise<LocalRing> {
    const { start = startRing, ring } = this.options;
    return start(plan, { ...ring, signal: AbortSignal.any([this.end.signal, signal]) });
  }

  private async finish(): Promise<void> {
    const ring = await this.kept?.ring?.catch(() => undefined);
    this.kept = undefined;
    this.ring = undefined;
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
