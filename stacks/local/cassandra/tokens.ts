/** Murmur3Partitioner: tokens are int64, and the smallest is reserved. */
const RANGE = 2n ** 64n;
const LOWEST = -(2n ** 63n);

/**
 * Tokens for each node of a datacenter, as decimal text, ascending: evenly spaced over the whole ring and dealt
 * to the nodes in turn, so that every node owns the same share. Nodes that stand in order of their racks
 * (a, b, c, a, b, c) give every rack of equal size an equal share, and neighbours on the ring another rack.
 * `offset` sets a second datacenter's tokens apart, since no two nodes of a cluster may share one.
 */
export function evenTokens(nodes: number, tokensEach: number, offset = 0): string[][] {
  const total = BigInt(nodes * tokensEach);
  const tokens: string[][] = Array.from({ length: nodes }, () => []);
  for (let slot = 0; slot < nodes * tokensEach; slot++) {
    // In the middle of the slot's share: neither the reserved token nor an end of the range is ever hit.
    const token = LOWEST + (RANGE * (2n * BigInt(slot) + 1n)) / (2n * total) + BigInt(offset);
    tokens[slot % nodes]?.push(token.toString());
  }
  return tokens;
}
