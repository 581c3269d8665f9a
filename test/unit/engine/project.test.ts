import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { prepareRun } from "../../../stacks/local/engine/index.js";

let root: string;
let projectDir: string;
let runDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stowage-project-"));
  [projectDir, runDir] = [join(root, "project"), join(root, "run")];
  for (const folder of [projectDir, runDir]) mkdirSync(folder);
  writeFileSync(join(projectDir, "Pulumi.yaml"), "# The stack.\nname: toy\nruntime: nodejs\nmain: dist/index.js\n");
  writeFileSync(join(projectDir, "Pulumi.local.yaml"), "config:\n  toy:size: 3 # small\n  toy:sinks:\n    - a\n");
  writeFileSync(join(projectDir, "Pulumi.dev.yaml"), "# nothing yet\n");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const prepare = (stack = "local", config: Record<string, unknown> = {}) =>
  prepareRun({ runDir, projectDir, stack, config, plugins: { "azure-native": "/plugins/azure" } });
const read = (folder: string, name: string): unknown => parse(readFileSync(join(folder, name), "utf8"));

describe("a prepared run", () => {
  it("has the stand-ins in its copy of the project and nowhere else", () => {
    const before = readdirSync(projectDir).map((name) => readFileSync(join(projectDir, name), "utf8"));
    const run = prepare();
    expect(read(run.workDir, "Pulumi.yaml")).toEqual({
      name: "toy",
      runtime: "nodejs",
      main: join(projectDir, "dist/index.js"),
      plugins: { providers: [{ name: "azure-native", path: "/plugins/azure" }] },
    });
    expect(readdirSync(projectDir).map((name) => readFileSync(join(projectDir, name), "utf8"))).toEqual(before);
  });

  it("takes the environment's configuration, with what is given in place of it", () => {
    const run = prepare("local", { "toy:size": 1, "toy:extra": { on: true } });
    expect(read(run.workDir, "Pulumi.local.yaml")).toEqual({
      config: { "toy:size": 1, "toy:sinks": ["a"], "toy:extra": { on: true } },
    });
  });

  it("takes an environment that says nothing", () => {
    const run = prepare("dev", { "toy:size": 1 });
    expect(read(run.workDir, "Pulumi.dev.yaml")).toEqual({ config: { "toy:size": 1 } });
  });

  it("keeps secrets with a passphrase of its own, also where the environment has one by hand", () => {
    const file = join(projectDir, "Pulumi.dev.yaml");
    writeFileSync(file, "encryptionsalt: v1:byhand\nsecretsprovider: passphrase\nconfig:\n  toy:size: 3\n");
    const run = prepare("dev");
    expect(read(run.workDir, "Pulumi.dev.yaml")).toEqual({ config: { "toy:size": 3 } });
    // What Pulumi adds to the copy stays for the next run in the same folder.
    writeFileSync(join(run.workDir, "Pulumi.dev.yaml"), "encryptionsalt: v1:ours\n");
    expect(read(prepare("dev").workDir, "Pulumi.dev.yaml")).toEqual({
      config: { "toy:size": 3 },
      encryptionsalt: "v1:ours",
    });
  });

  it("names an encrypted setting that it cannot read, and takes one in plain in place of it", () => {
    writeFileSync(join(projectDir, "Pulumi.dev.yaml"), "config:\n  toy:key:\n    secure: v1:abc\n");
    expect(() => prepare("dev")).toThrow(/toy:key is encrypted in .*Pulumi\.dev\.yaml/);
    expect(read(prepare("dev", { "toy:key": "plain" }).workDir, "Pulumi.dev.yaml")).toEqual({
      config: { "toy:key": "plain" },
    });
  });

  it("names the environments there are where one is asked for that is not", () => {
    expect(() => prepare("moon")).toThrow(/there is no environment "moon" in .*; there are: dev, local/);
  });

  it("keeps everything in the run folder, behind a passphrase of its own that only the owner can read", () => {
    const run = prepare();
    const file = run.env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "";
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toMatch(/^[0-9a-f]{64}$/);
    expect(run.env["PULUMI_BACKEND_URL"]).toBe(`file://${join(runDir, "pulumi", "state")}`);
    for (const path of [run.env["PULUMI_HOME"], file, run.workDir]) expect(path).toContain(runDir);
    const again = prepare();
    expect(readFileSync(again.env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "", "utf8")).toBe(readFileSync(file, "utf8"));
  });
});
