import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { CassandraOperation } from "../../../runtime/sinks/cassandra/operations.js";
import { GlusterOperation } from "../../../runtime/sinks/gluster/operations.js";
import { LinstorOperation } from "../../../runtime/sinks/linstor/measured.js";
import { sinkContext } from "../../support/sinkContext.js";
import { sinkOn as glusterOn, messageOf, settingsOf, temporaryFolder } from "../sinks-gluster/kit.js";
import { commandMessage, sinkOn as linstorOn, startCluster } from "../sinks-linstor/setup.js";

describe("a sink's calls of its store", () => {
  test("gluster: each operation on the volume, and a volume that fails", async () => {
    const folder = temporaryFolder();
    onTestFinished(() => folder.remove());
    const volume = join(folder.path, "volume");
    const calls: string[] = [];
    const sink = await glusterOn(volume, settingsOf(volume, ["cat"]));
    const context = sinkContext(undefined, 1, calls);
    await sink.process([messageOf("m-1", "a")], context);
    expect(calls).toEqual(["find ok", "stage ok", "publish ok"]);
    calls.length = 0;
    await sink.process([messageOf("m-1", "a", { deliveryCount: 2 })], context);
    expect(calls).toEqual(["find ok", "tidy ok"]);
    calls.length = 0;
    folder.remove();
    await sink.process([messageOf("m-2", "b")], context);
    expect(calls).toEqual(["find ok", "stage failed"]);
  });

  test("linstor: each request, and one that nobody answers", async () => {
    const cluster = await startCluster({ nodes: 2, capacityKib: 1_048_576 });
    const sink = linstorOn(cluster);
    const never = new AbortController().signal;
    await sink.start(never);
    const calls: string[] = [];
    const context = sinkContext(undefined, 1, calls);
    const give = (id: string, command: object) =>
      sink.process(
        [commandMessage(id, { volume: "vol1", ...command } as Parameters<typeof commandMessage>[1])],
        context,
      );
    await give("c-1", { action: "create", sizeKib: 4_096 });
    // A history that is not there yet is an answer, too.
    expect(calls.filter((call) => call.endsWith("failed"))).toEqual([]);
    expect(calls).toContain("spawn ok");
    await give("c-2", { action: "snapshot", snapshot: "monday" });
    await give("c-3", { action: "attach", node: "n1" });
    await give("c-4", { action: "delete" });
    const seen = new Set(calls.map((call) => call.split(" ")[0]));
    const known = new Set<string | undefined>(Object.values(LinstorOperation));
    expect([...seen].filter((operation) => !known.has(operation))).toEqual([]);
    for (const operation of ["read", "read_history", "write_history", "spawn", "snapshot", "set_properties"])
      expect(seen).toContain(operation);
    await cluster.close();
    calls.length = 0;
    await give("c-5", { action: "delete" });
    expect(calls).toEqual(["read_history failed"]);
    await sink.stop();
  });

  test("are named in the docs, all of them", () => {
    const readme = readFileSync(join(__dirname, "../../../runtime/README.md"), "utf8");
    const rows = new Map([...readme.matchAll(/^\| `(\w+)` +\| ((?:`\w+`(?:, )?)+) +\|/gm)].map((m) => [m[1], m[2]]));
    for (const [sink, operations] of Object.entries({
      gluster: GlusterOperation,
      linstor: LinstorOperation,
      cassandra: CassandraOperation,
    }))
      expect(rows.get(sink)?.match(/\w+/g)?.sort()).toEqual(Object.values(operations).sort());
  });
});
