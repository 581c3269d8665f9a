import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pipeline } from "../../runtime/contract/index.js";
import { WORKER_BUNDLE } from "../../stacks/local/bundle.js";
import { createVolumeFolder, readResults } from "../../stacks/local/gluster/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, RunningWorker } from "./workerProcess.js";

/** Stores each message as a line of a file, and does what its body says. */
const SINK = `
import { appendFile, open } from "node:fs/promises";
import { defineSink, done, poison, problem, InvalidInputError, retry, StowageError } from "stowage/runtime";
import { line } from "./line.mjs";

export default defineSink({
  name: "lines",
  batching: { maxMessages: 10, maxWaitMilliseconds: 5 },
  options: ({ file, start = "well", ...rest }) => {
    if (file === undefined)
      throw new InvalidInputError("Invalid options", [problem("file", undefined, "is missing", "Name the file")]);
    if (Object.keys(rest).length > 0) throw new Error("unknown options " + Object.keys(rest).join(", "));
    return { file, start };
  },
  start: async ({ options, pipeline, worker, log }) => {
    if (options.start === "refuses") throw new StowageError("NoSuchShelf", "There is no such shelf. Put one up.");
    log.info("opened", { pipeline: pipeline.name, worker });
    return { file: await open(options.file, "a"), seen: new Set() };
  },
  process: async (batch, { signal }, { file, seen }) => {
    const outcomes = [];
    for (const message of batch) {
      const text = message.body.toString();
      if (text === "refuse") outcomes.push(poison("No line may be empty."));
      else if (text === "nothing") outcomes.push(undefined);
      else if (text === "okay") outcomes.push({ kind: "okay" });
      else if (text === "later") outcomes.push(retry("NotReady", "not yet"));
      else {
        const duplicate = seen.has(message.key);
        if (!duplicate) await file.write(line(message));
        seen.add(message.key);
        outcomes.push(done({ duplicate }));
      }
    }
    return outcomes;
  },
  probe: async ({ file }) => file.sync(),
  stop: async ({ file }) => { await file.write("closed\\n"); await file.close(); },
});
`;

