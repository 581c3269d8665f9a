import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { BoundedLog } from "../../../stacks/local/providers/kubernetes/pods/log.js";
import { BackOff } from "../../../stacks/local/providers/kubernetes/pods/pace.js";
import {
  configMap,
  deployment,
  isAlive,
  job,
  readIfThere,
  sleepers,
  temporaryFolder,
  until,
  world,
} from "./support.js";

describe("a pod whose first process is killed", () => {
  it("loses its other processes with it, is started again at once, and is ready again", async () => {
    const w = await world();
    const { time, running } = sleepers();
    const app = deployment("app", { command: ["sh", "-c", `setsid sleep ${time} & exec sleep ${time}`] });
    await w.apply(app);
    await until("it is ready", () => w.cluster.outcome(app).done);
    const before = await until("both run", () => (running().length === 2 ? running() : undefined));
    const [pod] = w.runner.pods();
    w.runner.kill(`default/${pod?.name}`, "SIGKILL");
    await until("it was started again", () => {
      const [now] = w.runner.pods();
      return now?.restarts === 1 && now.ready && now.pid !== undefined && now.pid !== pod?.pid;
    });
    expect(before.map(isAlive)).toEqual([false, false]);
    expect(w.runner.pods()[0]?.name).toBe(pod?.name);
    expect(() => w.runner.kill("nobody", "SIGKILL")).toThrow("there is no pod nobody");
  });
});

describe("a pod whose first process is killed by somebody else", () => {
  it("loses what it had started in a session of its own", async () => {
    const w = await world();
    const { time, running } = sleepers();
    await w.apply(deployment("app", { command: ["sh", "-c", `setsid sleep ${time} & exec sleep 1000`] }));
    const [first = -1] = await until("it runs", () => (running().length === 1 ? running() : undefined));
    process.kill(await until("it is seen to run", () => w.runner.pods()[0]?.pid), "SIGKILL");
    await until("another runs in its place", () => running().length === 1 && running()[0] !== first);
    expect(isAlive(first)).toBe(false);
  });
});

describe("the hooks of a container", () => {
  it("run after its start and before its SIGTERM", async () => {
    const w = await world();
    const file = join(w.dir, "steps");
    const listens = join(w.dir, "listens");
    const note = (step: string) => ({ exec: { command: ["sh", "-c", `echo ${step} >> ${file}`] } });
    const script = `trap 'echo term >> ${file}; exit 0' TERM; touch ${listens}; while :; do sleep 0.02; done`;
    const app = deployment("app", {
      command: ["sh", "-c", script],
      lifecycle: { postStart: note("started"), preStop: note("stopping") },
    });
    await w.apply(app);
    await until("the first hook has run", () => readIfThere(file)?.includes("started"));
    // The hook runs beside the container's own command, which may be the later of the two.
    await until("the command listens to signals", () => existsSync(listens));
    await w.remove(app);
    expect(readFileSync(file, "utf8")).toBe("started\nstopping\nterm\n");
  });
});

