import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { type GlusterClusterArgs, glusterProblems } from "../../../components/gluster/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { clusterArgs, IMAGE, results } from "./args.js";

const hosts = clusterArgs().hosts;
const csi = { driver: "org.gluster.glusterfs", volumes: { results: { volumeHandle: "results" } } };

/** What is changed, and every problem it must lead to, word for word. */
const refusals: [string, Partial<GlusterClusterArgs>, string[]][] = [
  [
    "a replica count that does not divide the bricks",
    { volumes: { results: { ...results, bricks: ["a", "b", "c", "a"] } } },
    [
      "volumes.results.bricks: must be a multiple of replicas, 3, in number: there are 4, allowed are 3, 6, 9, … " +
        '(found ["a","b","c","a"]). Add or remove 1 brick to make whole replica sets, such as ["a","b","c","a","b","c"]',
    ],
  ],
  [
    "an arbiter that does not divide the bricks",
    { volumes: { results: { ...results, replicas: 2, arbiter: 1, bricks: ["a", "b"] } } },
    [
      "volumes.results.bricks: must be a multiple of replicas and arbiter together, 2 + 1, in number: there are 2, allowed are " +
        '3, 6, 9, … (found ["a","b"]). Add or remove bricks to make whole replica sets, such as ["a","b","c"]',
    ],
  ],
  [
    "two copies without an arbiter",
    { volumes: { results: { ...results, replicas: 2 } } },
    [
      "volumes.results.replicas: must be 3, or 2 with arbiter 1: two copies alone split their brain when they lose " +
        "sight of each other (found 2). Set arbiter to 1, or replicas to 3",
    ],
  ],
  [
    "an arbiter beside three copies",
    { volumes: { results: { ...results, arbiter: 1 } } },
    ["volumes.results.arbiter: goes with replicas 2, and only with it (found 1). Set replicas to 2, or arbiter to 0"],
  ],
  [
    "a replica set with two copies on one host",
    { volumes: { results: { ...results, bricks: ["a", "a", "b"] } } },
    [
      "volumes.results.bricks.0: replica set 0 must have its 3 bricks on 3 hosts: one host must not hold two copies " +
        '(found ["a","a","b"]). Give ["a","b","c"], for example',
    ],
  ],
  [
    "a replica set in fewer zones than the hosts are in",
    { hosts: { ...hosts, d: { zone: "1" } }, volumes: { results: { ...results, bricks: ["a", "b", "d"] } } },
    [
      "volumes.results.bricks.0: replica set 0 must reach over 3 zones, as the hosts do; it is in 1, 2 " +
        '(found ["a","b","d"]). Give ["a","b","c"], for example',
    ],
  ],
  [
    "a brick on a host that is not there",
    { volumes: { results: { ...results, bricks: ["a", "b", "x"] } } },
    ['volumes.results.bricks.2: must be one of the hosts, a, b, c (found "x"). Name one of them'],
  ],
  [
    "two volumes at the same LUN",
    { volumes: { results, other: results } },
    [
      "volumes.other.firstLun: leads to LUN 0 of host a, which volume results takes; 0 to 63 are allowed (found 0). " +
        "Set it to 1 or more, with room for bricks to come",
    ],
  ],
  [
    "a LUN beyond Azure's",
    { volumes: { results: { ...results, bricks: ["a", "b", "c", "a", "b", "c"], firstLun: 63 } } },
    ["volumes.results.firstLun: leads to LUN 64; Azure has 0 to 63 on a host (found 63). Lower it, or use more hosts"],
  ],
  [
    "a disk below Azure's smallest",
    { volumes: { results: { ...results, brickSizeGb: 3 } } },
    ["volumes.results.brickSizeGb: must be a whole number from 4 to 32767 GiB (found 3). Give a number in that range"],
  ],
  [
    "a zone that Azure does not have",
    { hosts: { ...hosts, a: { zone: "4" } } },
    ['hosts.a.zone: must be "1", "2" or "3" (found "4"). Name the zone in quotes'],
  ],
  [
    "an address outside the subnet, and one that two hosts have",
    {
      hosts: {
        a: { zone: "1", privateAddress: "10.20.1.3" },
        b: { zone: "2", privateAddress: "10.20.1.9" },
        c: { zone: "3", privateAddress: "10.20.1.9" },
      },
    },
    [
      "hosts.a.privateAddress: must lie in 10.20.1.0/24, without its first four addresses and its last, which Azure keeps " +
        '(found "10.20.1.3"). Choose another, or leave it out',
      'hosts.c.privateAddress: is the address of host b as well (found "10.20.1.9"). Give each host its own',
    ],
  ],
  [
    "ports open to the whole internet",
    { clientCidrs: ["0.0.0.0/0"] },
    [
      "clientCidrs.0: must be a /8 or smaller: a wider range lets strangers in " +
        '(found "0.0.0.0/0"). Name the subnets that need it',
    ],
  ],
  [
    "a range with host bits",
    { storageCidr: "10.20.1.7/24" },
    ['storageCidr: must be an IPv4 range whose host bits are zero (found "10.20.1.7/24"). Write it as 10.20.1.0/24'],
  ],
  [
    "an image that drifts",
    { image: { publisher: "Debian", offer: "debian-12", sku: "12-gen2", version: "latest" } },
    [
      'image.version: must be an exact version, not "latest": it would differ between hosts (found "latest"). Name a version',
    ],
  ],
  [
    "half an image",
    { image: { publisher: "Debian" } },
    [
      'image: must have either id, or all of publisher, offer, sku and version (found ["publisher"]). ' +
        "Name one image by one of the two ways",
    ],
  ],
  [
    "a mount image by tag",
    { access: { claimNamespace: "workers", nodeMount: { image: "gluster:10" } } },
    [
      "access.nodeMount.image: must be an image by digest, name@sha256:… " +
        '(found "gluster:10"). Pin it: a tag can come to mean another image',
    ],
  ],
  [
    "two ways of access at once",
    { access: { claimNamespace: "workers", nodeMount: { image: IMAGE }, csi } },
    [
      "access: must have exactly one of nodeMount and csi " +
        '(found ["claimNamespace","nodeMount","csi"]). Keep one of them',
    ],
  ],
  [
    "a driver that is not told of a volume, and one that is told of another",
    { access: { claimNamespace: "workers", csi: { ...csi, volumes: { other: { volumeHandle: "x" } } } } },
    [
      "access.csi.volumes.results: is missing: the driver must be told of every volume. Give its volumeHandle",
      'access.csi.volumes.other: must be one of the volumes, results (found "other"). Remove it',
    ],
  ],
  [
    "names that would not fit Azure's",
    { hosts: { ...hosts, "Host-1": { zone: "1" } } },
    [
      "hosts.Host-1: must be 1 to 20 lower-case letters, digits or -, the first a letter, the last a letter or digit " +
        '(found "Host-1"). Rename it',
    ],
  ],
  [
    "an administrator that Azure refuses",
    { adminUsername: "root" },
    [
      "adminUsername: must be 1 to 32 lower-case letters, digits, _ or -, the first a letter, and none of the names that " +
        'Azure refuses (root, admin, …) (found "root"). Choose another name',
    ],
  ],
  [
    "a key that is not public",
    { sshPublicKey: "-----BEGIN OPENSSH KEY-----" },
    [
      "sshPublicKey: must be a public key in OpenSSH form, ssh-ed25519 or ssh-rsa " +
        '(found "-----BEGIN OPENSSH KEY-----"). Give the .pub file\'s line',
    ],
  ],
];

