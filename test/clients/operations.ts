/** What a client in another language said of one operation. */
export interface OperationReport {
  operation: string;
  ok: boolean;
  error?: string;
}

/** The reports among the lines that a client printed. */
export function reportsIn(stdout: string): OperationReport[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as OperationReport);
}

/** The names of the operations in a client's source, in order: those whose reports have to come. */
export function operationsIn(source: string, declared: RegExp): string[] {
  return [...source.matchAll(declared)].map(([, name]) => name ?? "");
}
