import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ControlSocket } from "../../../stacks/local/control.js";
import { type PropertyMap, ProviderState } from "../../../stacks/local/providers/base/index.js";
import { checkObject } from "../../../stacks/local/providers/kubernetes/check.js";
import { KNOWN_KINDS } from "../../../stacks/local/providers/kubernetes/kinds.js";
import { type KubernetesObject, textAt } from "../../../stacks/local/providers/kubernetes/object.js";
import { scheduleProblems, timeZoneProblems } from "../../../stacks/local/providers/kubernetes/schedule.js";
import { job, readIfThere, temporaryFolder, until, type World, world } from "./support.js";

function cronJob(
  command: string[],
  spec: Record<string, unknown> = {},
  jobSpec: Record<string, unknown> = {},
): KubernetesObject {
  const { spec: jobTemplate } = job("rotation", { command }, { backoffLimit: 0, ...jobSpec });
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "rotation", namespace: "default" },
    spec: { schedule: "0 3 1 * *", jobTemplate: { metadata: { labels: { part: "x" } }, spec: jobTemplate }, ...spec },
  };
}

const status = (w: World) => w.store.get("CronJob", "default", "rotation")?.status;
const jobs = (w: World) => w.store.list("Job", "default");
const endOf = (each: KubernetesObject) => textAt(each, "status", "conditions", 0, "type");

/** Runs it and waits for the end of its job. */
async function run(w: World): Promise<KubernetesObject> {
  const begun = await w.cluster.trigger("default", "rotation");
  await until("the job has ended", () => {
    const { done, failed } = w.cluster.outcome(begun);
    return done || failed;
  });
  return begun;
}

describe("a CronJob", () => {
  it("runs nothing by itself, and its job each time that it is told to", async () => {
    const w = await world();
    const file = join(w.dir, "lines");
    await w.apply(cronJob(["sh", "-c", `echo run >> ${file}`]));
    expect(jobs(w)).toEqual([]);
    const first = await run(w);
    expect(first.metadata).toMatchObject({
      name: expect.stringMatching(/^rotation-[a-z0-9]{5}$/),
      labels: { part: "x" },
      ownerReferences: [{ kind: "CronJob", name: "rotation" }],
    });
    await run(w);
    expect(readIfThere(file)).toBe("run\nrun\n");
    expect(status(w)).toMatchObject({ lastScheduleTime: expect.any(String), lastSuccessfulTime: expect.any(String) });
    expect(status(w)).not.toHaveProperty("active");
  });

  it("that forbids two at once says which one runs; it is another's turn when that has ended", async () => {
    const w = await world();
    const gate = join(w.dir, "gate");
    const script = `while [ ! -e ${gate} ]; do sleep 0.05; done`;
    await w.apply(cronJob(["sh", "-c", script], { concurrencyPolicy: "Forbid" }));
    const first = await w.cluster.trigger("default", "rotation");
    expect(status(w)).toMatchObject({ active: [{ kind: "Job", name: first.metadata.name }] });
    await expect(w.cluster.trigger("default", "rotation")).rejects.toThrow(
      `CronJob default/rotation forbids two jobs at once, and ${first.metadata.name} runs`,
    );
    writeFileSync(gate, "");
    await until("it has ended", () => w.cluster.outcome(first).done);
    await run(w);
    expect(jobs(w).map(endOf)).toEqual(["Complete", "Complete"]);
  });

  it("that replaces ends the one that runs", async () => {
    const w = await world();
    await w.apply(cronJob(["sleep", "1000"], { concurrencyPolicy: "Replace" }));
    const first = await w.cluster.trigger("default", "rotation");
    await until("it runs", () => w.runner.pods()[0]?.pid);
    const second = await w.cluster.trigger("default", "rotation");
    expect(jobs(w).map(({ metadata }) => metadata.name)).toEqual([second.metadata.name]);
    expect(first.metadata.name).not.toBe(second.metadata.name);
  });

  it("keeps as many ended jobs as it says, three that completed and one that failed where it says nothing", async () => {
    const w = await world();
    await w.apply(cronJob(["true"], { successfulJobsHistoryLimit: 1 }));
    await run(w);
    const last = await run(w);
    await until("the older one is gone", () => jobs(w).length === 1);
    expect(jobs(w)[0]?.metadata.name).toBe(last.metadata.name);
    await w.apply(cronJob(["false"]));
    for (let runs = 0; runs < 2; runs++) await run(w);
    await until("the older failure is gone", () => jobs(w).filter((each) => endOf(each) === "Failed").length === 1);
    await w.apply(cronJob(["true"]));
    for (let runs = 0; runs < 4; runs++) await run(w);
    await until("three are left", () => jobs(w).filter((each) => endOf(each) === "Complete").length === 3);
  });

  it("takes its jobs along when it goes, those that run too", async () => {
    const w = await world();
    await w.apply(cronJob(["sleep", "1000"]));
    await w.cluster.trigger("default", "rotation");
    await until("it runs", () => w.runner.pods()[0]?.pid);
    await w.remove(cronJob([]));
    expect([jobs(w), w.runner.pods()]).toEqual([[], []]);
    await expect(w.cluster.trigger("default", "rotation")).rejects.toThrow(
      /there is no CronJob default\/rotation; there are none/,
    );
  });

  it("is refused where its job could not be run here", async () => {
    const w = await world();
    await expect(w.apply(cronJob(["true"], {}, { completionMode: "Indexed" }))).rejects.toThrow(
      /spec.jobTemplate.spec.completionMode/,
    );
  });
});

