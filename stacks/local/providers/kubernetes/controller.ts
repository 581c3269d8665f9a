import type { KubernetesObject } from "./object.js";

/**
 * Does what an operator would do in a cluster (a Cassandra ring, a LINSTOR controller). Registered by the composition
 * root; where none is registered for a kind its objects are only kept.
 */
export interface ObjectController {
  /** Kinds that it acts on: `CassandraDatacenter`. */
  kinds: string[];
  /**
   * Brings about what an object says and settles when it is there; `previous` is what it was, undefined for a new one.
   * What it returns becomes the object's status. Rejects with the reason where it cannot: the object is kept, and the
   * engine's run fails with that reason. `signal` is aborted when the engine cancels or the time is over.
   */
  applied(
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
    signal: AbortSignal,
  ): Promise<Record<string, unknown> | undefined>;
  /** Takes it away and settles when it is gone. */
  removed(object: KubernetesObject): Promise<void>;
}
