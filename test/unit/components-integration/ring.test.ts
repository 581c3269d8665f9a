import { describe, expect, it } from "vitest";
import type { CassandraRingArgs } from "../../../components/cassandra/index.js";
import { Integration, type IntegrationArgs, integrationProblems } from "../../../components/integration/index.js";
import { CASSANDRA_DEFAULTS, formatProblem } from "../../../runtime/contract/index.js";
import { argsOf, clusterCalls } from "../support/environments.js";
import { run, UNKNOWN } from "../support/mocks.js";
import { readings } from "../support/pipelines.js";
import { sink, small } from "./small.js";

const CONFIG = "kubernetes:core/v1:ConfigMap";
const SECRET = "kubernetes:core/v1:Secret";
const JOB = "kubernetes:batch/v1:Job";
const CRON = "kubernetes:batch/v1:CronJob";
const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/** A ring that is made here, small. */
const ring: CassandraRingArgs = {
  namespace: "cassandra",
  clusterName: "Ring_One",
  datacenter: "dc1",
  racks: [{ name: "r1" }, { name: "r2" }, { name: "r3" }],
  size: 3,
  serverVersion: "5.0.5",
  storageClass: "fast",
  storageGib: 10,
  heapMib: 512,
  memoryMib: 1024,
  cpus: 1,
  replication: { telemetry: 3 },
};
const rows = { rows: { source: { queue: "a" }, sink: { cassandra: { table: readings } } } };

/** An integration with one pipeline to a ring that is made here. */
const made = (changed: Partial<CassandraRingArgs> = {}, around: Partial<IntegrationArgs> = {}): IntegrationArgs => {
  const { endpoints: _, ...rest } = small(rows);
  return { ...rest, storage: { cassandra: { ...ring, ...changed } }, ...around };
};
const build = (args: IntegrationArgs, preview = false) =>
  run(() => new Integration("stowage", args), { preview, calls: clusterCalls });
const lines = (args: IntegrationArgs) => integrationProblems("stowage", args).map(formatProblem);

async function connections(args: IntegrationArgs) {
  const { resources } = await build(args);
  const of = (name: string) => {
    const found = resources.find((each) => each.type === CONFIG && each.name === name);
    const { "connection.json": json } = (found?.inputs["data"] ?? {}) as { [file: string]: string };
    return json === undefined || json === UNKNOWN ? json : (JSON.parse(json) as { cassandra: object }).cassandra;
  };
  return { worker: of("stowage-rows"), jobs: of("stowage-rows-schema") };
}

