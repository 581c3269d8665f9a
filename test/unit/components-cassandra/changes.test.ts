import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { CassandraOperator, cassandraViolations, type RingPlan } from "../../../components/cassandra/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { racksOf, ringArgs } from "./args.js";

const before: RingPlan = ringArgs({ racks: racksOf(3, ["z1", "z2", "z3"]), size: 6 });
const [r1, r2, r3] = [
  { name: "r1", zone: "z1" },
  { name: "r2", zone: "z2" },
  { name: "r3", zone: "z3" },
];
const r4 = { name: "r4", zone: "z1" };

const table: [string, Partial<RingPlan>, string[]][] = [
  ["nothing", {}, []],
  ["more nodes", { size: 9 }, []],
  ["fewer nodes, decommissioned one by one", { size: 3 }, []],
  ["a rack at the end with its nodes", { racks: [r1, r2, r3, r4], size: 8 }, []],
  ["defaults that are said", { operator: CassandraOperator.K8ssandra, numTokens: 16, allowSharedHosts: false }, []],
  [
    "another cluster name",
    { clusterName: "other" },
    [
      "clusterName: was Stowage_Ring: a new ring would begin empty, and the disks of all 6 nodes go with the old one " +
        '(found "other"). Keep it',
    ],
  ],
  [
    "another datacenter name",
    { datacenter: "dc2" },
    [
      "datacenter: was dc1: a new datacenter would begin empty, and the disks of all 6 nodes go with the old one " +
        '(found "dc2"). Keep it',
    ],
  ],
  [
    "another operator",
    { operator: CassandraOperator.CassOperator },
    [
      "operator: was k8ssandra: the object would be replaced: the disks of all 6 nodes go with it " +
        '(found "cass-operator"). Keep it',
    ],
  ],
  [
    "other tokens",
    { numTokens: 8 },
    ["numTokens: was 16: nodes that have joined keep their tokens, and refuse to start (found 8). Keep it"],
  ],
  [
    "shared hosts",
    { allowSharedHosts: true },
    [
      "allowSharedHosts: was false: the operator refuses it once applied: pods would have to move away from their disks " +
        "(found true). Keep it",
    ],
  ],
  [
    "a shrunken disk",
    { storageGib: 256 },
    ["storageGib: was 512: a disk cannot shrink, smaller ones would begin empty (found 256). Keep it"],
  ],
  [
    "a grown disk",
    { storageGib: 1024 },
    [
      "storageGib: was 512: the operator refuses another size of disk once it is applied (found 1024). " +
        "Keep it, and add nodes",
    ],
  ],
  [
    "a rack taken away",
    { racks: [r1, r2], size: 4 },
    [
      'racks.2: r3 is taken away; the disks of its 2 nodes would be lost (found "removed"). ' +
        "Keep it: nodes leave by a lower size, evenly from all racks",
    ],
  ],
  [
    "a rack renamed",
    { racks: [r1, { name: "rx", zone: "z2" }, r3] },
    [
      'racks.1.name: was r2: a rack cannot be renamed; the disks of its 2 nodes would be lost (found "rx"). ' +
        "Keep it: nodes leave by a lower size, evenly from all racks",
    ],
  ],
  [
    "racks reordered",
    { racks: [r2, r1, r3] },
    [
      "racks.0: was r1: racks keep their order, by which the operator knows them; its 2 nodes would be another rack's " +
        '(found "r2"). Keep the order and add racks at the end',
      "racks.1: was r2: racks keep their order, by which the operator knows them; its 2 nodes would be another rack's " +
        '(found "r1"). Keep the order and add racks at the end',
    ],
  ],
  [
    "a rack in another zone",
    { racks: [{ name: "r1", zone: "z3" }, r2, r3] },
    [
      "racks.0.zone: was z1: disks stay in their zone, so that its 2 nodes could not start again " +
        '(found "z3"). Add a rack in the other zone',
    ],
  ],
  [
    "another namespace",
    { namespace: "other" },
    [
      "namespace: was cassandra: a new ring would begin empty there, and the disks of all 6 nodes go with the old one " +
        '(found "other"). Keep it',
    ],
  ],
  ["a namespace that is known only later", { namespace: pulumi.output("later") }, []],
  [
    "another storage class",
    { storageClass: "cheap" },
    [
      "storageClass: was managed-csi-premium: the operator refuses it once applied: the disks that there are stay in their " +
        'class (found "cheap"). Keep it',
    ],
  ],
  ["a patch, a newer release, an older patch", { serverVersion: "5.0.4" }, []],
  [
    "an older release",
    { serverVersion: "4.1.10" },
    [
      "serverVersion: was 5.0.5: an older release does not read the files that the newer one wrote, and its nodes refuse to " +
        'start (found "4.1.10"). Keep it, or restore a backup into a new ring',
    ],
  ],
  [
    "TLS of a ring that runs",
    { tls: false },
    [
      "tls: was true: nodes restart one after another, and those with TLS and those without do not reach each other, so that " +
        "quorums break until the last one has (found false). Stop the ring first: set stopped, deploy, change tls and start it again",
    ],
  ],
  ["another datacenter", { otherDatacenters: [{ name: "dc2", racks: [r1], size: 1, replication: {} }] }, []],
  [
    "a rack without its nodes",
    { racks: [r1, r2, r3, r4], size: 4 },
    ["size: was 6: with 1 more rack the old ones would lose nodes to balance them (found 4). Raise it to 8 or more"],
  ],
];

