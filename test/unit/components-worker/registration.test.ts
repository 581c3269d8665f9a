import { describe, expect, it } from "vitest";
import { ServiceBus } from "../../../components/servicebus/index.js";
import type { WorkerArgs } from "../../../components/worker/index.js";
import { parseConnection, parsePipeline, sha256 } from "../../../runtime/contract/index.js";
import { failureOf, run, UNKNOWN } from "../support/mocks.js";
import { pipelineTo } from "../support/pipelines.js";
import {
  AUTHENTICATION,
  args,
  autoscaling,
  BUDGET,
  CLIENT,
  CONFIG,
  cassandraWorker,
  DEPLOYMENT,
  image,
  JOB,
  MONITOR,
  POLICY,
  PUBLIC_CLOUD,
  podOf,
  SCALED,
  toCassandra,
  worker,
} from "./base.js";

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("Worker %s", (_, preview) => {
  it("registers what its args ask for and nothing else, each below the component", async () => {
    const { resources } = await run(worker, { preview });
    expect(resources.map((r) => `${r.type} ${r.name}`).sort()).toEqual(
      ["stowage:index:Worker w", `${CONFIG} w`, `${POLICY} w`, `${DEPLOYMENT} w`, `${BUDGET} w`].sort(),
    );
    const monitoring = { namespace: "monitoring" };
    const full = await run(() => cassandraWorker({ autoscaling, monitoring }), { preview });
    expect(full.resources.map((r) => `${r.type} ${r.name}`).sort()).toEqual(
      [
        "stowage:index:Worker w",
        `${CONFIG} w`,
        `${POLICY} w`,
        `${JOB} w-schema`,
        `${DEPLOYMENT} w`,
        `${BUDGET} w`,
        `${AUTHENTICATION} w-authentication`,
        `${SCALED} w-scaling`,
        `${MONITOR} w-monitor`,
      ].sort(),
    );
    for (const resource of full.resources.slice(1)) expect(resource.parent).toBe("stowage:index:Worker w");
  });

  it("runs a pod that the restricted standard takes, on the webhook's terms", async () => {
    const { one } = await run(worker, { preview });
    const { metadata, spec } = podOf(one(DEPLOYMENT, "w").inputs);
    expect(metadata.labels).toEqual({
      "app.kubernetes.io/part-of": "stowage",
      "app.kubernetes.io/instance": "renders",
      "app.kubernetes.io/name": "stowage-worker",
      "azure.workload.identity/use": "true",
    });
    expect(spec).toMatchObject({
      serviceAccountName: "renders",
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 60,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      },
    });
    expect(spec.containers).toEqual([
      {
        name: "worker",
        image,
        args: [
          "run",
          "--pipeline",
          "/etc/stowage/pipeline.json",
          "--connection",
          "/etc/stowage/connection.json",
          "--listen",
          "$(POD_IP):8080",
        ],
        env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
        ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
        livenessProbe: {
          httpGet: { path: "/livez", port: "http" },
          initialDelaySeconds: 10,
          periodSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 3,
        },
        readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 2, timeoutSeconds: 2 },
        resources: { requests: { cpu: "250m", memory: "512Mi" }, limits: { memory: "512Mi" } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        volumeMounts: [
          { name: "config", mountPath: "/etc/stowage", readOnly: true },
          { name: "tmp", mountPath: "/tmp" },
          { name: "gluster", mountPath: "/mnt/results", mountPropagation: "HostToContainer" },
        ],
      },
    ]);
    expect(spec.volumes).toEqual([
      { name: "config", configMap: { name: "renders" } },
      { name: "tmp", emptyDir: {} },
      { name: "gluster", persistentVolumeClaim: { claimName: "results" } },
    ]);
  });

  it("leaves the count to the autoscaler, so that an update never undoes its work", async () => {
    const fixed = await run(worker, { preview });
    expect(fixed.one(DEPLOYMENT, "w").inputs["spec"]).toMatchObject({ replicas: 2 });
    const scaled = await run(() => worker({ autoscaling }), { preview });
    expect(scaled.one(DEPLOYMENT, "w").inputs["spec"]).not.toHaveProperty("replicas");
  });

  it("lets KEDA count under the autoscaler's own identity", async () => {
    const { one } = await run(() => worker({ autoscaling }), { preview });
    expect(one(AUTHENTICATION, "w-authentication").inputs).toMatchObject({
      metadata: { name: "renders", namespace: "stowage" },
      spec: { podIdentity: { provider: "azure-workload", identityId: CLIENT } },
    });
    expect(one(SCALED, "w-scaling").inputs["spec"]).toEqual({
      scaleTargetRef: { name: "renders" },
      minReplicaCount: 1,
      maxReplicaCount: 20,
      pollingInterval: 30,
      cooldownPeriod: 300,
      advanced: {
        horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 300 } } },
      },
      triggers: [
        {
          type: "azure-servicebus",
          metadata: { queueName: "renders", namespace: "contoso", messageCount: "50", ...PUBLIC_CLOUD },
          authenticationRef: { name: "renders" },
        },
      ],
    });
  });

  it("counts a subscription by its topic and name", async () => {
    const source = {
      topic: "events",
      subscription: "audit",
      sessions: false,
      lockDurationSeconds: 60,
      maxDeliveryCount: 5,
      duplicateDetection: false,
    };
    const pipeline = pipelineTo("gluster", { source });
    const { one } = await run(() => worker({ autoscaling, pipeline }), { preview });
    const { triggers } = one(SCALED, "w-scaling").inputs["spec"] as { triggers: { metadata: object }[] };
    expect(triggers[0]?.metadata).toEqual({
      topicName: "events",
      subscriptionName: "audit",
      namespace: "contoso",
      messageCount: "50",
      ...PUBLIC_CLOUD,
    });
  });

  it.each([
    ["contoso.servicebus.usgovcloudapi.net", "AzureUSGovernmentCloud", "servicebus.usgovcloudapi.net"],
    ["contoso.servicebus.chinacloudapi.cn", "AzureChinaCloud", "servicebus.chinacloudapi.cn"],
    ["contoso.servicebus.stack.example:5671", "Private", "servicebus.stack.example"],
  ])("counts in the cloud of the bus: %s", async (fullyQualifiedNamespace, cloud, endpointSuffix) => {
    const connection = { fullyQualifiedNamespace, clientId: CLIENT };
    const { one } = await run(() => worker({ autoscaling, connection }), { preview });
    const { triggers } = one(SCALED, "w-scaling").inputs["spec"] as { triggers: { metadata: object }[] };
    expect(triggers[0]?.metadata).toMatchObject({ namespace: "contoso", cloud, endpointSuffix });
  });

  it("makes the table before the first worker starts, and again when the table changes", async () => {
    const { one } = await run(() => cassandraWorker(), { preview });
    const job = one(JOB, "w-schema");
    expect(job.inputs).toMatchObject({
      metadata: { name: "renders-schema", namespace: "stowage" },
      spec: { backoffLimit: 14, activeDeadlineSeconds: 3600 },
    });
    const { metadata, spec } = podOf(job.inputs);
    expect(spec.containers[0]?.["args"]).toEqual([
      "schema",
      "apply",
      "--pipeline",
      "/etc/stowage/pipeline.json",
      "--connection",
      "/etc/stowage/connection.json",
    ]);
    expect(spec).toMatchObject({ restartPolicy: "Never" });
    // Whatever chooses workers (the deployment, its budget, the monitor) must not choose this pod.
    expect(metadata.labels["app.kubernetes.io/name"]).toBe("stowage-schema");
    expect(job.replaceOnChanges).toEqual(["spec.template"]);
    expect(job.deleteBeforeReplace).toBe(true);
    expect(one(DEPLOYMENT, "w").dependsOn).toContain(`${JOB} w-schema`);
  });

  it("names the ports that it needs and opens the metrics to Prometheus alone", async () => {
    const closed = await run(worker, { preview });
    expect(closed.one(POLICY, "w").inputs["spec"]).toEqual({
      podSelector: {
        matchLabels: { "app.kubernetes.io/part-of": "stowage", "app.kubernetes.io/instance": "renders" },
      },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
              podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
            },
            { ipBlock: { cidr: "169.254.10.10/32" } },
            { ipBlock: { cidr: "169.254.10.11/32" } },
            { ipBlock: { cidr: "169.254.20.10/32" } },
          ],
          ports: [
            { port: 53, protocol: "UDP" },
            { port: 53, protocol: "TCP" },
          ],
        },
        { ports: [{ port: 443, protocol: "TCP" }] },
        { ports: [{ port: 5671, protocol: "TCP" }] },
      ],
    });
    const open = await run(() => cassandraWorker({ monitoring: { namespace: "monitoring" } }), { preview });
    expect(open.one(POLICY, "w").inputs["spec"]).toMatchObject({
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
          ports: [{ port: 8080, protocol: "TCP" }],
        },
      ],
      egress: [{}, { ports: [{ port: 443 }] }, { ports: [{ port: 5671 }] }, { ports: [{ port: 9042 }] }],
    });
    expect(open.one(MONITOR, "w-monitor").inputs["spec"]).toEqual({
      selector: {
        matchLabels: { "app.kubernetes.io/name": "stowage-worker", "app.kubernetes.io/instance": "renders" },
      },
      podMetricsEndpoints: [{ port: "http", path: "/metrics", interval: "30s" }],
    });
  });
});

