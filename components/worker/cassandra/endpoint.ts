import type { CassandraAccess } from "../../cassandra/access.js";
import type { CassandraEndpointArgs } from "./args.js";

/**
 * A ring as a Worker reaches it, from how it is reached (`ringAccess` of one that a CassandraRing makes, `existingRing` of
 * another): by jobs of its superuser where it asks for a password.
 */
export function cassandraEndpoint(access: CassandraAccess): CassandraEndpointArgs {
  const { namespace, contactPoints, port, datacenter, superuserSecret, readerSecret, rotation, tls } = access;
  return {
    contactPoints,
    port,
    localDatacenter: datacenter,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            caSecret: { name: tls.secret, key: tls.key },
            ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
          },
        }),
    ...(superuserSecret === undefined
      ? {}
      : {
          administrator: {
            namespace,
            secret: superuserSecret,
            rotation,
            ...(readerSecret === undefined ? {} : { reader: readerSecret }),
          },
        }),
  };
}
