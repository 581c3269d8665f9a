import { describe, expect, it } from "vitest";
import { type WorkerArgs, workerProblems } from "../../../components/worker/index.js";
import { formatProblem, type Pipeline, pipelineProblems } from "../../../runtime/contract/index.js";
import { pipelineTo } from "../support/pipelines.js";

const image = `registry.example/stowage-worker@sha256:${"a".repeat(64)}`;
const sound: WorkerArgs = {
  namespace: "stowage",
  pipeline: pipelineTo("gluster"),
  connection: { fullyQualifiedNamespace: "contoso.servicebus.windows.net", clientId: "id" },
  image,
  serviceAccountName: "renders",
  volumeClaim: "results",
};
const autoscaling = {
  minReplicas: 1,
  maxReplicas: 20,
  messagesPerReplica: 50,
  identityClientId: "id",
  serviceBusNamespace: "contoso",
};

const refused: [string, Partial<WorkerArgs>, string[]][] = [
  [
    "an image by tag",
    { image: "registry.example/stowage-worker:1.0" },
    [
      'image: must be an image by digest, name@sha256:<64 hexadecimal digits> (found "registry.example/stowage-worker:1.0"). Give the digest that the push printed; a tag could come to mean another image',
    ],
  ],
  [
    "a count beside an autoscaler",
    { replicas: 3, autoscaling },
    ["replicas: goes without autoscaling, which counts replicas itself (found 3). Remove one of the two"],
  ],
  [
    "more replicas at least than at most",
    { autoscaling: { ...autoscaling, minReplicas: 21 } },
    ["autoscaling.minReplicas: must be at most maxReplicas, 20 (found 21). Lower it, or raise maxReplicas"],
  ],
  [
    "a polling that Azure would throttle",
    { autoscaling: { ...autoscaling, pollingSeconds: 1 } },
    [
      "autoscaling.pollingSeconds: must be a whole number from 5 to 3600 seconds (found 1). Give a number in that range",
    ],
  ],
  [
    "ranges that are none, that begin elsewhere, or that would mean every address",
    { network: { serviceBusCidrs: ["10.30.2.4"], entraCidrs: ["10.0.0.4/24"], dnsCidrs: [] } },
    [
      'network.serviceBusCidrs.0: must be an IPv4 range that begins at its own address (found "10.30.2.4"). Write it as 10.20.3.0/28; one address is /32',
      'network.entraCidrs.0: must be an IPv4 range that begins at its own address (found "10.0.0.4/24"). Write it as 10.20.3.0/28; one address is /32',
      "network.dnsCidrs: must have at least one range (found []). Leave it out where every address is meant",
    ],
  ],
  [
    "ranges of a store that the pod does not speak to",
    { network: { storeCidrs: ["10.30.8.0/24"] } },
    ["network.storeCidrs: goes without a gluster sink, whose volume the node mounts. Remove it"],
  ],
  [
    "a store in the cluster and outside of it",
    {
      pipeline: pipelineTo("linstor"),
      connection: { ...sound.connection, linstorControllers: ["http://linstor-controller.storage.svc:3370"] },
      network: { storeCidrs: ["10.30.8.0/24"], storeNamespace: "storage" },
    },
    [
      'volumeClaim: belongs to a gluster sink, which this pipeline does not have (found "results"). Remove it',
      'network.storeCidrs: goes without storeNamespace (found ["10.30.8.0/24"]). Say one of the two',
    ],
  ],
  [
    "a quantity that Kubernetes cannot read",
    { resources: { memory: "512 MB", cpu: "0.5" } },
    ['resources.memory: must be memory as Kubernetes writes it (found "512 MB"). Give a quantity such as 512Mi'],
  ],
  [
    "no identity",
    { connection: { fullyQualifiedNamespace: "contoso.servicebus.windows.net" } },
    ["connection.clientId: is missing; without it the worker has no identity. Give the managed identity's client id"],
  ],
  [
    "a claim without a gluster sink, and no controllers for a linstor sink",
    { pipeline: pipelineTo("linstor") },
    [
      'volumeClaim: belongs to a gluster sink, which this pipeline does not have (found "results"). Remove it',
      "connection.linstorControllers: is missing; the linstor sink needs it. Give the URLs of the controllers",
    ],
  ],
];

