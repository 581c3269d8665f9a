import { type CassandraRing, type CassandraRingArgs, ringAccess } from "../cassandra/index.js";
import type { CassandraEndpointArgs } from "../worker/args.js";
import { cassandraEndpoint } from "../worker/index.js";
import type { IntegrationArgs } from "./args.js";

/** The ring's args with the image that its own job runs, which is the workers'. */
export function ringArgs(ring: CassandraRingArgs, image: string | undefined): CassandraRingArgs {
  return image === undefined ? ring : { image, ...ring };
}

/**
 * How workers reach the ring: that of `storage.cassandra`, with what `endpoints.cassandra` says in its place. The ring that
 * was made gives its contact points once it is there.
 */
export function ringOf(
  { storage, endpoints }: Pick<IntegrationArgs, "storage" | "endpoints">,
  made?: CassandraRing,
): CassandraEndpointArgs | undefined {
  const own = storage?.cassandra === undefined ? undefined : cassandraEndpoint(ringAccess(storage.cassandra));
  const ring = own === undefined || made === undefined ? own : { ...own, contactPoints: made.contactPoints };
  const contact = endpoints?.cassandra;
  if (contact === undefined) return ring;
  const { administrator, ...open } = ring ?? { localDatacenter: "" };
  const byJobs = administrator !== undefined && contact.credentials === undefined;
  return { ...open, ...(byJobs ? { administrator } : {}), ...contact };
}
