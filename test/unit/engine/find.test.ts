import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExitCode } from "../../../runtime/contract/index.js";
import {
  EngineBuildError,
  type EngineProgress,
  findEngine,
  MissingRequirementError,
} from "../../../stacks/local/engine/index.js";
import { readEngineModules } from "../../../stacks/local/engine/modules.js";
import { processIdentity } from "../../../stacks/local/run/process.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

let root: string;
let bin: string;
let cacheDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stowage-find-"));
  [bin, cacheDir] = [join(root, "bin"), join(root, "cache")];
  mkdirSync(bin);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function script(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** A Go that writes what it was asked for to `calls`, and "builds" by making the file that it was told to. */
function fakeGo({ version = "go1.26.8", build = "" } = {}): void {
  script(
    "go",
    `echo "$PWD $* GOFLAGS=$GOFLAGS GOWORK=$GOWORK" >> "${root}/calls"
case "$1" in
  env) echo "${version}" ;;
  list) echo "go: downloading a v1" >&2; printf 'a\\nb\\nc\\n' ;;
  build)
    ${build}
    printf 'a\\nb\\n' >&2
    while [ "$1" != "-o" ]; do shift; done
    printf '#!/bin/sh\\necho built\\n' > "$2"; chmod +x "$2" ;;
esac`,
  );
}

const env = () => ({ PATH: [bin, "/usr/bin", "/bin"].join(delimiter), HOME: root, XDG_CACHE_HOME: join(root, "xdg") });
const find = (options: Partial<Parameters<typeof findEngine>[0]> = {}) =>
  findEngine({ cacheDir, env: env(), ...options });
const modules = readEngineModules(packageRoot());

describe("the engine", () => {
  it("is Pulumi on PATH where that has its host for Node programs", async () => {
    script("pulumi", "echo v3.300.1");
    script("pulumi-language-nodejs", "");
    const engine = await find();
    expect(engine).toMatchObject({ version: "3.300.1", origin: "path", binDir: bin });
    expect(engine.env["PATH"]?.split(delimiter)[1]).toBe(bin);
    expect(existsSync(cacheDir)).toBe(false);
  });

  it.each([
    ["it has no host for Node programs", "echo v3.300.1", false],
    ["it is of another major version", "echo v4.0.0", true],
    ["it does not run", "exit 1", true],
  ])("is not Pulumi on PATH where %s", async (_, body, host) => {
    script("pulumi", body);
    if (host) script("pulumi-language-nodejs", "");
    fakeGo();
    expect(await find()).toMatchObject({ origin: "built", version: modules.version });
  });

  it("is built once with Go, from the module files, and found in the cache after that", async () => {
    fakeGo();
    const progress: EngineProgress[] = [];
    const built = await find({ onProgress: (each) => progress.push(each) });
    expect(built).toMatchObject({ origin: "built", binDir: join(cacheDir, modules.hash) });
    expect(readdirSync(built.binDir).sort()).toEqual(["pulumi", "pulumi-language-nodejs"]);
    expect(readdirSync(cacheDir)).toEqual([modules.hash]);
    const calls = readFileSync(join(root, "calls"), "utf8").trim().split("\n");
    const builds = calls.filter((call) => call.includes(" build "));
    expect(builds).toHaveLength(2);
    expect(builds[0]).toContain(`${join(packageRoot(), "tools", "engine")} build -mod=readonly -trimpath`);
    expect(builds[0]).toContain(`version.Version=v${modules.version}`);
    expect(builds[1]).toContain(join(packageRoot(), "tools", "langhost"));
    expect(calls.every((call) => call.includes("GOFLAGS= GOWORK=off"))).toBe(true);
    expect(progress.map((each) => `${each.program} ${each.stage} ${each.of}`)).toEqual(
      expect.arrayContaining(["pulumi modules undefined", "pulumi compile 3", "pulumi-language-nodejs compile 3"]),
    );
    expect(await find()).toMatchObject({ origin: "cache", binDir: built.binDir });
    expect(readFileSync(join(root, "calls"), "utf8").trim().split("\n")).toHaveLength(calls.length);
  });

  it("is in the user's cache folder where none is named", async () => {
    fakeGo();
    const engine = await findEngine({ env: env() });
    expect(engine.binDir).toBe(join(root, "xdg", "stowage", "engine", modules.hash));
  });

  it("is refused with one sentence and exit 3 where there is neither Pulumi nor Go", async () => {
    const error = await findEngine({ cacheDir, env: { PATH: bin } }).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(MissingRequirementError);
    expect(error).toMatchObject({ exitCode: ExitCode.MissingRequirement });
    expect(String(error)).toMatch(
      /Pulumi is not on PATH, and to build Pulumi 3\.\d+\.\d+ Go \d+\.\d+\.\d+ or newer is needed, but there is no Go: install /,
    );
    expect(existsSync(cacheDir)).toBe(false);
  });

  it("is refused where Go is too old, and says which Go there is", async () => {
    fakeGo({ version: "go1.22.12" });
    await expect(find()).rejects.toThrow(/Go says "go1\.22\.12": install .* or Go 1\.26\.0/);
    expect(existsSync(cacheDir)).toBe(false);
  });

  it("takes a Go that is newer than needed", async () => {
    fakeGo({ version: "go2.0" });
    expect(await find()).toMatchObject({ origin: "built" });
  });

  it("leaves nothing behind where Go fails, and says what Go said", async () => {
    fakeGo({ build: 'echo "no space left on device" >&2; exit 1' });
    const error = await find().catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(EngineBuildError);
    expect(String(error)).toContain("no space left on device");
    expect(readdirSync(cacheDir)).toEqual([]);
  });

  it("stops with all that Go has started when it is told to, and leaves nothing behind", async () => {
    fakeGo({ build: `trap '' INT; sh -c 'trap "" INT; echo $$ > "${root}/compiler"; sleep 60' & wait` });
    const stop = new AbortController();
    const started = () =>
      existsSync(join(root, "compiler")) ? readFileSync(join(root, "compiler"), "utf8").trim() : "";
    const finding = find({ signal: stop.signal }).catch((failure: unknown) => failure);
    await expect.poll(started).not.toBe("");
    stop.abort(new Error("Ctrl-C"));
    expect(String(await finding)).toContain("Ctrl-C");
    await expect.poll(() => processIdentity(Number(started()))).toBe(undefined);
    expect(readdirSync(cacheDir)).toEqual([]);
  });

  it("is built by two at once without harm", async () => {
    fakeGo({ build: "sleep 0.2" });
    const engines = await Promise.all([find(), find()]);
    expect(engines.map((engine) => engine.binDir)).toEqual([
      join(cacheDir, modules.hash),
      join(cacheDir, modules.hash),
    ]);
    expect(readdirSync(cacheDir)).toEqual([modules.hash]);
  });

  it("clears away what a killed build has left", async () => {
    fakeGo();
    mkdirSync(join(cacheDir, ".building-4194304-1-abc"), { recursive: true });
    await find();
    expect(readdirSync(cacheDir)).toEqual([modules.hash]);
  });
});
