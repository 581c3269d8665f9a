import * as pulumi from "@pulumi/pulumi";
import {
  type CassandraConnection,
  CONTRACT_VERSION,
  type Connection,
  connectionProblems,
  defined,
  type Pipeline,
  sha256,
} from "../../runtime/contract/index.js";
import { checked } from "../support/inputs.js";
import type { WorkerArgs } from "./args.js";
import { administratorRing, authorityFile, CA_FILE, workerRing } from "./cassandra/access.js";

/** What a worker, or a job, reads at its start, as the files of its config map. */
export interface WorkerFiles {
  "pipeline.json": string;
  "connection.json": pulumi.Output<string>;
  /** The authorities of a Cassandra ring's nodes, where they are given as text and stand in no secret. */
  [CA_FILE]?: pulumi.Input<string>;
}

/** The worker's files. The connection is checked once its values are known, in the words of the worker. */
export function workerFiles(args: WorkerArgs): WorkerFiles {
  const ring = args.pipeline.sink.cassandra === undefined ? undefined : args.connection.cassandra;
  const authority = ring === undefined ? undefined : authorityFile(ring);
  return {
    ...files(args, ring === undefined ? undefined : workerRing(ring)),
    ...(authority === undefined ? {} : { [CA_FILE]: authority }),
  };
}

/** The same pipeline with the connection of a ring's administrator, for the jobs; undefined where there is none. */
export function administratorFiles(args: WorkerArgs): WorkerFiles | undefined {
  const ring = args.connection.cassandra;
  if (args.pipeline.sink.cassandra === undefined || ring?.administrator === undefined) return undefined;
  const authority = ring.tls?.ca;
  return { ...files(args, administratorRing(ring)), ...(authority === undefined ? {} : { [CA_FILE]: authority }) };
}

function files(args: WorkerArgs, ring: pulumi.Output<CassandraConnection> | undefined): WorkerFiles {
  const json = checked(
    `Invalid connection for pipeline ${args.pipeline.name}`,
    connection(args, ring),
    connectionProblems,
  ).apply((known) => JSON.stringify(known));
  return { "pipeline.json": JSON.stringify(args.pipeline), "connection.json": json };
}

/**
 * Digest of the files, and of modules of one's own: it stands on the pods, so that a change of any rolls them. 64
 * hexadecimal digits.
 */
export function checksum(files: WorkerFiles, { modules }: WorkerArgs): pulumi.Output<string> {
  const own = modules?.files === undefined ? [] : [JSON.stringify(Object.entries(modules.files).sort())];
  return pulumi
    .all([files["connection.json"], files[CA_FILE]])
    .apply(([connectionJson, authority]) =>
      sha256(
        [files["pipeline.json"], connectionJson, ...(authority === undefined ? [] : [authority]), ...own].join("\n"),
      ),
    );
}

/** Digest of what the schema job reads of both files: it runs again where that changes, and for nothing else. */
export function schemaChecksum(files: WorkerFiles, { name, sink }: Pipeline): pulumi.Output<string> {
  const { table, replication, ledger } = sink.cassandra ?? {};
  return pulumi.all([files["connection.json"], files[CA_FILE]]).apply(([json, authority]) => {
    const { cassandra }: { cassandra?: unknown } = JSON.parse(json);
    return sha256(JSON.stringify([name, table, replication, ledger, cassandra, authority]));
  });
}

function connection(args: WorkerArgs, ring: pulumi.Output<CassandraConnection> | undefined): pulumi.Output<Connection> {
  const { fullyQualifiedNamespace, administration, developmentEmulator, instanceDiscovery, clientId } = args.connection;
  const { linstorControllers } = args.connection;
  return pulumi
    .all([
      fullyQualifiedNamespace,
      developmentEmulator === true ? undefined : clientId,
      args.pipeline.sink.linstor === undefined ? undefined : linstorControllers,
      ring,
    ])
    .apply(
      ([host, client, controllers, endpoint]): Connection => ({
        contractVersion: CONTRACT_VERSION,
        serviceBus: defined({
          fullyQualifiedNamespace: host,
          administration,
          developmentEmulator,
          instanceDiscovery,
          clientId: client,
        }),
        ...(controllers === undefined ? {} : { linstor: { controllers } }),
        ...(endpoint === undefined ? {} : { cassandra: endpoint }),
      }),
    );
}
