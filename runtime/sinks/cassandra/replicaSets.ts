import type { TableDefinition } from "../../contract/index.js";
import type { Clients } from "./clientSource.js";
import type { Cell, Row } from "./mapping.js";

/** Partitions that are remembered with their replicas, and for how long, in milliseconds: rings grow and shrink. */
const REMEMBERED = 50_000;
const REMEMBERED_MS = 60_000;

/** What of the driver is asked. */
type Metadata = Pick<ReturnType<Clients["current"]>, "getReplicas">;

/** Says which replicas hold a partition, as far as the driver's metadata knows. */
export class ReplicaSets {
  private readonly keyPlaces: number[];
  private known = new Map<string, string>();
  private knownSince: number;

  constructor(
    private readonly table: TableDefinition,
    private readonly metadata: () => Metadata,
    private readonly localDatacenter: string,
    private readonly now: () => number,
  ) {
    const columns = Object.keys(table.columns);
    this.keyPlaces = table.partitionKey.map((name) => columns.indexOf(name));
    this.knownSince = now();
  }

  /** The local replicas of a row's partition, as a text; undefined where they are not known. */
  of(row: Pick<Row, "partition" | "cells">): string | undefined {
    const now = this.now();
    if (this.known.size >= REMEMBERED || now - this.knownSince > REMEMBERED_MS) {
      this.known = new Map();
      this.knownSince = now;
    }
    const known = this.known.get(row.partition);
    if (known !== undefined) return known;
    const found = this.find(row.cells);
    if (found !== undefined) this.known.set(row.partition, found);
    return found;
  }

  private find(cells: Row["cells"]): string | undefined {
    const key = routingKey(this.keyPlaces.map((place) => cells[place]));
    if (key === undefined) return undefined;
    // Null while the driver has not read the keyspace or the ring.
    const replicas: ReturnType<Metadata["getReplicas"]> | null | undefined = this.metadata().getReplicas(
      this.table.keyspace,
      key,
    );
    const local = (replicas ?? []).filter(({ datacenter }) => datacenter === this.localDatacenter);
    if (local.length === 0) return undefined;
    return local
      .map(({ address }) => address)
      .sort()
      .join(" ");
  }
}

/**
 * The bytes that a partition's token is made of: those of its column, or of several columns each with its length before it
 * and a zero behind. Undefined where a value is missing.
 */
export function routingKey(values: readonly (Cell | undefined)[]): Buffer | undefined {
  const parts = values.filter((value) => value !== undefined);
  if (parts.length < values.length) return undefined;
  const [only] = parts;
  if (parts.length === 1) return only;
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(part.length);
      return [length, part, Buffer.from([0])];
    }),
  );
}