describe("what the API server refuses in a CronJob", () => {
  const kind = KNOWN_KINDS.find((each) => each.kind === "CronJob");
  const paths = (object: KubernetesObject) => {
    if (kind === undefined) throw new Error("CronJob is no kind");
    const context = {
      state: new ProviderState(join(temporaryFolder(), "kubernetes.json")),
      signal: new AbortController().signal,
      urn: "urn:pulumi:test::toy::kubernetes:batch/v1:CronJob::rotation",
      type: kind.type,
      name: "rotation",
      olds: undefined,
      randomHex: () => "",
    };
    const inputs = JSON.parse(JSON.stringify(object)) as PropertyMap;
    return checkObject(kind, inputs, context).failures?.map(({ path }) => path);
  };

  it("is found with every path at once", () => {
    expect(paths(cronJob(["true"]))).toEqual([]);
    const bad = cronJob(["true"], { schedule: "60 * * *", timeZone: "Mars/Base", concurrencyPolicy: "Never" });
    expect(paths(bad)).toEqual(["spec.schedule", "spec.timeZone", "spec.concurrencyPolicy"]);
    const restarts = cronJob(["true"]);
    Object.assign(
      (restarts.spec as { jobTemplate: { spec: { template: { spec: object } } } }).jobTemplate.spec.template.spec,
      {
        restartPolicy: "Always",
      },
    );
    expect(paths(restarts)).toEqual(["spec.jobTemplate.spec.template.spec.restartPolicy"]);
    const long = cronJob(["true"]);
    long.metadata.name = "a".repeat(53);
    expect(paths(long)).toEqual(["metadata.name"]);
  });

  it.each(["0 3 1 * *", "*/5 0-23/2 1,15 JAN-mar 1-5", "0 0 * * sun", "@weekly", "@every 1h30m", "59 23 31 12 6"])(
    "is not the schedule %s",
    (schedule) => expect(scheduleProblems("s", schedule)).toEqual([]),
  );

  it.each([
    "",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "5-1 * * * *",
    "*/0 * * * *",
    "a * * * *",
    "1,,2 * * * *",
    "@often",
    "TZ=UTC 0 3 * * *",
    "CRON_TZ=UTC 0 3 * * *",
  ])("is the schedule %j", (schedule) => expect(scheduleProblems("s", schedule)).not.toEqual([]));

  it.each<[unknown, number]>([
    [undefined, 0],
    ["Etc/UTC", 0],
    ["Europe/Amsterdam", 0],
    ["Local", 1],
    ["+01:00", 1],
    ["", 1],
    [1, 1],
  ])("in the time zone %j are %i problems", (zone, count) => expect(timeZoneProblems("z", zone)).toHaveLength(count));
});

