import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Outcome, type SinkMessage, VolumeAction, type VolumeCommand } from "../../../runtime/contract/index.js";
import { commandKey, REMEMBERED_COMMANDS } from "../../../runtime/sinks/linstor/history.js";
import { RETENTION_DAYS } from "../../../runtime/sinks/linstor/retention.js";
import type { LinstorStandIn } from "../../../stacks/local/linstor/index.js";
import { commandMessage, give, replyOf, SETTINGS, sinkOn, startCluster } from "./setup.js";

const never = new AbortController().signal;
const DAY_MS = 86_400_000;
let cluster: LinstorStandIn;

beforeEach(async () => {
  cluster = await startCluster({ nodes: 3, capacityKib: 1_048_576 });
  await sinkOn(cluster).start(never);
});

afterEach(() => cluster.close());

/** Every delivery goes to a sink of its own, as to another worker: nothing is remembered in a process. */
const deliver = (message: SinkMessage) => give(sinkOn(cluster), message);

/** The volume's identity: another one means that it was deleted and made again. */
function uuidOf(name: string): string | undefined {
  let uuid: string | undefined;
  cluster.inject.state((state) => {
    uuid = state.definitions[name]?.uuid;
  });
  return uuid;
}

describe("a late duplicate", () => {
  const messages = {
    1: commandMessage("m1", { action: "create", volume: "vol1", sizeKib: 4096 }),
    2: commandMessage("m2", { action: "delete", volume: "vol1" }),
    3: commandMessage("m3", { action: "create", volume: "vol1", sizeKib: 8192 }),
  };

  test("of create, delete, create, in any order and number, leaves the last volume as it is", async () => {
    const first = new Map<number, Outcome>();
    for (const n of [1, 2, 3] as const) first.set(n, await deliver(messages[n]));
    const uuid = uuidOf("vol1");
    const redeliveries = fc.array(fc.constantFrom(1 as const, 2 as const, 3 as const), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(redeliveries, async (order) => {
        for (const n of order) {
          // A client that sends again gets a new sequence number for the same message id.
          const outcome = await deliver({ ...messages[n], sequenceNumber: "99", deliveryCount: 2 });
          expect(outcome).toMatchObject({ kind: "done", duplicate: true });
          expect(replyOf(outcome)).toEqual({ ...replyOf(first.get(n) ?? outcome), duplicate: true });
        }
        expect(uuidOf("vol1")).toBe(uuid);
        expect(cluster.volumes()).toMatchObject([{ name: "vol1", sizeKib: 8192, state: "ready" }]);
      }),
      { numRuns: 15 },
    );
  });

  test("of a deletion that was cut off never deletes a newer volume", async () => {
    await deliver(messages[1]);
    // The volume goes, and the worker before it can write that down.
    cluster.faults.add({ action: "dropAfter", method: "DELETE" });
    expect(await deliver(messages[2])).toMatchObject({ kind: "retry" });
    expect(cluster.volumes()).toEqual([]);
    // The deletion was given up by the broker, the next command came, and somebody sends the deletion again.
    await deliver(messages[3]);
    const uuid = uuidOf("vol1");
    const outcome = await deliver({ ...messages[2], sequenceNumber: "7" });
    expect(replyOf(outcome)).toMatchObject({ result: "done", action: "delete" });
    expect(uuidOf("vol1")).toBe(uuid);
  });

  test("of a deletion that was cut off never deletes a volume that somebody else has made since", async () => {
    await deliver(messages[1]);
    cluster.faults.add({ action: "dropAfter", method: "DELETE" });
    expect(await deliver(messages[2])).toMatchObject({ kind: "retry" });
    const body = JSON.stringify({ resource_definition_name: "vol1", volume_sizes: [4096] });
    await fetch(`${cluster.url}/v1/resource-groups/${SETTINGS.resourceGroup}/spawn`, { method: "POST", body });
    const uuid = uuidOf("vol1");
    expect(replyOf(await deliver(messages[2]))).toMatchObject({ result: "done" });
    expect(uuidOf("vol1")).toBe(uuid);
  });

  test("of a creation that was cut off does not bring a deleted volume back", async () => {
    cluster.faults.add({ action: "dropAfter", method: "POST", path: /spawn$/ });
    expect(await deliver(messages[1])).toMatchObject({ kind: "retry" });
    expect(replyOf(await deliver(messages[2]))).toMatchObject({ result: "done" });
    expect(replyOf(await deliver(messages[1]))).toMatchObject({ result: "done", duplicate: true });
    expect(cluster.volumes()).toEqual([]);
  });

  test("of a deletion, after 70 snapshots of the volume that was made since, changes nothing", async () => {
    for (const n of [1, 2, 3] as const) await deliver(messages[n]);
    for (let i = 0; i < 70; i++)
      await deliver(commandMessage(`s${i}`, { action: "snapshot", volume: "vol1", snapshot: `s${i}` }));
    const before = cluster.volumes();
    const uuid = uuidOf("vol1");
    expect(replyOf(await deliver(messages[2]))).toMatchObject({ result: "done", action: "delete", duplicate: true });
    expect(uuidOf("vol1")).toBe(uuid);
    expect(cluster.volumes()).toEqual(before);
    expect(before).toMatchObject([{ sizeKib: 8192, state: "ready" }]);
  });

  test("of a deletion or creation whose record is no longer kept changes nothing", async () => {
    const create = (id: string) => commandMessage(id, { action: "create", volume: "vol1", sizeKib: 4096 });
    const remove = (id: string) => commandMessage(id, { action: "delete", volume: "vol1" });
    for (let i = 0; i <= REMEMBERED_COMMANDS / 2; i++) {
      await deliver(create(`c${i}`));
      await deliver(remove(`d${i}`));
    }
    const gone = {
      result: "done",
      duplicate: true,
      nodes: [],
      message: "Executed before; its record is no longer kept.",
    };
    expect(replyOf(await deliver(create("c0")))).toMatchObject(gone);
    expect(cluster.volumes()).toEqual([]);
    await deliver(create("last"));
    const uuid = uuidOf("vol1");
    expect(replyOf(await deliver(remove("d0")))).toMatchObject(gone);
    expect(uuidOf("vol1")).toBe(uuid);
    expect(cluster.volumes()).toMatchObject([{ name: "vol1", state: "ready" }]);
    // The same id for another command is still found out.
    const other = commandMessage("d0", { action: "delete", volume: "vol2" });
    expect(await deliver(other)).toMatchObject({ kind: "poison", reason: "MessageIdReused" });
  });

  test("of a snapshot that was cut off does not touch a newer volume", async () => {
    const snapshot = commandMessage("s", { action: "snapshot", volume: "vol1", snapshot: "monday" });
    await deliver(messages[1]);
    cluster.faults.add({ action: "dropBefore", method: "POST", path: /snapshots$/ });
    expect(await deliver(snapshot)).toMatchObject({ kind: "retry" });
    await deliver(messages[2]);
    await deliver(messages[3]);
    expect(replyOf(await deliver(snapshot))).toMatchObject({
      result: "refused",
      message: expect.stringContaining("was deleted before"),
    });
    expect(cluster.volumes()).toMatchObject([{ snapshots: [] }]);
  });
});

