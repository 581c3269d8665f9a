import { type Problem, problem } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import type { CassandraRingArgs } from "./args.js";
import { statefulSetName } from "./names.js";
import type { RingShape } from "./plan.js";
import { cassandraSchema } from "./schema.js";

/** Kubernetes labels pods with their stateful set's name and a hash of 10 characters, 63 in all. */
const LONGEST_STATEFUL_SET = 52;
/** Memory that a node needs beside its heap at least, in MiB: off-heap tables, threads, the management API. */
const BESIDE_HEAP_MIB = 256;

/** All problems of a ring's args; an empty list where it can be planned. */
export function cassandraProblems(args: CassandraRingArgs): Problem[] {
  const found = problemsOf(cassandraSchema, args);
  if (found.length > 0) return found;
  return [
    ...rackProblems(args),
    ...nameProblems(args),
    ...memoryProblems(args),
    ...Object.entries(args.replication).flatMap(([keyspace, replicas]) =>
      replicaProblems(`replication.${keyspace}`, replicas, args),
    ),
  ];
}

function rackProblems({ racks, size }: CassandraRingArgs): Problem[] {
  const found: Problem[] = [];
  const names = racks.map((rack) => rack.name);
  for (const [i, { name, zone }] of racks.entries()) {
    if (names.indexOf(name) < i)
      found.push(
        problem(
          `racks.${i}.name`,
          name,
          `is the name of rack ${names.indexOf(name)} as well`,
          "Give each rack its own name",
        ),
      );
    if ((zone === undefined) !== (racks[0]?.zone === undefined))
      found.push(
        problem(
          `racks.${i}.zone`,
          zone,
          "must be given for every rack or for none: otherwise nobody can say what the loss of a zone takes",
          "Give a zone to each, or to none",
        ),
      );
  }
  if (size % racks.length !== 0) {
    const below = Math.floor(size / racks.length) * racks.length;
    const allowed = below === 0 ? `${racks.length}` : `${below} or ${below + racks.length}`;
    found.push(
      problem(
        "size",
        size,
        `must be a multiple of the racks, ${racks.length}, so that each has as many nodes: ${racks.length}, ${2 * racks.length}, …`,
        `Set it to ${allowed}`,
      ),
    );
  }
  return found;
}

function nameProblems({ clusterName, datacenter, racks }: CassandraRingArgs): Problem[] {
  return racks.flatMap(({ name }, i) => {
    const full = statefulSetName(clusterName, datacenter, name);
    if (full.length <= LONGEST_STATEFUL_SET) return [];
    return [
      problem(
        `racks.${i}.name`,
        full,
        `leads to a stateful set's name of ${full.length} characters, of which Kubernetes allows ${LONGEST_STATEFUL_SET}`,
        "Shorten the name of cluster, datacenter or rack",
      ),
    ];
  });
}

function memoryProblems({ heapMib, memoryMib }: CassandraRingArgs): Problem[] {
  if (heapMib + BESIDE_HEAP_MIB <= memoryMib) return [];
  return [
    problem(
      "heapMib",
      heapMib,
      `must leave ${BESIDE_HEAP_MIB} MiB of memoryMib, ${memoryMib}, so be at most ${memoryMib - BESIDE_HEAP_MIB}`,
      "Lower it to about half of memoryMib, or raise that",
    ),
  ];
}

/** The rule of one replica count: a node holds one replica of a partition at most. */
export function replicaProblems(path: string, replicas: number, { size }: RingShape): Problem[] {
  if (replicas <= size) return [];
  return [
    problem(
      path,
      replicas,
      `must be from 1 to ${size}, the nodes of the datacenter: a node holds one replica, and writes at ALL could never succeed`,
      "Lower it, or raise size",
    ),
  ];
}
