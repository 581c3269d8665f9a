import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PoisonReason, type VolumeCommand } from "../../../runtime/contract/index.js";
import type { LinstorCommandSink } from "../../../runtime/sinks/linstor/sink.js";
import type { LinstorStandIn } from "../../../stacks/local/linstor/index.js";
import { commandMessage, forgetOutcomes, give, rawMessage, replyOf, sinkOn, startCluster } from "./setup.js";

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

describe("a command", () => {
  test("create makes a replicated volume, names its nodes, and writes who made it into its properties", async () => {
    const reply = replyOf(await createVolume());

    expect(reply).toMatchObject({ command: "create-1", result: "done", duplicate: false, nodes: ["n1", "n2"] });
    const [volume] = cluster.volumes();
    expect(volume).toMatchObject({
      name: "vol1",
      nodes: ["n1", "n2"],
      sizeKib: 65_536,
      state: "ready",
      group: "pipeline",
    });
    expect(volume?.properties).toMatchObject({
      "Aux/stowage/created-by": "create-1",
      "Aux/stowage/command": "create-1",
      "Aux/stowage/pipeline": "volumes",
      "Aux/stowage/worker": "worker-0",
    });
  });

  test("create places as many replicas as it asks for", async () => {
    const reply = replyOf(await send("c", { action: "create", volume: "wide", sizeKib: 4096, replicas: 3 }));
    expect(reply.nodes).toEqual(["n1", "n2", "n3"]);
  });

  test("snapshot takes one, and its id is written to the volume", async () => {
    await createVolume();
    const reply = replyOf(await send("snap-1", { action: "snapshot", volume: "vol1", snapshot: "monday" }));

    expect(reply).toMatchObject({ result: "done", action: "snapshot" });
    expect(cluster.volumes()[0]).toMatchObject({ snapshots: ["monday"] });
    expect(cluster.volumes()[0]?.properties).toMatchObject({
      "Aux/stowage/command": "snap-1",
      "Aux/stowage/created-by": "create-1",
    });
  });

  test("attach gives a node without a replica access", async () => {
    await createVolume();
    const reply = replyOf(await send("attach-1", { action: "attach", volume: "vol1", node: "n3" }));

    expect(reply).toMatchObject({ result: "done", nodes: ["n1", "n2", "n3"] });
    expect(cluster.volumes()[0]?.diskless).toEqual(["n3"]);
  });

  test("delete takes the volume away; one that is not there is deleted, too", async () => {
    await createVolume();
    expect(replyOf(await send("delete-1", { action: "delete", volume: "vol1" }))).toMatchObject({ result: "done" });
    expect(cluster.volumes()).toEqual([]);
    expect(replyOf(await send("delete-2", { action: "delete", volume: "vol1" }))).toMatchObject({
      result: "done",
      duplicate: false,
    });
  });

  test("is answered only where somebody waits, in the session that was asked for", async () => {
    const command: VolumeCommand = { action: "create", volume: "vol1", sizeKib: 4096 };
    const { replyTo: _none, ...silent } = commandMessage("c", command);
    const object = "volume vol1 (create, done)";
    expect(await give(sink, silent)).toEqual({ kind: "done", duplicate: false, object });

    const asked = commandMessage("d", { action: "delete", volume: "vol1" }, { replyToSessionId: "caller-7" });
    const outcome = await give(sink, asked);
    expect(outcome).toMatchObject({
      kind: "done",
      replies: [{ queue: "answers", kind: "outcome", sessionId: "caller-7" }],
    });
  });

  test("compares the names of session and volume without case", async () => {
    const message = commandMessage("c", { action: "create", volume: "Vol1", sizeKib: 4096 }, { sessionId: "vOL1" });
    expect(replyOf(await give(sink, message))).toMatchObject({ result: "done" });
  });

  test("waits until every disk is up to date", async () => {
    await createVolume();
    cluster.inject.disk("vol1", "n2", "SyncTarget(47.72%)");
    // The same command once more, as if it had been cut off before its outcome: it has to wait for n2.
    forgetOutcomes(cluster, "vol1");
    let polls = 0;
    cluster.faults.add({ action: "call", path: /view\/resources/, times: 5, call: () => polls++ });
    const filled = () => cluster.inject.disk("vol1", "n2", "UpToDate");
    cluster.faults.add({ action: "call", path: /view\/resources/, call: filled });
    expect(replyOf(await createVolume())).toMatchObject({ result: "done", nodes: ["n1", "n2"] });
    expect(polls).toBe(5);
  });
});

