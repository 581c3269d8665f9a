import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { CONTRACT_VERSION, type Pipeline, type Sink, StowageError } from "../../../runtime/contract/index.js";
import { settingFindings } from "../../../runtime/ops/doctor/bus.js";
import { examine, type Finding, pipelineFindings } from "../../../runtime/ops/doctor/index.js";
import { lockFinding, measuredSlow, slowOf } from "../../../runtime/ops/doctor/lock.js";
import { addressOf, networkFindings, skewFinding } from "../../../runtime/ops/doctor/network.js";
import { storeFindings } from "../../../runtime/ops/doctor/store.js";
import type { EntityFacts } from "../../../runtime/ops/entityFacts.js";
import { createMetrics } from "../../../runtime/telemetry/index.js";
import { CertificateAuthority } from "../../../stacks/local/entra/authority.js";
import { pipelineOf } from "../bus/fakes.js";
import { OpsKit } from "./kit.js";

async function all(findings: AsyncIterable<Finding> | Iterable<Finding>): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const finding of findings) found.push(finding);
  return found;
}

/** `ok dns`, `fail tcp`. */
const lines = (findings: Finding[]): string[] => findings.map(({ status, check }) => `${status} ${check}`);

const FACTS: EntityFacts = {
  lockDurationSeconds: 60,
  maxDeliveryCount: 10,
  sessions: false,
  duplicateDetection: false,
  status: "Active",
  counts: { active: 0, deadLetter: 0, scheduled: 0, transfer: 0 },
};

/** A pipeline on the queue `renders`, as the entity of these tests is. */
function pipeline(change: (p: Pipeline) => void = () => undefined): Pipeline {
  return pipelineOf((p) => {
    Object.assign(p.source, { lockDurationSeconds: 60, maxDeliveryCount: 10 });
    change(p);
  });
}

describe("the doctor's look at the network says which of it fails", () => {
  it("the name", async () => {
    const found = await all(networkFindings(addressOf("no-such-host.invalid", true), Date.now));
    expect(lines(found)).toEqual(["fail dns"]);
    expect(found[0]?.fix).toContain("privatelink.servicebus.windows.net");
  });

  it("the port", async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const found = await all(networkFindings(addressOf(`127.0.0.1:${port}`, true), Date.now));
    expect(lines(found)).toEqual(["ok dns", "fail tcp"]);
  });

  it("a certificate of nobody's that is trusted", async () => {
    const strange = createTlsServer(await (await CertificateAuthority.create("doctor tests")).issue());
    await new Promise<void>((resolve) => strange.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void strange.close());
    const { port } = strange.address() as AddressInfo;
    const found = await all(networkFindings(addressOf(`127.0.0.1:${port}`, true), Date.now));
    expect(found.at(-1)).toMatchObject({ check: "tls", status: "fail" });
    expect(found.at(-1)?.detail).toContain("the certificate of 127.0.0.1 is not taken");
  });

  it("a port that speaks no TLS", async () => {
    const plain = createServer();
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void plain.close());
    const { port } = plain.address() as AddressInfo;
    const found = await all(networkFindings(addressOf(`127.0.0.1:${port}`, true), Date.now));
    expect(lines(found)).toEqual(["ok dns", "ok tcp", "fail tls"]);
    expect(found.at(-1)?.detail).toContain("does not answer as TLS does");
  });

  it.each([
    [0.4, "ok"],
    [29.9, "ok"],
    [30, "warn"],
    [299, "warn"],
    [300, "fail"],
  ])("a clock that is %d s away: %s", (seconds, status) => {
    expect(skewFinding(seconds).status).toBe(status);
  });
});

describe("the doctor's look at the bus", () => {
  it("finds nothing wrong where nothing is, and leaves the entity as it was", async () => {
    const kit = await OpsKit.open();
    const target = kit.queue("renders");
    kit.queue("answers");
    await kit.client().createSender("renders").sendMessages({ messageId: "m", body: 1 });
    const p = pipeline((one) => {
      one.replyQueues = ["answers"];
      one.delivery.slowSeconds = 5;
    });
    const base = { target, connection: undefined, metrics: undefined, now: Date.now };
    const found = await all(examine({ ...base, namespace: kit.namespace(), pipeline: p }));
    expect(found.filter(({ status }) => status === "fail")).toEqual([]);
    expect(lines(found)).toEqual(
      expect.arrayContaining(["ok dns", "ok tcp", "ok listen", "ok send", "ok entity", "ok settings", "ok lock"]),
    );
    expect((await kit.content("renders"))[0]?.deliveryCount).toBe(0);
  });

  it("names the queue that is missing, and what the entity has otherwise than the pipeline", async () => {
    const kit = await OpsKit.open();
    const target = kit.queue("renders", { lockDurationSeconds: 30, requiresDuplicateDetection: true });
    const p = pipeline((one) => {
      one.replyQueues = ["answers"];
    });
    const base = { target, connection: undefined, metrics: undefined, now: Date.now };
    const found = await all(examine({ ...base, namespace: kit.namespace(), pipeline: p }));
    expect(found).toContainEqual({
      check: "send",
      status: "fail",
      detail: "Cannot send to answers: there is no such entity.",
      fix: "Create it, or correct its name.",
    });
    const settings = found.filter(({ check }) => check === "settings");
    expect(settings.map(({ status, detail }) => [status, detail.split(":", 1)[0]])).toEqual([
      ["fail", "duplicateDetection is true and the pipeline says false"],
      ["warn", "lockDurationSeconds is 30 and the pipeline says 60"],
    ]);
  });

  it("says what it cannot see without the manage right", async () => {
    const kit = await OpsKit.open();
    const target = kit.queue("renders");
    const namespace = { ...kit.namespace(), admin: undefined };
    const base = { target, connection: undefined, metrics: undefined, now: Date.now };
    const found = await all(examine({ ...base, namespace, pipeline: pipeline() }));
    expect(found.find(({ check }) => check === "entity")).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("cannot be seen"),
    });
  });

  it.each<[Partial<EntityFacts>, string]>([
    [{ sessions: true }, "fail"],
    [{ duplicateDetection: true }, "fail"],
    [{ maxDeliveryCount: 3 }, "warn"],
    [{ lockDurationSeconds: 30 }, "warn"],
    [{}, "ok"],
  ])("the entity's %j is %s", (facts, status) => {
    expect([...settingFindings({ ...FACTS, ...facts }, pipeline().source)]).toMatchObject([{ status }]);
  });
});

