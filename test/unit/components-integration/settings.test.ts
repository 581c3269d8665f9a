import { describe, expect, it } from "vitest";
import {
  Integration,
  type IntegrationArgs,
  type IntegrationPipelineArgs,
  integrationProblems,
} from "../../../components/integration/index.js";
import { formatProblem, parsePipeline } from "../../../runtime/contract/index.js";
import { clusterCalls } from "../support/environments.js";
import { run } from "../support/mocks.js";
import { sink, small } from "./small.js";

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const CONFIG = "kubernetes:core/v1:ConfigMap";
const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
const RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule";
const MODULE = { module: { path: "/opt/stowage/modules/sink.mjs" } };

const build = (args: IntegrationArgs) =>
  run(() => new Integration("stowage", args), { preview: true, calls: clusterCalls });
const lines = (args: IntegrationArgs) => integrationProblems("stowage", args).map(formatProblem);
const one = (changed: Partial<IntegrationPipelineArgs>, around: Partial<IntegrationArgs> = {}) =>
  small({ rows: { source: { queue: "a" }, sink, ...changed } }, around);

/** The pipeline as the worker gets it. */
async function planned(changed: Partial<IntegrationPipelineArgs>) {
  const { one: resource } = await build(one(changed));
  const { "pipeline.json": json = "" } = resource(CONFIG, "stowage-rows").inputs["data"] as { [file: string]: string };
  return parsePipeline(JSON.parse(json));
}

const podOf = (inputs: { [name: string]: unknown }) => JSON.stringify(inputs["spec"]);

describe("a pipeline's settings in an integration", () => {
  it("states an audit's defaults, and mounts the claim of one in files", async () => {
    expect((await planned({ audit: { destination: "stdout" } })).audit).toEqual({
      destination: "stdout",
      headEvery: 1_000,
      maxFileBytes: 67_108_864,
    });
    const audit = { destination: "file", claim: "audit", headEvery: 10 } as const;
    expect((await planned({ audit })).audit).toEqual({
      destination: "file",
      directory: "/var/lib/stowage/audit",
      headEvery: 10,
      maxFileBytes: 67_108_864,
    });
    const { one: resource } = await build(one({ audit: { ...audit, directory: "/audit" } }));
    const pod = podOf(resource(DEPLOYMENT, "stowage-rows").inputs);
    expect(pod).toContain('{"mountPath":"/audit","name":"audit"}');
    expect(pod).toContain('"claimName":"audit"');
  });

  it("mounts a pipeline's modules, and opens what its own sink writes to", async () => {
    const modules = { files: { "sink.mjs": "export default 1" } };
    const moduleStore = { ports: [5432], namespace: "databases" };
    const { one: resource } = await build(one({ sink: MODULE, modules, moduleStore }));
    expect(resource(CONFIG, "stowage-rows-modules").inputs["data"]).toEqual(modules.files);
    const { egress } = resource(POLICY, "stowage-rows").inputs["spec"] as { egress: object[] };
    expect(egress.at(-1)).toEqual({
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "databases" } } }],
      ports: [{ port: 5432, protocol: "TCP" }],
    });
  });

  it("sends every worker's telemetry to one receiver, and signatures' keys come from theirs", async () => {
    const requireSignature = { issuers: [{ issuer: "https://issuer.example/", subjects: ["shop"] }] };
    const args = small(
      {
        rows: { source: { queue: "a" }, sink, producers: { requireSignature } },
        more: { source: { queue: "b" }, sink },
      },
      {
        telemetry: { otlpEndpoint: "http://collector.monitoring.svc:4318" },
        network: { otlpNamespace: "monitoring", issuerCidrs: ["10.9.0.0/24"] },
      },
    );
    expect(lines(args)).toEqual([]);
    const { one: resource } = await build(args);
    for (const name of ["stowage-rows", "stowage-more"]) {
      expect(podOf(resource(DEPLOYMENT, name).inputs)).toContain("http://collector.monitoring.svc:4318");
      expect(podOf(resource(POLICY, name).inputs)).toContain('"port":4318');
    }
    expect(podOf(resource(POLICY, "stowage-rows").inputs)).toContain("10.9.0.0/24");
    expect(podOf(resource(POLICY, "stowage-more").inputs)).not.toContain("10.9.0.0/24");
  });

  it("alerts as all pipelines do, but where a pipeline says otherwise, and on nothing that it has not", async () => {
    const monitoring = {
      namespace: "monitoring",
      alerts: { queueAge: { thresholdSeconds: 1111 }, audit: { severity: "page" }, lockShort: { enabled: false } },
    };
    const args = small(
      {
        rows: { source: { queue: "a" }, sink, alerts: { queueAge: { thresholdSeconds: 2222 } } },
        more: { source: { queue: "b" }, sink, audit: { destination: "stdout" } },
      },
      { monitoring },
    );
    expect(lines(args)).toEqual([]);
    const { one: resource } = await build(args);
    const [rows, more] = ["rows", "more"].map((name) => podOf(resource(RULE, `stowage-${name}-alerts`).inputs));
    expect(rows).toContain("> 2222");
    expect(more).toContain("> 1111");
    expect(rows).not.toContain("StowageAuditStalled");
    expect(more).toMatch(/StowageAuditStalled.*"severity":"page"/);
    for (const rules of [rows, more]) expect(rules).not.toContain("StowageLockShort");
  });

  it("lets a worker that counts manage its own entity alone, and names it in the rights", async () => {
    const { value, known } = await build(one({ observe: true }));
    const rights = ((await known(value.rights)) ?? []).map(({ kind, entity, right }) => `${kind} ${right} ${entity}`);
    expect(rights).toEqual(["observer receive a", "observer manage a"]);
    expect(await known(value.rightsTable)).toMatch(/contoso-small {2}a +stowage-rows +observer +\S+ +yes +yes +yes/);
  });

  it("lets a worker that schedules copies send to its own queue", async () => {
    const { value, known } = await build(one({ delivery: { delayedRetry: "schedule" } }));
    const rights = ((await known(value.rights)) ?? []).map(({ entity, right }) => `${right} ${entity}`);
    expect(rights).toEqual(["receive a", "send a"]);
  });
});

