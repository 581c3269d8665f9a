/** A statement as the driver is given it. */
export interface ModelStatement {
  query: string;
  params: unknown[];
}

interface Cell {
  timestamp: bigint;
  /** The second in which it ends; undefined for never. */
  ends: number | undefined;
  value: Buffer;
}

interface StoredRow {
  /** Timestamp of the newest deletion of the whole row. */
  deleted: bigint | undefined;
  marker: Cell | undefined;
  cells: Map<string, Cell>;
}

const INSERT = /^INSERT INTO \S+ \(([^)]*)\) VALUES \([^)]*\) USING TIMESTAMP \?( AND TTL \?)?$/;
const DELETE = /^DELETE FROM \S+ USING TIMESTAMP \? WHERE (.*)$/;

/**
 * A table as Cassandra's replicas keep it, cell by cell: what wins where two writes meet is decided as in Cells.resolveRegular
 * and LivenessInfo.supersedes. Tombstones are kept for ever, as they are for gc_grace_seconds.
 */
export class CellModel {
  private readonly rows = new Map<string, StoredRow>();

  /** `now` is the coordinator's clock, in milliseconds since 1970. */
  constructor(
    private readonly key: readonly string[],
    private readonly now: () => number,
  ) {}

  /** Carries out a statement of the sink. Throws at any that is not known. */
  apply({ query, params }: ModelStatement): void {
    const insert = INSERT.exec(query);
    const remove = DELETE.exec(query);
    if (insert !== null) this.insert(names(insert[1] ?? "", ", "), params, insert[2] !== undefined);
    else if (remove !== null) this.delete(names((remove[1] ?? "").replaceAll(" = ?", ""), " AND "), params);
    else throw new Error(`no statement that the model knows: ${query}`);
  }

  /** Every row that is there, with value and timestamp of each cell, sorted. */
  read(): string[] {
    return [...this.rows]
      .flatMap(([key, row]) => {
        const cells = [...row.cells].filter(([, cell]) => this.lives(cell, row));
        const marked = row.marker !== undefined && this.lives(row.marker, row);
        if (cells.length === 0 && !marked) return [];
        const texts = cells.map(([name, { value, timestamp }]) => `${name}=${value.toString()}@${timestamp}`).sort();
        return [`${key} ${texts.join(" ")}`];
      })
      .sort();
  }

  private insert(columns: string[], params: unknown[], expires: boolean): void {
    const timestamp = int64(params[columns.length]);
    const seconds = expires ? Number(params[columns.length + 1]) : 0;
    const ends = seconds > 0 ? Math.floor(this.now() / 1000) + seconds : undefined;
    const row = this.rowAt(new Map(columns.map((name, i) => [name, params[i]])));
    row.marker = winner(row.marker, { timestamp, ends, value: Buffer.alloc(0) });
    for (const [i, name] of columns.entries()) {
      const value = params[i];
      if (this.key.includes(name) || !Buffer.isBuffer(value)) continue;
      row.cells.set(name, winner(row.cells.get(name), { timestamp, ends, value }));
    }
  }

  private delete(key: string[], params: unknown[]): void {
    const timestamp = int64(params[0]);
    const row = this.rowAt(new Map(key.map((name, i) => [name, params[i + 1]])));
    if (row.deleted === undefined || timestamp > row.deleted) row.deleted = timestamp;
  }

  private rowAt(values: Map<string, unknown>): StoredRow {
    const name = this.key.map((column) => String(values.get(column))).join("/");
    const found = this.rows.get(name) ?? { deleted: undefined, marker: undefined, cells: new Map() };
    this.rows.set(name, found);
    return found;
  }

  private lives({ timestamp, ends }: Cell, { deleted }: StoredRow): boolean {
    const shadowed = deleted !== undefined && timestamp <= deleted;
    return !shadowed && (ends === undefined || ends > Math.floor(this.now() / 1000));
  }
}

/** The later write; of two at the same time what ends, of two that end what ends later, of two alike the larger value. */
function winner(before: Cell | undefined, now: Cell): Cell {
  if (before === undefined) return now;
  if (before.timestamp !== now.timestamp) return before.timestamp > now.timestamp ? before : now;
  if (before.ends !== now.ends) {
    if (before.ends === undefined || now.ends === undefined) return before.ends === undefined ? now : before;
    return before.ends > now.ends ? before : now;
  }
  return Buffer.compare(before.value, now.value) >= 0 ? before : now;
}

function names(text: string, separator: string): string[] {
  return text.split(separator).map((name) => name.replaceAll('"', ""));
}

function int64(value: unknown): bigint {
  if (typeof value !== "bigint") throw new Error(`a timestamp is an int64, not ${typeof value}`);
  return value;
}