describe("args that are refused at preview, with path, value, range and fix", () => {
  it.each(refusals)("%s", (_what, changed, expected) => {
    expect(glusterProblems("files", clusterArgs(changed)).map(formatProblem)).toEqual(expected);
  });

  it("a name that would not fit into Azure's names", () => {
    const [found] = glusterProblems("Files_of_the_team", clusterArgs());
    expect(found?.path).toBe("name");
    expect(found?.reason).toContain("1 to 30 lower-case letters, digits or -");
  });

  it("a key that is missing", () => {
    const { sshPublicKey: _, ...rest } = clusterArgs();
    const [found] = glusterProblems("files", rest as GlusterClusterArgs);
    expect(found && formatProblem(found)).toContain(
      "sshPublicKey: is missing; it must be a public key in OpenSSH form",
    );
  });
});

describe("args that are taken", () => {
  it("a cluster of three hosts", () => expect(glusterProblems("files", clusterArgs())).toEqual([]));

  it("values that are known only later", () => {
    const later = clusterArgs({ subnetId: pulumi.output("later"), sshPublicKey: pulumi.output("later") });
    expect(glusterProblems("files", later)).toEqual([]);
  });

  it("one host and one copy, for data that may be lost", () => {
    const args = clusterArgs({
      hosts: { a: { zone: "1" } },
      volumes: { v: { ...results, replicas: 1, bricks: ["a"] } },
    });
    expect(glusterProblems("files", args)).toEqual([]);
  });
});
