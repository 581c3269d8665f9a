import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { types } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applySchema, rolesOf, rotateRole } from "../../runtime/sinks/cassandra/index.js";
import { BrokerProcess } from "../support/brokerProcess.js";
import { MemorySecret } from "../support/memorySecret.js";
import { pipelineOf, readings } from "./cassandraHarness.js";
import { Load, storedAtAll } from "./cassandraLoad.js";
import { type Login, type SecureRing, startSecureRing, workerConnection, writeLogin } from "./cassandraSecure.js";
import { until } from "./workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "./workerProcess.js";

// A real ring of three with passwords and TLS, as a stack has it: roles on every node, and passwords that change under load.

const QUEUE = "readings";
const PER_SECOND = 150;
const never = new AbortController().signal;
const table = readings("rotated", { lastWriterPerCell: true });
const pipeline = pipelineOf(table, { dc1: 3 });
const roles = rolesOf(pipeline.name);

let kit: SecureRing;
let broker: BrokerProcess;
let processes: ProcessKit;
const secret = new MemorySecret();
const said: string[] = [];

beforeAll(async () => {
  await buildBundle();
  processes = new ProcessKit();
  broker = await BrokerProcess.start({}, { execArgv: [] });
  kit = await startSecureRing({
    name: "rotation",
    datacenter: "dc1",
    size: 3,
    racks: ["r1", "r2", "r3"],
    numTokens: 4,
    settings: { commitlog_sync: "group" },
  });
  await kit.client.connect();
  const options = { publish: secret, say: (line: string) => said.push(line) };
  await applySchema(pipeline, workerConnection(kit.admin), never, options);
}, 240_000);

afterAll(async () => {
  await processes?.close();
  await broker?.close();
  await kit?.end();
}, 60_000);

const loginIn = ({ values }: MemorySecret): Login => ({
  username: values["username"] ?? "",
  password: values["password"] ?? "",
});

/** What each node says, by itself. */
async function atEachNode(query: string): Promise<string[]> {
  const answers = kit.client.hosts.values().map(async (host) => {
    const { rows } = await kit.client.execute(query, [], { host, consistency: types.consistencies.one });
    return JSON.stringify(rows.map((row) => Object.values({ ...row }).map(String)).sort());
  });
  return Promise.all(answers);
}

test("roles and passwords are on every node before there is a role, and each node lets the worker's in", async () => {
  expect(said.slice(0, 2)).toEqual([
    "done      replicate system_auth dc1: 3",
    expect.stringMatching(/^done {6}repair system_auth: \d+ rows, each on all of its replicas$/),
  ]);
  const found = new Set(await atEachNode("SELECT role, salted_hash FROM system_auth.roles"));
  expect(found.size).toBe(1);
  for (const role of [...roles, "cassandra"]) expect([...found][0]).toContain(role);
  const client = kit.bare(loginIn(secret));
  await client.connect();
  await Promise.all(
    client.hosts.values().map((host) => client.execute("SELECT * FROM telemetry.rotated", [], { host })),
  );
  await client.shutdown();
});

test("two who apply at once end in one schema, with one id of each table on every node", async () => {
  const columns = { ...table.columns, position: { type: "frozen<position>", body: "position" } } as const;
  const typed = { ...table, name: "together", columns, types: { position: { x: "double", y: "double" } } } as const;
  const wide = { ...typed, columns: { ...columns, more: { type: "int", body: "more" } } } as const;
  for (const definition of [typed, wide]) {
    const one = { ...pipelineOf(definition, { dc1: 3 }), name: "together" };
    const applied = Array.from({ length: 3 }, () => applySchema(one, workerConnection(kit.admin), never));
    await Promise.all(applied);
  }
  const where = "WHERE keyspace_name = 'telemetry'";
  for (const query of [
    `SELECT table_name, id FROM system_schema.tables ${where}`,
    `SELECT table_name, column_name, type FROM system_schema.columns ${where}`,
    `SELECT type_name, field_names FROM system_schema.types ${where}`,
    "SELECT schema_version FROM system.local",
  ])
    expect(new Set(await atEachNode(query)).size).toBe(1);
  expect((await atEachNode(`SELECT column_name FROM system_schema.columns ${where}`))[0]).toContain("more");
}, 60_000);

