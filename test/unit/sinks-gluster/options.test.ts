import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CONTRACT_VERSION, type Pipeline } from "../../../runtime/contract/index.js";
import { createSink } from "../../../runtime/sinks/index.js";
import { createVolumeFolder, readResults } from "../../../stacks/local/gluster/index.js";
import { pipelineOf } from "../bus/fakes.js";
import { messageOf, outcomeOf, settingsOf, temporaryFolder } from "./kit.js";

const serviceBus = { fullyQualifiedNamespace: "localhost", developmentEmulator: true };
const connection = { contractVersion: CONTRACT_VERSION, serviceBus };

describe("an option of the Gluster sink, as the pipeline gives it", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let volumes: { results: string; previews: string };

  beforeEach(async () => {
    folder = temporaryFolder();
    volumes = { results: join(folder.path, "one"), previews: join(folder.path, "two") };
    for (const [volume, path] of Object.entries(volumes)) await createVolumeFolder(path, volume);
  });
  afterEach(() => folder.remove());

  /** A started sink of a pipeline whose sink is changed. */
  async function sinkOf(change: (pipeline: Pipeline, gluster: ReturnType<typeof settingsOf>) => void) {
    const gluster = settingsOf(volumes.results, ["cat"]);
    const pipeline = pipelineOf((p) => {
      p.sink = { gluster };
      change(p, gluster);
    });
    const sink = await createSink({ pipeline, connection, worker: "pod-1" });
    await sink.start(new AbortController().signal);
    return sink;
  }

  test("mountPath is where results go, and volume is what must be mounted there", async () => {
    const sink = await sinkOf((_, gluster) =>
      Object.assign(gluster, { mountPath: volumes.previews, volume: "previews" }),
    );
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toMatchObject({ kind: "done" });
    await sink.probe();
    expect([readdirSync(volumes.results), (await readResults(volumes.previews, "renders")).verified.length]).toEqual([
      [".stowage-volume"],
      1,
    ]);
    const wrong = sinkOf((_, gluster) => Object.assign(gluster, { mountPath: volumes.previews }));
    await expect(wrong).rejects.toMatchObject({ code: "WrongVolume" });
  });

  test("directory is the results' folder on the volume, and the pipeline's name is in their manifests", async () => {
    const sink = await sinkOf((p, gluster) => {
      p.name = "frames";
      gluster.directory = "film/frames";
    });
    await outcomeOf(sink, messageOf("m-1", "x"));
    const { verified } = await readResults(volumes.results, "film/frames");
    expect(verified.map(({ manifest }) => manifest.pipeline)).toEqual(["frames"]);
    expect(readdirSync(volumes.results).sort()).toEqual([".stowage-volume", "film"]);
  });

  test("job.command is the program that is run, with its arguments", async () => {
    const sink = await sinkOf((_, { job }) => {
      job.command = ["printf", "%s-%s", "seven", "eleven"];
    });
    await outcomeOf(sink, messageOf("m-1", "x"));
    const { verified } = await readResults(volumes.results, "renders");
    expect(verified.map(({ manifest }) => manifest.size)).toEqual(["seven-eleven".length]);
  });

  test("delivery.attempts numbers the runs over all deliveries", async () => {
    const sink = await sinkOf((p) => {
      p.delivery.attempts = 7;
    });
    await outcomeOf(sink, messageOf("m-1", "x", { deliveryCount: 3 }), { attempt: 2 });
    const { verified } = await readResults(volumes.results, "renders");
    expect(verified.map(({ manifest }) => manifest.attempt)).toEqual([16]);
  });

  test("job.maxOutputBytes is the last byte that a job may print", async () => {
    const sink = await sinkOf((_, { job }) => Object.assign(job, { maxOutputBytes: 10 }));
    expect(await outcomeOf(sink, messageOf("m-1", "x".repeat(10)))).toMatchObject({ kind: "done" });
    const tooLarge = { kind: "poison", reason: "JobOutputTooLarge" };
    expect(await outcomeOf(sink, messageOf("m-2", "x".repeat(11)))).toMatchObject(tooLarge);
  });

  test("job.timeoutSeconds is how long a job may run", async () => {
    const sink = await sinkOf((_, { job }) => Object.assign(job, { command: ["sleep", "4"], timeoutSeconds: 1 }));
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toMatchObject({ kind: "retry", code: "JobTimeout" });
  });

  test("job.module is the function that is loaded", async () => {
    // In a node_modules the runner of tests leaves the import to Node, as it is in the worker.
    const modules = join(folder.path, "node_modules");
    mkdirSync(modules);
    const module = join(modules, "job.mjs");
    const job = 'defineJob((message) => message.body.toString() + ", twice")';
    writeFileSync(module, `import { defineJob } from "stowage/runtime";\nexport default ${job};\n`);
    const sink = await sinkOf((_, gluster) => {
      gluster.job = { module, timeoutSeconds: 10, maxOutputBytes: 1_000 };
    });
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toMatchObject({ kind: "done" });
    const { verified } = await readResults(volumes.results, "renders");
    expect(verified.map(({ manifest }) => manifest.size)).toEqual(["x, twice".length]);
  });
});