describe("what may change of a ring's other datacenters", () => {
  const dc2 = { name: "dc2", racks: [r1, r2], size: 4, replication: { telemetry: 3, logs: 0 } };
  const dc3 = { name: "dc3", racks: [r1], size: 1, replication: { telemetry: 0 } };
  const with2 = (otherDatacenters: RingPlan["otherDatacenters"]) => ({
    ...before,
    otherDatacenters: otherDatacenters ?? [],
  });
  const said = (after: RingPlan["otherDatacenters"]) =>
    cassandraViolations(with2([dc2, dc3]), with2(after)).map(formatProblem);

  it("is their order, and that one goes which holds nothing", () => {
    expect(said([dc3, dc2])).toEqual([]);
    expect(said([dc2])).toEqual([]);
  });

  it("is not that one goes which holds copies", () => {
    expect(said([dc3])).toEqual([
      'otherDatacenters.0: dc2 is taken away; its copies of telemetry on 4 nodes would be lost (found "removed"). ' +
        "Set its replication to {} first, have the keyspaces leave dc2, and take it away in the next deployment",
    ]);
  });

  it("is no rack of theirs, which is found by the datacenter's name", () => {
    expect(said([dc3, { ...dc2, racks: [r1, { name: "rx", zone: "z2" }] }])).toEqual([
      'otherDatacenters.1.racks.1.name: was r2: a rack cannot be renamed; the disks of its 2 nodes would be lost (found "rx"). ' +
        "Keep it: nodes leave by a lower size, evenly from all racks",
    ]);
  });

  it("counts their nodes where the whole ring would be lost", () => {
    const [found] = cassandraViolations(with2([dc2, dc3]), { ...with2([dc2, dc3]), clusterName: "other" });
    expect(found?.reason).toContain("the disks of all 11 nodes go with the old one");
  });
});

it("TLS of a ring that is stopped may change", () => {
  expect(cassandraViolations({ ...before, stopped: true }, { ...before, stopped: false, tls: false })).toEqual([]);
});

describe("what may change on a ring that exists, and what would be lost", () => {
  it.each(table)("%s", (_what, changed, expected) => {
    expect(cassandraViolations(before, { ...before, ...changed }).map(formatProblem)).toEqual(expected);
  });
});
