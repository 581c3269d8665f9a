import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, it, onTestFinished } from "vitest";
import { reapPods } from "../../../stacks/local/providers/kubernetes/pods/records.js";
import { PodRunner } from "../../../stacks/local/providers/kubernetes/pods/runner.js";
import { parseTemplate } from "../../../stacks/local/providers/kubernetes/pods/template.js";
import { ObjectStore } from "../../../stacks/local/providers/kubernetes/store.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { deployment, FAST, isAlive, readIfThere, sleepers, temporaryFolder, until, world } from "./support.js";

/** Starts a process that outlives nothing: it is ended with the test. */
function sleeper(marker: string): number {
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore", env: { STOWAGE_CONTAINER: marker } });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child.pid ?? 0;
}

const startTime = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19] ?? "";
const boot = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** What a killed run leaves: its owner's mark and records of containers. */
function leftBehind(dir: string, records: { pid: number; startTime: string; marker: string }[]): void {
  mkdirSync(join(dir, "pids"), { recursive: true });
  const gone = { pid: 2 ** 22 + 1, startTime: "1", marker: "run-1", boot: boot() };
  writeFileSync(join(dir, "pods.json"), JSON.stringify(gone));
  for (const [i, record] of records.entries()) writeFileSync(join(dir, "pids", `${i}.json`), JSON.stringify(record));
}

// A command that runs a deployment and is killed: what it started goes on.
const COMMAND = `
  import { Cluster } from "./stacks/local/providers/kubernetes/cluster.js";
  import { PodRunner } from "./stacks/local/providers/kubernetes/pods/runner.js";
  import { ObjectStore } from "./stacks/local/providers/kubernetes/store.js";
  const store = new ObjectStore();
  const pace = { secondMs: 50, backOffSeconds: 10, maxBackOffSeconds: 300 };
  const options = { store, runDir: process.argv[2]!, images: () => undefined, resolveHostPath: () => "", baseEnv: {}, pace };
  PodRunner.open(options).then(async (runner) => {
    await new Cluster(store, { runner, controllers: [], pace }).apply(JSON.parse(process.argv[3]!), AbortSignal.timeout(9_000));
    const timer = setInterval(() => {
      if (runner.pods()[0]?.pid !== undefined) console.log("up");
    }, 20);
    setTimeout(() => clearInterval(timer), 9_000);
  });`;

