import * as pulumi from "@pulumi/pulumi";
import { CQL_PORT } from "../../runtime/contract/index.js";
import { DEFAULT_ROTATION } from "../worker/cassandra/schedule.js";
import type { CassandraRingArgs } from "./args.js";
import { CA_KEY, ringNames, serviceName } from "./names.js";

/** How a ring is reached, and where the secrets are by which its roles are managed: what pipelines need of it. */
export interface CassandraAccess {
  /** Kubernetes namespace of the secrets below. Jobs that manage schema and roles run there. */
  namespace: pulumi.Input<string>;
  /** Hosts that a driver starts from, without port. */
  contactPoints: pulumi.Input<pulumi.Input<string>[]>;
  /** Port of the native protocol. */
  port: number;
  /** The datacenter next to the workers. */
  datacenter: string;
  /** Secret of the superuser, keys `username` and `password`; absent where the ring asks for no password. */
  superuserSecret?: string;
  /** Absent where the ring is spoken to in plaintext. */
  tls?: CassandraTlsAccess;
  /** Secret that the reader role is published in; absent where there is no such role. */
  readerSecret?: string;
  /** How often the passwords of pipelines' roles change. */
  rotation: string;
}

/** How the nodes prove themselves. */
export interface CassandraTlsAccess {
  /** Secret with the certificate of the authority that signed the nodes' certificates. */
  secret: string;
  /** Key of that certificate in the secret. */
  key: string;
  /** Name that the nodes' certificates bear; absent where each bears its node's address. */
  serverName?: pulumi.Input<string>;
}

/** How a ring that a CassandraRing makes is reached. The args must be valid. */
export function ringAccess(args: CassandraRingArgs): CassandraAccess {
  const { namespace, clusterName, datacenter } = args;
  const names = ringNames(clusterName);
  const service = pulumi.interpolate`${serviceName(clusterName, datacenter)}.${namespace}.svc`;
  const authentication = args.authentication ?? true;
  return {
    namespace,
    contactPoints: [service],
    port: CQL_PORT,
    datacenter,
    ...(authentication ? { superuserSecret: args.superuserSecret ?? names.superuserSecret } : {}),
    ...((args.tls ?? true) ? { tls: { secret: names.nodeSecret, key: CA_KEY, serverName: service } } : {}),
    ...(authentication && args.reader === true ? { readerSecret: names.readerSecret } : {}),
    rotation: args.rotation ?? DEFAULT_ROTATION,
  };
}
