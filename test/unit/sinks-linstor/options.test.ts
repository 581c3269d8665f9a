import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PoisonReason, RetryCode, type VolumeCommand } from "../../../runtime/contract/index.js";
import type { LinstorStandIn } from "../../../stacks/local/linstor/index.js";
import { commandMessage, forgetOutcomes, give, SETTINGS, sinkOn, startCluster } from "./setup.js";

const never = new AbortController().signal;
const ZONE = "Aux/topology/topology.kubernetes.io/zone";

describe("an option of the LINSTOR sink", () => {
  let cluster: LinstorStandIn;

  beforeEach(async () => {
    cluster = await startCluster({ nodes: 3, capacityKib: 4_194_304 });
  });
  afterEach(() => cluster.close());

  /** What the group that is made with these settings asks of its replicas' places. */
  async function filterOf(more: Partial<typeof SETTINGS>): Promise<unknown> {
    await sinkOn(cluster, { ...SETTINGS, resourceGroup: "made", ...more }).start(never);
    let filter: unknown;
    cluster.inject.state((state) => {
      filter = state.groups["made"]?.filter;
    });
    return filter;
  }

  test("placeCount and storagePool are those of the group that is made", async () => {
    const asked = { place_count: 3, storage_pool_list: ["large"] };
    expect(await filterOf({ placeCount: 3, storagePool: "large" })).toMatchObject(asked);
  });

  test("replicasOnDifferent keeps the group's replicas apart", async () => {
    expect(await filterOf({ replicasOnDifferent: [ZONE] })).toMatchObject({ replicas_on_different: [ZONE] });
  });

  test("resourceGroup is the group that is made and that volumes are spawned from", async () => {
    const sink = sinkOn(cluster, { ...SETTINGS, resourceGroup: "other" });
    await sink.start(never);
    await give(sink, commandMessage("c", { action: "create", volume: "vol1", sizeKib: 4096 }));
    cluster.inject.state((state) => {
      expect(state.groups["other"]).toBeDefined();
      expect(Object.values(state.definitions).map(({ group }) => group)).toEqual(["other"]);
    });
  });

  test("maxSizeKib is the largest volume that a command may ask for", async () => {
    const sink = sinkOn(cluster, { ...SETTINGS, maxSizeKib: 8192 });
    await sink.start(never);
    const create = (volume: string, sizeKib: number) =>
      give(sink, commandMessage(volume, { action: "create", volume, sizeKib }));
    expect(await create("fits", 8192)).toMatchObject({ kind: "done" });
    expect(await create("large", 8193)).toMatchObject({ kind: "poison", reason: PoisonReason.InvalidValue });
  });

  test("readyTimeoutSeconds is how long a volume may take, and pollMilliseconds how often it is looked at", async () => {
    const sink = sinkOn(cluster);
    await sink.start(never);
    const create: VolumeCommand = { action: "create", volume: "vol1", sizeKib: 4096 };
    await give(sink, commandMessage("c", create));
    forgetOutcomes(cluster, "vol1");
    cluster.inject.disk("vol1", "n2", "Inconsistent");
    const looksWith = async (pollMilliseconds: number): Promise<number> => {
      let looks = 0;
      const call = () => void looks++;
      cluster.faults.add({ action: "call", method: "GET", path: /\/v1\/view\/resources/, times: 1_000, call });
      const impatient = sinkOn(cluster, { ...SETTINGS, readyTimeoutSeconds: 1, pollMilliseconds });
      const began = performance.now();
      const outcome = await give(impatient, commandMessage("c", create));
      const took = performance.now() - began;
      cluster.faults.clear();
      expect(outcome).toMatchObject({ kind: "retry", code: RetryCode.NotReady });
      expect(took).toBeGreaterThan(950 - pollMilliseconds);
      expect(took).toBeLessThan(3_500);
      return looks;
    };
    const [often, seldom] = [await looksWith(50), await looksWith(450)];
    expect(seldom).toBeGreaterThan(1);
    expect(often).toBeGreaterThan(2 * seldom);
  });
});
