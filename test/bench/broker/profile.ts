import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** How many functions are named. */
const LINES = 15;

interface CallFrame {
  functionName: string;
  url: string;
  lineNumber: number;
}

interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame }[];
  samples: number[];
  timeDeltas: number[];
}

interface HeapNode {
  callFrame: CallFrame;
  selfSize: number;
  children: HeapNode[];
}

/** What a process is profiled for: where its time goes, or who made what it holds. */
export type ProfileKind = "cpu" | "heap";

/**
 * Runs something whose process writes a profile when it ends.
 * @param run is given the arguments for Node that make it so; it ends the process
 * @returns the functions that took most, one a line
 */
export async function profiled(kind: ProfileKind, run: (execArgv: string[]) => Promise<void>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-profile-"));
  try {
    await run([`--${kind}-prof`, `--${kind}-prof-dir=${folder}`]);
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    const sums = new Map<string, number>();
    for (const file of files) {
      for (const [frame, amount] of kind === "cpu" ? cpuOf(JSON.parse(file)) : heapOf(JSON.parse(file).head)) {
        const name = nameOf(frame);
        sums.set(name, (sums.get(name) ?? 0) + amount);
      }
    }
    return summary(sums);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function* cpuOf({ nodes, samples, timeDeltas }: CpuProfile): Generator<[CallFrame, number]> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame !== undefined && frame.functionName !== "(idle)") yield [frame, timeDeltas[at] ?? 0];
  }
}

function* heapOf(node: HeapNode): Generator<[CallFrame, number]> {
  yield [node.callFrame, node.selfSize];
  for (const child of node.children) yield* heapOf(child);
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} ${basename(url)}:${lineNumber + 1}`;
}

function summary(sums: ReadonlyMap<string, number>): string[] {
  const total = [...sums.values()].reduce((sum, amount) => sum + amount, 0);
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .slice(0, LINES)
    .map(([name, amount]) => `${((amount / total) * 100).toFixed(1).padStart(6)} %  ${name}`);
}
