import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CassandraOperator, type CassandraRingArgs, cassandraProblems } from "../../../components/cassandra/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { racksOf, ringArgs } from "./args.js";

const second = { name: "dc2", racks: racksOf(3), size: 3, replication: { telemetry: 3 } };

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
      'serverVersion: must be an exact version of Apache Cassandra from 4.1.0 (found "5.0"). Name a version such as 5.0.5',
    ],
  ],
  [
    "a version that does not know the settings' names",
    { serverVersion: "4.0.17" },
    [
      'serverVersion: must be an exact version of Apache Cassandra from 4.1.0 (found "4.0.17"). Name a version such as 5.0.5',
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
    "an even count of replicas, whose quorum survives no more than one replica less",
    { replication: { telemetry: 2 } },
    [
      "replication.telemetry: must be odd: a quorum of 2 waits for 2, so that the loss of 1 node stops it, as with 1 " +
        "(found 2). Set it to 1 or 3",
    ],
  ],
  [
    "four replicas on four nodes",
    { racks: racksOf(4), size: 4, replication: { telemetry: 4 } },
    [
      "replication.telemetry: must be odd: a quorum of 4 waits for 3, so that the loss of 2 nodes stops it, as with 3 " +
        "(found 4). Set it to 3",
    ],
  ],
  [
    "no image for the job that generates the key stores' password",
    { image: undefined } as unknown as Partial<CassandraRingArgs>,
    [
      "image: is missing: a job generates the password of the nodes' key stores with it. Give the worker's image by digest",
    ],
  ],
  [
    "settings of passwords where nobody is asked for one",
    { authentication: false, superuserSecret: "admin", rotation: "7d", reader: true },
    ["superuserSecret", "rotation", "reader"].map(
      (key) =>
        `${key}: has no effect: nobody is asked for a password (found ${
          { superuserSecret: '"admin"', rotation: '"7d"', reader: "true" }[key]
        }). Leave it out, or leave authentication out`,
    ),
  ],
  [
    "an issuer without certificates",
    { tls: false, issuer: { name: "common" } },
    ['issuer: has no effect: the nodes have no certificate (found "common"). Leave it out, or leave tls out'],
  ],
  [
    "a rotation that is no duration",
    { rotation: "monthly" },
    [
      'rotation: must be a duration from 1d to 365d (found "monthly"). Give a whole number and s, m, h or d, such as 30d',
    ],
  ],
  [
    "repairs in parts of days, which Reaper does not know",
    { repair: { interval: "36h" } },
    ['repair.interval: must be whole days, as Reaper counts them (found "36h"). Give 7d, for example'],
  ],
  [
    "repairs that come after tombstones are dropped",
    { repair: { gcGrace: { telemetry: "8d" } } },
    [
      "repair.gcGrace.telemetry: must be at least repair.interval and repair.longestRun together, 7d + 2d: tombstones of " +
        "tables of telemetry would be dropped before a repair brought them to every replica, and deleted rows would be back " +
        '(found "8d"). Raise it, or repair more often',
    ],
  ],
  [
    "backups by workload identity, which the operator knows for S3 alone",
    { backup: { container: "backups", certificatesSecret: "medusa-tls" } },
    [
      "backup.credentialsSecret: is missing: k8ssandra-operator lets Medusa go without a stored key to S3 alone, not to " +
        "Azure Blob Storage by workload identity. Give snapshots, which store no key, instead of backup; or a secret of your " +
        "own with a key of the storage account",
    ],
  ],
  [
    "backups over TLS without a certificate that Medusa reads",
    { backup: { container: "backups", credentialsSecret: "medusa" } },
    [
      "backup.certificatesSecret: is missing: the nodes take TLS only, and Medusa reads its certificate under names of its " +
        "own, which cert-manager does not write. Give a secret with rootca.crt, client.crt_signed and client.key, signed by " +
        "the ring's issuer; or give snapshots",
    ],
  ],
  [
    "what needs k8ssandra-operator, of cass-operator alone",
    {
      operator: CassandraOperator.CassOperator,
      repair: {},
      backup: { container: "backups" },
      otherDatacenters: [second],
      k8sContext: "north",
    },
    [
      'k8sContext: needs k8ssandra-operator: cass-operator alone knows one datacenter (found "north"). ' +
        "Leave it out, or leave operator out",
      'otherDatacenters: needs k8ssandra-operator: cass-operator alone knows one datacenter (found "dc2"). ' +
        "Leave it out, or leave operator out",
      "repair.enabled: needs Reaper, which k8ssandra-operator alone has. " +
        "Set it to false and see to repairs, or leave operator out",
      'backup: needs Medusa, which k8ssandra-operator alone has (found "backups"). Give snapshots instead',
    ],
  ],
  [
    "two datacenters of one name",
    {
      otherDatacenters: [{ ...second, name: "dc1" }],
      externalDatacenters: [{ name: "dc1", replication: {} }],
      seeds: ["a"],
    },
    [
      'otherDatacenters.0.name: is the name of datacenter as well (found "dc1"). Give each datacenter its own name',
      'externalDatacenters.0.name: is the name of datacenter as well (found "dc1"). Give each datacenter its own name',
    ],
  ],
  [
    "another datacenter by the same rules as the first",
    { otherDatacenters: [{ ...second, size: 4, replication: { telemetry: 5, other: 1 } }] },
    [
      "otherDatacenters.0.size: must be a multiple of the racks, 3, so that each has as many nodes: 3, 6, … (found 4). " +
        "Set it to 3 or 6",
      "otherDatacenters.0.replication.telemetry: must be from 1 to 4, the nodes of the datacenter: a node holds one " +
        "replica, and writes at ALL could never succeed (found 5). Lower it, or raise size",
      "otherDatacenters.0.replication.other: is no keyspace of the first datacenter, whose clients could neither read nor " +
        "write other (found 1). Add it to replication, or name one of telemetry",
    ],
  ],
  [
    "a ring elsewhere that nobody can be reached of",
    { externalDatacenters: [{ name: "dc0", replication: { telemetry: 3 } }] },
    [
      "seeds: is missing: without a node of externalDatacenters the new ones would begin a ring of their own. " +
        "Give addresses of two or three of their nodes",
    ],
  ],
  [
    "two snapshots of one name",
    { snapshots: { names: ["first", "first"] } },
    ['snapshots.names.1: is the name of snapshot 0 as well (found "first"). Give each its own'],
  ],
  [
    "a setting that is not known, deep within",
    { monitoring: { interval: 30 } } as Partial<CassandraRingArgs>,
    ["monitoring.interval: unknown key (found 30). Remove it; known keys are intervalSeconds, labels, apiGroup"],
  ],
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

  it("settings that are said to be undefined, as programs leave one out", () => {
    const args = { ...ringArgs(), tls: undefined, repair: { interval: undefined } } as unknown as CassandraRingArgs;
    expect(cassandraProblems(args)).toEqual([]);
  });

  it("another datacenter that a keyspace is not in", () => {
    const otherDatacenters = [{ ...second, replication: { telemetry: 0 } }];
    expect(cassandraProblems(ringArgs({ otherDatacenters }))).toEqual([]);
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
