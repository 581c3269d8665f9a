import { parseArgs } from "node:util";
import { ExitCode } from "../../runtime/contract/index.js";
import type { Bench, BenchReport } from "./report.js";

/** Every benchmark by its name, loaded when it is asked for. */
const benches: { [name: string]: () => Promise<Bench> } = {
  broker: async () => (await import("./broker.js")).broker,
  cassandra: async () => (await import("./cassandra.js")).cassandra,
  start: async () => (await import("./start.js")).start,
  worker: async () => (await import("./worker.js")).worker,
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "boolean" } } });
  const [name = ""] = positionals;
  const load = benches[name];
  if (load === undefined || positionals.length !== 1) {
    process.stderr.write(`usage: npm run bench -- NAME [--json]\nNAME is one of: ${Object.keys(benches).join(", ")}\n`);
    process.exitCode = ExitCode.InvalidInput;
    return;
  }
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const bench = await load();
  const report: BenchReport = {
    bench: name,
    ...(await bench((line) => process.stderr.write(`${line}\n`), abort.signal)),
  };
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : table(report));
  process.exitCode = Object.values(report.ratios).every((ratio) => ratio.holds) ? ExitCode.Ok : ExitCode.Failed;
}

function table(report: BenchReport): string {
  const ratios = Object.entries(report.ratios).map(([name, r]) => {
    const bound = r.floor === undefined ? `at most ${r.ceiling}` : `at least ${r.floor}`;
    return `${name.padEnd(36)} ${String(r.value).padStart(12)}  ${bound}  ${r.holds ? "holds" : "MISSED"}`;
  });
  const figures = Object.entries(report.figures).map(
    ([name, value]) => `${name.padEnd(36)} ${String(value).padStart(12)}`,
  );
  return `${[`bench ${report.bench}`, ...ratios, ...figures].join("\n")}\n`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = ExitCode.Failed;
});
