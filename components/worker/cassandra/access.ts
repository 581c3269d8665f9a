import * as pulumi from "@pulumi/pulumi";
import { type CassandraConnection, CQL_PORT, defined, type Pipeline } from "../../../runtime/contract/index.js";
import { CONFIG_PATH, type Mounted } from "../mounts.js";
import type { CassandraEndpointArgs } from "./args.js";

/** File with the authorities, wherever they are mounted. */
export const CA_FILE = "ca.crt";
/** Where a worker has its role, password and the authorities. */
const ROLE_PATH = "/var/run/stowage/cassandra";
/** Where a worker has the authorities, where these are in a secret of their own. */
const ROLE_CA_PATH = "/var/run/stowage/cassandra-ca";
/** Where a job has the superuser. */
const ADMINISTRATOR_PATH = "/var/run/stowage/admin";
/** Where a job has the authorities. */
const ADMINISTRATOR_CA_PATH = "/var/run/stowage/admin-ca";
/** Read by the owner and by the pod's group, and by nobody else. */
const PRIVATE = 0o440;

/** Name of the secret with a pipeline's role and password; jobs fill it. */
export function roleSecretName({ name }: Pipeline): string {
  return `${name}-cassandra`;
}

/** The secret with the role that a worker logs in as; undefined where the ring asks for none. */
function roleSecret(pipeline: Pipeline, { administrator, credentials }: CassandraEndpointArgs) {
  return administrator === undefined ? credentials : roleSecretName(pipeline);
}

/** True where the jobs hand the authorities to the workers, beside their passwords. */
function handedOver({ tls, administrator }: CassandraEndpointArgs): boolean {
  return tls !== undefined && administrator !== undefined;
}

/**
 * The authorities as a file of the worker's own configuration: public text, which no secret need hold. Undefined where
 * they come otherwise.
 */
export function authorityFile(ring: CassandraEndpointArgs): pulumi.Input<string> | undefined {
  return handedOver(ring) ? undefined : ring.tls?.ca;
}

/** The ring as a worker reaches it. */
export function workerRing(ring: CassandraEndpointArgs): pulumi.Output<CassandraConnection> {
  const { tls, administrator, credentials } = ring;
  const folder = handedOver(ring) ? ROLE_PATH : tls?.ca === undefined ? ROLE_CA_PATH : CONFIG_PATH;
  const logsIn = administrator !== undefined || credentials !== undefined;
  return reached(ring, `${folder}/${CA_FILE}`, logsIn ? ROLE_PATH : undefined);
}

/** The ring as the administrator's jobs reach it. */
export function administratorRing(ring: CassandraEndpointArgs): pulumi.Output<CassandraConnection> {
  return reached(ring, `${ADMINISTRATOR_CA_PATH}/${CA_FILE}`, ADMINISTRATOR_PATH);
}

function reached(
  { contactPoints, port, localDatacenter, tls }: CassandraEndpointArgs,
  caFile: string,
  directory: string | undefined,
): pulumi.Output<CassandraConnection> {
  return pulumi
    .all([pulumi.output(contactPoints), localDatacenter, tls?.serverName])
    .apply(([hosts, datacenter, serverName]) => ({
      contactPoints: hosts,
      port: port ?? CQL_PORT,
      localDatacenter: datacenter,
      ...(tls === undefined ? {} : { tls: defined({ caFile, serverName }) }),
      ...(directory === undefined ? {} : { credentials: { directory } }),
    }));
}

/** A secret, or some of its keys under other names, mounted for reading. */
function secretMount(
  name: string,
  secretName: pulumi.Input<string>,
  mountPath: string,
  items?: { key: string; path: string }[],
): Mounted {
  return {
    volume: { name, secret: { secretName, defaultMode: PRIVATE, ...defined({ items }) } },
    mount: { mountPath, readOnly: true },
  };
}

/** What a worker, and a schema job beside it, has of the ring. */
export function workerRingMounts(pipeline: Pipeline, ring: CassandraEndpointArgs): Mounted[] {
  const secret = roleSecret(pipeline, ring);
  const authority = handedOver(ring) ? undefined : ring.tls?.caSecret;
  return [
    ...(secret === undefined ? [] : [secretMount("cassandra", secret, ROLE_PATH)]),
    ...(authority === undefined ? [] : [authorityMount(authority.name, authority.key, ROLE_CA_PATH)]),
  ];
}

/** What the administrator's jobs have of the ring; `configMap` holds the authorities where they are given as text. */
export function administratorMounts(ring: CassandraEndpointArgs, configMap: string): Mounted[] {
  const { administrator, tls } = ring;
  if (administrator === undefined) return [];
  const superuser = secretMount("admin", administrator.secret, ADMINISTRATOR_PATH, [
    { key: "username", path: "username" },
    { key: "password", path: "password" },
  ]);
  if (tls === undefined) return [superuser];
  if (tls.caSecret !== undefined)
    return [superuser, authorityMount(tls.caSecret.name, tls.caSecret.key, ADMINISTRATOR_CA_PATH)];
  return [
    superuser,
    {
      volume: { name: "ca", configMap: { name: configMap, items: [{ key: CA_FILE, path: CA_FILE }] } },
      mount: { mountPath: ADMINISTRATOR_CA_PATH, readOnly: true },
    },
  ];
}

/** One key of a secret: of a ring's own, which holds private keys as well, nothing else is mounted. */
function authorityMount(name: pulumi.Input<string>, key: string, mountPath: string): Mounted {
  return secretMount("ca", name, mountPath, [{ key, path: CA_FILE }]);
}