describe("modules of one's own, beside the bundle alone", () => {
  let bus: BusKit;
  let folder: string;
  let program: string;
  let workers: RunningWorker[];

  beforeAll(buildBundle);
  beforeEach(async () => {
    bus = await new BusKit().open();
    folder = mkdtempSync(join(tmpdir(), "stowage-modules-"));
    // As the image has it: one file, in a folder with nothing else.
    mkdirSync(join(folder, "opt"));
    program = join(folder, "opt", "stowage-worker.cjs");
    copyFileSync(join(packageRoot(), WORKER_BUNDLE), program);
    mkdirSync(join(folder, "modules"));
    workers = [];
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await bus.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Writes a module as a config map is mounted: a link to a link to a folder of its own version. */
  const write = (name: string, text: string): string => {
    const [modules, path] = [join(folder, "modules"), join(folder, "modules", name)];
    mkdirSync(join(modules, "..2026_01_31"), { recursive: true });
    if (!existsSync(join(modules, "..data"))) symlinkSync("..2026_01_31", join(modules, "..data"));
    writeFileSync(join(modules, "..2026_01_31", name), text);
    if (!existsSync(path)) symlinkSync(join("..data", name), path);
    return path;
  };
  const lines = (): string[] =>
    existsSync(join(folder, "lines")) ? readFileSync(join(folder, "lines"), "utf8").split("\n").slice(0, -1) : [];

  function start(change: (pipeline: Pipeline) => void): RunningWorker {
    const pipeline = pipelineOf((p) => {
      p.source.lockDurationSeconds = 5;
      p.delivery.attempts = 2;
      p.delivery.retryBaseMilliseconds = 10;
      change(p);
    });
    const files = { pipeline, connection: bus.connection };
    const args = Object.entries(files).flatMap(([name, value]) => {
      const path = join(folder, `${name}.json`);
      writeFileSync(path, JSON.stringify(value));
      return [`--${name}`, path];
    });
    const worker = new RunningWorker(["run", ...args, "--listen", "127.0.0.1:0"], { HOSTNAME: "pod-1" }, program);
    workers.push(worker);
    return worker;
  }

  const ownSink = (path: string, options?: { [name: string]: string }): RunningWorker =>
    start((p) => {
      p.sink = { module: { path, ...(options === undefined ? {} : { options }) } };
    });

  function lineSink(more: { [name: string]: string } = {}): RunningWorker {
    write("line.mjs", "export const line = (message) => message.messageId + ' ' + message.body + '\\n';\n");
    return ownSink(write("sink.mjs", SINK), { file: join(folder, "lines"), ...more });
  }

  test("a mounted sink stores messages, refuses poison, is never taken at a word that is no outcome, and is closed", async () => {
    const worker = lineSink();
    await bus.send(
      "m",
      ["one", "two", "refuse", "nothing", "okay", "later"].map((text) => Buffer.from(text)),
    );
    const dead = await bus.deadLetters(4);
    const described = Object.fromEntries(
      dead.map((m) => [m.body.toString(), `${m.deadLetterReason} ${m.deadLetterErrorDescription}`]),
    );
    expect(described["refuse"]).toBe("SinkRefused No line may be empty.");
    expect(described["nothing"]).toMatch(/^AttemptsExhausted .*InvalidOutcome: The sink lines gave undefined/s);
    expect(described["okay"]).toMatch(/^AttemptsExhausted .*InvalidOutcome: .*kind is "okay"/s);
    expect(described["later"]).toMatch(/^AttemptsExhausted .*NotReady: not yet/s);
    await until("both are stored", () => lines().length === 2);
    expect(lines().toSorted()).toEqual(["m-0 one", "m-1 two"]);
    expect(worker.line("opened")).toMatchObject({ from: "module", pipeline: "renders", worker: "pod-1" });
    expect((await worker.ask("/readyz")).status).toBe(200);
    expect((await worker.ask("/metrics")).text).toMatch(
      /stowage_retries_total\{.*code="InvalidOutcome".*sink="module"\} \d/,
    );
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(0);
    expect(lines().at(-1)).toBe("closed");
    expect(bus.broker.counts("renders")).toMatchObject({ active: 0 });
  });

  test("a mounted job's output becomes the result, within the limits of a command, and its refusal is poison", async () => {
    const volume = join(folder, "volume");
    await createVolumeFolder(volume, "results");
    const module = write(
      "job.mjs",
      `import { defineJob, JobRefused } from "stowage/runtime";
       export default defineJob(async (message, { attempt, pipeline, signal }) => {
         const text = message.body.toString();
         if (text === "refuse") throw new JobRefused("no such scene");
         if (text === "fail") throw new TypeError("a bug");
         if (text === "forget") return;
         if (text === "slow") return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
         if (text === "large") return (function* () { for (;;) yield new Uint8Array(1_000); })();
         return (async function* () { yield text; yield Buffer.from(" of " + pipeline + " at " + attempt); })();
       }, { name: "scenes" });`,
    );
    start((p) => {
      const job = { module, timeoutSeconds: 1, maxOutputBytes: 10_000 };
      p.sink = { gluster: { volume: "results", mountPath: volume, directory: "renders", job } };
      p.delivery.concurrency = 10;
      p.delivery.attempts = 1;
    });
    await bus.send(
      "m",
      ["good", "refuse", "fail", "forget", "slow", "large"].map((text) => Buffer.from(text)),
    );
    const dead = await bus.deadLetters(5);
    const described = Object.fromEntries(
      dead.map((m) => [m.body.toString(), `${m.deadLetterReason} ${m.deadLetterErrorDescription}`]),
    );
    expect(described["refuse"]).toMatch(/^JobRefused .*refused the message \(JobRefused\)\.\nerror: no such scene$/s);
    expect(described["large"]).toMatch(/^JobOutputTooLarge .*maxOutputBytes, 10000/);
    expect(described["fail"]).toMatch(/^AttemptsExhausted .*JobFailed: The job .* threw TypeError\.\nerror: a bug/s);
    expect(described["forget"]).toMatch(/^AttemptsExhausted .*JobFailed: The job .* gave undefined/s);
    expect(described["slow"]).toMatch(/^AttemptsExhausted .*JobTimeout: .*timeoutSeconds, 1/s);
    await until("the good one is stored", async () => (await readResults(volume, "renders")).verified.length === 1);
    const { verified, broken } = await readResults(volume, "renders");
    expect(broken).toEqual([]);
    const [{ manifest } = { manifest: undefined }] = verified;
    expect(manifest).toMatchObject({ messageId: "m-0", attempt: 1 });
    const shelf = readdirSync(join(volume, "renders")).filter((name) => name.length === 2)[0] ?? "";
    expect(readFileSync(join(volume, "renders", shelf, manifest?.result ?? ""), "utf8")).toBe("good of renders at 1");
    expect(readdirSync(join(volume, "renders", ".staging"))).toEqual([]);
  }, 60_000);

  test("gives a module the worker's own stowage/runtime, although another lies beside it", async () => {
    const beside = join(folder, "modules", "node_modules", "stowage");
    mkdirSync(beside, { recursive: true });
    writeFileSync(
      join(beside, "package.json"),
      JSON.stringify({ name: "stowage", version: "0.0.1", exports: { "./runtime": "./runtime.mjs" } }),
    );
    writeFileSync(join(beside, "runtime.mjs"), "throw new Error('the one beside it');\n");
    const worker = lineSink();
    // What it imports itself is answered the same way, wherever it lies, and so is the contract.
    const helper = 'import { PoisonReason } from "stowage/contract";\nimport { done } from "stowage/runtime";\n';
    write("line.mjs", `${helper}export const line = () => PoisonReason.SinkRefused + done().kind + "\\n";\n`);
    await bus.send("m", [Buffer.from("one")]);
    await until("it is stored", () => lines().length === 1);
    expect(lines()).toEqual(["SinkRefuseddone"]);
    expect(worker.line("the sink cannot be made")).toBeUndefined();
  });

  const DEFINE = 'import { defineSink, defineJob } from "stowage/runtime";\n';
  test.each<[string, string, string | undefined, RegExp]>([
    ["that is not there", "ModuleNotFound", undefined, /is not there: .*ENOENT/],
    ["with a syntax error", "ModuleNotLoaded", "export default defineSink({", /cannot be loaded: SyntaxError/],
    ["that imports what is not there", "ModuleNotLoaded", 'import "express";\nexport default 1;', /express/],
    ["that throws", "ModuleNotLoaded", 'throw new Error("no licence");', /no licence/],
    [
      "with limits out of range",
      "ModuleNotLoaded",
      `${DEFINE}export default defineSink({ process: async () => [], batching: { maxMessages: 0, maxWaitMilliseconds: 0 } });`,
      /maxMessages must be a whole number from 1 to 1000/,
    ],
    [
      "without a default export",
      "ModuleNoDefaultExport",
      `${DEFINE}export const sink = 1;`,
      /export default defineSink/,
    ],
    ["whose default is an object of its own", "ModuleNotDefined", "export default { process() {} };", /something else/],
    ["whose default is a job", "ModuleNotDefined", `${DEFINE}export default defineJob(() => "x");`, /is a job/],
    [
      "of another version",
      "ModuleOtherVersion",
      'export default { [Symbol.for("stowage.runtime.definition")]: { kind: "sink", version: 2 } };',
      /version 2/,
    ],
  ])("ends with 3 and takes no message for a module %s: %s", async (_what, code, text, words) => {
    const path = text === undefined ? join(folder, "modules", "sink.mjs") : write("sink.mjs", text);
    await bus.send("m", [Buffer.from("one")]);
    const worker = ownSink(path);
    expect(await worker.ended).toBe(3);
    const line = worker.line("the sink cannot be made");
    expect(line).toMatchObject({ code });
    expect(line?.["description"]).toMatch(words);
    expect(line?.["description"]).toContain(path);
    expect(bus.broker.counts("renders")).toMatchObject({ active: 1, locked: 0 });
  });

  test("ends with 2 and every problem by its path where the module refuses its options", async () => {
    write("line.mjs", "export const line = () => '';\n");
    const worker = ownSink(write("sink.mjs", SINK), { colour: "red" });
    expect(await worker.ended).toBe(2);
    expect(worker.stderr).toContain("The sink lines refuses its options: 1 problem");
    expect(worker.stderr).toContain("- pipeline.sink.module.options.file: is missing. Name the file");
    const other = lineSink({ colour: "red" });
    expect(await other.ended).toBe(2);
    expect(other.stderr).toContain("pipeline.sink.module.options: unknown options colour");
    const none = ownSink(write("none.mjs", `${DEFINE}export default defineSink({ process: async () => [] });`), {
      a: "b",
    });
    expect(await none.ended).toBe(2);
    expect(none.stderr).toContain("takes no options (found a)");
  });

  test("ends with 3 and the sink's own code where its start refuses for good", async () => {
    const worker = lineSink({ start: "refuses" });
    expect(await worker.ended).toBe(3);
    expect(worker.line("the sink cannot start")).toMatchObject({ code: "NoSuchShelf" });
  });
});
