import { setTimeout as pause } from "node:timers/promises";
import { Client, errors, policies, type types } from "cassandra-driver";
import type { CassandraConnection } from "../../contract/index.js";
import { ConnectError, ConnectReason, connectFailure } from "./access/connectFailure.js";
import { FolderLogin, type Login } from "./access/credentials.js";
import { tlsOptions } from "./access/tls.js";

export { describe } from "./describe.js";

/** Time to connect to one node, in milliseconds. */
const CONNECT_MS = 5_000;
/**
 * Time that a request may take, in milliseconds. Above the nodes' own limits (2 s by default, 10 s in the local
 * ring), so that their answer, which says what went wrong, comes first.
 */
export const REQUEST_MS = 12_000;
/** Time that a probe may take, in milliseconds. */
export const PROBE_MS = 5_000;
/** Time that a change of the schema may take, in milliseconds. */
export const SCHEMA_MS = 30_000;
/** How long a ring that is still coming up is waited for, in milliseconds. */
const START_MS = 60_000;
const START_PAUSE_MS = 1_000;
/** Wait before a lost node is tried again, in milliseconds: doubles from the first to the second. */
const RECONNECT_MS = { first: 500, longest: 15_000 } as const;
/** How long all nodes may take to agree on a changed schema, in seconds. */
const AGREEMENT_SECONDS = 20;

/**
 * One more try, on another node, for what a second node can mend: a coordinator that is gone, overloaded or cut
 * off. A time-out is not tried again here: the replicas may be writing still. More tries are the engine's.
 */
class OnceMore extends policies.retry.RetryPolicy {
  override onRequestError(
    info: policies.retry.OperationInfo,
    consistency: types.consistencies,
    error: Error,
  ): policies.retry.DecisionInfo {
    if (info.nbRetry > 0 || error instanceof errors.OperationTimedOutError) return this.rethrowResult();
    return this.retryResult(consistency, false);
  }
}

/** What of a client is the pipeline's own. */
export interface ClientTuning {
  /** Milliseconds without an answer after which a write is sent to a second node as well. @default never */
  speculativeMilliseconds?: number | undefined;
}

/** Writes of rows are sent twice where the first node is slow; a claim is not: it would find itself. */
class SpeculativeWrites extends policies.speculativeExecution.ConstantSpeculativeExecutionPolicy {
  override newPlan(
    keyspace: string,
    queryInfo: string | object[],
  ): ReturnType<policies.speculativeExecution.SpeculativeExecutionPolicy["newPlan"]> {
    const claim = typeof queryInfo === "string" && queryInfo.includes(" IF NOT EXISTS");
    return claim ? { nextExecution: () => -1 } : super.newPlan(keyspace, queryInfo);
  }
}

/** A client of the pipeline's ring; not connected yet. */
function newClient(connection: CassandraConnection, { speculativeMilliseconds }: ClientTuning): Client {
  return new Client({
    contactPoints: connection.contactPoints.map((host) => `${host}:${connection.port}`),
    localDataCenter: connection.localDatacenter,
    encoding: { useBigIntAsLong: true, useBigIntAsVarint: true },
    // One connection carries 2,048 requests at once; Node has one thread to use it with.
    pooling: { maxRequestsPerConnection: 2048, heartBeatInterval: 10_000, warmup: true },
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: REQUEST_MS },
    protocolOptions: { maxSchemaAgreementWaitSeconds: AGREEMENT_SECONDS },
    queryOptions: { prepare: true, isIdempotent: true },
    ...(connection.tls === undefined ? {} : { sslOptions: tlsOptions(connection.tls) }),
    ...(connection.credentials === undefined ? {} : { authProvider: new FolderLogin(connection.credentials) }),
    policies: {
      retry: new OnceMore(),
      ...(speculativeMilliseconds === undefined
        ? {}
        : { speculativeExecution: new SpeculativeWrites(speculativeMilliseconds, 1) }),
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(RECONNECT_MS.first, RECONNECT_MS.longest),
    },
    monitorReporting: { enabled: false },
    applicationName: "stowage",
  });
}

/** Connects. Throws a ConnectError, which says why it cannot be. */
export async function connect(connection: CassandraConnection, tuning: ClientTuning = {}): Promise<Client> {
  const client = newClient(connection, tuning);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.shutdown();
    throw await connectFailure(connection, error);
  }
}

/** Connects with one node and no other, `127.0.0.1:9042`, as this role. Throws the driver's error. */
export async function connectOne(connection: CassandraConnection, address: string, login: Login): Promise<Client> {
  const { localDatacenter, tls } = connection;
  const client = new Client({
    contactPoints: [address],
    localDataCenter: localDatacenter,
    credentials: login,
    isMetadataSyncEnabled: false,
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: CONNECT_MS },
    ...(tls === undefined ? {} : { sslOptions: tlsOptions(tls) }),
    policies: {
      loadBalancing: new policies.loadBalancing.DefaultLoadBalancingPolicy({
        localDc: localDatacenter,
        filter: (host) => host.address === address,
      }),
    },
    monitorReporting: { enabled: false },
    applicationName: "stowage",
  });
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.shutdown();
    throw error;
  }
}

/**
 * Connects to a ring that may still be coming up: it is waited for, a minute at most. What no waiting mends, a password or
 * a certificate that is not taken, is thrown at once.
 */
export async function connectWhenUp(connection: CassandraConnection, signal: AbortSignal): Promise<Client> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await connect(connection);
    } catch (error) {
      const comingUp = error instanceof ConnectError && error.reason === ConnectReason.Unreachable;
      if (!comingUp || performance.now() + START_PAUSE_MS > deadline) throw error;
      await pause(START_PAUSE_MS, undefined, { signal });
    }
  }
}
