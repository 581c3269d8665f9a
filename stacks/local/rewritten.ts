import { writeFileSync } from "node:fs";
import { type Rewrite, RewriteKind } from "./providers/kubernetes/index.js";

/** What is only counted: of it there are several for each pod, and nobody looks for one unless something is wrong. */
const COUNTED: RewriteKind[] = [RewriteKind.Image, RewriteKind.MountPath];

/**
 * What was rewritten, as lines: each port, at which a person finds a pod's metrics, and how many of the rest there are.
 * All of it is written to `file`.
 */
export function rewrittenLines(rewrites: readonly Rewrite[], file: string): string[] {
  if (rewrites.length === 0) return [];
  const line = ({ pod, what, from, to }: Rewrite): string => `rewritten in ${pod}: ${what} ${from} -> ${to}`;
  writeFileSync(file, rewrites.map((each) => `${line(each)}\n`).join(""), { mode: 0o600 });
  const counts = COUNTED.map((kind) => {
    const count = rewrites.filter(({ what }) => what === kind).length;
    return `${count} ${kind}${count === 1 ? "" : "s"}`;
  });
  return [
    `rewritten for this machine: the ports below, ${counts.join(" and ")}; each by its pod: ${file}`,
    ...new Set(rewrites.filter(({ what }) => !COUNTED.includes(what)).map(line)),
  ];
}
