import { durationSeconds } from "./duration.js";
import { type Problem, problem } from "./problems.js";
import { MessageField, type TableDefinition, TimeBucket } from "./table.js";

/** Seconds that a bucket spans at most: a month has up to 31 days. */
const BUCKET_SECONDS: Record<TimeBucket, number> = {
  [TimeBucket.Hour]: 3_600,
  [TimeBucket.Day]: 86_400,
  [TimeBucket.Week]: 7 * 86_400,
  [TimeBucket.Month]: 31 * 86_400,
};
/** Bytes of a partition above which reads, compaction and repair of it become slow: Cassandra's own first warning. */
const LARGE_PARTITION_BYTES = 100_000_000;

/** How large partitions become, by the rate that the table states. */
export interface PartitionEstimate {
  /** Bytes of one partition when it is largest; Infinity where nothing ends it. */
  bytes: number;
  /** Seconds of events that one partition holds; Infinity where nothing ends it. */
  seconds: number;
  /** The bucket in the partition key, if there is one. */
  bucket?: TimeBucket;
}

/** How large a partition becomes; undefined where the table states no rate, or every event is a partition of its own. */
export function partitionEstimate(table: TableDefinition): PartitionEstimate | undefined {
  const { rate } = table.from;
  const keys = table.partitionKey.flatMap((name) => table.columns[name] ?? []);
  if (rate === undefined) return undefined;
  if (keys.some((column) => column.message === MessageField.MessageId || column.attribute === "id")) return undefined;
  const buckets = keys.flatMap(({ bucket }) => bucket ?? []).sort((a, b) => BUCKET_SECONDS[a] - BUCKET_SECONDS[b]);
  const [bucket] = buckets;
  const seconds = Math.min(
    bucket === undefined ? Number.POSITIVE_INFINITY : BUCKET_SECONDS[bucket],
    table.timeToLive === undefined ? Number.POSITIVE_INFINITY : durationSeconds(table.timeToLive),
  );
  const bytes = rate.rowsPerSecond * rate.bytesPerRow * seconds;
  return bucket === undefined ? { bytes, seconds } : { bytes, seconds, bucket };
}

/** What is worth a warning at preview: partitions above 100 MB at the stated rate. `at` is the table's path. */
export function tableWarnings(table: TableDefinition, at: string): Problem[] {
  const { rate } = table.from;
  const estimate = partitionEstimate(table);
  if (rate === undefined || estimate === undefined || estimate.bytes <= LARGE_PARTITION_BYTES) return [];
  const perSecond = rate.rowsPerSecond * rate.bytesPerRow;
  const stated = `at ${rate.rowsPerSecond} rows of ${rate.bytesPerRow} bytes a second`;
  const reason =
    estimate.seconds === Number.POSITIVE_INFINITY
      ? `a partition grows without end: ${stated} it passes 100 MB after ${lengthOf(LARGE_PARTITION_BYTES / perSecond)}`
      : `a partition grows to ${sizeOf(estimate.bytes)} in ${lengthOf(estimate.seconds)} ${stated}; above 100 MB it is slow ` +
        "to read, compact and repair";
  return [problem(`${at}.partitionKey`, table.partitionKey, reason, remedy(perSecond, estimate))];
}

function remedy(bytesPerSecond: number, { bucket }: PartitionEstimate): string {
  const fits = Object.values(TimeBucket)
    .filter((each) => BUCKET_SECONDS[each] * bytesPerSecond <= LARGE_PARTITION_BYTES)
    .at(-1);
  if (fits === undefined)
    return "No bucket is short enough: add a column to the partition key that spreads the rows, such as a shard";
  const size = sizeOf(BUCKET_SECONDS[fits] * bytesPerSecond);
  return bucket === undefined
    ? `Add a column with bucket: "${fits}" to the partition key (${size} a partition)`
    : `Use bucket: "${fits}" (${size} a partition)`;
}

function sizeOf(bytes: number): string {
  const units: [number, string][] = [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ];
  const [size, unit] = units.find(([least]) => bytes >= least) ?? [1, "bytes"];
  return `${Number((bytes / size).toPrecision(3))} ${unit}`;
}

function lengthOf(seconds: number): string {
  const units: [number, string][] = [
    [86_400, "days"],
    [3_600, "hours"],
    [60, "minutes"],
  ];
  const [length, unit] = units.find(([least]) => seconds >= 2 * least) ?? [1, "seconds"];
  return `${Number((seconds / length).toPrecision(3))} ${unit}`;
}