describe("the control socket of a run", () => {
  /** A cluster with a CronJob, and a call to its socket. */
  async function served(object: KubernetesObject) {
    const w = await world();
    await w.apply(object);
    const trigger = async (namespace: string, name: string, _signal: AbortSignal, args: readonly string[] = []) => {
      const begun = await w.cluster.trigger(namespace, name, args);
      const { done, reasons } = await until("it has ended", () => {
        const outcome = w.cluster.outcome(begun);
        return outcome.done || outcome.failed ? outcome : undefined;
      });
      return { job: `${namespace}/${begun.metadata.name}`, completed: done, reasons, logs: [] };
    };
    const socket = await ControlSocket.listen(join(w.dir, "control.sock"), {
      trigger,
      onDemand: () => w.store.list("CronJob"),
    });
    if (socket === undefined) throw new Error("the path is too long");
    onTestFinished(() => socket.close());
    const call = (method: string, path: string, body?: string) =>
      new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
        request({ socketPath: socket.path, method, path, agent: false }, (response) => {
          let text = "";
          response.on("data", (part) => {
            text += part;
          });
          response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
        })
          .once("error", reject)
          .end(body);
      });
    return { call, socket, w };
  }

  it("lists what a schedule would run, runs it, and says how it ended", async () => {
    const { call, socket } = await served(cronJob(["true"]));
    expect(await call("GET", "/cronjobs")).toEqual({
      status: 200,
      body: [{ namespace: "default", name: "rotation", schedule: "0 3 1 * *" }],
    });
    expect(await call("POST", "/cronjobs/default/rotation")).toMatchObject({ status: 200, body: { completed: true } });
    expect(await call("POST", "/cronjobs/default/other")).toMatchObject({ status: 404 });
    expect(socket.command("default", "rotation")).toBe(
      `curl --unix-socket ${socket.path} -X POST http://local/cronjobs/default/rotation`,
    );
  });

  it("says why a job failed, and that another one is forbidden", async () => {
    const { call } = await served(cronJob(["sh", "-c", "echo no right to alter; exit 3"]));
    const failed = await call("POST", "/cronjobs/default/rotation");
    expect(failed.status).toBe(500);
    expect(JSON.stringify(failed.body)).toContain("no right to alter");
    const slow = await served(cronJob(["sleep", "1000"], { concurrencyPolicy: "Forbid" }));
    const first = slow.call("POST", "/cronjobs/default/rotation").catch(() => undefined);
    const second = await until("the second is refused", async () => {
      const answer = await slow.call("POST", "/cronjobs/default/rotation");
      return answer.status === 409 ? answer : undefined;
    });
    expect(JSON.stringify(second.body)).toContain("forbids two jobs at once");
    await slow.socket.close();
    await first;
  });

  it("gives the job further arguments, for once", async () => {
    const { call, w } = await served(cronJob(["sh", "-c", 'echo "$@"', "sh"]));
    const printed = () => w.runner.pods().map((pod) => readIfThere(pod.log));
    const run = (body?: string) => call("POST", "/cronjobs/default/rotation", body);
    expect(await run('{"args": ["--rest", "1s"]}')).toMatchObject({ status: 200 });
    expect(printed()).toEqual(["--rest 1s\n"]);
    expect(await run()).toMatchObject({ status: 200 });
    expect(printed()).toEqual(["--rest 1s\n", "\n"]);
    for (const body of ["x", "[]", '{"args": [1]}', `{"args": ["${"x".repeat(70_000)}"]}`])
      expect(await run(body)).toMatchObject({ status: 400 });
    expect(jobs(w)).toHaveLength(2);
  });

  it("is none where its path would be too long", async () => {
    const kubernetes = { trigger: () => Promise.reject(new Error("no")), onDemand: () => [] };
    expect(await ControlSocket.listen(`/tmp/${"x".repeat(110)}`, kubernetes)).toBeUndefined();
  });
});