describe("the lock against how long messages take", () => {
  it.each([
    [undefined, "warn"],
    [59, "ok"],
    [61, "warn"],
    [301, "fail"],
  ])("a slow percentile of %s s beside a lock of 60 s: %s", (seconds, status) => {
    const slow = seconds === undefined ? undefined : { seconds, source: "delivery.slowSeconds" };
    expect(lockFinding(pipeline(), 60, slow).status).toBe(status);
  });

  it("is read from the metrics of a worker as it writes them", async () => {
    const metrics = createMetrics({ pipeline: "renders", sink: "gluster" });
    const server = createServer(async (_, answer) => answer.end(await metrics.registry.metrics()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
    for (let i = 0; i < 99; i++) metrics.processing.observe(0.01);
    expect(await measuredSlow(url), "99 messages say nothing of the slowest hundredth").toBeUndefined();
    for (let i = 0; i < 101; i++) metrics.processing.observe(0.01);
    const before = await measuredSlow(url);
    expect(before?.seconds).toBeLessThan(1);
    for (let i = 0; i < 10; i++) metrics.processing.observe(20);
    const after = await measuredSlow(url);
    expect(after?.seconds).toBeGreaterThanOrEqual(20);
    expect(after?.source).toContain("210 messages");
  });

  it("is at least the last bucket where messages take longer than all of them", () => {
    const text = ['1"} 0', '10"} 0', '+Inf"} 200'].map(
      (end) => `stowage_processing_seconds_bucket{sink="x",le="${end}`,
    );
    expect(slowOf(text.join("\n"))).toEqual({ seconds: 10, source: "more, measured over 200 messages" });
  });
});

describe("the doctor's look at the store", () => {
  const setup = (sink: Partial<Sink>) => {
    const whole: Sink = {
      batching: { maxMessages: 1, maxWaitMilliseconds: 0 },
      ...{ start: async () => undefined, stop: async () => undefined, probe: async () => undefined },
      ...{ process: async () => [], info: async () => ({ version: "Store 1.2.3" }) },
      ...sink,
    };
    const connection = { contractVersion: CONTRACT_VERSION, serviceBus: { fullyQualifiedNamespace: "bus" } };
    return storeFindings({ pipeline: pipeline(), connection, worker: "here" }, async () => whole);
  };

  it("says its version", async () => {
    expect((await all(setup({}))).at(-1)).toEqual({ check: "store", status: "ok", detail: "Store 1.2.3" });
  });

  it("says what fails, and stops the sink all the same", async () => {
    let stopped = 0;
    const found = await all(
      setup({
        probe: () => Promise.reject(new StowageError("VolumeNotMounted", "no marker")),
        stop: async () => {
          stopped++;
        },
      }),
    );
    expect(lines(found)).toEqual(["ok store", "fail store"]);
    expect(found[1]?.detail).toContain("VolumeNotMounted: no marker");
    expect(stopped).toBe(1);
  });
});

describe("what is right by the rules of a pipeline and still worth a look", () => {
  it.each<[string, (p: Pipeline) => void, string]>([
    ["deliveries", (p) => Object.assign(p.delivery, { expectedRestarts: 9 }), "an attempt that fails is the last"],
    [
      "waits",
      (p) => Object.assign(p.delivery, { attempts: 20, retryMaxMilliseconds: 300_000 }),
      "the waits between 20",
    ],
    ["jobs", (p) => Object.assign(p.sink.gluster?.job ?? {}, { timeoutSeconds: 200 }), "a job may run for 200 s"],
  ])("%s", (_, change, words) => {
    const warnings = [...pipelineFindings(pipeline(change))].filter(({ status }) => status === "warn");
    expect(warnings.some(({ detail }) => detail.includes(words))).toBe(true);
    const without = [...pipelineFindings(pipeline())].filter(({ detail }) => detail.includes(words));
    expect(without).toEqual([]);
  });
});