describe("poison", () => {
  test.each([
    ["not JSON", Buffer.from('{"action":'), PoisonReason.InvalidBody],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0x22]), PoisonReason.InvalidBody],
    ["a list", Buffer.from("[]"), PoisonReason.InvalidBody],
    ["an unknown action", Buffer.from('{"action":"grow","volume":"vol1"}'), PoisonReason.InvalidValue],
    ["a name LINSTOR refuses", Buffer.from('{"action":"delete","volume":"1/x"}'), PoisonReason.InvalidValue],
    ["a missing setting", Buffer.from('{"action":"create","volume":"vol1"}'), PoisonReason.InvalidValue],
    [
      "a size above the pipeline's limit",
      Buffer.from('{"action":"create","volume":"vol1","sizeKib":1048577}'),
      PoisonReason.InvalidValue,
    ],
  ])("%s", async (_name, body, reason) => {
    expect(await give(sink, rawMessage("p", body, { sessionId: "vol1" }))).toMatchObject({ kind: "poison", reason });
    expect(cluster.volumes()).toEqual([]);
  });

  test("every problem of a command is named at once", async () => {
    const body = Buffer.from('{"action":"create","volume":"vol1","node":"n1","snapshot":"s1"}');
    const outcome = await give(sink, rawMessage("p", body, { sessionId: "vol1" }));
    const description = outcome.kind === "poison" ? outcome.description : "";
    for (const path of ["sizeKib", "node", "snapshot"]) expect(description).toContain(path);
  });

  test.each([undefined, "other"])("a session that is not the volume's (%s)", async (sessionId) => {
    const { sessionId: _own, ...message } = commandMessage("p", { action: "delete", volume: "vol1" });
    const given = sessionId === undefined ? message : { ...message, sessionId };
    expect(await give(sink, given)).toMatchObject({
      kind: "poison",
      reason: PoisonReason.InvalidValue,
      description: expect.stringContaining("session"),
    });
  });

  test("the same message id with another body changes nothing", async () => {
    await createVolume("c");
    const again = await send("c", { action: "create", volume: "vol1", sizeKib: 131_072 });
    expect(again).toMatchObject({ kind: "poison", reason: PoisonReason.MessageIdReused });
    expect(cluster.volumes()).toMatchObject([{ name: "vol1", sizeKib: 65_536 }]);
  });

  test("the same message id for another volume is found out, too", async () => {
    await createVolume("c", "vol1");
    expect(await createVolume("c", "vol2")).toMatchObject({
      kind: "poison",
      reason: PoisonReason.MessageIdReused,
      description: expect.stringContaining("vol1"),
    });
    expect(cluster.volumes().map((v) => v.name)).toEqual(["vol1"]);
  });
});