describe("what a killed run left", () => {
  it("goes on until the next run ends it: the container, its children, and those with a session of their own", async () => {
    const dir = temporaryFolder();
    const bundle = join(dir, "command.cjs");
    const stdin = { contents: COMMAND, resolveDir: packageRoot(), loader: "ts" as const };
    await build({ stdin, bundle: true, platform: "node", format: "cjs", outfile: bundle, logLevel: "silent" });
    const { time, running } = sleepers();
    const script = `setsid sleep ${time} & env -i setsid sleep ${time} & sleep ${time} & exec sleep ${time}`;
    const object = JSON.stringify(deployment("tree", { command: ["sh", "-c", script] }));
    const command = spawn(process.execPath, [bundle, join(dir, "run"), object], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void command.kill("SIGKILL"));
    await once(command.stdout, "data");
    await until("all four run", () => running().length === 4);
    await expect(reapPods(join(dir, "run"))).rejects.toThrow(`is held by process ${command.pid}`);
    command.kill("SIGKILL");
    await once(command, "exit");
    expect(running()).toHaveLength(4);
    expect(await reapPods(join(dir, "run"))).toBe(4);
    expect(running()).toEqual([]);
  });

  it("is ended by its own ids, and so is what they started under the run's marker", async () => {
    const dir = temporaryFolder();
    const recorded = sleeper("run-1/pod/app/0");
    const grandchild = sleeper("run-1/pod/app/0");
    leftBehind(dir, [{ pid: recorded, startTime: startTime(recorded), marker: "run-1/pod/app/0" }]);
    expect(await reapPods(dir)).toBe(2);
    expect([recorded, grandchild].map(isAlive)).toEqual([false, false]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it("is not confused with another process that has got the same id since", async () => {
    const dir = temporaryFolder();
    const innocent = sleeper("run-2/pod/app/0");
    leftBehind(dir, [{ pid: innocent, startTime: "1", marker: "run-1/pod/app/0" }]);
    expect(await reapPods(dir)).toBe(0);
    expect(isAlive(innocent)).toBe(true);
  });

  it("is not confused with the group of another process that had the same id and has ended too", async () => {
    const dir = temporaryFolder();
    const { time, running } = sleepers();
    const leader = spawn("sh", ["-c", `sleep ${time} &`], { detached: true, stdio: "ignore" });
    await once(leader, "exit");
    await until("its child runs on", () => running().length === 1);
    leftBehind(dir, [{ pid: leader.pid ?? -1, startTime: "1", marker: "run-1/pod/app/0" }]);
    expect(await reapPods(dir)).toBe(0);
    expect(running()).toHaveLength(1);
  });

  it("is left alone while the run that holds the folder lives", async () => {
    const w = await world();
    await w.apply(deployment("app", { command: ["sleep", "1000"] }));
    const pid = await until("it runs", () => w.runner.pods()[0]?.pid);
    await expect(reapPods(join(w.dir, "run"))).rejects.toThrow(`is held by process ${process.pid}, which is running`);
    expect(isAlive(pid)).toBe(true);
  });

  it("is nothing after a run that closed: no process, no record", async () => {
    const w = await world();
    await w.apply(deployment("app", { command: ["sleep", "1000"] }, { replicas: 2 }));
    const pids = await until("both run", () => {
      const found = w.runner.pods().flatMap((p) => p.pid ?? []);
      return found.length === 2 ? found : undefined;
    });
    expect(readdirSync(join(w.dir, "run", "pids"))).toHaveLength(2);
    w.cluster.close();
    await w.runner.close(1);
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(await reapPods(join(w.dir, "run"))).toBe(0);
  });
});

describe("closing", () => {
  it("ends a container that ignores SIGTERM when its grace is over", async () => {
    const dir = temporaryFolder();
    const store = new ObjectStore();
    const options = { images: () => undefined, resolveHostPath: () => dir, baseEnv: {}, pace: FAST };
    const runner = await PodRunner.open({ store, runDir: dir, ...options });
    const script =
      "process.on('SIGTERM', () => console.log('not yet')); setInterval(() => {}, 1000); console.log('up')";
    const pod = runner.start({
      prefix: "stubborn",
      namespace: "default",
      owner: "test",
      template: parseTemplate({ spec: { containers: [{ name: "app", command: [process.execPath, "-e", script] }] } }),
      changed: () => undefined,
    });
    const [container] = await until("it is up", () =>
      pod.containers[0]?.log.tail().length ? pod.containers : undefined,
    );
    const pid = container?.pid ?? 0;
    const begun = performance.now();
    await runner.close(0.5);
    // A timer may be a part of a millisecond early.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(499);
    expect(isAlive(pid)).toBe(false);
    expect(container?.log.tail()).toEqual(["up", "not yet"]);
    expect(container?.lastTermination).toContain("SIGKILL");
  });

  it("lets a container end by itself within its grace", async () => {
    const w = await world();
    const script = "trap 'echo drained; exit 0' TERM; echo up; while :; do sleep 0.02; done";
    const app = deployment("app", { command: ["sh", "-c", script] });
    await w.apply(app);
    const log = await until("it is up", () => {
      const path = w.runner.pods()[0]?.log ?? "";
      return path !== "" && w.runner.pods()[0]?.ready ? path : undefined;
    });
    await until("it says so", () => readIfThere(log)?.includes("up"));
    await w.remove(app);
    expect(readFileSync(log, "utf8")).toBe("up\ndrained\n");
  });
});
