import { describe, expect, it } from "vitest";
import { Worker, type WorkerArgs, type WorkerModulesArgs } from "../../../components/worker/index.js";
import { run } from "../support/mocks.js";
import { pipelineTo } from "../support/pipelines.js";
import { args, autoscaling, CONFIG, DEPLOYMENT, podOf, RULE, worker } from "./base.js";

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("Worker's settings %s", (_, preview) => {
  it("alerts on the age of messages, in the namespace of the pods and over some readings", async () => {
    const messageAge = { thresholdSeconds: 900 };
    const ruleOf = async (monitoring: WorkerArgs["monitoring"]) => {
      const { one } = await run(() => worker({ ...(monitoring === undefined ? {} : { monitoring }) }), { preview });
      const { spec, metadata } = one(RULE, "w-age").inputs as { spec: { groups: object[] }; metadata: object };
      expect(spec.groups).toHaveLength(1);
      return { metadata, rule: (spec.groups[0] as { rules: object[] }).rules[0] };
    };
    const { metadata, rule } = await ruleOf({ namespace: "monitoring", labels: { release: "p" }, messageAge });
    expect(metadata).toMatchObject({ name: "renders", namespace: "stowage", labels: { release: "p" } });
    expect(rule).toMatchObject({
      alert: "StowageMessageAge",
      expr: 'histogram_quantile(0.99, sum by (namespace, pipeline, le) (rate(stowage_message_age_seconds_bucket{namespace="stowage",pipeline="renders"}[300s]))) > 900',
      for: "300s",
      labels: { severity: "warning" },
    });
    const slow = { ...messageAge, percentile: 50, forSeconds: 0, severity: "page" };
    expect((await ruleOf({ namespace: "monitoring", intervalSeconds: 120, messageAge: slow })).rule).toMatchObject({
      expr: expect.stringMatching(/^histogram_quantile\(0\.5, .*\[480s\]\)\)\) > 900$/),
      for: "0s",
      labels: { severity: "page" },
    });
    const { all } = await run(() => worker({ monitoring: { namespace: "monitoring" } }), { preview });
    expect(all(RULE)).toEqual([]);
  });

  it("alerts on the rest and draws a dashboard, where these are asked for", async () => {
    const monitoring = {
      namespace: "monitoring",
      labels: { release: "p" },
      intervalSeconds: 60,
      alerts: { lockShort: { enabled: false } },
      dashboard: {},
    };
    const { one } = await run(() => worker({ monitoring }), { preview });
    const rules = one(RULE, "w-alerts").inputs as { metadata: object; spec: { groups: { rules: object[] }[] } };
    expect(rules.metadata).toMatchObject({ name: "renders.alerts", namespace: "stowage", labels: { release: "p" } });
    const names = rules.spec.groups.flatMap((group) => group.rules).map((rule) => Reflect.get(rule, "alert"));
    expect(names).toContain("StowageNoProgress");
    expect(names).not.toContain("StowageLockShort");
    const board = one(CONFIG, "w-dashboard").inputs as { metadata: object; data: { [file: string]: string } };
    expect(board.metadata).toMatchObject({
      name: "renders.dashboard",
      namespace: "stowage",
      labels: { grafana_dashboard: "1" },
    });
    expect(Object.keys(board.data)).toEqual(["stowage.renders.json"]);
    const model = JSON.parse(board.data["stowage.renders.json"] ?? "");
    expect(model).toMatchObject({ title: "Stowage: stowage/renders", uid: expect.stringMatching(/^stowage-/) });
    expect(JSON.stringify(model)).toContain('"interval":"60s"');
  });

  it("puts the dashboard where the sidecar of Grafana looks", async () => {
    const dashboard = {
      namespace: "grafana",
      labels: { dashboards: "yes" },
      annotations: { grafana_folder: "Stowage" },
    };
    const { one } = await run(() => worker({ monitoring: { namespace: "monitoring", dashboard } }), { preview });
    const { metadata } = one(CONFIG, "w-dashboard").inputs as { metadata: { labels: object } };
    expect(metadata).toMatchObject({
      name: "stowage.renders.dashboard",
      namespace: "grafana",
      annotations: { grafana_folder: "Stowage" },
      labels: { dashboards: "yes" },
    });
    expect(metadata.labels).not.toHaveProperty("grafana_dashboard");
  });

  it("does not miss workers that may be absent", async () => {
    const names = async (changed: Partial<WorkerArgs>) => {
      const monitoring = { namespace: "monitoring", alerts: {} };
      const { one } = await run(() => worker({ monitoring, ...changed }), { preview });
      return JSON.stringify(one(RULE, "w-alerts").inputs);
    };
    expect(await names({})).toContain("StowageWorkerAbsent");
    expect(await names({ replicas: 0 })).not.toContain("StowageWorkerAbsent");
    expect(await names({ autoscaling: { ...autoscaling, minReplicas: 0 } })).not.toContain("StowageWorkerAbsent");
    expect(await names({ autoscaling })).toContain("StowageWorkerAbsent");
  });

  it("keeps the audit's files on the volume that it is given", async () => {
    const audit = { destination: "file", directory: "/audit", headEvery: 100, maxFileBytes: 1_048_576 } as const;
    const pipeline = pipelineTo("gluster", { audit });
    const { one } = await run(() => worker({ pipeline, auditClaim: "audit" }), { preview });
    const { spec } = podOf(one(DEPLOYMENT, "w").inputs);
    expect(spec.containers[0]["volumeMounts"]).toContainEqual({ name: "audit", mountPath: "/audit" });
    expect(spec.volumes).toContainEqual({ name: "audit", persistentVolumeClaim: { claimName: "audit" } });
  });

  it.each([
    ["their text", { files: { "sink.mjs": "export default 1" } }, { configMap: { name: "renders.modules" } }],
    ["a config map", { configMap: "own" }, { configMap: { name: "own" } }],
    ["a claim", { claim: "own" }, { persistentVolumeClaim: { claimName: "own" } }],
  ] as [string, WorkerModulesArgs, object][])(
    "mounts modules of one's own from %s, read-only, where the pipeline names them",
    async (_, modules, volume) => {
      const pipeline = pipelineTo("gluster", { sink: { module: { path: "/opt/stowage/modules/sink.mjs" } } });
      const { volumeClaim: __, ...rest } = args;
      const { one, all } = await run(() => new Worker("w", { ...rest, pipeline, modules }), { preview });
      const { spec } = podOf(one(DEPLOYMENT, "w").inputs);
      const mount = { name: "modules", mountPath: "/opt/stowage/modules", readOnly: true };
      expect(spec.containers[0]["volumeMounts"]).toContainEqual(mount);
      expect(spec.volumes).toContainEqual({ name: "modules", ...volume });
      if (modules.files === undefined) expect(all(CONFIG)).toHaveLength(1);
      else {
        const made = one(CONFIG, "w-modules").inputs;
        expect(made).toMatchObject({
          metadata: { name: "renders.modules", namespace: "stowage" },
          data: modules.files,
        });
        expect(one(DEPLOYMENT, "w").dependsOn).toContain(`${CONFIG} w-modules`);
      }
    },
  );

  it("says by OpenTelemetry's own variables where traces and metrics go", async () => {
    const variables = async (telemetry: NonNullable<WorkerArgs["telemetry"]>) => {
      const { one } = await run(() => worker({ telemetry }), { preview });
      const env = podOf(one(DEPLOYMENT, "w").inputs).spec.containers[0]["env"] as { name: string }[];
      const { POD_IP: _ip, ...rest } = Object.fromEntries(env.map(({ name, ...value }) => [name, value]));
      return rest;
    };
    const otlpEndpoint = "http://collector.monitoring.svc:4318";
    expect(await variables({ otlpEndpoint })).toEqual({
      OTEL_EXPORTER_OTLP_ENDPOINT: { value: otlpEndpoint },
      OTEL_EXPORTER_OTLP_PROTOCOL: { value: "http/protobuf" },
      OTEL_TRACES_EXPORTER: { value: "otlp" },
      OTEL_METRICS_EXPORTER: { value: "otlp" },
      POD_NAME: { valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      POD_NAMESPACE: { valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      OTEL_RESOURCE_ATTRIBUTES: { value: "k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME)" },
    });
    const told = await variables({
      otlpEndpoint,
      metrics: false,
      traceRatio: 0.01,
      headersSecret: { name: "otlp", key: "headers" },
      attributes: { "team.name": "a, $(b)=c" },
    });
    expect(told).toMatchObject({
      OTEL_METRICS_EXPORTER: { value: "none" },
      OTEL_TRACES_SAMPLER: { value: "parentbased_traceidratio" },
      OTEL_TRACES_SAMPLER_ARG: { value: "0.01" },
      OTEL_EXPORTER_OTLP_HEADERS: { valueFrom: { secretKeyRef: { name: "otlp", key: "headers" } } },
      OTEL_RESOURCE_ATTRIBUTES: { value: expect.stringMatching(/,team\.name=a%2C%20%24\(b\)%3Dc$/) },
    });
    expect((await variables({ otlpEndpoint, traces: false }))["OTEL_TRACES_EXPORTER"]).toEqual({ value: "none" });
  });
});
