import type { RecoveryReport } from "./recovery.js";
import type { CrashReport } from "./run.js";
import type { SoakReport } from "./soak.js";

/** What a crash run came to, for people. */
export function crashTable(report: CrashReport): string {
  const faults = Object.entries(report.faults).map(([kind, count]) => `${kind} ${count}`);
  return table(`crash run, ${report.kind}, seed ${report.seed}, ${verdict(report.broken)}`, [
    ["seconds", report.seconds],
    ["messages", report.messages],
    ["effects", report.effects],
    ["dead letters", report.deadLetters],
    ["faults", faults.join(", ")],
    ["killed by one message", report.killed],
    ["workers started", report.workersStarted],
    ["redeliveries", report.redeliveries],
    ["highest delivery count of an innocent message", report.highestInnocentDelivery],
    ["duplicates recognised by the sinks", report.duplicates],
  ]);
}

/** Times until messages came again, for people. */
export function recoveryTable(report: RecoveryReport): string {
  const rows = Object.entries(report.figures).map(([fault, { count, p50, max, bound }]): [string, string] => [
    fault,
    `${count} times, p50 ${p50} ms, max ${max} ms, at most ${bound} ms`,
  ]);
  return table(`first message after a fault, ${verdict(report.broken)}`, rows);
}

/** What a soak came to, for people. */
export function soakTable(report: SoakReport): string {
  const { mean, slopePerMinute, growth } = report.rssMib;
  const { first, last } = report.activeResources;
  return table(`soak, ${report.kind}, ${verdict(report.broken)}`, [
    ["seconds", report.seconds],
    ["messages", report.messages],
    [
      "resident memory",
      `${mean} MiB, ${slopePerMinute} MiB a minute, floor ${growth < 0 ? "" : "+"}${Math.round(growth * 100)} %`,
    ],
    ["links, each time they were counted", report.links.join(" ")],
    ["connections", report.connections.join(" ")],
    ["active resources", `${first} in the first half, ${last} in the second`],
  ]);
}

function verdict(broken: string[]): string {
  return broken.length === 0 ? "held" : `${broken.length} BROKEN`;
}

function table(title: string, rows: [string, string | number][]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join("\n");
}