describe("the worker's configuration", () => {
  const filesOf = async (changed: Partial<WorkerArgs>) => {
    const { one, value, known } = await run(() => cassandraWorker(changed), { preview: false });
    const data = one(CONFIG, "w").inputs["data"] as { [file: string]: string };
    const stamped = podOf(one(DEPLOYMENT, "w").inputs).metadata.annotations["stowage.dev/config-checksum"];
    return { data, stamped, checksum: await known(value.configChecksum) };
  };

  it("is what the worker takes, and its digest stands on the pods", async () => {
    const { data, stamped, checksum } = await filesOf({});
    expect(parsePipeline(JSON.parse(data["pipeline.json"] ?? ""))).toEqual(pipelineTo("cassandra"));
    expect(parseConnection(JSON.parse(data["connection.json"] ?? ""))).toEqual({
      contractVersion: 1,
      serviceBus: { fullyQualifiedNamespace: "contoso.servicebus.windows.net", clientId: CLIENT },
      cassandra: { contactPoints: ["ring.svc"], port: 9042, localDatacenter: "dc1" },
    });
    expect(stamped).toBe(sha256(`${data["pipeline.json"]}\n${data["connection.json"]}`));
    expect(checksum).toBe(stamped);
  });

  it("rolls the pods when the pipeline or the connection changes, and only then", async () => {
    const digest = async (changed: Partial<WorkerArgs>) => (await filesOf(changed)).stamped;
    const before = await digest({});
    expect(await digest({ replicas: 5 })).toBe(before);
    const { delivery } = pipelineTo("cassandra");
    expect(await digest({ pipeline: pipelineTo("cassandra", { delivery: { ...delivery, attempts: 4 } }) })).not.toBe(
      before,
    );
    const connection = { ...toCassandra.connection, fullyQualifiedNamespace: "fabrikam.servicebus.windows.net" };
    expect(await digest({ connection })).not.toBe(before);
  });

  it("rolls the pods when a module of one's own changes", async () => {
    const pipeline = pipelineTo("gluster", { sink: { module: { path: "/opt/stowage/modules/sink.mjs" } } });
    const digest = async (text: string) =>
      (await filesOf({ pipeline, modules: { files: { "sink.mjs": text } } })).stamped;
    expect(await digest("export default 1")).toBe(await digest("export default 1"));
    expect(await digest("export default 1")).not.toBe(await digest("export default 2"));
  });

  it("says where the authority is to be taken as it is", async () => {
    const fullyQualifiedNamespace = "contoso.servicebus.windows.net";
    const connection = { ...toCassandra.connection, fullyQualifiedNamespace, instanceDiscovery: false };
    const { data } = await filesOf({ connection });
    expect(parseConnection(JSON.parse(data["connection.json"] ?? "")).serviceBus).toEqual({
      fullyQualifiedNamespace: "contoso.servicebus.windows.net",
      clientId: CLIENT,
      instanceDiscovery: false,
    });
  });

  it("says where messages are counted, where that is not the bus's own host", async () => {
    const connection = { ...args.connection, ...toCassandra.connection, administration: "127.0.0.1:5300" };
    const { data } = await filesOf({ pipeline: pipelineTo("cassandra", { observe: true }), connection });
    expect(parseConnection(JSON.parse(data["connection.json"] ?? "")).serviceBus.administration).toBe("127.0.0.1:5300");
  });

  it("holds no identity where a development emulator is spoken to", async () => {
    const connection = {
      fullyQualifiedNamespace: "127.0.0.1:5672",
      developmentEmulator: true,
      clientId: CLIENT,
      cassandra: { contactPoints: ["127.0.0.1"], port: 9043, localDatacenter: "dc1" },
    };
    const { data } = await filesOf({ connection });
    expect(JSON.parse(data["connection.json"] ?? "")).toEqual({
      contractVersion: 1,
      serviceBus: { fullyQualifiedNamespace: "127.0.0.1:5672", developmentEmulator: true },
      cassandra: { contactPoints: ["127.0.0.1"], port: 9043, localDatacenter: "dc1" },
    });
  });

  it("is not known in a preview where the host is not", async () => {
    const { one } = await run(
      () => {
        const namespace = { tier: "Standard", name: "contoso" } as const;
        const { host } = new ServiceBus("bus", { resourceGroupName: "rg", location: "westeurope", namespace });
        return worker({ connection: { ...args.connection, fullyQualifiedNamespace: host } });
      },
      { preview: true },
    );
    expect(one(CONFIG, "w").inputs["data"]).toEqual({
      "pipeline.json": JSON.stringify(args.pipeline),
      "connection.json": UNKNOWN,
    });
    expect(podOf(one(DEPLOYMENT, "w").inputs).metadata.annotations["stowage.dev/config-checksum"]).toBe(UNKNOWN);
  });

  it("is refused once it is known and wrong, in the worker's words", async () => {
    const connection = { ...args.connection, fullyQualifiedNamespace: "https://contoso/", clientId: "me" };
    const words = await failureOf(() => worker({ connection }));
    expect(words).toContain(
      [
        "Invalid connection for pipeline renders: 2 problems",
        '  - serviceBus.fullyQualifiedNamespace: must be a host name (found "https://contoso/"). Give the namespace\'s host, contoso.servicebus.windows.net',
        '  - serviceBus.clientId: must be a GUID (found "me"). Give the managed identity\'s client id',
      ].join("\n"),
    );
  });
});