describe("a rotation", () => {
  const directory = (): string => join(kit.dir, "mounted");
  let version = 0;

  /** Brings the secret into the mounted folder as kubelet does: a new folder, and the link turned to it. */
  function mount(): void {
    const before = version > 0 ? readlinkSync(join(directory(), "..data")) : undefined;
    const folder = `..version-${++version}`;
    mkdirSync(directory(), { recursive: true });
    writeLogin(join(directory(), folder), loginIn(secret));
    symlinkSync(folder, join(directory(), "..data_tmp"));
    renameSync(join(directory(), "..data_tmp"), join(directory(), "..data"));
    if (before !== undefined) rmSync(join(directory(), before), { recursive: true });
    else for (const file of ["username", "password"]) symlinkSync(join("..data", file), join(directory(), file));
  }

  /** How many connections of the role each of the nodes has, in all. */
  async function connectionsOf(role: string): Promise<number> {
    const counts = kit.client.hosts.values().map(async (host) => {
      const { rows } = await kit.client.execute("SELECT username FROM system_views.clients", [], { host });
      return rows.filter((row) => row["username"] === role).length;
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  const done = async (worker: RunningWorker): Promise<number> => {
    const { text } = await worker.ask("/metrics");
    const line = text.split("\n").find((one) => one.startsWith("stowage_messages_total{") && one.includes('"done"'));
    return Number(line?.slice(line.lastIndexOf(" ")) ?? 0);
  };

  test("under load: no error reaches a message, and the role before is left", async () => {
    await broker.putQueue(QUEUE, { lockDurationSeconds: 60, maxDeliveryCount: 10 });
    await broker.watch(QUEUE);
    mount();
    const { tls, contactPoints, port, localDatacenter } = kit.admin;
    const credentials = { directory: directory() };
    const cassandra = { contactPoints, port, localDatacenter, credentials, ...(tls === undefined ? {} : { tls }) };
    const serviceBus = { fullyQualifiedNamespace: `127.0.0.1:${broker.address.port}`, developmentEmulator: true };
    const worker = processes.start(pipeline, { ...workerConnection(cassandra), serviceBus });
    const load = new Load(broker.address.connectionString, QUEUE, PER_SECOND);
    try {
      await until("the worker works", async () => (await done(worker)) > PER_SECOND, 60);
      // Both ways: the second one turns back to the role that the first one has left.
      for (const rest of ["5m", "0s"] as const) {
        const from = secret.values["username"] ?? "";
        // The secret was filled a moment ago, which would keep the first one from being made.
        secret.values = { ...secret.values, "rotated-at": rest === "5m" ? "2026-01-01T00:00:00.000Z" : "" };
        const turned = await rotateRole(pipeline, workerConnection(kit.admin), never, { publish: secret, rest });
        const to = secret.values["username"] ?? "";
        expect(turned).toEqual({ kind: "rotated", from, to });
        expect([...roles].sort()).toEqual([from, to].sort());
        mount();
        await until("the worker has turned", async () => (await connectionsOf(to)) > 0, 30);
        await until("the role before has no connection", async () => (await connectionsOf(from)) === 0, 40);
        const before = await done(worker);
        await until("the worker goes on", async () => (await done(worker)) > before + PER_SECOND, 30);
      }
      await load.stop();
      await until("all messages are settled", async () => (await broker.counts(QUEUE)).active === 0, 60);
      expect((await broker.counts(QUEUE)).deadLetter).toBe(0);
      const fates = await broker.fates(QUEUE);
      const kinds = new Set(fates.map(({ outcome, deliveries }) => `${outcome} by delivery ${deliveries}`));
      expect([...kinds]).toEqual(["completed by delivery 1"]);
      const { text } = await worker.ask("/metrics");
      expect(text).not.toMatch(/^stowage_retries_total\{.*\} [1-9]/m);
      expect(await storedAtAll(kit.client, "telemetry.rotated")).toEqual(load.expected());
      process.stdout.write(
        `two rotations under load: ${fates.length} messages, each completed by its first delivery\n`,
      );
    } finally {
      await load.stop();
      await worker.kill();
    }
  }, 150_000);

  test("soon after another one changes nothing: some worker may not have that one yet", async () => {
    const before = { ...secret.values };
    const rested = await rotateRole(pipeline, workerConnection(kit.admin), never, { publish: secret, rest: "5m" });
    expect(rested).toMatchObject({ kind: "rested", role: before["username"] });
    expect(secret.values).toEqual(before);
  });
});
