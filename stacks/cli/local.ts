import { randomBytes } from "node:crypto";
import { ExitCode } from "../../runtime/contract/index.js";
import { LocalEnvironment } from "../local/environment.js";
import { unsignedSamples } from "../local/producers.js";
import { type PipelineResult, runTraffic } from "../local/session.js";
import { tableLines } from "../local/traffic/table.js";
import type { LocalOptions } from "./main.js";
import { type Screen, screen } from "./screen.js";

/** What `--json` prints. Times are seconds. */
interface LocalReport {
  engine: string;
  resources: number;
  seconds: { setup: number; up: number; traffic: number; down: number };
  real: { cassandra: boolean; gluster: boolean; linstor: boolean };
  pipelines: { [name: string]: PipelineResult };
}

/** Stops in two steps: the first Ctrl-C destroys in order, the second only ends what is running. */
interface Interrupt {
  /** Fires at the first Ctrl-C (or SIGTERM, or SIGHUP). */
  soon: AbortSignal;
  /** Fires at the second. */
  now: AbortSignal;
  release(): void;
}

/** The stack could not be destroyed in order; everything that was started is stopped all the same. */
class DownError extends Error {
  constructor(cause: Error) {
    super(`The stack could not be destroyed: ${cause.message}`, { cause });
    this.name = "DownError";
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function interrupts(out: Screen): Interrupt {
  const soon = new AbortController();
  const now = new AbortController();
  const handle = () => {
    if (soon.signal.aborted) {
      out.line("Stopping at once.");
      now.abort(new Error("interrupted"));
    } else {
      out.line("Stopping; once more to stop at once.");
      soon.abort(new Error("interrupted"));
    }
  };
  for (const name of SIGNALS) process.on(name, handle);
  const release = () => {
    for (const name of SIGNALS) process.off(name, handle);
  };
  return { soon: soon.signal, now: now.signal, release };
}

/** Seconds that a step took, with one decimal. */
async function timed<T>(step: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const began = performance.now();
  const value = await step();
  return { value, seconds: Math.round((performance.now() - began) / 100) / 10 };
}

/** Brings the stack up on this machine, sends traffic, and destroys everything. Gives the exit code. */
export async function local(options: LocalOptions): Promise<ExitCode> {
  const out = screen(process.stderr);
  const interrupt = interrupts(out);
  try {
    return await run(options, out, interrupt);
  } catch (error) {
    if (!interrupt.soon.aborted || error instanceof DownError) throw error;
    return ExitCode.Interrupted;
  } finally {
    interrupt.release();
  }
}

async function run(options: LocalOptions, out: Screen, interrupt: Interrupt): Promise<ExitCode> {
  const setup = await timed(() =>
    LocalEnvironment.start({
      small: options.small === true,
      emulator: options.emulator === true,
      propagationSeconds: options.propagation,
      tokenLifetimeSeconds: options.tokenLifetime,
      signal: interrupt.soon,
      progress: out.line,
      step: (text) => out.block([text]),
    }),
  );
  const environment = setup.value;
  const seconds = { setup: setup.seconds, up: 0, traffic: 0, down: 0 };
  let resources = 0;
  let pipelines: { [name: string]: PipelineResult } = {};
  try {
    const up = await timed(() => environment.up(interrupt.soon, engineLines(out)));
    seconds.up = up.seconds;
    resources = up.value.resources;
    for (const notice of [...environment.notices(), ...unsignedSamples(up.value.pipelines)]) out.line(notice);
    const plan = { run: `r${randomBytes(3).toString("hex")}`, messages: options.messages, poison: options.poison };
    const traffic = await timed(() =>
      runTraffic(environment, up.value.pipelines, plan, interrupt.soon, (counts) => out.block(tableLines(counts))),
    );
    seconds.traffic = traffic.seconds;
    pipelines = traffic.value;
    const refusals = environment.refusals();
    if (refusals !== "") out.line(refusals);
    if (options.once !== true) {
      out.line("Everything is up. Ctrl-C destroys it.");
      await aborted(interrupt.soon);
    }
  } finally {
    const down = await timed(() => environment.down(interrupt.now)).catch((error: Error) => {
      throw new DownError(error);
    });
    seconds.down = down.seconds;
  }
  const report: LocalReport = {
    engine: environment.engineVersion,
    resources,
    seconds,
    real: environment.real,
    pipelines,
  };
  print(report, options, out);
  return whole(report, options) ? ExitCode.Ok : ExitCode.Failed;
}

/** The engine's own lines, without its blank ones and the link to a state that ends with the run. */
function engineLines(out: Screen): (line: string) => void {
  return (line) => {
    if (line.trim() !== "" && !line.startsWith("Permalink:")) out.line(line);
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** True where all that was sent is stored, and the dead letters are exactly the poison. */
function whole(report: LocalReport, options: LocalOptions): boolean {
  return Object.values(report.pipelines).every(
    (p) => p.stored === options.messages && p.deadLettered === options.poison,
  );
}

function print(report: LocalReport, options: LocalOptions, out: Screen): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  for (const [name, p] of Object.entries(report.pipelines))
    out.line(
      `${name}: ${p.stored} of ${options.messages} stored, ${p.deadLettered} of ${options.poison} dead-lettered, ` +
        `p50 ${p.p50Ms} ms, p99 ${p.p99Ms} ms`,
    );
  const { setup, up, traffic, down } = report.seconds;
  out.line(`${report.resources} resources; setup ${setup} s, up ${up} s, traffic ${traffic} s, down ${down} s`);
}