const refused: [string, IntegrationArgs, string[]][] = [
  [
    "deliveries that the restarts use up, told at the entity",
    one({ delivery: { expectedRestarts: 10 } }),
    [
      "serviceBus.queues.a.maxDeliveryCount: must be greater than delivery.expectedRestarts, 10: each restart that hits a message may cost it one delivery, and its 3 attempts need one more (found 10). Raise the entity's maxDeliveryCount, or lower expectedRestarts",
    ],
  ],
  [
    "deliveries of a subscription, told there",
    one({ source: { topic: "events", subscription: "one" }, delivery: { expectedRestarts: 10 } }),
    [expect.stringMatching(/^serviceBus\.topics\.events\.subscriptions\.one\.maxDeliveryCount: /)],
  ],
  [
    "a watchdog that is sooner than two locks",
    one({ delivery: { noProgressSeconds: 120 } }),
    [expect.stringMatching(/^pipelines\.rows\.delivery\.noProgressSeconds: must be more than two lock durations, 120/)],
  ],
  [
    "a scheduled copy to a topic, which every subscription would get",
    one({ source: { topic: "events", subscription: "one" }, delivery: { delayedRetry: "schedule" } }),
    [expect.stringMatching(/^pipelines\.rows\.delivery\.delayedRetry: is for queues only/)],
  ],
  [
    "an audit in files without a claim",
    one({ audit: { destination: "file" } }),
    [
      "pipelines.rows.audit.claim: is missing; the audit in files needs it. Give the claim of a volume that outlives the pods",
    ],
  ],
  [
    "an audit of which nobody knows how often its head is told",
    one({ audit: { destination: "stdout", headEvery: 0 } }),
    [expect.stringMatching(/^pipelines\.rows\.audit\.headEvery: must be a whole number from 1 to 1000000 records/)],
  ],
  [
    "a module that is not among those that are mounted",
    one({ sink: MODULE, modules: { files: { "other.mjs": "" } } }),
    [expect.stringMatching(/^pipelines\.rows\.sink\.module\.path: is none of modules\.files/)],
  ],
  [
    "a store of a sink of one's own, of a pipeline that has none",
    one({ moduleStore: { ports: [5432] } }),
    [expect.stringMatching(/^pipelines\.rows\.moduleStore\.ports: goes with a sink of one's own/)],
  ],
  [
    "a store that is in the cluster and outside of it",
    one({ sink: MODULE, moduleStore: { ports: [5432], cidrs: ["10.0.0.0/24"], namespace: "databases" } }),
    ['pipelines.rows.moduleStore.cidrs: goes without namespace (found ["10.0.0.0/24"]). Say one of the two'],
  ],
  [
    "counts of an emulator",
    one({ observe: true }, { developmentEmulator: true }),
    [expect.stringMatching(/^pipelines\.rows\.observe: goes without developmentEmulator/)],
  ],
  [
    "alerts that nobody reads",
    one({ alerts: { queueAge: {} } }),
    [expect.stringMatching(/^pipelines\.rows\.alerts: goes with monitoring/)],
  ],
  [
    "an alert on what the pipeline has not",
    one({ alerts: { audit: {} } }, { monitoring: { namespace: "monitoring" } }),
    [expect.stringMatching(/^pipelines\.rows\.alerts\.audit: goes with the pipeline's audit/)],
  ],
  [
    "a way to what no pipeline reaches",
    one({}, { network: { issuerCidrs: ["10.0.0.0/24"], otlpNamespace: "monitoring" } }),
    [
      expect.stringMatching(/^network\.issuerCidrs: goes with a pipeline's producers\.requireSignature/),
      expect.stringMatching(/^network\.otlpNamespace: goes with telemetry/),
    ],
  ],
  [
    "telemetry of which nothing is sent",
    one({}, { telemetry: { otlpEndpoint: "http://c:4318", traces: false, metrics: false } }),
    [expect.stringMatching(/^telemetry\.traces: /)],
  ],
];

describe("an integration's args", () => {
  it.each(refused)("are refused with %s", (_, args, expected) => {
    expect(lines(args)).toEqual(expected);
  });
});