describe("a ring that is made here", () => {
  it("is reached by each pipeline as a role of its own over TLS, and by its jobs as the superuser", async () => {
    const common = { contactPoints: ["ring-one-dc1-service.cassandra.svc"], port: 9042, localDatacenter: "dc1" };
    const serverName = "ring-one-dc1-service.cassandra.svc";
    expect(await connections(made())).toEqual({
      worker: {
        ...common,
        tls: { serverName, caFile: "/var/run/stowage/cassandra/ca.crt" },
        credentials: { directory: "/var/run/stowage/cassandra" },
      },
      jobs: {
        ...common,
        tls: { serverName, caFile: "/var/run/stowage/admin-ca/ca.crt" },
        credentials: { directory: "/var/run/stowage/admin" },
      },
    });
  });

  it("has the jobs beside its secrets, by their names, and rotates as it says", async () => {
    const { one } = await build(made({ rotation: "7d", reader: true }));
    const job = one(JOB, "stowage-rows-schema").inputs;
    expect(job["metadata"]).toMatchObject({ name: "rows-schema", namespace: "cassandra" });
    const pod = JSON.stringify(job["spec"]);
    expect(pod).toContain('"secretName":"ring-one-superuser"');
    expect(pod).toContain('"secretName":"ring-one-node-tls"');
    expect(pod).toContain('"--reader","cassandra/ring-one-reader"');
    expect(pod).toContain('"--publish","stowage/rows-cassandra"');
    expect(one(CRON, "stowage-rows-rotation").inputs["spec"]).toMatchObject({
      schedule: expect.stringMatching(/\* \* [0-6]$/),
    });
    expect(one(SECRET, "stowage-rows-cassandra").inputs["metadata"]).toMatchObject({ namespace: "stowage" });
    expect(one("stowage:index:Worker", "stowage-rows").dependsOn).toContainEqual(
      expect.stringMatching(/K8ssandraCluster stowage-cassandra$/),
    );
  });

  it("takes a superuser of one's own", async () => {
    const { one } = await build(made({ superuserSecret: "ours" }));
    expect(JSON.stringify(one(JOB, "stowage-rows-schema").inputs["spec"])).toContain('"secretName":"ours"');
  });

  it("asks for nothing where authentication and TLS are off, and has no jobs beside it", async () => {
    const open = made({ authentication: false, tls: false });
    expect(await connections(open)).toEqual({
      worker: { contactPoints: ["ring-one-dc1-service.cassandra.svc"], port: 9042, localDatacenter: "dc1" },
      jobs: undefined,
    });
    const { one, all } = await build(open);
    expect(one(JOB, "stowage-rows-schema").inputs["metadata"]).toMatchObject({ namespace: "stowage" });
    expect(all(CRON)).toEqual([]);
  });

  it("runs its own job with the workers' image, unless it has one of its own", async () => {
    expect(lines(made())).toEqual([]);
    const { image: _, ...without } = made();
    // Said once, where it is missing.
    expect(integrationProblems("stowage", without).map(({ path }) => path)).toEqual(["image"]);
    const other = `registry.example/other@sha256:${"b".repeat(64)}`;
    expect(lines(made({ image: other }))).toEqual([]);
    expect(lines(made({ image: "worker:1" }))).toEqual([expect.stringMatching(/^storage\.cassandra\.image: must be /)]);
  });

  it("gives the keyspace its replicas in every datacenter", async () => {
    const racks = [{ name: "r1" }, { name: "r2" }, { name: "r3" }];
    const more = made({
      otherDatacenters: [{ name: "dc2", racks, size: 3, replication: { telemetry: 3 } }],
      externalDatacenters: [{ name: "dc3", replication: { telemetry: 1 } }],
      seeds: ["10.9.0.4"],
    });
    expect(lines(more)).toEqual([]);
    const { value, known } = await build(more, true);
    const pipelines = (await known(value.pipelines)) ?? {};
    expect(pipelines["rows"]?.sink.cassandra?.replication).toEqual({ dc1: 3, dc2: 3, dc3: 1 });
    const table = { table: readings, replication: { dc1: 3 } };
    expect(lines({ ...more, pipelines: { rows: { ...rows.rows, sink: { cassandra: table } } } })).toEqual([
      'pipelines.rows.sink.cassandra.replication: must be 3 in dc1, 3 in dc2, 1 in dc3, as storage.cassandra plans telemetry (found {"dc1":3}). Leave it out, or change storage.cassandra',
    ]);
  });

  const withTable = (table: object) => ({
    pipelines: { rows: { source: { queue: "a" }, sink: { cassandra: { table: { ...readings, ...table } } } } },
  });

  it("is refused where its repairs come too late for the tombstones of a pipeline's table", () => {
    const options = { gcGrace: "5d" as const };
    expect(lines(made({ repair: { interval: "7d" } }, withTable({ options })))).toEqual([
      expect.stringMatching(
        /^storage\.cassandra\.repair\.gcGrace\.telemetry\.readings: must be at least repair\.interval/,
      ),
    ]);
    expect(lines(made({ repair: { interval: "3d" } }, withTable({ options })))).toEqual([]);
  });

  it("is refused where its nodes refuse events that a worker takes", () => {
    const from = { time: { body: "time" }, maxFutureSkew: "30m" as const };
    expect(lines(made({}, withTable({ from })))).toEqual([
      expect.stringMatching(
        /^storage\.cassandra\.maxTimestampSkew: must be at least 60 seconds longer than maxFutureSkew/,
      ),
    ]);
    expect(lines(made({ maxTimestampSkew: "1h" }, withTable({ from })))).toEqual([]);
  });

  it("is refused with TLS whose authorities nobody brings to the workers", () => {
    expect(lines(made({ authentication: false }))).toEqual([
      "storage.cassandra.tls: goes with authentication, whose jobs hand the authorities of the nodes to the workers (found true). Leave authentication on, set tls to false, or give endpoints.cassandra.tls",
    ]);
    const endpoints = { cassandra: { contactPoints: ["ring"], tls: { ca: PEM } } };
    expect(lines(made({ authentication: false }, { endpoints }))).toEqual([]);
  });

  it("is refused with a rotation that no schedule says", () => {
    expect(lines(made({ rotation: "45d" }))).toEqual([
      expect.stringMatching(/^storage\.cassandra\.rotation: must be what a CronJob's schedule can say/),
    ]);
  });
});

describe("a ring that is reached otherwise", () => {
  const administrator = { namespace: "databases", secret: "root", rotation: "90d", reader: "analysts" };
  const elsewhere = (cassandra: object, around: Partial<IntegrationArgs> = {}) =>
    small(
      { rows: { source: { queue: "a" }, sink } },
      {
        endpoints: { cassandra: { contactPoints: ["ring.svc"], localDatacenter: "dc1", ...cassandra } },
        ...around,
      },
    );

  it("at other addresses keeps what else is said of the one that is made here", async () => {
    const local: IntegrationArgs = {
      ...made(),
      endpoints: { cassandra: { contactPoints: ["127.7.0.1"], port: 9043 } },
    };
    expect(await connections(local)).toMatchObject({
      worker: {
        contactPoints: ["127.7.0.1"],
        port: 9043,
        localDatacenter: "dc1",
        tls: { serverName: "ring-one-dc1-service.cassandra.svc" },
        credentials: { directory: "/var/run/stowage/cassandra" },
      },
      jobs: { contactPoints: ["127.7.0.1"], port: 9043, credentials: { directory: "/var/run/stowage/admin" } },
    });
  });

  it("is administered by a superuser that is named, in its secret's namespace", async () => {
    const args = elsewhere({ administrator, tls: { ca: PEM, serverName: "ring" } });
    expect(lines(args)).toEqual([]);
    const { one } = await build(args);
    expect(one(JOB, "stowage-rows-schema").inputs["metadata"]).toMatchObject({ namespace: "databases" });
    expect(one(CRON, "stowage-rows-rotation").inputs["spec"]).toMatchObject({
      schedule: expect.stringMatching(/ [1-3]-12\/3 \*$/),
    });
    const spec = JSON.stringify(one(JOB, "stowage-rows-schema").inputs["spec"]);
    expect(spec).toContain('"secretName":"root"');
    expect(spec).toContain('"databases/analysts"');
  });

  it("takes roles that somebody else manages, and then makes and rotates none", async () => {
    const { all } = await build(elsewhere({ credentials: "ours" }));
    expect([...all(CRON), ...all(SECRET)]).toEqual([]);
    // Beside a ring that is made here as well: its superuser is left out.
    const both = {
      ...made({ tls: false }),
      endpoints: { cassandra: { contactPoints: ["ring"], credentials: "ours" } },
    };
    expect(lines(both)).toEqual([]);
    expect((await build(both)).all(CRON)).toEqual([]);
  });

  it("narrows the jobs' way to the API server, where there are jobs", async () => {
    const network = { kubernetesCidrs: ["10.0.0.1/32"] };
    const { one } = await build(elsewhere({ administrator }, { network }));
    const { egress } = one(POLICY, "stowage-rows-schema").inputs["spec"] as { egress: object[] };
    expect(egress.at(-1)).toMatchObject({ to: [{ ipBlock: { cidr: "10.0.0.1/32" } }] });
    expect(lines(elsewhere({}, { network }))).toEqual([
      'network.kubernetesCidrs: goes with a Cassandra ring whose superuser jobs log in as (found ["10.0.0.1/32"]). Remove it',
    ]);
  });

  it.each([
    [
      "credentials beside an administrator",
      { credentials: "ours", administrator },
      "endpoints.cassandra.credentials: goes without administrator, as whom jobs make the pipeline's roles. Remove one of the two",
    ],
    [
      "TLS that trusts nobody",
      { tls: {} },
      "endpoints.cassandra.tls: must have exactly one of ca, caSecret (found []). Say which authorities may sign the nodes' certificates",
    ],
    [
      "a misspelt key",
      { administrator: { ...administrator, secrets: "x" } },
      'endpoints.cassandra.administrator.secrets: unknown key (found "x"). Did you mean secret?',
    ],
  ])("is refused with %s", (_, cassandra, line) => {
    expect(lines(elsewhere(cassandra))).toEqual([line]);
  });

  it("is refused where jobs and workers share a namespace and a name", () => {
    const pipelines = { rows: { source: { queue: "a" }, sink }, "rows-schema": { source: { queue: "b" }, sink } };
    const cassandra = { contactPoints: ["ring"], localDatacenter: "dc1", administrator };
    const shared = (namespace: string) =>
      small(pipelines, { namespace: { name: namespace }, endpoints: { cassandra } });
    expect(lines(shared("databases"))).toEqual([
      "pipelines.rows-schema: has the name of the jobs' objects of pipeline rows, which are in the same namespace, databases. Name it otherwise, or put the workers into a namespace of their own",
    ]);
    expect(lines(shared("stowage"))).toEqual([]);
  });
});

describe("a cassandra pipeline's own settings", () => {
  it("reach the worker as they are said", async () => {
    const said = { batchBy: "replicaSet" as const, speculativeMilliseconds: 50, ledger: true };
    const args = made({}, { pipelines: { rows: { ...rows.rows, sink: { cassandra: { table: readings, ...said } } } } });
    expect(lines(args)).toEqual([]);
    const { value, known } = await build(args, true);
    expect((await known(value.pipelines))?.["rows"]?.sink.cassandra).toMatchObject(said);
  });

  it("have the defaults that stand in the contract where nothing is said", async () => {
    const { value, known } = await build(made(), true);
    const planned = (await known(value.pipelines))?.["rows"]?.sink.cassandra;
    expect(planned).toMatchObject(CASSANDRA_DEFAULTS);
    expect(planned).not.toHaveProperty("speculativeMilliseconds");
  });
});

describe("the environment prod", () => {
  it("shows a ring with every part that protects what is in it", () => {
    const { storage, pipelines } = argsOf("prod");
    const { cassandra } = storage ?? {};
    expect(cassandra).toMatchObject({ authentication: true, tls: true, reader: true });
    expect(cassandra).not.toHaveProperty("protectData");
    expect(cassandra?.racks.map(({ zone }) => zone)).toEqual(["westeurope-1", "westeurope-2", "westeurope-3"]);
    expect(cassandra).toMatchObject({ repair: { interval: "7d" }, snapshots: {}, monitoring: {} });
    expect(pipelines["telemetry"]?.sink.cassandra?.table).toMatchObject({
      columns: { day: { bucket: "day" } },
      from: { rate: { rowsPerSecond: 1 } },
    });
  });
});
