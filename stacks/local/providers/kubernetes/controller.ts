import type { KubernetesObject } from "./object.js";
import type { ObjectStore } from "./store.js";

/** What a controller sees and changes of its cluster: what it puts is kept as what an operator makes itself. */
export type ClusterView = Pick<ObjectStore, "get" | "list" | "put" | "setStatus" | "onChange">;

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
   * engine's run fails with that reason. `signal` is aborted when the engine cancels or the time is over; what is said
   * within a second from then is the reason that is shown.
   */
  applied(
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
    signal: AbortSignal,
    cluster: ClusterView,
  ): Promise<Record<string, unknown> | undefined>;
  /** Takes it away and settles when it is gone. */
  removed(object: KubernetesObject, cluster: ClusterView): Promise<void>;
}

/** Looks again with every change of the cluster until something is found. Rejects with the signal's reason. */
export function untilFound<T>(
  cluster: Pick<ClusterView, "onChange">,
  signal: AbortSignal,
  find: () => T | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = find();
      if (found === undefined) return false;
      end();
      resolve(found);
      return true;
    };
    const aborted = () => {
      end();
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    const unsubscribe = cluster.onChange(look);
    const end = () => {
      unsubscribe();
      signal.removeEventListener("abort", aborted);
    };
    signal.addEventListener("abort", aborted, { once: true });
    if (!look() && signal.aborted) aborted();
  });
}