const audited = pipelineTo("gluster", {
  audit: { destination: "file", directory: "/var/lib/stowage/audit", headEvery: 100, maxFileBytes: 1_048_576 },
});
const ownSink = pipelineTo("gluster", { sink: { module: { path: "/opt/stowage/modules/sink.mjs" } } });
const files = { "sink.mjs": "export default {}" };
/** The worker of another sink than Gluster's: without its claim. */
const elsewhere = { ...sound, pipeline: ownSink, volumeClaim: undefined };

/** What a pipeline's new settings ask of the worker around it. */
const unmet: [string, object, string[]][] = [
  [
    "an audit in files without a volume that outlives the pods",
    { ...sound, pipeline: audited },
    ["auditClaim: is missing; the audit in files needs it. Give the claim of a volume that outlives the pods"],
  ],
  [
    "a volume for an audit that goes elsewhere",
    { ...sound, auditClaim: "audit" },
    ['auditClaim: belongs to an audit in files, which this pipeline does not have (found "audit"). Remove it'],
  ],
  [
    "an audit in a folder that another volume is mounted over",
    {
      ...sound,
      pipeline: pipelineTo("gluster", { audit: { ...audited.audit, directory: "/mnt/results/audit" } as never }),
      auditClaim: "audit",
    },
    [
      'pipeline.audit.directory: must be a folder of its own, apart from /mnt/results: a volume is mounted there (found "/mnt/results/audit"). Use /var/lib/stowage/audit',
    ],
  ],
  [
    "an emulator whose messages are counted nobody knows where",
    {
      ...sound,
      pipeline: pipelineTo("gluster", { observe: true }),
      connection: { fullyQualifiedNamespace: "127.0.0.1:5672", developmentEmulator: true },
    },
    [
      "connection.administration: is missing; to observe, the worker must know where a development emulator counts its messages. Give HOST:PORT of its administration, over HTTPS",
    ],
  ],
  [
    "an administration that nobody asks",
    { ...sound, connection: { ...sound.connection, administration: "127.0.0.1:5300" } },
    ['connection.administration: goes with the pipeline\'s observe (found "127.0.0.1:5300"). Remove it'],
  ],
  [
    "modules that no setting names",
    { ...sound, modules: { files } },
    ['modules: goes with sink.module or job.module, which the pipeline has not (found ["files"]). Remove it'],
  ],
  [
    "modules from two places",
    { ...elsewhere, modules: { files, claim: "modules" } },
    ['modules: must have exactly one of files, configMap, claim (found ["files","claim"]). Keep one'],
  ],
  [
    "a module that is not among those that are mounted",
    { ...elsewhere, modules: { files: { "other.mjs": "" } } },
    [
      'pipeline.sink.module.path: is none of modules.files (found "/opt/stowage/modules/sink.mjs"). Use one of other.mjs',
    ],
  ],
  [
    "a module that is elsewhere than modules are mounted",
    {
      ...elsewhere,
      pipeline: pipelineTo("gluster", { sink: { module: { path: "/app/sink.mjs" } } }),
      modules: { configMap: "modules" },
    },
    [
      'pipeline.sink.module.path: must be below /opt/stowage/modules, where modules are mounted (found "/app/sink.mjs"). Give /opt/stowage/modules/<file>',
    ],
  ],
  [
    "a module by a name that no module has",
    { ...elsewhere, modules: { files: { "../sink.mjs": "" } } },
    ['modules.files.../sink.mjs: must be the name of a file that ends in .mjs or .js (found ""). Name it as sink.mjs'],
  ],
  [
    "modules that a config map cannot hold",
    { ...elsewhere, modules: { files: { "sink.mjs": "x".repeat(900 * 1024 + 1) } } },
    [expect.stringMatching(/^modules\.files: must be at most 921600 bytes together /)],
  ],
  [
    "ranges of a store that a sink of one's own says no ports of",
    { ...elsewhere, network: { storeCidrs: ["10.30.8.0/24"] } },
    ["network.storeCidrs: goes with storePorts, without which nothing is opened. Give the ports"],
  ],
  [
    "ports of a store whose ports are known",
    { ...sound, network: { storePorts: [5432] } },
    ["network.storePorts: goes with a sink of one's own: those of others are known (found [5432]). Remove it"],
  ],
  [
    "telemetry to nowhere",
    { ...sound, telemetry: { otlpEndpoint: "collector:4318" } },
    [
      'telemetry.otlpEndpoint: must be an http or https URL (found "collector:4318"). Give it as http://collector.monitoring.svc:4318',
    ],
  ],
  [
    "telemetry of which nothing is sent",
    { ...sound, telemetry: { otlpEndpoint: "http://c:4318", traces: false, metrics: false } },
    ["telemetry.traces: goes without metrics: false, with which nothing is sent (found false). Remove telemetry"],
  ],
  [
    "a share of traces that are off, and one that is none",
    { ...sound, telemetry: { otlpEndpoint: "http://c:4318", traces: false, traceRatio: 0.1 } },
    ["telemetry.traceRatio: goes with traces, which are off (found 0.1). Remove it"],
  ],
  [
    "a way out to what it never reaches",
    { ...sound, network: { issuerCidrs: ["10.0.0.0/24"], otlpCidrs: ["10.0.1.0/24"] } },
    [
      'network.issuerCidrs: goes with producers.requireSignature (found ["10.0.0.0/24"]). Remove it',
      'network.otlpCidrs: goes with telemetry (found ["10.0.1.0/24"]). Remove it',
    ],
  ],
  [
    "an alert on what the pipeline has not",
    { ...sound, monitoring: { namespace: "monitoring", alerts: { audit: {} } } },
    ["monitoring.alerts.audit: goes with the pipeline's audit, which there is none of (found {}). Remove it"],
  ],
  [
    "alerts that are misspelt or out of range",
    {
      ...sound,
      monitoring: {
        namespace: "monitoring",
        alerts: { queueAge: { threshold: 5 }, lockLost: { windowSeconds: 10 }, lockshort: {} },
      },
    },
    [
      "monitoring.alerts.lockLost.windowSeconds: must be a whole number from 60 to 86400 seconds (found 10). Give a number in that range",
      "monitoring.alerts.queueAge.threshold: unknown key (found 5). Remove it; known keys are enabled, forSeconds, severity, thresholdSeconds",
      "monitoring.alerts.lockshort: unknown key (found {}). Did you mean lockShort?",
    ],
  ],
];

