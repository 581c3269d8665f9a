import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pipeline, SinkMessage } from "../../../runtime/index.js";
import {
  defineJob,
  defineSink,
  done,
  ExitCode,
  type RunWorkerOptions,
  runWorker,
  workerCommand,
} from "../../../runtime/index.js";
import { ModuleSink, STOP_MILLISECONDS } from "../../../runtime/sinks/module/sink.js";
import { BusKit, until } from "../../e2e/workerKit.js";
import { freePort } from "../../support/prometheus.js";
import { pipelineOf } from "../bus/fakes.js";

let bus: BusKit;
beforeEach(async () => {
  bus = await new BusKit().open();
});
afterEach(() => bus.close());

/** A sink that remembers what it was given. */
function remembering() {
  const seen: string[] = [];
  let stopped = false;
  const sink = defineSink({
    name: "memory",
    process: async (batch: SinkMessage[]) =>
      batch.map((message) => {
        seen.push(message.messageId);
        return done();
      }),
    stop: () => {
      stopped = true;
    },
  });
  return { sink, seen, stopped: () => stopped };
}

const ownPipeline = (name: string, queue: string): Pipeline =>
  pipelineOf((p) => {
    p.name = name;
    p.source = { ...p.source, queue, lockDurationSeconds: 5 };
    p.sink = { module: { path: "/opt/sink.mjs" } };
  });

const shared = { listen: "127.0.0.1:0", ownProcess: false, logLevel: "silent" } as const;

describe("runWorker", () => {
  test("runs several workers in one process, each stopped by its signal, and takes no signal of the process", async () => {
    bus.broker.putQueue("other", { lockDurationSeconds: 5, maxDeliveryCount: 3 });
    const before = process.listenerCount("SIGTERM");
    const stops = [new AbortController(), new AbortController()];
    const sinks = [remembering(), remembering()];
    const runs = ["renders", "other"].map((queue, i) =>
      runWorker({
        ...shared,
        pipeline: ownPipeline(`own-${i}`, queue),
        connection: bus.connection,
        ...(sinks[i] === undefined ? {} : { sink: sinks[i].sink }),
        ...(stops[i] === undefined ? {} : { signal: stops[i].signal }),
      }),
    );
    await bus.send("m", [Buffer.from("one")]);
    const sender = bus.client.createSender("other");
    await sender.sendMessages({ messageId: "o-0", body: Buffer.from("two") });
    await until("both have theirs", () => sinks.every(({ seen }) => seen.length === 1));
    expect(sinks.map(({ seen }) => seen)).toEqual([["m-0"], ["o-0"]]);
    expect(process.listenerCount("SIGTERM")).toBe(before);
    stops[0]?.abort();
    expect(await runs[0]).toBe(ExitCode.Ok);
    expect(sinks.map(({ stopped }) => stopped())).toEqual([true, false]);
    await sender.sendMessages({ messageId: "o-1", body: Buffer.from("two") });
    await until("the other goes on", () => sinks[1]?.seen.length === 2);
    stops[1]?.abort();
    expect(await runs[1]).toBe(ExitCode.Ok);
  });

  test("serves metrics with the pipeline's name", async () => {
    const port = await freePort();
    const stop = new AbortController();
    const run = runWorker({
      ...{ ...shared, listen: `127.0.0.1:${port}`, connection: bus.connection, signal: stop.signal },
      ...{ pipeline: ownPipeline("frames", "renders"), sink: remembering().sink },
    });
    const metrics = async (): Promise<string> =>
      fetch(`http://127.0.0.1:${port}/metrics`).then(
        (answer) => answer.text(),
        () => "",
      );
    await until("its metrics are there", async () => (await metrics()).includes("stowage_bus_connected"));
    const lines = (await metrics()).split("\n").filter((line) => line.startsWith("stowage_"));
    expect(lines.filter((line) => !line.includes('pipeline="frames"'))).toEqual([]);
    stop.abort();
    expect(await run).toBe(ExitCode.Ok);
  });

  test("ends at once where it was stopped before it began, and gives back the process's signals", async () => {
    const before = process.listenerCount("SIGTERM");
    const { sink, stopped } = remembering();
    const run = runWorker({
      ...{ pipeline: ownPipeline("own", "renders"), connection: bus.connection, sink, listen: "127.0.0.1:0" },
      logLevel: "silent",
      signal: AbortSignal.abort(),
    });
    expect(await run).toBe(ExitCode.Ok);
    expect(stopped()).toBe(false);
    expect(process.listenerCount("SIGTERM")).toBe(before);
    expect(process.listenerCount("uncaughtException")).toBe(process.listenerCount("unhandledRejection"));
  });

  const { sink } = remembering();
  const wrong: [string, Partial<RunWorkerOptions>, RegExp][] = [
    ["an address that is none", { listen: "8080" }, /listen: must be HOST:PORT/],
    [
      "a sink that the pipeline has no place for",
      { pipeline: pipelineOf() },
      /sink: goes with a pipeline whose sink is module, not gluster/,
    ],
    [
      "a job that the pipeline has no place for",
      { job: defineJob(() => "x") },
      /job: goes with a pipeline whose sink\.gluster\.job is a module/,
    ],
    [
      "a pipeline of wrong settings",
      { pipeline: pipelineOf((p) => Object.assign(p, { name: "No Label" })) },
      /pipeline\.name: must be/,
    ],
  ];
  test.each(wrong)("refuses %s before anything is touched", async (_what, change, words) => {
    const options = { ...shared, pipeline: ownPipeline("own", "renders"), connection: bus.connection, sink, ...change };
    const failure = await runWorker(options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "InvalidInput", message: expect.stringMatching(words) });
  });

  test("is the command as well, for a program of one's own: files in, exit status out", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-command-"));
    const printed = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write").mockReturnValue(true));
    try {
      writeFileSync(join(folder, "pipeline.json"), JSON.stringify(pipelineOf()));
      writeFileSync(join(folder, "connection.json"), readFileSync(join(folder, "pipeline.json")));
      const files = ["--pipeline", join(folder, "pipeline.json"), "--connection", join(folder, "connection.json")];
      expect(await workerCommand({ args: ["run", ...files, "--listen", "127.0.0.1:0"] })).toBe(ExitCode.InvalidInput);
      expect(await workerCommand({ args: ["go"] })).toBe(ExitCode.InvalidInput);
      expect(await workerCommand({ args: ["--help"] })).toBe(ExitCode.Ok);
      expect(printed[0]?.mock.calls.join("")).toContain("stowage-worker run    --pipeline FILE");
      expect(printed[1]?.mock.calls.join("")).toContain(
        "The command must be one of run, doctor, schema, rotate, password (found go).",
      );
    } finally {
      for (const spy of printed) spy.mockRestore();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("a sink of one's own", () => {
  test("that does not let go of its store does not hold the process for longer than five seconds", async () => {
    const module = defineSink({
      name: "clinging",
      process: async () => [],
      stop: () => new Promise<void>(() => undefined),
    });
    const none = (): void => undefined;
    const log = { debug: none, info: none, warn: none, error: none };
    const sink = new ModuleSink(module, module.create(undefined), { pipeline: pipelineOf(), worker: "w", log });
    await sink.stop();
    await sink.start(new AbortController().signal);
    vi.useFakeTimers();
    try {
      const stopped = expect(sink.stop()).rejects.toThrow("the sink clinging did not stop within 5 s");
      await vi.advanceTimersByTimeAsync(STOP_MILLISECONDS);
      await stopped;
    } finally {
      vi.useRealTimers();
    }
  });
});
