import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it, vi } from "vitest";
import { type CassandraEndpointArgs, type WorkerArgs, workerProblems } from "../../../components/worker/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { pipelineTo, sinks } from "../support/pipelines.js";
import { administered, args, built, DEPLOYMENT, JOB, PEM, plain, podOf, toCassandra } from "./base.js";

describe("a table whose partitions grow too large at its stated rate", () => {
  const { cassandra } = sinks.cassandra;
  const withRate = (rowsPerSecond: number) => {
    const from = { ...cassandra.table.from, rate: { rowsPerSecond, bytesPerRow: 200 } };
    return {
      pipeline: pipelineTo("cassandra", { sink: { cassandra: { ...cassandra, table: { ...cassandra.table, from } } } }),
    };
  };

  it("is a warning at preview that says how large and what to do, and stops nothing", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    try {
      const { all } = await built(administered, withRate(100), true);
      expect(all(DEPLOYMENT)).toHaveLength(1);
      expect(warn.mock.calls.map(([words]) => words)).toEqual([
        expect.stringMatching(
          /^pipeline\.sink\.cassandra\.table\.partitionKey: a partition grows without end: .*passes 100 MB after .*bucket/,
        ),
      ]);
      warn.mockClear();
      await built(administered, {}, true);
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
  });
});

describe("the schema job", () => {
  const { cassandra } = sinks.cassandra;
  const digestOf = async (ring: CassandraEndpointArgs, changed: Partial<WorkerArgs> = {}) => {
    const { one } = await built(ring, changed);
    return podOf(one(JOB, "w-schema").inputs).metadata.annotations["stowage.dev/config-checksum"];
  };
  const withSink = (changed: object) => ({
    pipeline: pipelineTo("cassandra", { sink: { cassandra: { ...cassandra, ...changed } } }),
  });

  it.each([
    ["administered", administered],
    ["open", plain],
  ])(
    "runs again when the table, its replicas, its ledger or the way to the ring change, and for nothing else: %s ring",
    async (_, ring) => {
      const before = await digestOf(ring);
      const { table } = cassandra;
      const columns = { ...table.columns, celsius: { type: "double" as const, body: "celsius" } };
      for (const changed of [
        withSink({ table: { ...table, columns } }),
        withSink({ replication: { dc1: 5 } }),
        withSink({ ledger: true }),
      ])
        expect(await digestOf(ring, changed)).not.toBe(before);
      expect(await digestOf({ ...ring, contactPoints: ["other.svc"] })).not.toBe(before);
      const { delivery } = pipelineTo("cassandra");
      for (const changed of [
        { pipeline: pipelineTo("cassandra", { delivery: { ...delivery, attempts: 4 } }) },
        withSink({ batchMaxRows: 50 }),
        { replicas: 5 },
      ])
        expect(await digestOf(ring, changed)).toBe(before);
    },
  );
});

describe("how a ring is reached is refused", () => {
  const { volumeClaim: _, ...rest } = args;
  const lines = (cassandra: object, network = {}) =>
    workerProblems({
      ...rest,
      ...toCassandra,
      connection: { ...args.connection, cassandra: cassandra as CassandraEndpointArgs },
      network,
    }).map(formatProblem);
  const at = "connection.cassandra";

  it.each([
    [
      "with credentials beside an administrator",
      { ...administered, credentials: "ours" },
      `${at}.credentials: goes without administrator, as whom jobs make the pipeline's roles. Remove one of the two`,
    ],
    [
      "over TLS that trusts nobody",
      { ...plain, tls: { serverName: "ring" } },
      `${at}.tls: must have exactly one of ca, caSecret (found ["serverName"]). Say which authorities may sign the nodes' certificates`,
    ],
    [
      "over TLS with authorities from two places",
      { ...plain, tls: { ca: PEM, caSecret: { name: "a", key: "b" } } },
      `${at}.tls: must have exactly one of ca, caSecret (found ["ca","caSecret"]). Say which authorities may sign the nodes' certificates`,
    ],
    [
      "with a private key where certificates belong, without showing it",
      { ...plain, tls: { ca: `${PEM}-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n` } },
      `${at}.tls.ca: must be certificates as PEM text, and no private key. Give the text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----`,
    ],
    [
      "with a rotation that no schedule says",
      { ...administered, administrator: { ...administered.administrator, rotation: "45d" } },
      expect.stringMatching(
        /^connection\.cassandra\.administrator\.rotation: must be what a CronJob's schedule can say/,
      ),
    ],
    [
      "with a misspelt key",
      { ...administered, administrator: { ...administered.administrator, rotaton: "30d" } },
      `${at}.administrator.rotaton: unknown key (found "30d"). Did you mean rotation?`,
    ],
    [
      "at no host",
      { ...plain, contactPoints: [] },
      `${at}.contactPoints: must have at least one entry (found []). Give a host`,
    ],
  ])("%s", (_, ring, line) => {
    expect(lines(ring)).toEqual([line]);
  });

  it("with a way to the API server that no job takes", () => {
    expect(lines(plain, { kubernetesCidrs: ["10.0.0.1/32"] })).toEqual([
      'network.kubernetesCidrs: goes with connection.cassandra.administrator (found ["10.0.0.1/32"]). Remove it',
    ]);
  });

  it("and taken where all is right", () => {
    for (const ring of [plain, administered, { ...plain, credentials: "ours", tls: { ca: PEM } }])
      expect(lines(ring)).toEqual([]);
    expect(lines(administered, { kubernetesCidrs: ["10.0.0.1/32"] })).toEqual([]);
  });
});
