/** One node of a ring in token order. */
export interface Placed {
  rack: string;
  node: number;
}

/**
 * Where Cassandra's NetworkTopologyStrategy puts the replicas of each token range of a datacenter, after its
 * documentation: clockwise, a rack not yet used first, and racks again only as often as there are more replicas
 * than racks. A second telling of the rule, to hold the plan's formula against.
 */
export function replicasOfEachRange(ring: Placed[], replicas: number): Placed[][] {
  const racks = new Set(ring.map((node) => node.rack)).size;
  return ring.map((_, start) => {
    const chosen: Placed[] = [];
    const used = new Set<string>();
    const skipped: Placed[] = [];
    let repeats = replicas - racks;
    for (let step = 0; step < ring.length && chosen.length < replicas; step++) {
      const next = ring[(start + step) % ring.length];
      if (next === undefined || chosen.some((each) => each.node === next.node)) continue;
      if (!used.has(next.rack)) {
        used.add(next.rack);
        chosen.push(next);
      } else if (repeats > 0) {
        repeats -= 1;
        chosen.push(next);
      } else skipped.push(next);
    }
    for (const next of skipped) {
      if (chosen.length >= replicas) break;
      if (!chosen.some((each) => each.node === next.node)) chosen.push(next);
    }
    return chosen;
  });
}
