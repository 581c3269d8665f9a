import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { Outcome, TableDefinition } from "../../runtime/contract/index.js";
import { applySchema, createSink, diffSchema } from "../../runtime/sinks/cassandra/index.js";
import { program } from "../../stacks/cli/main.js";
import { CertificateAuthority } from "../../stacks/local/entra/authority.js";
import { MemorySecret } from "../support/memorySecret.js";
import { sinkContext } from "../support/sinkContext.js";
import { connectionOf, pipelineOf, reading, readings } from "./cassandraHarness.js";
import { oneNode } from "./cassandraOneNode.js";

const EPOCH_MS = Date.UTC(2026, 0, 31);
const replication = { dc1: 1 };
const never = new AbortController().signal;
const context = sinkContext();

const kit = oneNode("schema");

const pipelineFor = (table: TableDefinition) => pipelineOf(table, replication);
const apply = (table: TableDefinition, allow: string[] = [], say: (line: string) => void = () => undefined) =>
  applySchema(pipelineFor(table), connectionOf(kit.ring), never, { allow, say });
const diff = async (table: TableDefinition) =>
  (await diffSchema(pipelineFor(table), connectionOf(kit.ring), never)).map(({ what }) => what);
const columnsOf = async (name: string): Promise<string[]> => {
  const query = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'telemetry' AND table_name = ?";
  return (await kit.client.execute(query, [name], { prepare: true })).rows.map((row) => String(row["column_name"]));
};
const battery = { type: "tinyint", body: "battery" } as const;

describe("a migration", () => {
  test("that adds types, columns and options is made under load; rows are written all the time", async () => {
    const table = readings("grows", { lastWriterPerCell: true });
    await apply(table);
    const sink = createSink({ pipeline: pipelineFor(table), connection: connectionOf(kit.ring), worker: "w" });
    await sink.start(never);
    const stop = new AbortController();
    let n = 0;
    const outcomes: Outcome[] = [];
    const loading = (async () => {
      while (!stop.signal.aborted) {
        const batch = Array.from({ length: 20 }, () => reading(n++, EPOCH_MS));
        outcomes.push(...(await sink.process(batch, context)));
      }
    })();
    const steps: TableDefinition[] = [
      { ...table, columns: { ...table.columns, battery } },
      {
        ...table,
        columns: { ...table.columns, battery, at: { type: "frozen<position>", body: "at" } },
        types: { position: { x: "double", y: "double" } },
      },
      {
        ...table,
        columns: { ...table.columns, battery, at: { type: "frozen<position>", body: "at" } },
        types: { position: { x: "double", y: "double", z: "double" } },
        options: { comment: "grown", gcGrace: "20d", compaction: { class: "UnifiedCompactionStrategy" } },
      },
    ];
    for (const step of steps) {
      const planned = await diff(step);
      expect(planned.length).toBeGreaterThan(0);
      const said: string[] = [];
      await apply(step, [], (line) => said.push(line));
      expect(said).toEqual(planned.map((what) => `done      ${what}`));
      expect(await diff(step)).toEqual([]);
    }
    const seen = outcomes.length;
    await expect.poll(() => outcomes.length).toBeGreaterThan(seen);
    stop.abort();
    await loading;
    await sink.stop();
    expect(outcomes.filter(({ kind }) => kind !== "done")).toEqual([]);
    const { rows } = await kit.client.execute("SELECT seq FROM telemetry.grows", [], { fetchSize: 100_000 });
    const sent = Array.from({ length: n }, (_, i) => (i % 5 === 4 ? i - 1 : i));
    expect(rows.length).toBe(new Set(sent).size);
  }, 60_000);

  test("that would lose something changes nothing and says what it would lose", async () => {
    const table = readings("kept", { options: { gcGrace: "20d" } });
    await apply(table);
    const lowered = { ...table, options: { gcGrace: "1h" } } as const;
    const grown = { ...lowered, columns: { ...table.columns, battery } };
    await expect(apply(grown)).rejects.toThrow(
      /nothing more is changed:\n +lossy +lower gc_grace_seconds of kept from 1728000 to 3600: .*--allow "lower gc_grace_seconds of kept from 1728000 to 3600"/,
    );
    expect(await columnsOf("kept")).not.toContain("battery");
    await apply(grown, ["lower gc_grace_seconds of kept from 1728000 to 3600"]);
    expect(await diff(grown)).toEqual([]);
  }, 30_000);

  test("keeps a column that the definition no longer names, for an older release to come back, until it is named", async () => {
    const table = readings("surplus");
    const grown = { ...table, columns: { ...table.columns, battery } };
    await apply(grown);
    const said: string[] = [];
    await apply(table, [], (line) => said.push(line));
    expect(said).toEqual([expect.stringMatching(/^left +lossy +drop column surplus\.battery: its values are gone/)]);
    await expect(apply(table, ["drop column surplus.batery"])).rejects.toThrow(
      /--allow: is no change of the plan; the lossy ones are drop column surplus\.battery/,
    );
    await apply(table, ["drop column surplus.battery"]);
    expect(await columnsOf("surplus")).not.toContain("battery");
    // Cassandra hides what is older than the drop, also of what is written afterwards.
    await expect(apply(grown)).rejects.toThrow(/add column surplus\.battery tinyint again: .* written and never seen/);
  }, 30_000);

  test("of the partition key is refused with the way out", async () => {
    const table = readings("fixed");
    await apply(table);
    const other = { ...table, partitionKey: ["device"], clusteringKey: [{ column: "day" }, ...table.clusteringKey] };
    await expect(apply(other)).rejects.toThrow(
      /refused +change the primary key of fixed from \(device text, day date\), .* under another name with it, .*dual write/,
    );
    const early = createSink({ pipeline: pipelineFor(other), connection: connectionOf(kit.ring), worker: "w" });
    await expect(early.start(never)).rejects.toMatchObject({ code: "SchemaConflict" });
  }, 30_000);

  test("to more replicas than there are nodes is refused", async () => {
    const many = pipelineOf(readings("many"), { dc1: 3 });
    await expect(applySchema(many, connectionOf(kit.ring), never)).rejects.toThrow(/the datacenter has 1 node\. Lower/);
  });
});

