import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import { BusKit, until } from "./workerKit.js";
import { RunningWorker } from "./workerProcess.js";

const exec = promisify(execFile);
const root = packageRoot();
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: { [subpath: string]: object | string };
  peerDependencies: { [name: string]: string };
  devDependencies: { [name: string]: string };
};
const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== "./package.json");

/** An empty project into which the packed package is installed as a user would. */
let project: string;
const run = (command: string, ...args: string[]) =>
  exec(command, args, { cwd: project, maxBuffer: 64 * 1024 * 1024, timeout: 240_000 }).catch((error) => {
    throw new Error(`${command} ${args.join(" ")} failed:\n${error.stdout}\n${error.stderr}`);
  });

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), "stowage-package-"));
  const { stdout } = await exec("npm", ["pack", "--json", "--pack-destination", project], { cwd: root });
  const packed = JSON.parse(stdout.slice(stdout.search(/[[{]/))) as
    | { filename: string }[]
    | { [name: string]: { filename: string } };
  const [{ filename } = { filename: "" }] = Object.values(packed);
  // The peers at the floor of their ranges, so that what is tested is what the ranges promise.
  const peers = Object.keys(manifest.peerDependencies).map((name) => `${name}@${manifest.devDependencies[name]}`);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  await run(
    "npm",
    "install",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    `./${filename}`,
    ...peers,
  );
}, 300_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe("the published package", () => {
  it("holds no test, no map of this machine and no secret", () => {
    const names = readdirSync(join(project, "node_modules", "stowage"), { recursive: true, encoding: "utf8" });
    expect(names.filter((name) => /(^|\/)test\/|\.tsbuildinfo$|\.env/.test(name))).toEqual([]);
    const needed = [
      "README.md",
      "LICENSE",
      "dist/worker/stowage-worker.cjs",
      "runtime/Dockerfile",
      "tools/engine/go.mod",
    ];
    // What `stowage local` and `stowage preview` bring up where there is no project of one's own.
    const environments = ["Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"];
    const documentation = readdirSync(join(root, "components"))
      .map((component) => join("components", component, "README.md"))
      .filter((path) => existsSync(join(root, path)));
    for (const file of [...needed, ...environments, ...documentation]) expect(names).toContain(file);
  });

  it("can be imported by every documented subpath, by import and by require", async () => {
    const specifiers = subpaths.map((subpath) => `stowage${subpath.slice(1)}`);
    writeFileSync(join(project, "all.mjs"), specifiers.map((s) => `await import(${JSON.stringify(s)});`).join("\n"));
    writeFileSync(join(project, "all.cjs"), specifiers.map((s) => `require(${JSON.stringify(s)});`).join("\n"));
    await run(process.execPath, "all.mjs");
    await run(process.execPath, "all.cjs");
  }, 60_000);

  it("type-checks strictly in a project of its own", async () => {
    const imports = subpaths.map((subpath, i) => `import * as m${i} from "stowage${subpath.slice(1)}";`);
    const uses = subpaths.map((_, i) => `m${i}`).join(", ");
    mkdirSync(join(project, "types"), { recursive: true });
    writeFileSync(
      join(project, "types", "index.ts"),
      `${imports.join("\n")}\nimport { Integration, type IntegrationArgs } from "stowage";\n` +
        `export const make = (name: string, args: IntegrationArgs) => new Integration(name, args);\nexport default [${uses}];\n`,
    );
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: true,
      module: "node20",
      types: [],
    };
    // The README's own example, as a reader would paste it.
    const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1];
    writeFileSync(join(project, "types", "example.ts"), example ?? "the README has no example");
    writeFileSync(join(project, "types", "tsconfig.json"), JSON.stringify({ compilerOptions }));
    await run(process.execPath, tsc, "-p", "types");
  }, 120_000);

  it("runs the example of a worker of one's own, and its producer: typed, from the package alone", async () => {
    for (const example of ["own-image", "producer"])
      cpSync(join(root, "examples", example), join(project, example), { recursive: true });
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: true,
      skipLibCheck: true,
      module: "node20",
      typeRoots: [join(root, "node_modules", "@types")],
      types: ["node"],
    };
    writeFileSync(join(project, "own-image", "tsconfig.json"), JSON.stringify({ compilerOptions }));
    await run(process.execPath, join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "own-image");
    const bus = await new BusKit().open();
    const file = join(project, "journal.ndjson");
    const pipeline = pipelineOf((p) => {
      p.source.lockDurationSeconds = 5;
      // The sink is part of the program: the path says where it came from, and nothing is loaded from it.
      p.sink = { module: { path: "/opt/journal/sink.ts", options: { file } } };
    });
    writeFileSync(join(project, "pipeline.json"), JSON.stringify(pipeline));
    writeFileSync(join(project, "connection.json"), JSON.stringify(bus.connection));
    const args = [
      "run",
      "--pipeline",
      join(project, "pipeline.json"),
      "--connection",
      join(project, "connection.json"),
    ];
    const program = join(project, "own-image", "main.ts");
    const worker = new RunningWorker([...args, "--listen", "127.0.0.1:0"], {}, program);
    try {
      const order = '{"id":"order-1","items":[{"sku":"a","count":1}]}';
      for (let i = 0; i < 2; i++)
        await exec(process.execPath, [join("producer", "send.mjs"), "pipeline.json", "localhost", order], {
          cwd: project,
          env: { ...process.env, SERVICE_BUS_EMULATOR: bus.broker.connectionString() },
          timeout: 30_000,
        });
      await until("both are settled", () => bus.broker.counts("renders").active === 0);
      worker.signal("SIGTERM");
      expect(await worker.ended).toBe(0);
      const lines = readFileSync(file, "utf8").trim().split("\n");
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { key: "renders\norder-1", body: '{"items":[{"sku":"a","count":1}]}' },
      ]);
    } finally {
      await worker.kill();
      await bus.close();
    }
  }, 120_000);

  it("previews a ten-line program with the command it brings", async () => {
    writeFileSync(join(project, "Pulumi.yaml"), "name: consumer\nruntime: nodejs\nmain: program.js\n");
    writeFileSync(join(project, "Pulumi.dev.yaml"), "config: {}\n");
    writeFileSync(
      join(project, "program.js"),
      `const { ServiceBus } = require("stowage");
const resources = require("@pulumi/azure-native/resources");
const group = new resources.ResourceGroup("messaging", { location: "westeurope" });
const bus = new ServiceBus("bus", {
  resourceGroupName: group.name,
  location: "westeurope",
  namespace: { tier: "Standard" },
  queues: { orders: { lockDurationSeconds: 60 } },
});
exports.namespace = bus.namespaceName;
`,
    );
    const { stdout } = await run(
      process.execPath,
      join("node_modules", "stowage", "dist", "stacks", "cli", "bin.js"),
      "preview",
      "dev",
      "--json",
    );
    const { steps } = JSON.parse(stdout) as { steps: { newState?: { type: string } }[] };
    const types = steps.map((step) => step.newState?.type);
    expect(types).toContain("azure-native:servicebus:Queue");
    expect(types).toContain("stowage:index:ServiceBus");
  }, 120_000);
});