describe("the volumes of a pod", () => {
  const secret: KubernetesObject = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "login", namespace: "default" },
    data: { password: Buffer.from("opensesame").toString("base64") },
    stringData: { user: "reader" },
  };

  it("hold chosen keys, secrets, the pod's own fields and single files, and bytes that are no text stay as they are", async () => {
    const w = await world();
    const bytes = Buffer.from([0xff, 0xfe, 0x38, 0x30, 0x38, 0x30]);
    const map = configMap("settings", { "a.txt": "A", "b.txt": "B" });
    await w.apply({ ...map, binaryData: { raw: bytes.toString("base64") } });
    await w.apply(secret);
    const app = job("files", {
      command: [
        "sh",
        "-c",
        "cat /etc/one/renamed /etc/login/user /etc/all/password /etc/all/name /etc/single && cat /etc/raw/raw",
      ],
      ports: [{ containerPort: 8080 }],
      volumeMounts: [
        { name: "one", mountPath: "/etc/one/" },
        { name: "login", mountPath: "/etc/login" },
        { name: "all", mountPath: "/etc/all" },
        { name: "settings", mountPath: "/etc/single", subPath: "b.txt" },
        { name: "settings", mountPath: "/etc/raw" },
      ],
    });
    const spec = (app.spec as { template: { spec: Record<string, unknown> } }).template.spec;
    spec["volumes"] = [
      { name: "one", configMap: { name: "settings", items: [{ key: "a.txt", path: "renamed" }] } },
      { name: "login", secret: { secretName: "login" } },
      { name: "settings", configMap: { name: "settings" } },
      {
        name: "all",
        projected: {
          sources: [
            { secret: { name: "login", items: [{ key: "password", path: "password" }] } },
            { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.namespace" } }] } },
          ],
        },
      },
    ];
    await w.apply(app);
    await until("it has ended", () => w.cluster.outcome(app).done);
    const log = readFileSync(w.runner.pods()[0]?.log ?? "");
    expect(log).toEqual(Buffer.concat([Buffer.from("AreaderopensesamedefaultB"), bytes]));
  });

  it("never lead out of their folder", async () => {
    const w = await world();
    await w.apply(configMap("settings", { a: "A" }));
    const items = [{ key: "a", path: "../../../outside" }];
    const app = deployment(
      "app",
      { command: ["sleep", "1000"], volumeMounts: [{ name: "config", mountPath: "/etc/app" }] },
      {},
      { volumes: [{ name: "config", configMap: { name: "settings", items } }] },
    );
    await w.apply(app);
    await until("it says so", () => w.runner.pods()[0]?.problems.join().includes("leads out of its volume"));
    expect(readIfThere(join(w.dir, "run", "outside"))).toBeUndefined();
  });

  it("go with the pod, and its log stays", async () => {
    const w = await world();
    const app = deployment(
      "app",
      {
        command: ["sh", "-c", "echo kept; echo scratch > /scratch/file; exec sleep 1000"],
        volumeMounts: [{ name: "work", mountPath: "/scratch" }],
      },
      {},
      { volumes: [{ name: "work", emptyDir: {} }] },
    );
    await w.apply(app);
    const folder = await until("it has a folder", () => w.runner.rewrites().find((r) => r.what === "mount path")?.to);
    await until("it has written", () => readIfThere(join(folder, "file")) === "scratch\n");
    const log = w.runner.pods()[0]?.log ?? "";
    await w.remove(app);
    expect(readIfThere(join(folder, "file"))).toBeUndefined();
    expect(readIfThere(log)).toBe("kept\n");
  });
});

describe("a container's log", () => {
  it("is bounded, keeps the newest, and remembers the last lines", async () => {
    const path = join(temporaryFolder(), "app.log");
    const log = new BoundedLog(path, 1_000);
    for (let i = 0; i < 100; i++) log.write(`line ${i} ${"x".repeat(40)}\n`);
    log.write("the end");
    await log.flushed();
    expect(statSync(path).size + statSync(`${path}.1`).size).toBeLessThanOrEqual(2_000);
    expect(readFileSync(path, "utf8")).toMatch(/line 99 x+\nthe end$/);
    expect(log.tail(2)).toEqual([`line 99 ${"x".repeat(40)}`, "the end"]);
  });
});

describe("the back-off after a crash", () => {
  const pace = { secondMs: 1_000, backOffSeconds: 10, maxBackOffSeconds: 300 };

  it("is none at first, then 10 s, doubled up to 5 minutes", () => {
    const backOff = new BackOff(pace);
    const waits: number[] = [];
    let now = 0;
    for (let crash = 0; crash < 8; crash++) {
      const wait = backOff.next(now);
      waits.push(wait / 1_000);
      now += wait + 1_000;
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });

  it("begins anew after ten minutes without a crash", () => {
    const backOff = new BackOff(pace);
    backOff.next(0);
    expect(backOff.next(1_000)).toBe(10_000);
    expect(backOff.next(11_000 + 601_000)).toBe(0);
  });
});