test("two who apply at once end in one schema, again and again", async () => {
  const table = readings("together");
  for (let round = 0; round < 4; round++) {
    const columns = { ...table.columns, [`more_${round}`]: { type: "int", body: "more" } } as const;
    const one = { ...table, name: `together_${round}`, columns };
    await Promise.all([apply(one), apply(one)]);
    expect(await columnsOf(one.name)).toContain(`more_${round}`);
    expect(await diff(one)).toEqual([]);
  }
}, 60_000);

describe("stowage schema", () => {
  /** Runs the command; gives what it printed and the exit code that it set. */
  async function run(...args: string[]): Promise<{ out: string; code: number }> {
    let out = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      out += String(text);
      return true;
    });
    try {
      await program().parseAsync(["node", "stowage", "schema", ...args]);
      return { out, code: Number(process.exitCode) };
    } finally {
      write.mockRestore();
      process.exitCode = 0;
    }
  }

  test("shows the plan, applies it, and shows that nothing is left", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-schema-"));
    const [pipeline, connection] = [join(folder, "pipeline.json"), join(folder, "connection.json")];
    const table = readings("by_command", { lastWriterPerCell: true });
    writeFileSync(pipeline, JSON.stringify(pipelineFor(table)));
    writeFileSync(connection, JSON.stringify(connectionOf(kit.ring)));
    const files = ["--pipeline", pipeline, "--connection", connection];
    try {
      expect(await run("diff", ...files)).toEqual({ out: "additive  create table by_command\n", code: 1 });
      const json = await run("diff", ...files, "--json");
      expect(JSON.parse(json.out)).toMatchObject({ same: false, changes: [{ kind: "additive" }] });
      expect(await run("apply", ...files)).toEqual({
        out: "done      create table by_command\nThe schema of pipeline readings is in place.\n",
        code: 0,
      });
      expect(await run("diff", ...files)).toEqual({ out: "", code: 0 });
      const docs = await run("docs", "--pipeline", pipeline);
      expect(docs.out).toMatch(/^# telemetry\.by_command\n/);
      expect(docs.out).toContain('CREATE TABLE IF NOT EXISTS "telemetry"."by_command"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 30_000);
});

describe("a ring without passwords", () => {
  test("publishes no role, and says why", async () => {
    const published = applySchema(pipelineFor(readings("open")), connectionOf(kit.ring), never, {
      publish: new MemorySecret(),
    });
    await expect(published).rejects.toThrow(/The ring asks for no password, so that there is no role to publish/);
  });

  test("refuses TLS with a sentence that says so", async () => {
    const { cassandra, ...bus } = connectionOf(kit.ring);
    if (cassandra === undefined) throw new Error("no ring");
    const folder = mkdtempSync(join(tmpdir(), "stowage-ca-"));
    const caFile = join(folder, "ca.crt");
    writeFileSync(caFile, (await CertificateAuthority.create("test")).cert);
    const connection = { ...bus, cassandra: { ...cassandra, tls: { caFile } } };
    const started = createSink({ pipeline: pipelineFor(readings("open")), connection, worker: "w" }).start(never);
    await expect(started).rejects.toThrow(/^The connection asks for TLS, and the ring .* speaks plaintext\./);
    rmSync(folder, { recursive: true });
  });
});
