import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { pipelineProblems } from "../../../runtime/contract/index.js";
import { pipelineSchema } from "../../../runtime/contract/validate.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { pipelineTo } from "../support/pipelines.js";

/**
 * Every option of a pipeline, and a test that fails when the option is ignored: its file below `test`, and a part of its
 * name. What the schema does not have cannot stand here, and what it has must. An entry is made with care: replace the
 * option by a fixed value where the code reads it, and see the test fail.
 */
const PROOFS: { [option: string]: [file: string, test: string] } = {
  contractVersion: [
    "unit/contract/pipeline.test.ts",
    "of a version this code does not know is refused naming both versions",
  ],
  name: ["unit/library/runWorker.test.ts", "serves metrics with the pipeline's name"],
  "source.queue": ["unit/bus/source.test.ts", "where source.queue, or source.topic and source.subscription, name it"],
  "source.topic": ["unit/bus/source.test.ts", "where source.queue, or source.topic and source.subscription, name it"],
  "source.subscription": [
    "unit/bus/source.test.ts",
    "where source.queue, or source.topic and source.subscription, name it",
  ],
  "source.sessions": [
    "unit/bus/session.test.ts",
    "keeps strict order within a session, and works on sessions beside each other",
  ],
  "source.lockDurationSeconds": ["unit/bus/options.test.ts", "lockDurationSeconds is what renewals go by"],
  "source.maxDeliveryCount": ["unit/bus/options.test.ts", "maxDeliveryCount says which delivery is the last"],
  "source.duplicateDetection": ["unit/bus/options.test.ts", "says whether a copy may keep its message's id"],
  "sink.gluster.volume": ["unit/sinks-gluster/options.test.ts", "volume is what must be mounted there"],
  "sink.gluster.mountPath": ["unit/sinks-gluster/options.test.ts", "mountPath is where results go"],
  "sink.gluster.directory": ["unit/sinks-gluster/options.test.ts", "directory is the results' folder on the volume"],
  "sink.gluster.job.command": ["unit/sinks-gluster/options.test.ts", "job.command is the program that is run"],
  "sink.gluster.job.module": ["unit/sinks-gluster/options.test.ts", "job.module is the function that is loaded"],
  "sink.gluster.job.timeoutSeconds": [
    "unit/sinks-gluster/options.test.ts",
    "job.timeoutSeconds is how long a job may run",
  ],
  "sink.gluster.job.maxOutputBytes": ["unit/sinks-gluster/options.test.ts", "job.maxOutputBytes is the last byte"],
  "sink.linstor.resourceGroup": ["unit/sinks-linstor/options.test.ts", "resourceGroup is the group that is made"],
  "sink.linstor.readyTimeoutSeconds": [
    "unit/sinks-linstor/options.test.ts",
    "readyTimeoutSeconds is how long a volume may take",
  ],
  "sink.linstor.pollMilliseconds": ["unit/sinks-linstor/options.test.ts", "pollMilliseconds how often it is looked at"],
  "sink.linstor.maxSizeKib": ["unit/sinks-linstor/options.test.ts", "maxSizeKib is the largest volume"],
  "sink.linstor.placeCount": [
    "unit/sinks-linstor/options.test.ts",
    "placeCount and storagePool are those of the group",
  ],
  "sink.linstor.storagePool": [
    "unit/sinks-linstor/options.test.ts",
    "placeCount and storagePool are those of the group",
  ],
  "sink.linstor.replicasOnDifferent": [
    "unit/sinks-linstor/options.test.ts",
    "replicasOnDifferent keeps the group's replicas apart",
  ],
  "sink.cassandra.table.keyspace": ["unit/sinks-cassandra/options.test.ts", "table.keyspace are those of the keyspace"],
  "sink.cassandra.table.name": ["unit/sinks-cassandra/cql.test.ts", "create what the definition says"],
  "sink.cassandra.table.columns.type": ["unit/sinks-cassandra/cql.test.ts", "create what the definition says"],
  "sink.cassandra.table.columns.body": [
    "unit/sinks-cassandra/mapping.test.ts",
    "without a value that is needed is MissingValue",
  ],
  "sink.cassandra.table.columns.message": [
    "unit/sinks-cassandra/mapping.test.ts",
    "gives a column its fields and properties",
  ],
  "sink.cassandra.table.columns.property": [
    "unit/sinks-cassandra/mapping.test.ts",
    "gives a column its fields and properties",
  ],
  "sink.cassandra.table.columns.required": [
    "unit/sinks-cassandra/mapping.test.ts",
    "without a value that is needed is MissingValue",
  ],
  "sink.cassandra.table.partitionKey": ["unit/sinks-cassandra/cql.test.ts", "create what the definition says"],
  "sink.cassandra.table.clusteringKey.column": ["unit/sinks-cassandra/cql.test.ts", "create what the definition says"],
  "sink.cassandra.table.clusteringKey.descending": [
    "unit/sinks-cassandra/cql.test.ts",
    "create what the definition says",
  ],
  "sink.cassandra.table.columns.attribute": [
    "unit/sinks-cassandra/formats.test.ts",
    "gives a column its attributes and its data, in each form",
  ],
  "sink.cassandra.table.columns.bucket": [
    "unit/sinks-cassandra/formats.test.ts",
    "of a %s holds the event of %s from %s on",
  ],
  "sink.cassandra.table.types": [
    "unit/contract/table.test.ts",
    "that is defined is frozen within, knows its fields' types",
  ],
  "sink.cassandra.table.from.time.body": [
    "unit/sinks-cassandra/formats.test.ts",
    "stands in the body, a property or an attribute",
  ],
  "sink.cassandra.table.from.time.property": [
    "unit/sinks-cassandra/formats.test.ts",
    "stands in the body, a property or an attribute",
  ],
  "sink.cassandra.table.from.time.attribute": [
    "unit/sinks-cassandra/formats.test.ts",
    "stands in the body, a property or an attribute",
  ],
  "sink.cassandra.table.from.format": [
    "unit/sinks-cassandra/formats.test.ts",
    "stands behind its schema's fingerprint where the format says so",
  ],
  "sink.cassandra.table.from.schema": [
    "unit/sinks-cassandra/formats.test.ts",
    "is read by its schema: a record's fields are the body's",
  ],
  "sink.cassandra.table.from.deletes.body": [
    "unit/sinks-cassandra/formats.test.ts",
    "is a message whose value at the place equals the text",
  ],
  "sink.cassandra.table.from.deletes.property": [
    "unit/sinks-cassandra/formats.test.ts",
    "is a message whose value at the place equals the text",
  ],
  "sink.cassandra.table.from.deletes.attribute": [
    "unit/sinks-cassandra/formats.test.ts",
    "is a message whose value at the place equals the text",
  ],
  "sink.cassandra.table.from.deletes.message": [
    "unit/sinks-cassandra/formats.test.ts",
    "is a message whose value at the place equals the text",
  ],
  "sink.cassandra.table.from.deletes.equals": [
    "unit/sinks-cassandra/formats.test.ts",
    "is a message whose value at the place equals the text",
  ],
  "sink.cassandra.table.from.rate.rowsPerSecond": [
    "unit/contract/table.test.ts",
    "are warned about with the figures, and the bucket that fits",
  ],
  "sink.cassandra.table.from.rate.bytesPerRow": [
    "unit/contract/table.test.ts",
    "are warned about with the figures, and the bucket that fits",
  ],
  "sink.cassandra.table.lastWriterPerCell": [
    "unit/contract/table.test.ts",
    "holds the event's id, unless the last writer of each cell wins",
  ],
  "sink.cassandra.table.options.comment": [
    "unit/sinks-cassandra/schema.test.ts",
    "is made from nothing: the keyspace, types",
  ],
  "sink.cassandra.table.options.compaction": [
    "unit/sinks-cassandra/schema.test.ts",
    "is made from nothing: the keyspace, types",
  ],
  "sink.cassandra.table.options.compression": [
    "unit/sinks-cassandra/schema.test.ts",
    "is made from nothing: the keyspace, types",
  ],
  "sink.cassandra.replication": ["unit/sinks-cassandra/options.test.ts", "replication and table.keyspace are those"],
  "sink.cassandra.consistency": ["unit/sinks-cassandra/options.test.ts", "is what each write asks for"],
  "sink.cassandra.batchMaxRows": [
    "unit/sinks-cassandra/options.test.ts",
    "batchMaxRows is how many rows go into one request",
  ],
  "sink.cassandra.batchMaxBytes": [
    "unit/sinks-cassandra/options.test.ts",
    "batchMaxBytes is how many bytes go into one request",
  ],
  "sink.cassandra.flushMilliseconds": [
    "unit/sinks-cassandra/options.test.ts",
    "flushMilliseconds is how long a row waits for others of its partition",
  ],
  "sink.cassandra.maxInFlight": [
    "unit/sinks-cassandra/options.test.ts",
    "maxInFlight is how many requests may be under way at once",
  ],
  "sink.cassandra.batchBy": [
    "unit/sinks-cassandra/options.test.ts",
    "batchBy says whether partitions of the same replicas share a batch",
  ],
  "sink.cassandra.speculativeMilliseconds": [
    "unit/sinks-cassandra/options.test.ts",
    "speculativeMilliseconds is the time after which a write",
  ],
  "sink.cassandra.ledger": [
    "e2e/cassandraLedger.test.ts",
    "is claimed where the pipeline keeps a ledger, and nowhere else",
  ],
  "sink.cassandra.table.from.maxFutureSkew": ["unit/sinks-cassandra/sinkTime.test.ts", "may lie ahead by %s"],
  "sink.cassandra.table.from.maxAge": ["unit/sinks-cassandra/sinkTime.test.ts", "may lie back by maxAge and no more"],
  "sink.cassandra.table.options.gcGrace": [
    "unit/sinks-cassandra/sinkTime.test.ts",
    "of a table with deletions may lie back by %s",
  ],
  "sink.cassandra.table.timeToLive": [
    "unit/sinks-cassandra/sinkTime.test.ts",
    "leaves a row what is left of timeToLive",
  ],
  "sink.module.path": ["unit/sinks-module/options.test.ts", "is the one under module.path"],
  "sink.module.options": ["unit/sinks-module/options.test.ts", "gets module.options as they are"],
  "delivery.concurrency": ["unit/bus/queue.test.ts", "holds no more messages than the pipeline's concurrency"],
  "delivery.maxHeldBytes": ["e2e/worker-intake.test.ts", "holds no more bytes than the pipeline says"],
  "delivery.attempts": ["unit/bus/options.test.ts", "attempts is how often a delivery is tried"],
  "delivery.retryBaseMilliseconds": ["unit/bus/options.test.ts", "are the first and the longest wait between attempts"],
  "delivery.retryMaxMilliseconds": ["unit/bus/options.test.ts", "are the first and the longest wait between attempts"],
  "delivery.delayedRetry": ["unit/bus/options.test.ts", "says what becomes of a message whose sink asks for a delay"],
  "delivery.expectedRestarts": [
    "unit/bus/options.test.ts",
    "expectedRestarts is how many deliveries a message may lose",
  ],
  "delivery.maxProcessingSeconds": ["unit/bus/options.test.ts", "maxProcessingSeconds is how long a message may take"],
  "delivery.maxOutageSeconds": [
    "unit/bus/session.test.ts",
    "holds a session through an outage for as long as the pipeline says",
  ],
  "delivery.slowSeconds": ["unit/bus/options.test.ts", "slowSeconds beyond the entity's lock is warned about"],
  "delivery.shutdownGraceSeconds": ["unit/bus/options.test.ts", "shutdownGraceSeconds is how long a stop waits"],
  "delivery.onPoison": ["unit/bus/session.test.ts", "with stop, dead-letters the rest of the session"],
  "delivery.sessionIdleMilliseconds": ["unit/bus/sessionPlaces.test.ts", "the idle time is the pipeline's"],
  "delivery.sessionQuantumSeconds": ["unit/bus/sessionPlaces.test.ts", "the quantum is the pipeline's"],
  "delivery.emptySessionState": [
    "unit/bus/sessionProgress.test.ts",
    "is taken out once the session is empty, where the pipeline says so",
  ],
  "delivery.noProgressSeconds": ["unit/bus/options.test.ts", "noProgressSeconds is how long nothing comes"],
  "delivery.client.maxRetries": ["e2e/worker-client.test.ts", "are as many as the pipeline says"],
  "delivery.client.retryDelayMilliseconds": ["e2e/worker-client.test.ts", "wait as long as the pipeline says"],
  "delivery.client.maxRetryDelayMilliseconds": ["e2e/worker-client.test.ts", "never longer than its longest"],
  "delivery.client.timeoutSeconds": ["e2e/worker-client.test.ts", "give an operation as long as the pipeline says"],
  replyQueues: ["unit/bus/options.test.ts", "replyQueues are the queues that a message may ask an answer to"],
  "producers.requireSignature.issuers.issuer": ["unit/producer/verifier.test.ts", "is poison under a token %s"],
  "producers.requireSignature.issuers.subjects": ["unit/producer/verifier.test.ts", "is poison under a token %s"],
  "producers.requireSignature.issuers.jwksUri": [
    "unit/producer/keys.test.ts",
    "come from the URL that the pipeline names",
  ],
  "audit.destination": ["unit/audit/options.test.ts", "destination and directory say where records go"],
  "audit.directory": ["unit/audit/options.test.ts", "destination and directory say where records go"],
  "audit.headEvery": ["unit/audit/options.test.ts", "headEvery is after how many records"],
  "audit.maxFileBytes": ["unit/audit/options.test.ts", "maxFileBytes is after how many bytes"],
  observe: ["unit/bus/options.test.ts", "says whether the exact counts are asked for"],
};

/** Paths of all options below a schema; those of a list's or a map's entries stand below it. */
function optionsOf(schema: z.core.$ZodType, path = ""): string[] {
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([name, part]) =>
      optionsOf(part, path === "" ? name : `${path}.${name}`),
    );
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional) return optionsOf(schema.unwrap(), path);
  const entry =
    schema instanceof z.ZodArray ? schema.element : schema instanceof z.ZodRecord ? schema.valueType : undefined;
  const below = entry === undefined ? [] : optionsOf(entry, path);
  return below.length > 1 ? below : [path];
}

describe("every option of a pipeline", () => {
  test("has a test that fails when it is ignored", () => {
    expect(Object.keys(PROOFS).sort()).toEqual(optionsOf(pipelineSchema).sort());
  });

  test.each(Object.entries(PROOFS))("%s is held by a test that is there", (_option, [file, name]) => {
    const text = readFileSync(join(packageRoot(), "test", file), "utf8");
    expect(text).toContain(name);
  });

  test("is refused under any other name", () => {
    expect(pipelineProblems({ ...pipelineTo("gluster"), concurency: 4 })).toHaveLength(1);
  });
});