describe("a worker that dies", () => {
  const before: VolumeCommand = { action: "create", volume: "vol1", sizeKib: 4096 };
  const commands: Record<VolumeAction, VolumeCommand> = {
    create: before,
    snapshot: { action: "snapshot", volume: "vol1", snapshot: "monday" },
    attach: { action: "attach", volume: "vol1", node: "n3" },
    delete: { action: "delete", volume: "vol1" },
  };

  /** What the command leaves behind, without what differs from run to run. */
  function left() {
    return cluster.volumes().map(({ properties, ...volume }) => ({ ...volume, by: properties["Aux/stowage/command"] }));
  }

  async function reset(action: VolumeAction): Promise<void> {
    cluster.faults.clear();
    cluster.inject.state((state) => {
      state.definitions = {};
      state.stores = {};
    });
    if (action !== VolumeAction.Create) await deliver(commandMessage("before", before));
  }

  describe.each(Object.values(VolumeAction))("in the middle of %s", (action) => {
    test.each(["dropBefore", "dropAfter"] as const)(
      "at any request (%s): a redelivery finishes it, once",
      async (cut) => {
        const message = commandMessage("m", commands[action]);
        await reset(action);
        const clean = replyOf(await deliver(message));
        const expected = left();
        let interrupted = 0;
        for (let step = 0; ; step++) {
          await reset(action);
          const uuid = uuidOf("vol1");
          let struck = false;
          cluster.faults.add({ action: cut, skip: step, call: () => (struck = true) });
          const first = await deliver(message);
          if (!struck) break;
          // Old histories are swept after a deletion is recorded: cut off there, the command is done.
          expect(first.kind === "retry" || action === VolumeAction.Delete).toBe(true);
          if (first.kind === "retry") interrupted++;
          const reply = replyOf(await deliver(message));
          expect(reply).toMatchObject({ result: "done", nodes: clean.nodes });
          expect(left()).toEqual(expected);
          // The volume that was there is the same one, not a second of its name.
          if (uuid !== undefined && action !== VolumeAction.Delete) expect(uuidOf("vol1")).toBe(uuid);
          expect(replyOf(await deliver(message))).toEqual({ ...reply, duplicate: true });
        }
        // Claim, record, effect, outcome: at least so many requests.
        expect(interrupted).toBeGreaterThan(6);
      },
    );
  });

  test.each([VolumeAction.Create, VolumeAction.Delete])(
    "between the claim and the record of %s: a redelivery executes it, once",
    async (action) => {
      const message = commandMessage("m", commands[action]);
      await reset(action);
      cluster.faults.add({ action: "dropAfter", method: "PUT", path: /stowage_ids_/ });
      const untouched = left();
      expect(await deliver(message)).toMatchObject({ kind: "retry" });
      const claimed = storesWith(commandKey(message.key));
      expect(claimed.map((props) => "volume" in props)).toEqual([false]);
      expect(left()).toEqual(untouched);
      expect(replyOf(await deliver(message))).toMatchObject({ result: "done", duplicate: false });
      expect(cluster.volumes()).toHaveLength(action === VolumeAction.Create ? 1 : 0);
      const uuid = uuidOf("vol1");
      expect(replyOf(await deliver(message))).toMatchObject({ result: "done", duplicate: true });
      expect(uuidOf("vol1")).toBe(uuid);
    },
  );

  test.each(["dropBefore", "dropAfter"] as const)(
    "while an old record makes room (%s): no command is executed twice, none is lost",
    async (cut) => {
      const nobody = (i: number) => commandMessage(`a${i}`, { action: "attach", volume: "vol1", node: "n9" });
      await reset(VolumeAction.Attach);
      for (let i = 0; i < REMEMBERED_COMMANDS; i++) await deliver(nobody(i));
      const full = snapshotOfStores();
      const message = commandMessage("m", commands.snapshot);
      let interrupted = 0;
      for (let step = 0; ; step++) {
        cluster.faults.clear();
        cluster.inject.state((state) => {
          state.stores = structuredClone(full);
          for (const definition of Object.values(state.definitions)) definition.snapshots = {};
        });
        let struck = false;
        cluster.faults.add({ action: cut, skip: step, call: () => (struck = true) });
        await deliver(message);
        if (!struck) break;
        interrupted++;
        expect(replyOf(await deliver(message))).toMatchObject({ result: "done" });
        expect(cluster.volumes()).toMatchObject([{ snapshots: ["monday"] }]);
        expect(replyOf(await deliver(message))).toMatchObject({ result: "done", duplicate: true });
        expect(replyOf(await deliver(nobody(0)))).toMatchObject({ result: "refused", duplicate: true });
      }
      expect(interrupted).toBeGreaterThan(8);
    },
  );

  test("after a snapshot has failed: what is left of it is cleared away, and it is taken again", async () => {
    await reset(VolumeAction.Snapshot);
    const message = commandMessage("m", commands.snapshot);
    cluster.inject.device("vol1", "n1", "failing");
    cluster.faults.add({ action: "dropAfter", method: "POST", path: /snapshots$/ });
    expect(await deliver(message)).toMatchObject({ kind: "retry" });
    expect(cluster.volumes()).toMatchObject([{ snapshots: ["monday"] }]);
    cluster.inject.device("vol1", "n1", "present");
    expect(replyOf(await deliver(message))).toMatchObject({ result: "done" });
    cluster.inject.state((state) => {
      expect(state.definitions["vol1"]?.snapshots["monday"]?.successful).toBe(true);
    });
  });

  test("and one that takes over at the same time make one volume", async () => {
    const message = commandMessage("m", before);
    const replies = (await Promise.all([deliver(message), deliver(message), deliver(message)])).map(replyOf);
    expect(replies.map((r) => r.result)).toEqual(["done", "done", "done"]);
    expect(cluster.volumes()).toHaveLength(1);
  });
});

