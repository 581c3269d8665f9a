import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "cassandra-driver";
import {
  type CassandraSink,
  CONTRACT_VERSION,
  type Column,
  type Connection,
  Consistency,
  DELIVERY_DEFAULTS,
  messageKey,
  type Pipeline,
  SessionPoison,
  type Sink,
  type SinkMessage,
  sha256,
  type TableDefinition,
} from "../../runtime/contract/index.js";
import { applySchema, createSink } from "../../runtime/sinks/cassandra/index.js";
import {
  CASSANDRA_VERSION,
  cachedDistribution,
  cassandraRequirements,
  fetchDistribution,
  javaHomeOf,
  type LocalRing,
  planRing,
  type RingOptions,
  startRing,
} from "../../stacks/local/cassandra/index.js";
import type { KubernetesObject } from "../../stacks/local/providers/kubernetes/object.js";

/** What a test says about its ring. */
export interface RingShape {
  name: string;
  datacenter: string;
  size: number;
  racks: string[];
  numTokens: number;
  settings?: Record<string, unknown>;
}

/** The object that a stack renders for such a ring. */
export function ringObject({ name, datacenter, size, racks, numTokens, settings }: RingShape): KubernetesObject {
  return {
    apiVersion: "k8ssandra.io/v1alpha1",
    kind: "K8ssandraCluster",
    metadata: { name: "ring", namespace: "storage" },
    spec: {
      auth: false,
      cassandra: {
        clusterName: name,
        serverVersion: CASSANDRA_VERSION,
        config: { cassandraYaml: { num_tokens: numTokens, ...settings } },
        datacenters: [{ metadata: { name: datacenter }, size, racks: racks.map((rack) => ({ name: rack })) }],
      },
    },
  };
}

/** What every ring of a test is started with; `remove` deletes its folder. */
export async function ringOptions(): Promise<{ options: RingOptions; remove(): void }> {
  const { signal } = new AbortController();
  const onProgress = () => undefined;
  const { java, maven = "mvn" } = await cassandraRequirements({
    maven: cachedDistribution() === undefined,
    signal,
    onProgress,
  });
  const distribution = await fetchDistribution({ maven, javaHome: javaHomeOf(java), signal, onProgress });
  const dir = mkdtempSync(join(tmpdir(), "stowage-ring-"));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  return { options: { dir, distribution, java, signal, baseEnv: {}, onProgress }, remove };
}

/** A ring that runs, and its end. */
export interface TestRing {
  ring: LocalRing;
  client: Client;
  end(): Promise<void>;
}

export async function startTestRing(shape: RingShape, { optimized = false } = {}): Promise<TestRing> {
  const { options, remove } = await ringOptions();
  const ring = await startRing(planRing(ringObject(shape)), { ...options, optimized });
  const client = clientOf(ring);
  const end = async () => {
    await client.shutdown();
    await ring.stop();
    remove();
  };
  return { ring, client, end };
}

export function clientOf(ring: LocalRing): Client {
  return new Client({
    contactPoints: ring.contactPoints,
    localDataCenter: ring.datacenter,
    protocolOptions: { port: ring.port },
    // A ring of three on a busy machine makes a table in more than the driver's 12 s now and then.
    socketOptions: { readTimeout: 60_000 },
    encoding: { useBigIntAsLong: true, useBigIntAsVarint: true },
  });
}

/** One of each way in which a value gets into a row. */
const columns: Record<string, Column> = {
  device: { type: "text", body: "device" },
  day: { type: "date", body: "day" },
  seq: { type: "bigint", body: "seq" },
  celsius: { type: "double", body: "reading.celsius", required: true },
  note: { type: "text", body: "note" },
  origin: { type: "text", property: "origin" },
};

export function readings(name: string, changes: Partial<TableDefinition> = {}): TableDefinition {
  return {
    keyspace: "telemetry",
    name,
    columns,
    partitionKey: ["device", "day"],
    clusteringKey: [{ column: "seq", descending: true }],
    from: { time: { body: "time" } },
    // Every fifth row is written a second time, by a later event.
    lastWriterPerCell: true,
    ...changes,
  };
}

export function pipelineOf(
  table: TableDefinition,
  replication: { [datacenter: string]: number },
  changes: Partial<CassandraSink> = {},
): Pipeline {
  return {
    contractVersion: CONTRACT_VERSION,
    name: "readings",
    source: {
      queue: "readings",
      sessions: false,
      lockDurationSeconds: 60,
      maxDeliveryCount: 10,
      duplicateDetection: false,
    },
    sink: {
      cassandra: {
        table,
        replication,
        consistency: Consistency.LocalQuorum,
        batchMaxRows: 50,
        batchMaxBytes: 1024 * 1024,
        flushMilliseconds: 5,
        maxInFlight: 16,
        batchBy: "partition" as const,
        ledger: false,
        ...changes,
      },
    },
    delivery: {
      ...DELIVERY_DEFAULTS,
      concurrency: 500,
      maxHeldBytes: 64 * 1024 * 1024,
      attempts: 5,
      retryBaseMilliseconds: 50,
      retryMaxMilliseconds: 1000,
      maxProcessingSeconds: 60,
      shutdownGraceSeconds: 10,
      onPoison: SessionPoison.Skip,
    },
    replyQueues: [],
    observe: false,
  };
}

export function connectionOf(ring: LocalRing): Connection {
  return {
    contractVersion: CONTRACT_VERSION,
    serviceBus: { fullyQualifiedNamespace: "127.0.0.1:5672", developmentEmulator: true },
    cassandra: { contactPoints: ring.contactPoints, port: ring.port, localDatacenter: ring.datacenter },
  };
}

/** A message as the engine hands it to a sink. */
export function message(messageId: string, body: object | string, changes: Partial<SinkMessage> = {}): SinkMessage {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return {
    key: messageKey("readings", messageId),
    entity: "readings",
    messageId,
    body: bytes,
    bodySha256: sha256(bytes),
    properties: {},
    enqueuedTime: new Date(0),
    sequenceNumber: "1",
    deliveryCount: 1,
    traceId: "0".repeat(32),
    ...changes,
  };
}

/** The n-th reading: ten devices, each row of its own, and every fifth row written a second time by a later event. */
export function reading(n: number, epochMs: number): SinkMessage {
  const row = n % 5 === 4 ? n - 1 : n;
  const time = new Date(epochMs + n).toISOString();
  const body = { device: `device-${row % 10}`, day: "2026-01-31", seq: row, time, reading: { celsius: n / 10 } };
  return message(`m-${n}`, n % 2 === 0 ? { ...body, note: `note ${n}` } : body, {
    partitionKey: `${body.device}|${body.day}`,
    properties: { origin: "test" },
  });
}

/** A sink on a table that is made where it is not there. */
export async function startedSink(
  ring: LocalRing,
  table: TableDefinition,
  { replication, ...changes }: Partial<CassandraSink> & Pick<CassandraSink, "replication">,
  worker = "worker-1",
): Promise<Sink> {
  const [pipeline, connection] = [pipelineOf(table, replication, changes), connectionOf(ring)];
  const never = new AbortController().signal;
  await applySchema(pipeline, connection, never);
  const sink = createSink({ pipeline, connection, worker });
  await sink.start(never);
  return sink;
}
