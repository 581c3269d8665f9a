import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEngine, prepareRun, StackRun } from "../../stacks/local/engine/index.js";
import { LocalEnvironment } from "../../stacks/local/environment.js";
import { Closers } from "../../stacks/local/run/closers.js";
import { runTraffic } from "../../stacks/local/session.js";
import { previewStandIns } from "../../stacks/local/standIns.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { atMost, type Bench, median, round } from "./report.js";

const REPEATS = 5;
/** The preview of the dev stack may take at most this many times that of as many trivial resources. */
const CEILING = 2.0;

/** How soon there is something to see: the first stored result of a warm command, and a preview. */
export const start: Bench = async (log, signal) => {
  const previews = await measurePreviews(log, signal);
  const firstStored = await measureFirstStored(log, signal);
  const [dev, trivial] = [median(previews.dev), median(previews.trivial)];
  return {
    ratios: { devPreviewOverTrivial: atMost(dev / trivial, CEILING) },
    figures: {
      firstStoredSeconds: firstStored,
      devPreviewSeconds: round(dev),
      trivialPreviewSeconds: round(trivial),
      resources: previews.resources,
    },
  };
};

/** Seconds of a run of `step`. */
async function seconds(step: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await step();
  return (performance.now() - began) / 1000;
}

/** Previews of both programs in turn, after one of each that is not counted. */
async function measurePreviews(log: (line: string) => void, signal: AbortSignal) {
  const root = mkdtempSync(join(tmpdir(), "stowage-bench-"));
  const engine = await findEngine({ signal });
  const closers = new Closers();
  closers.add(() => rmSync(root, { recursive: true, force: true }));
  try {
    const plugins = await previewStandIns(root, closers);
    const stackRun = (name: string, projectDir: string) =>
      new StackRun(engine, prepareRun({ runDir: join(root, name), projectDir, stack: "dev", plugins }));
    const dev = stackRun("dev", packageRoot());
    const { steps } = await dev.preview({ signal });
    const resources = steps.filter((step) => !/::pulumi:(pulumi:Stack|providers:)/.test(step.urn)).length;
    const trivial = stackRun("trivial", trivialProject(root, resources));
    await trivial.preview({ signal });
    const times = { dev: [] as number[], trivial: [] as number[], resources };
    for (let i = 1; i <= REPEATS; i++) {
      times.dev.push(await seconds(() => dev.preview({ signal })));
      times.trivial.push(await seconds(() => trivial.preview({ signal })));
      log(
        `previews ${i} of ${REPEATS}: dev ${round(times.dev.at(-1) ?? 0)} s, trivial ${round(times.trivial.at(-1) ?? 0)} s`,
      );
    }
    return times;
  } finally {
    await closers.close();
  }
}

/** A project with a program of so many resource groups; it loads the SDKs that any such program needs. */
function trivialProject(root: string, resources: number): string {
  const folder = join(root, "trivial-project");
  mkdirSync(folder);
  writeFileSync(join(folder, "Pulumi.yaml"), "name: trivial\nruntime: nodejs\nmain: index.js\n");
  writeFileSync(join(folder, "Pulumi.dev.yaml"), "config: {}\n");
  symlinkSync(join(packageRoot(), "node_modules"), join(folder, "node_modules"));
  const make = `for (let i = 0; i < ${resources}; i++) new ResourceGroup("group-" + i, { location: "westeurope" });`;
  writeFileSync(
    join(folder, "index.js"),
    `const { ResourceGroup } = require("@pulumi/azure-native/resources");\n${make}\n`,
  );
  return folder;
}

/** Seconds from the start of the environment, everything cached, to the first message that is stored for good. */
async function measureFirstStored(log: (line: string) => void, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const environment = await LocalEnvironment.start({ small: false, signal, progress: log, step: log });
  try {
    const { pipelines } = await environment.up(signal);
    let first: number | undefined;
    environment.broker.on("settled", (event) => {
      if (event.outcome === "completed") first ??= performance.now();
    });
    await runTraffic(environment, pipelines, { run: "bench", messages: 1, poison: 0 }, signal, () => {});
    return round(((first ?? performance.now()) - began) / 1000);
  } finally {
    await environment.down(signal);
  }
}