describe("what is remembered", () => {
  test("is bounded for each volume, the oldest commands go first", async () => {
    await deliver(commandMessage("first", { action: "create", volume: "vol1", sizeKib: 4096 }));
    const nobody: VolumeCommand = { action: "attach", volume: "vol1", node: "n9" };
    for (let i = 0; i <= REMEMBERED_COMMANDS; i++) await deliver(commandMessage(`a${i}`, nobody));
    const histories = storesWith("volume");
    expect(histories).toHaveLength(1);
    // The creation, so many others, and the name of the volume; one is forgotten.
    expect(Object.keys(histories[0] ?? {}).length).toBe(REMEMBERED_COMMANDS + 2);
    expect(replyOf(await deliver(commandMessage("a1", nobody))).message).toContain("n9 is not known");
    expect(replyOf(await deliver(commandMessage("a0", nobody)))).toMatchObject({
      result: "refused",
      duplicate: true,
      message: "Refused before; its record is no longer kept.",
    });
  });

  test("of deleted volumes is forgotten after the retention, of living ones it is kept", async () => {
    let now = Date.UTC(2026, 0, 1);
    const sink = sinkOn(cluster, SETTINGS, () => new Date(now));
    for (const volume of ["gone", "back"]) {
      await give(sink, commandMessage(`${volume}-1`, { action: "create", volume, sizeKib: 4096 }));
      await give(sink, commandMessage(`${volume}-2`, { action: "delete", volume }));
    }
    await give(sink, commandMessage("back-3", { action: "create", volume: "back", sizeKib: 4096 }));
    const remembered = () =>
      storesWith("volume")
        .map((props) => props["volume"])
        .sort();
    expect(remembered()).toEqual(["back", "gone"]);

    now += RETENTION_DAYS * DAY_MS - 1;
    await give(sink, commandMessage("x-1", { action: "delete", volume: "x1" }));
    expect(remembered()).toEqual(["back", "gone", "x1"]);

    now += 2 * DAY_MS;
    await give(sink, commandMessage("x-2", { action: "delete", volume: "x2" }));
    expect(remembered()).toEqual(["back", "x1", "x2"]);
  });

  test("and cannot be read is poison, not a command that was never executed", async () => {
    const message = commandMessage("m", { action: "create", volume: "vol1", sizeKib: 4096 });
    await deliver(message);
    for (const props of storesWith("volume"))
      for (const key of Object.keys(props)) if (key !== "volume") props[key] = "{";
    expect(await deliver(message)).toMatchObject({
      kind: "poison",
      description: expect.stringContaining("not readable"),
    });
  });
});

/** A copy of every key-value store. */
function snapshotOfStores() {
  let stores: Parameters<Parameters<LinstorStandIn["inject"]["state"]>[0]>[0]["stores"] = {};
  cluster.inject.state((state) => {
    stores = structuredClone(state.stores);
  });
  return stores;
}

/** Properties of the key-value stores that have a key. */
function storesWith(key: string): { [key: string]: string }[] {
  let found: { [key: string]: string }[] = [];
  cluster.inject.state((state) => {
    found = Object.values(state.stores)
      .map((s) => s.props)
      .filter((props) => key in props);
  });
  return found;
}
