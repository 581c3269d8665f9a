import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RetryCode, type VolumeCommand } from "../../../runtime/contract/index.js";
import type { LinstorCommandSink } from "../../../runtime/sinks/linstor/sink.js";
import { Connection, type LinstorStandIn } from "../../../stacks/local/linstor/index.js";
import { sinkContext } from "../../support/sinkContext.js";
import { commandMessage, forgetOutcomes, give, replyOf, SETTINGS, sinkOn, startCluster } from "./setup.js";

const never = new AbortController().signal;
let cluster: LinstorStandIn;
let sink: LinstorCommandSink;

beforeEach(async () => {
  cluster = await startCluster({ nodes: 3, capacityKib: 1_048_576 });
  sink = sinkOn(cluster);
  await sink.start(never);
});

afterEach(async () => {
  await sink.stop();
  await cluster.close();
});

const send = (id: string, command: VolumeCommand) => give(sink, commandMessage(id, command));
const createVolume = (id = "create-1", volume = "vol1") => send(id, { action: "create", volume, sizeKib: 65_536 });

describe("another attempt", () => {
  test("nodes that are offline may come back", async () => {
    for (const node of ["n2", "n3"]) cluster.inject.connection(node, Connection.Offline);
    expect(await createVolume()).toMatchObject({
      kind: "retry",
      code: RetryCode.NotReady,
      description: expect.stringContaining("n2, n3 are offline"),
    });
    for (const node of ["n2", "n3"]) cluster.inject.connection(node, Connection.Online);
    expect(replyOf(await createVolume())).toMatchObject({ result: "done", duplicate: false });
  });

  const attach = { action: "attach", volume: "vol1", node: "n3" } satisfies VolumeCommand;
  const asksForNode = { method: "GET", path: /\/v1\/nodes\?nodes=n3/ } as const;

  test("attaching to a node that restarts waits until it is back, within one attempt", async () => {
    await createVolume();
    cluster.inject.connection("n3", Connection.Offline);
    const back = () => cluster.inject.connection("n3", Connection.Online);
    cluster.faults.add({ ...asksForNode, action: "call", skip: 4, call: back });
    expect(replyOf(await send("a", attach))).toMatchObject({ result: "done", nodes: expect.arrayContaining(["n3"]) });
  });

  test("attaching to a node that stays away gives up after the ready timeout, and asks for a delay", async () => {
    sink = sinkOn(cluster, { ...SETTINGS, readyTimeoutSeconds: 1 });
    await createVolume();
    cluster.inject.connection("n3", Connection.Offline);
    const began = performance.now();
    expect(await send("a", attach)).toMatchObject({
      kind: "retry",
      code: RetryCode.NotReady,
      description: expect.stringContaining("node n3 is offline"),
      delayMilliseconds: 1000,
    });
    expect(performance.now() - began).toBeGreaterThan(900);
    cluster.inject.connection("n3", Connection.Online);
    expect(replyOf(await send("a", attach))).toMatchObject({ result: "done", duplicate: false });
  });

  test("a lock that is lost while a node is waited for stops the command", async () => {
    await createVolume();
    cluster.inject.connection("n3", Connection.Offline);
    const lost = new AbortController();
    cluster.faults.add({ ...asksForNode, action: "call", skip: 2, call: () => lost.abort() });
    expect(await give(sink, commandMessage("a", attach), lost.signal)).toMatchObject({
      kind: "retry",
      code: RetryCode.Interrupted,
    });
  });

  test("a deletion is done only when every node has done it", async () => {
    sink = sinkOn(cluster, { ...SETTINGS, readyTimeoutSeconds: 1 });
    await createVolume();
    cluster.inject.connection("n2", Connection.Offline);
    const remove = () => send("d", { action: "delete", volume: "vol1" });
    expect(await remove()).toMatchObject({ kind: "retry", code: RetryCode.NotReady });
    cluster.inject.connection("n2", Connection.Online);
    expect(replyOf(await remove())).toMatchObject({ result: "done" });
    expect(cluster.volumes()).toEqual([]);
  });

  test("a name whose volume is still being deleted is free again later", async () => {
    await createVolume("c1");
    cluster.inject.state((state) => {
      const volume = state.definitions["vol1"];
      if (volume !== undefined) volume.deleting = true;
    });
    expect(await createVolume("c2")).toMatchObject({ kind: "retry", code: RetryCode.NotReady });
    cluster.inject.state((state) => {
      delete state.definitions["vol1"];
    });
    expect(replyOf(await createVolume("c2"))).toMatchObject({ result: "done" });
  });

  test("a disk that does not fill in time is named, and nothing is made twice", async () => {
    sink = sinkOn(cluster, { ...SETTINGS, readyTimeoutSeconds: 1 });
    await createVolume();
    forgetOutcomes(cluster, "vol1");
    cluster.inject.disk("vol1", "n2", "Inconsistent");
    expect(await createVolume()).toMatchObject({
      kind: "retry",
      code: RetryCode.NotReady,
      description: expect.stringContaining("n2 is Inconsistent"),
    });
    cluster.inject.disk("vol1", "n2", "UpToDate");
    expect(replyOf(await createVolume())).toMatchObject({ result: "done" });
    expect(cluster.volumes()).toHaveLength(1);
  });

  test("a snapshot that fails on a satellite is cleared away and taken again", async () => {
    await createVolume();
    cluster.inject.device("vol1", "n1", "failing");
    const take = () => send("s", { action: "snapshot", volume: "vol1", snapshot: "monday" });
    expect(await take()).toMatchObject({ kind: "retry", code: RetryCode.NotReady });
    expect(cluster.volumes()[0]?.snapshots).toEqual([]);
    cluster.inject.device("vol1", "n1", "present");
    expect(replyOf(await take())).toMatchObject({ result: "done" });
    expect(cluster.volumes()[0]?.snapshots).toEqual(["monday"]);
  });

  test("a controller that does not answer in time", async () => {
    cluster.faults.add({ action: "hang", method: "POST", path: /spawn$/ });
    const hasty = sinkOn(cluster, SETTINGS, () => new Date(), 300);
    const command = commandMessage("create-1", { action: "create", volume: "vol1", sizeKib: 65_536 });
    expect(await give(hasty, command)).toMatchObject({ kind: "retry", code: RetryCode.StoreTimeout });
    expect(replyOf(await createVolume())).toMatchObject({ result: "done" });
  });

  test("an answer that is not LINSTOR's", async () => {
    cluster.faults.add({ action: "status500" });
    expect(await createVolume()).toMatchObject({ kind: "retry", code: RetryCode.StoreUnavailable });
  });

  test("no controller at all", async () => {
    await cluster.close();
    expect(await createVolume()).toMatchObject({ kind: "retry", code: RetryCode.StoreUnavailable });
    await expect(sink.probe()).rejects.toThrow(/No LINSTOR controller answers/);
  });

  test("a lock that is lost stops the command", async () => {
    const lost = new AbortController();
    cluster.faults.add({ action: "call", method: "POST", path: /spawn$/, call: () => lost.abort() });
    const command = commandMessage("c", { action: "create", volume: "vol1", sizeKib: 4096 });
    const outcome = give(sink, command, lost.signal);
    expect(await outcome).toMatchObject({ kind: "retry", code: RetryCode.Interrupted });
  });

  test("later commands of a volume wait for the one before them", async () => {
    cluster.faults.add({ action: "status500", path: /key-value-store/ });
    const batch = [
      commandMessage("c", { action: "create", volume: "vol1", sizeKib: 4096 }),
      commandMessage("d", { action: "delete", volume: "vol1" }),
      commandMessage("e", { action: "create", volume: "other", sizeKib: 4096 }),
    ];
    // The first request of the batch is the first command's.
    const outcomes = await sink.process(batch, sinkContext(never));
    expect(outcomes.map((o) => o.kind)).toEqual(["retry", "retry", "done"]);
    expect(cluster.volumes().map((v) => v.name)).toEqual(["other"]);
  });
});

describe("the resource group", () => {
  test("is made where the pipeline says how, once", async () => {
    await sinkOn(cluster).start(never);
    const settings = { ...SETTINGS, resourceGroup: "two" };
    await Promise.all([sinkOn(cluster, settings).start(never), sinkOn(cluster, settings).start(never)]);
    cluster.inject.state((state) => {
      expect(state.groups["two"]).toMatchObject({
        filter: { place_count: 2, layer_stack: ["DRBD", "STORAGE"], storage_pool_list: ["thin"] },
        volumeGroups: [{ number: 0 }],
      });
    });
  });

  test("must be there where it does not", async () => {
    const { placeCount: _count, storagePool: _pool, ...settings } = { ...SETTINGS, resourceGroup: "missing" };
    await expect(sinkOn(cluster, settings).start(never)).rejects.toMatchObject({ code: "ResourceGroupMissing" });
  });

  test("without a volume group is as good as missing", async () => {
    const { placeCount: _count, storagePool: _pool, ...settings } = { ...SETTINGS, resourceGroup: "DfltRscGrp" };
    await expect(sinkOn(cluster, settings).start(never)).rejects.toMatchObject({
      code: "ResourceGroupMissing",
      message: expect.stringContaining("volume group"),
    });
  });
});
