import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configMap, isAlive, job, readIfThere, sleepers, until, type World, world } from "./support.js";

const status = (w: World, name: string) => w.store.get("Job", "default", name)?.status;
const ended = (w: World, name: string) => until(`${name} has ended`, () => status(w, name)?.["conditions"]);

describe("a job", () => {
  it("runs its command once and is complete", async () => {
    const w = await world();
    const file = join(w.dir, "lines");
    const once = job("once", { command: ["sh", "-c", `echo done >> ${file}`] });
    await w.apply(once);
    expect(await ended(w, "once")).toMatchObject([{ type: "Complete", status: "True" }]);
    expect(status(w, "once")).toMatchObject({ succeeded: 1, failed: 0 });
    // Applied again it is the same job.
    await w.apply(once);
    expect(w.cluster.outcome(once)).toMatchObject({ done: true });
    expect(readFileSync(file, "utf8")).toBe("done\n");
    expect(w.runner.pods()).toMatchObject([{ phase: "Succeeded" }]);
  });

  it("runs until it has its completions, as many at once as it says", async () => {
    const w = await world();
    const file = join(w.dir, "lines");
    await w.apply(
      job("many", { command: ["sh", "-c", `echo $HOSTNAME >> ${file}`] }, { completions: 3, parallelism: 2 }),
    );
    expect(await ended(w, "many")).toMatchObject([{ type: "Complete" }]);
    const pods = readFileSync(file, "utf8").trim().split("\n");
    expect(new Set(pods).size).toBe(3);
  });

  it("starts another pod after a failure, and fails past its limit with the pod's last words", async () => {
    const w = await world({ pace: { secondMs: 5, backOffSeconds: 10, maxBackOffSeconds: 300 } });
    const bad = job("bad", { command: ["sh", "-c", "echo no such keyspace; exit 4"] }, { backoffLimit: 2 });
    await w.apply(bad);
    expect(await ended(w, "bad")).toMatchObject([{ type: "Failed", reason: "BackoffLimitExceeded" }]);
    expect(status(w, "bad")).toMatchObject({ succeeded: 0, failed: 3 });
    const text = w.cluster.outcome(bad).reasons.join("\n");
    expect(text).toContain("BackoffLimitExceeded: 0 of 1 completions, 3 failed pods");
    expect(text).toContain("exit code 4");
    expect(text).toContain("no such keyspace");
  });

  it("restarts in place with OnFailure", async () => {
    const w = await world();
    const file = join(w.dir, "tries");
    const script = `echo try >> ${file}; [ $(wc -l < ${file}) -ge 2 ]`;
    await w.apply(job("retry", { command: ["sh", "-c", script] }, {}, "OnFailure"));
    expect(await ended(w, "retry")).toMatchObject([{ type: "Complete" }]);
    expect(w.runner.pods()).toMatchObject([{ restarts: 1, phase: "Succeeded" }]);
  });

  it("is ended at its deadline", async () => {
    const w = await world();
    const { time, running } = sleepers();
    await w.apply(job("slow", { command: ["sleep", time] }, { activeDeadlineSeconds: 1 }));
    await until("it runs", () => running().length === 1);
    expect(await ended(w, "slow")).toMatchObject([{ type: "Failed", reason: "DeadlineExceeded" }]);
    await until("its process is gone", () => running().length === 0);
  });

  it("runs its init containers one after another, with files that they share", async () => {
    const w = await world();
    const mounts = { volumeMounts: [{ name: "work", mountPath: "/scratch" }] };
    const app = job("init", { command: ["sh", "-c", "cat /scratch/a /scratch/b"], ...mounts });
    const init = ["a", "b"].map((name) => ({
      name,
      command: ["sh", "-c", `cat /scratch/* 2>/dev/null; echo ${name} > /scratch/${name}`],
      ...mounts,
    }));
    const { template } = app.spec as { template: { spec: Record<string, unknown> } };
    Object.assign(template.spec, { initContainers: init, volumes: [{ name: "work", emptyDir: {} }] });
    await w.apply(app);
    expect(await ended(w, "init")).toMatchObject([{ type: "Complete" }]);
    const logs = join(w.dir, "run", "logs");
    const [pod] = w.runner.pods();
    const log = (container: string) => readIfThere(join(logs, `default.${pod?.name}.${container}.log`)) ?? "";
    expect([log("a"), log("b"), log("job")]).toEqual(["", "a\n", "a\nb\n"]);
  });

  it("fails with its first init container that fails, and starts none after it", async () => {
    const w = await world();
    const file = join(w.dir, "steps");
    const app = job("init", { command: ["sh", "-c", `echo main >> ${file}`] }, { backoffLimit: 0 });
    const { template } = app.spec as { template: { spec: Record<string, unknown> } };
    template.spec["initContainers"] = [
      { name: "bad", command: ["sh", "-c", `echo bad >> ${file}; exit 7`] },
      { name: "next", command: ["sh", "-c", `echo next >> ${file}`] },
    ];
    await w.apply(app);
    expect(await ended(w, "init")).toMatchObject([{ type: "Failed" }]);
    expect(readFileSync(file, "utf8")).toBe("bad\n");
    expect(w.cluster.outcome(app).reasons.join()).toContain("container bad: Error, exit code 7");
  });

  it("keeps no mounted secret once it has ended, and its log", async () => {
    const w = await world();
    const data = { password: Buffer.from("p w").toString("base64") };
    await w.apply({ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "default" }, data });
    const mounts = { volumeMounts: [{ name: "login", mountPath: "/login" }] };
    const once = job("once", { command: ["sh", "-c", "wc -c < /login/password; ls -A $HOME/../../"], ...mounts });
    const { template } = once.spec as { template: { spec: Record<string, unknown> } };
    template.spec["volumes"] = [{ name: "login", secret: { secretName: "login" } }];
    await w.apply(once);
    await ended(w, "once");
    const [pod] = w.runner.pods();
    expect(readIfThere(pod?.log ?? "")).toMatch(/^3\n[\s\S]*files/);
    const folder = join(w.dir, "run", "pods", `default.${pod?.name}`);
    expect([existsSync(folder), existsSync(join(folder, "files"))]).toEqual([true, false]);
  });

  it("leaves no process when it is deleted", async () => {
    const w = await world();
    const long = job("long", { command: ["sleep", "1000"] });
    await w.apply(long);
    const pid = await until("it runs", () => w.runner.pods()[0]?.pid);
    await w.remove(long);
    expect(isAlive(pid)).toBe(false);
  });
});

