import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CONTRACT_VERSION,
  type Connection,
  connectionProblems,
  DELIVERY_DEFAULTS,
  defineTable,
  formatProblem,
  InvalidInputError,
  type Pipeline,
  parsePipeline,
  pipelineProblems,
} from "../../../runtime/contract/index.js";

const table = defineTable({
  keyspace: "plant",
  name: "readings",
  columns: {
    device: { type: "text", body: "device" },
    time: { type: "timestamp", body: "time" },
    id: { type: "text", message: "messageId" },
    celsius: { type: "double", body: "reading.celsius" },
  },
  partitionKey: ["device"],
  clusteringKey: [{ column: "time", descending: true }, { column: "id" }],
  from: { time: { body: "time" } },
});

function pipeline(change: (p: Pipeline) => void = () => {}): Pipeline {
  const p: Pipeline = {
    contractVersion: CONTRACT_VERSION,
    name: "telemetry",
    source: {
      queue: "telemetry",
      sessions: false,
      lockDurationSeconds: 60,
      maxDeliveryCount: 10,
      duplicateDetection: false,
    },
    sink: {
      cassandra: {
        table,
        replication: { dc1: 3 },
        consistency: "LOCAL_QUORUM",
        batchMaxRows: 100,
        batchMaxBytes: 65536,
        flushMilliseconds: 10,
        maxInFlight: 8,
        batchBy: "partition" as const,
        ledger: false,
      },
    },
    delivery: {
      ...DELIVERY_DEFAULTS,
      concurrency: 256,
      maxHeldBytes: 64 * 1024 * 1024,
      attempts: 3,
      retryBaseMilliseconds: 100,
      retryMaxMilliseconds: 5000,
      maxProcessingSeconds: 300,
      shutdownGraceSeconds: 30,
      onPoison: "skip",
    },
    replyQueues: [],
    observe: false,
  };
  change(p);
  return p;
}

const words = (value: unknown) => pipelineProblems(value).map(formatProblem);

describe("a pipeline", () => {
  it("is plain JSON: it survives a round trip unchanged, and stays valid", () => {
    const p = pipeline();
    expect(JSON.parse(JSON.stringify(p))).toEqual(p);
    expect(words(p)).toEqual([]);
    expect(parsePipeline(JSON.parse(JSON.stringify(p)))).toEqual(p);
  });

  it("is refused with every problem at once, each with path, value, range and fix", () => {
    const p = pipeline((q) => {
      q.source.lockDurationSeconds = 301;
      q.delivery.concurrency = 0;
      q.name = "Not A Label";
    });
    expect(words(p)).toEqual([
      'name: must be 1 to 40 lower-case letters, digits or -, the first a letter (found "Not A Label"). Use a DNS label',
      "source.lockDurationSeconds: must be a whole number from 5 to 300 seconds (found 301). Give a number in that range",
      "delivery.concurrency: must be a whole number from 1 to 2000 (found 0). Give a number in that range",
    ]);
    expect(() => parsePipeline(p)).toThrow(InvalidInputError);
  });

  it("of a version this code does not know is refused naming both versions", () => {
    const text = words({ ...pipeline(), contractVersion: 2 }).join();
    expect(text).toContain("must be 1, the version this code knows (found 2)");
  });

  it("with an unknown key is refused, with the key that was probably meant", () => {
    const slip = { ...pipeline(), delivery: { ...pipeline().delivery, concurency: 4 } };
    expect(words(slip)).toEqual(["delivery.concurency: unknown key (found 4). Did you mean concurrency?"]);
  });

  it.each<[string, (p: Pipeline) => void, string]>([
    ["no source", (p) => delete p.source.queue, "source: must have either queue or topic"],
    ["a subscription without topic", (p) => (p.source.subscription = "s"), "source.subscription: goes with topic"],
    ["no sink", (p) => (p.sink = {}), "sink: must have exactly one of"],
    [
      "two sinks",
      (p) => (p.sink.linstor = { resourceGroup: "rg", readyTimeoutSeconds: 60, pollMilliseconds: 100, maxSizeKib: 4 }),
      "sink: must have exactly one of",
    ],
    ["LINSTOR without sessions", toLinstor, "source.sessions: must be true for LINSTOR"],
    ["a retry ceiling under its base", (p) => (p.delivery.retryMaxMilliseconds = 50), "delivery.retryMaxMilliseconds"],
    [
      "a word for empty sessions that is none",
      (p) => Object.assign(p.delivery, { emptySessionState: "drop" }),
      "delivery.emptySessionState",
    ],
    ["a key column that is none", (p) => cassandra(p).partitionKey.push("nope"), "partitionKey.1: is not a column"],
    ["a key column twice", (p) => cassandra(p).partitionKey.push("time"), "stands twice in the primary key"],
    [
      "a column without source",
      (p) => (cassandra(p).columns["x"] = { type: "int" }),
      "columns.x: must have exactly one",
    ],
    ["an upward path", toGluster("../other"), "sink.gluster.directory: must be a relative path"],
    ["a job that outlives its lock", toGluster("results", 900), "must be at most delivery.maxProcessingSeconds, 300"],
  ])("with %s is refused", (_, change, text) => {
    expect(words(pipeline(change)).join("\n")).toContain(text);
  });

  it("never throws for a value of any shape: it lists problems", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(pipelineProblems(value).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});

function cassandra(p: Pipeline) {
  if (p.sink.cassandra === undefined) throw new Error("the test's pipeline has a Cassandra sink");
  p.sink.cassandra.table = structuredClone(p.sink.cassandra.table);
  return p.sink.cassandra.table;
}

function toLinstor(p: Pipeline): void {
  p.sink = { linstor: { resourceGroup: "rg", readyTimeoutSeconds: 60, pollMilliseconds: 100, maxSizeKib: 4 } };
}

function toGluster(directory: string, timeoutSeconds = 60) {
  return (p: Pipeline) => {
    p.sink = {
      gluster: {
        volume: "v",
        mountPath: "/data",
        directory,
        job: { command: ["cat"], timeoutSeconds, maxOutputBytes: 9 },
      },
    };
  };
}

describe("a connection", () => {
  const connection: Connection = {
    contractVersion: CONTRACT_VERSION,
    serviceBus: {
      fullyQualifiedNamespace: "contoso.servicebus.windows.net",
      clientId: `${"a".repeat(8)}-0000-0000-0000-000000000000`,
    },
  };

  it("to Azure needs an identity; a development emulator does not", () => {
    expect(connectionProblems(connection)).toEqual([]);
    const bare = { ...connection, serviceBus: { fullyQualifiedNamespace: "127.0.0.1:5672" } };
    expect(connectionProblems(bare).map((p) => p.path)).toEqual(["serviceBus.clientId"]);
    const emulator = { ...bare.serviceBus, developmentEmulator: true };
    expect(connectionProblems({ ...bare, serviceBus: emulator })).toEqual([]);
    const both = { ...emulator, instanceDiscovery: false };
    expect(connectionProblems({ ...bare, serviceBus: both }).map((p) => p.path)).toEqual([
      "serviceBus.instanceDiscovery",
    ]);
  });

  it("has no place for a secret: an unknown key is refused", () => {
    const withKey = { ...connection, serviceBus: { ...connection.serviceBus, sharedAccessKey: "x" } };
    expect(connectionProblems(withKey).map((p) => p.path)).toEqual(["serviceBus.sharedAccessKey"]);
  });
});