describe("Worker's args", () => {
  it("have no problem where everything is there", () => {
    expect(workerProblems(sound)).toEqual([]);
    expect(workerProblems({ ...sound, autoscaling })).toEqual([]);
  });

  it.each(refused)("are refused with %s", (_, changed, lines) => {
    expect(workerProblems({ ...sound, ...changed }).map(formatProblem)).toEqual(lines);
  });

  it.each(unmet)("are refused with %s", (_, args, lines) => {
    expect(workerProblems(args as WorkerArgs).map(formatProblem)).toEqual(lines);
  });

  it("are taken with what the pipeline's settings ask for", () => {
    const network = { issuerCidrs: ["10.0.0.0/24"], otlpNamespace: "monitoring" };
    const requireSignature = { issuers: [{ issuer: "https://issuer.example/", subjects: ["shop"] }] };
    const telemetry = { otlpEndpoint: "http://collector.monitoring.svc:4318" };
    const pipeline = { ...audited, producers: { requireSignature } };
    expect(workerProblems({ ...sound, pipeline, auditClaim: "audit", telemetry, network })).toEqual([]);
    const own = elsewhere as unknown as WorkerArgs;
    expect(workerProblems(own)).toEqual([]);
    expect(workerProblems({ ...own, modules: { files }, network: { storePorts: [5432] } })).toEqual([]);
    expect(workerProblems({ ...own, modules: { claim: "modules" } })).toEqual([]);
  });

  it.each([
    [
      "deliveries that restarts use up",
      (p: Pipeline) => {
        p.source.maxDeliveryCount = 3;
      },
      "pipeline.source.maxDeliveryCount: must be greater than delivery.expectedRestarts, 3",
    ],
    [
      "a watchdog that is sooner than two locks",
      (p: Pipeline) => {
        p.delivery.noProgressSeconds = 120;
      },
      "pipeline.delivery.noProgressSeconds: must be more than two lock durations, 120",
    ],
    [
      "a copy that would overtake its session",
      (p: Pipeline) => {
        p.source.sessions = true;
        p.delivery.delayedRetry = "schedule";
      },
      "pipeline.delivery.delayedRetry: is not for sessions",
    ],
    [
      "an audit in files without a folder",
      (p: Pipeline) => {
        p.audit = { destination: "file", headEvery: 1, maxFileBytes: 1_048_576 };
      },
      "pipeline.audit.directory: goes with the destination file",
    ],
    [
      "issuers without a subject",
      (p: Pipeline) => {
        p.producers = { requireSignature: { issuers: [{ issuer: "https://issuer.example/", subjects: [] }] } };
      },
      "pipeline.producers.requireSignature.issuers.0.subjects: must name at least one subject",
    ],
  ])("are refused at preview with %s", (_, change, words) => {
    const pipeline = structuredClone(sound.pipeline);
    change(pipeline);
    const lines = workerProblems({ ...sound, pipeline }).map(formatProblem);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(words);
  });

  it("are refused with a wrong pipeline in the very words of the worker", () => {
    const { delivery, source } = pipelineTo("gluster");
    const pipeline = pipelineTo("gluster", {
      contractVersion: 2,
      source: { ...source, lockDurationSeconds: 301 },
      delivery: { ...delivery, attempts: 0 },
    });
    const atStart = pipelineProblems(pipeline);
    expect(atStart).toHaveLength(3);
    expect(workerProblems({ ...sound, pipeline }).map(formatProblem)).toEqual(
      atStart.map((problem) => `pipeline.${formatProblem(problem)}`),
    );
  });

  it("are refused without the claim that a gluster sink writes to", () => {
    const { volumeClaim, ...rest } = sound;
    expect(volumeClaim).toBe("results");
    expect(workerProblems(rest).map(formatProblem)).toEqual([
      "volumeClaim: is missing; the gluster sink needs it. Give the claim of the volume",
    ]);
  });

  it("are refused by every key that is misspelt and by what they lack, in whatever they are", () => {
    const { connection } = sound;
    const lines = (args: unknown) => workerProblems(args as WorkerArgs).map(formatProblem);
    expect(
      lines({
        ...sound,
        replica: 3,
        connection: { ...connection, clientID: "id" },
        autoscaling: { ...autoscaling, pollSeconds: 5 },
        monitoring: { namespace: "monitoring", messageAge: { thresholdSeconds: 604_800 } },
      }),
    ).toEqual([
      'connection.clientID: unknown key (found "id"). Did you mean clientId?',
      "autoscaling.pollSeconds: unknown key (found 5). Did you mean pollingSeconds?",
      "replica: unknown key (found 3). Did you mean replicas?",
      "monitoring.messageAge.thresholdSeconds: must be a whole number from 1 to 518400 seconds (six days: the worker's buckets end at a week) (found 604800). Give a number in that range",
    ]);
    const found = workerProblems({ autoscaling: "keda" } as unknown as WorkerArgs).map(({ path }) => path);
    expect(found).toEqual(expect.arrayContaining(["namespace", "connection", "serviceAccountName", "autoscaling"]));
  });

  it("take undefined as left out", () => {
    const open = { ...sound, replicas: undefined, resources: { cpu: undefined }, network: { dnsCidrs: undefined } };
    expect(workerProblems(open as unknown as WorkerArgs)).toEqual([]);
  });
});
