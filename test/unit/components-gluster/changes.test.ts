import { describe, expect, it } from "vitest";
import {
  type GlusterClusterArgs,
  GlusterDiskSku,
  glusterViolations,
  planCluster,
} from "../../../components/gluster/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { clusterArgs, results } from "./args.js";

type Change = Pick<GlusterClusterArgs, "hosts" | "volumes">;

const before: Change = { hosts: clusterArgs().hosts, volumes: { results } };
const volume = (changed: Partial<typeof results>): Change => ({
  ...before,
  volumes: { results: { ...results, ...changed } },
});
const { a: _a, ...withoutA } = before.hosts;
const planOf = ({ hosts, volumes }: Change) => planCluster(hosts, volumes);

const table: [string, Change, string[]][] = [
  ["nothing", before, []],
  ["a grown disk", volume({ brickSizeGb: 512 }), []],
  ["a whole replica set at the end", volume({ bricks: ["a", "b", "c", "c", "b", "a"] }), []],
  ["another volume", { ...before, volumes: { results, more: { ...results, firstLun: 8 } } }, []],
  ["another host", { ...before, hosts: { ...before.hosts, d: { zone: "1" } } }, []],
  ["another kind of disk of the same make", volume({ diskSku: GlusterDiskSku.StandardSsd }), []],
  [
    "a volume taken away",
    { ...before, volumes: {} },
    ['volumes.results: loses the volume: 256 GiB on 3 bricks (found "removed"). Keep it, or move its files first'],
  ],
  [
    "bricks reordered",
    volume({ bricks: ["b", "a", "c"] }),
    [
      "volumes.results.bricks.0: was on a: the order of bricks is their placement, so that brick a_results_0 would leave " +
        'replica set 0 (found "b"). Keep the order and add bricks at the end',
      "volumes.results.bricks.1: was on b: the order of bricks is their placement, so that brick b_results_0 would leave " +
        'replica set 0 (found "a"). Keep the order and add bricks at the end',
    ],
  ],
  [
    "bricks taken away",
    volume({ bricks: [] }),
    [
      "volumes.results.bricks: were 3: the files on the bricks taken away would be lost (found []). " +
        "Move them with remove-brick first",
    ],
  ],
  [
    "fewer copies",
    volume({ replicas: 1 }),
    [
      "volumes.results.replicas: was 3: every replica set would be cut differently, and bricks would take another's place " +
        "(found 1). Make a new volume and copy the files",
    ],
  ],
  [
    "a shrunken disk",
    volume({ brickSizeGb: 128 }),
    [0, 1, 2].map(
      (i) =>
        `volumes.results.bricks.${i}.sizeGb: was 256 GiB: a disk cannot shrink, a smaller one would be empty (found 128). ` +
        "Keep or raise it",
    ),
  ],
  [
    "another LUN",
    volume({ firstLun: 4 }),
    [0, 1, 2].map(
      (i) =>
        `volumes.results.bricks.${i}.lun: was 0: an attached disk keeps its LUN, and the host finds it by that (found 4). ` +
        "Keep firstLun",
    ),
  ],
  [
    "a disk of another make",
    volume({ diskSku: GlusterDiskSku.PremiumV2 }),
    [0, 1, 2].map(
      (i) =>
        `volumes.results.bricks.${i}.diskSku: was Premium_LRS: Azure changes no disk that exists to or from this kind, and a new one would be empty ` +
        '(found "PremiumV2_LRS"). Replace brick by brick, with a heal between them',
    ),
  ],
  [
    "a host taken away with its brick moved",
    { hosts: { ...withoutA, d: { zone: "1" } }, volumes: { results: { ...results, bricks: ["d", "b", "c"] } } },
    [
      "volumes.results.bricks.0: was on a: the order of bricks is their placement, so that brick a_results_0 would leave " +
        'replica set 0 (found "d"). Keep the order and add bricks at the end',
      'hosts.a: loses the copy of 1 brick on it (found "removed"). Replace its bricks and let them heal first',
    ],
  ],
  [
    "a host in another zone",
    { ...before, hosts: { ...before.hosts, a: { zone: "2" } } },
    [
      "hosts.a.zone: was 1: a disk cannot leave its zone, so that the copy of 1 brick would be lost " +
        '(found "2"). Add a host in the other zone',
    ],
  ],
];

describe("what may change on a cluster that exists, and what would be lost", () => {
  it.each(table)("%s", (_what, after, expected) => {
    expect(glusterViolations(planOf(before), planOf(after)).map(formatProblem)).toEqual(expected);
  });
});
