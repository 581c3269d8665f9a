import type { PipelineCounts } from "./progress.js";

const COLUMNS: { title: string; cell: (c: PipelineCounts) => string }[] = [
  { title: "pipeline", cell: (c) => c.pipeline },
  { title: "sent", cell: (c) => String(c.sent) },
  { title: "stored", cell: (c) => String(c.completed) },
  { title: "dead-lettered", cell: (c) => String(c.deadLettered) },
  { title: "waiting", cell: (c) => String(Math.max(0, c.sent - c.completed - c.deadLettered)) },
  { title: "age p50", cell: (c) => `${c.p50Ms} ms` },
  { title: "age p99", cell: (c) => `${c.p99Ms} ms` },
];

/** The counts as lines of a table with a headline; the first column to the left, numbers to the right. */
export function tableLines(counts: PipelineCounts[]): string[] {
  const rows = [COLUMNS.map((c) => c.title), ...counts.map((count) => COLUMNS.map((c) => c.cell(count)))];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
}
