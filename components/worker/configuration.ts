import * as pulumi from "@pulumi/pulumi";
import {
  type CassandraConnection,
  CONTRACT_VERSION,
  type Connection,
  connectionProblems,
  defined,
  sha256,
} from "../../runtime/contract/index.js";
import { checked } from "../support/inputs.js";
import type { CassandraEndpointArgs, WorkerArgs } from "./args.js";

/** Port of Cassandra's native protocol. */
export const CASSANDRA_PORT = 9042;

/** What a worker reads at its start, as the files of its config map. */
export interface WorkerFiles {
  "pipeline.json": string;
  "connection.json": pulumi.Output<string>;
}

/** The two files. The connection is checked once its values are known, in the words of the worker. */
export function workerFiles(args: WorkerArgs): WorkerFiles {
  const json = checked(
    `Invalid connection for pipeline ${args.pipeline.name}`,
    connection(args),
    connectionProblems,
  ).apply((known) => JSON.stringify(known));
  return { "pipeline.json": JSON.stringify(args.pipeline), "connection.json": json };
}

/**
 * Digest of both files, and of modules of one's own: it stands on the pods, so that a change of any rolls them. 64
 * hexadecimal digits.
 */
export function checksum(files: WorkerFiles, { modules }: WorkerArgs): pulumi.Output<string> {
  const own = modules?.files === undefined ? [] : [JSON.stringify(Object.entries(modules.files).sort())];
  return files["connection.json"].apply((connectionJson) =>
    sha256([files["pipeline.json"], connectionJson, ...own].join("\n")),
  );
}

function connection(args: WorkerArgs): pulumi.Output<Connection> {
  const { fullyQualifiedNamespace, administration, developmentEmulator, instanceDiscovery, clientId } = args.connection;
  const { linstorControllers, cassandra } = args.connection;
  return pulumi
    .all([
      fullyQualifiedNamespace,
      developmentEmulator === true ? undefined : clientId,
      args.pipeline.sink.linstor === undefined ? undefined : linstorControllers,
      args.pipeline.sink.cassandra === undefined || cassandra === undefined ? undefined : ring(cassandra),
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

function ring({ contactPoints, port, localDatacenter }: CassandraEndpointArgs): pulumi.Output<CassandraConnection> {
  return pulumi.all([pulumi.output(contactPoints), localDatacenter]).apply(([hosts, datacenter]) => ({
    contactPoints: hosts,
    port: port ?? CASSANDRA_PORT,
    localDatacenter: datacenter,
  }));
}
