import {
  DEFAULT_FUTURE_SKEW,
  DEFAULT_GC_GRACE,
  type Duration,
  durationSeconds,
  type Problem,
  problem,
  type TableDefinition,
} from "../../runtime/contract/index.js";
import { CassandraOperator, type CassandraRepairArgs, type CassandraRingArgs } from "./args.js";

/** Reaper's own days between two runs, and what a run may take where nobody says. */
export const DEFAULT_REPAIR = { interval: "7d", longestRun: "2d" } as const satisfies CassandraRepairArgs;
/** How far ahead of its clock a node takes a timestamp where nobody says. */
export const DEFAULT_TIMESTAMP_SKEW: Duration = "10m";
/** How far the clocks of a worker and of a node may differ, in seconds. */
const CLOCKS_SECONDS = 60;
/** First version of Cassandra whose nodes refuse timestamps from the future. */
const TIMESTAMPS_SINCE = 5;

/** True where the ring's nodes repair themselves by a schedule. */
export function repairs({ operator = CassandraOperator.K8ssandra, repair }: CassandraRingArgs): boolean {
  return operator === CassandraOperator.K8ssandra && (repair?.enabled ?? true);
}

/** True where the version of Cassandra can refuse timestamps from the future. */
export function refusesTimestamps({ serverVersion }: Pick<CassandraRingArgs, "serverVersion">): boolean {
  return Number(serverVersion.split(".")[0]) >= TIMESTAMPS_SINCE;
}

/**
 * The rule of repairs: from the beginning of one run to the end of the next, deletions must live. `gcGrace` is the
 * shortest of what is repaired, `path` where it is said, of whom `of` speaks: "telemetry's tables".
 */
export function repairProblems(args: CassandraRingArgs, gcGrace: string, path: string, of: string): Problem[] {
  if (!repairs(args)) return [];
  const { interval = DEFAULT_REPAIR.interval, longestRun = DEFAULT_REPAIR.longestRun } = args.repair ?? {};
  const most = durationSeconds(gcGrace);
  if (durationSeconds(interval) + durationSeconds(longestRun) <= most) return [];
  return [
    problem(
      path,
      gcGrace,
      `must be at least repair.interval and repair.longestRun together, ${interval} + ${longestRun}: tombstones of ${of} ` +
        "would be dropped before a repair brought them to every replica, and deleted rows would be back",
      "Raise it, or repair more often",
    ),
  ];
}

/**
 * What of a ring does not fit the tables that pipelines write: repairs that come too late for a table's tombstones, and
 * nodes that refuse a timestamp which a worker takes. Paths are from the ring.
 */
export function ringTableProblems(args: CassandraRingArgs, tables: TableDefinition[]): Problem[] {
  return tables.flatMap((table) => {
    const name = `${table.keyspace}.${table.name}`;
    return [
      ...repairProblems(args, table.options?.gcGrace ?? DEFAULT_GC_GRACE, `repair.gcGrace.${name}`, name),
      ...skewProblems(args, name, table.from.maxFutureSkew ?? DEFAULT_FUTURE_SKEW),
    ];
  });
}

function skewProblems(args: CassandraRingArgs, table: string, taken: string): Problem[] {
  if (!refusesTimestamps(args)) return [];
  const allowed = args.maxTimestampSkew ?? DEFAULT_TIMESTAMP_SKEW;
  if (durationSeconds(allowed) >= durationSeconds(taken) + CLOCKS_SECONDS) return [];
  return [
    problem(
      "maxTimestampSkew",
      allowed,
      `must be at least ${CLOCKS_SECONDS} seconds longer than maxFutureSkew of ${table}, ${taken}: the nodes would refuse ` +
        "events that the worker takes",
      "Raise it, or lower maxFutureSkew",
    ),
  ];
}