describe("a refusal", () => {
  const refused = async (id: string, command: VolumeCommand, words: RegExp) => {
    const outcome = await send(id, command);
    expect(outcome.kind).toBe("done");
    const reply = replyOf(outcome);
    expect(reply).toMatchObject({ result: "refused", duplicate: false });
    expect(reply.message).toMatch(words);
    return reply;
  };

  test("a name that is taken, by its size and its maker", async () => {
    await createVolume("c");
    await refused(
      "c2",
      { action: "create", volume: "vol1", sizeKib: 131_072 },
      /exists already, with 65536 KiB, made by command c/,
    );
  });

  test("a name that somebody takes in the very moment", async () => {
    await createVolume("c", "other");
    const take = () =>
      cluster.inject.state((state) => {
        const other = state.definitions["other"];
        if (other !== undefined) state.definitions["vol1"] = { ...other, name: "vol1" };
      });
    cluster.faults.add({ action: "call", method: "POST", path: /spawn$/, call: take });
    await refused("c2", { action: "create", volume: "vol1", sizeKib: 4096 }, /exists already.*made by command c/);
  });

  test("a volume is never made smaller", async () => {
    await createVolume("c");
    await refused("c2", { action: "create", volume: "vol1", sizeKib: 4096 }, /never made smaller/);
  });

  test("more replicas than there are nodes", async () => {
    await refused(
      "c",
      { action: "create", volume: "wide", sizeKib: 4096, replicas: 4 },
      /Not enough available nodes.*room for no volume/,
    );
    expect(cluster.volumes()).toEqual([]);
  });

  test.each([
    [{ action: "snapshot", volume: "gone", snapshot: "s1" }, /does not exist/],
    [{ action: "attach", volume: "gone", node: "n1" }, /does not exist/],
  ] satisfies [VolumeCommand, RegExp][])("a volume that is not there: %o", async (command, words) => {
    await refused("x", command, words);
  });

  test("a node that LINSTOR does not know", async () => {
    await createVolume();
    await refused("a", { action: "attach", volume: "vol1", node: "n9" }, /Node n9 is not known/);
  });

  test("a node that the operator has excluded", async () => {
    cluster.inject.state((state) => {
      const node = state.nodes["n3"];
      if (node !== undefined) node.props["AutoplaceTarget"] = "false";
    });
    await createVolume();
    await refused("a", { action: "attach", volume: "vol1", node: "n3" }, /could not find diskless/);
    expect(cluster.volumes()[0]?.diskless).toEqual([]);
  });

  test("attaching a volume without DRBD, which would give an empty one", async () => {
    await createVolume();
    cluster.inject.state((state) => {
      const volume = state.definitions["vol1"];
      if (volume !== undefined) volume.layers = ["STORAGE"];
    });
    await refused("a", { action: "attach", volume: "vol1", node: "n3" }, /not replicated by DRBD/);
  });

  test("deleting a volume that is in use, or has snapshots", async () => {
    await createVolume();
    cluster.inject.inUse("vol1", "n1", true);
    await refused("d1", { action: "delete", volume: "vol1" }, /in use/);
    cluster.inject.inUse("vol1", "n1", false);
    await send("s", { action: "snapshot", volume: "vol1", snapshot: "keep" });
    await refused("d2", { action: "delete", volume: "vol1" }, /has snapshots/);
    expect(cluster.volumes()).toHaveLength(1);
  });

  test("a snapshot's name that is taken", async () => {
    await createVolume();
    await send("s1", { action: "snapshot", volume: "vol1", snapshot: "monday" });
    await refused("s2", { action: "snapshot", volume: "vol1", snapshot: "monday" }, /exists already/);
  });

  test("a volume of another resource group is nobody's business", async () => {
    await createVolume();
    cluster.inject.state((state) => {
      const volume = state.definitions["vol1"];
      if (volume !== undefined) volume.group = "DfltRscGrp";
    });
    for (const command of [
      { action: "delete", volume: "vol1" },
      { action: "snapshot", volume: "vol1", snapshot: "s1" },
    ] satisfies VolumeCommand[])
      await refused(command.action, command, /belongs to resource group DfltRscGrp/);
    expect(cluster.volumes()).toHaveLength(1);
  });

  test("stays the same answer when it comes again, even where the command would succeed by now", async () => {
    const attach = { action: "attach", volume: "vol1", node: "n3" } satisfies VolumeCommand;
    const first = await refused("a", attach, /does not exist/);
    await createVolume();
    expect(replyOf(await send("a", attach))).toEqual({ ...first, duplicate: true });
    expect(cluster.volumes()[0]?.diskless).toEqual([]);
  });

  test("is dead-lettered where nobody waits for an answer", async () => {
    const { replyTo: _none, ...message } = commandMessage("a", { action: "attach", volume: "gone", node: "n1" });
    for (const _delivery of [1, 2])
      expect(await give(sink, message)).toMatchObject({
        kind: "poison",
        reason: PoisonReason.StorageRefused,
        description: expect.stringContaining("does not exist"),
      });
  });
});