describe("a container's environment", () => {
  it("is what its spec says and what every container has, and nothing of this process's", async () => {
    process.env["SECRET_OF_THE_PARENT"] = "not for pods";
    const w = await world({ baseEnv: { STOWAGE_RUN: "r1" } });
    await w.apply(configMap("settings", { LEVEL: "debug", "listen.addr": "127.0.0.1:7070", url: "http://other:7070" }));
    await w.apply(
      job("env", {
        command: [process.execPath, "-e", "console.log(JSON.stringify(process.env))"],
        ports: [{ containerPort: 7070 }],
        envFrom: [{ configMapRef: { name: "settings" }, prefix: "S_" }],
        env: [
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "NS", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
          { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "ACCOUNT", valueFrom: { fieldRef: { fieldPath: "spec.serviceAccountName" } } },
          { name: "LISTEN", value: "$(IP):7070" },
          { name: "FROM_MAP", valueFrom: { configMapKeyRef: { name: "settings", key: "LEVEL" } } },
          { name: "NONE", valueFrom: { configMapKeyRef: { name: "settings", key: "missing", optional: true } } },
        ],
      }),
    );
    await ended(w, "env");
    delete process.env["SECRET_OF_THE_PARENT"];
    const [pod] = w.runner.pods();
    const env = JSON.parse(readFileSync(pod?.log ?? "", "utf8")) as Record<string, string>;
    const port = w.runner.rewrites().find((r) => r.what === "port")?.to;
    expect(env).toEqual({
      PATH: expect.stringContaining("/usr/bin"),
      HOME: expect.stringContaining(w.dir),
      HOSTNAME: pod?.name,
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: "443",
      STOWAGE_CONTAINER: expect.stringMatching(/\/job\/0$/),
      STOWAGE_RUN: "r1",
      IP: "127.0.0.1",
      POD: pod?.name,
      NS: "default",
      NODE: "local",
      ACCOUNT: "default",
      LISTEN: `127.0.0.1:${port}`,
      FROM_MAP: "debug",
      S_LEVEL: "debug",
      "S_listen.addr": `127.0.0.1:${port}`,
      S_url: "http://other:7070",
    });
  });
});
