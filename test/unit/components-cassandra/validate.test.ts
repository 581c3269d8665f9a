import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CassandraRingArgs, cassandraProblems } from "../../../components/cassandra/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { racksOf, ringArgs } from "./args.js";

const refusals: [string, Partial<CassandraRingArgs>, string[]][] = [
  [
    "more replicas than nodes",
    { replication: { telemetry: 4, fine: 3 } },
    [
      "replication.telemetry: must be from 1 to 3, the nodes of the datacenter: a node holds one replica, and writes at ALL " +
        "could never succeed (found 4). Lower it, or raise size",
    ],
  ],
  [
    "a size that the racks do not divide",
    { size: 4 },
    ["size: must be a multiple of the racks, 3, so that each has as many nodes: 3, 6, … (found 4). Set it to 3 or 6"],
  ],
  [
    "fewer nodes than racks",
    { size: 2, replication: {} },
    ["size: must be a multiple of the racks, 3, so that each has as many nodes: 3, 6, … (found 2). Set it to 3"],
  ],
  [
    "two racks of one name",
    { racks: [{ name: "r1" }, { name: "r2" }, { name: "r1" }] },
    ['racks.2.name: is the name of rack 0 as well (found "r1"). Give each rack its own name'],
  ],
  [
    "zones for some racks only",
    { racks: [{ name: "r1", zone: "z1" }, { name: "r2" }, { name: "r3", zone: "z3" }] },
    [
      "racks.1.zone: must be given for every rack or for none: otherwise nobody can say what the loss of a zone takes. " +
        "Give a zone to each, or to none",
    ],
  ],
  ["no rack", { racks: [] }, ['racks: must have at least one entry (found []). Give [{ name: "r1" }]']],
  [
    "a version that drifts",
    { serverVersion: "5.0" },
    [
      'serverVersion: must be an exact version of Apache Cassandra from 4.0.0 (found "5.0"). Name a version such as 5.0.5',
    ],
  ],
  [
    "a heap as large as the memory",
    { heapMib: 16384 },
    [
      "heapMib: must leave 256 MiB of memoryMib, 16384, so be at most 16128 (found 16384). " +
        "Lower it to about half of memoryMib, or raise that",
    ],
  ],
  [
    "a datacenter's name that is none of DNS",
    { datacenter: "DC_1" },
    [
      "datacenter: must be 2 to 20 lower-case letters, digits or -, the first a letter, the last a letter or digit " +
        '(found "DC_1"). Use a DNS label',
    ],
  ],
  [
    "names that are too long together",
    {
      clusterName: "a-cluster-with-a-rather-long-name-for-it",
      datacenter: "datacenter-one",
      racks: [{ name: "r1" }],
      size: 3,
    },
    [
      "racks.0.name: leads to a stateful set's name of 62 characters, of which Kubernetes allows 52 " +
        '(found "a-cluster-with-a-rather-long-name-for-it-datacenter-one-r1-sts"). Shorten the name of cluster, datacenter or rack',
    ],
  ],
  [
    "too many tokens",
    { numTokens: 512 },
    ["numTokens: must be a whole number from 1 to 256 tokens (found 512). Give a number in that range"],
  ],
  ["no CPU", { cpus: 0 }, ["cpus: must be a number from 0.1 to 128 CPUs (found 0). Give a number in that range"]],
  [
    "a setting that is not known",
    { sice: 3 } as Partial<CassandraRingArgs>,
    ["sice: unknown key (found 3). Did you mean size?"],
  ],
];

describe("args that are refused at preview, with path, value, range and fix", () => {
  it.each(refusals)("%s", (_what, changed, expected) => {
    expect(cassandraProblems(ringArgs(changed)).map(formatProblem)).toEqual(expected);
  });

  it("all at once", () => {
    const args = ringArgs({ size: 4, heapMib: 16384, replication: { telemetry: 5 } });
    expect(cassandraProblems(args).map((found) => found.path)).toEqual(["size", "heapMib", "replication.telemetry"]);
  });
});

describe("args that are taken", () => {
  it("three nodes on three racks", () => expect(cassandraProblems(ringArgs())).toEqual([]));

  it("one node, one rack, one replica", () => {
    expect(cassandraProblems(ringArgs({ racks: racksOf(1), size: 1, replication: { telemetry: 1 } }))).toEqual([]);
  });

  it("values that are known only later", () => {
    const later = ringArgs({ namespace: pulumi.output("later"), storageClass: pulumi.output("later") });
    expect(cassandraProblems(later)).toEqual([]);
  });

  it("any size that the racks divide, with an odd count of up to as many replicas as nodes, and nothing else", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (racks, size, replicas) => {
          const args = ringArgs({ racks: racksOf(racks), size, replication: { k: replicas } });
          expect(cassandraProblems(args).length === 0).toBe(
            size % racks === 0 && replicas <= size && replicas % 2 === 1,
          );
        },
      ),
    );
  });
});
