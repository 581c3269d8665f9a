import { describe, expect, it } from "vitest";
import { parseConnection, parsePipeline } from "../../../runtime/contract/index.js";
import type { Registered } from "../support/mocks.js";
import { pipelineTo } from "../support/pipelines.js";
import { administered, built, CONFIG, DEPLOYMENT, image, JOB, PEM, POLICY, type Pod, plain, podOf } from "./base.js";

const SECRET = "kubernetes:core/v1:Secret";
const ACCOUNT = "kubernetes:core/v1:ServiceAccount";
const ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role";
const BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding";
const CRON = "kubernetes:batch/v1:CronJob";
const filesOf = (configMap: Registered) => configMap.inputs["data"] as { [file: string]: string };
const connectionOf = (configMap: Registered) =>
  parseConnection(JSON.parse(filesOf(configMap)["connection.json"] ?? "")).cassandra;
const cronPod = (inputs: Record<string, unknown>) =>
  (inputs["spec"] as { jobTemplate: { spec: { template: Pod } } }).jobTemplate.spec.template;
const secretVolume = (name: string, secretName: string, items?: object[]) => ({
  name,
  secret: { secretName, defaultMode: 0o440, ...(items === undefined ? {} : { items }) },
});

describe.each([
  ["in a preview", true],
  ["in a real run", false],
])("a worker whose ring has an administrator, %s", (_, preview) => {
  it("registers the secret beside the worker, and the jobs where the superuser's secret is", async () => {
    const { resources } = await built(administered, {}, preview);
    const placed = resources
      .filter((r) => r.inputs["metadata"] !== undefined)
      .map((r) => {
        const { namespace, name } = r.inputs["metadata"] as { namespace: string; name: string };
        return `${r.type.split(":").at(-1)} ${namespace}/${name}`;
      });
    expect(placed.sort()).toEqual(
      [
        "ConfigMap stowage/renders",
        "NetworkPolicy stowage/renders",
        "Deployment stowage/renders",
        "PodDisruptionBudget stowage/renders",
        "Secret stowage/renders-cassandra",
        "Role stowage/renders-schema",
        "RoleBinding stowage/renders-schema",
        "ServiceAccount cassandra/renders-schema",
        "ConfigMap cassandra/renders-schema",
        "NetworkPolicy cassandra/renders-schema",
        "Job cassandra/renders-schema",
        "CronJob cassandra/renders-rotation",
      ].sort(),
    );
    for (const resource of resources.slice(1)) expect(resource.parent).toBe("stowage:index:Worker w");
  });

  it("never states what is in the secret, and leaves it alone", async () => {
    const { one } = await built(administered, {}, preview);
    const { inputs, ignoreChanges } = one(SECRET, "w-cassandra");
    expect(Object.keys(inputs).sort()).toEqual(["apiVersion", "kind", "metadata", "type"]);
    expect(ignoreChanges).toEqual(["data", "stringData"]);
  });

  it("lets the jobs read and change that one secret, and the reader's where there is one; nothing else", async () => {
    const rules = (name: string) => [
      { apiGroups: [""], resources: ["secrets"], resourceNames: [name], verbs: ["get", "patch"] },
    ];
    const subjects = [{ kind: "ServiceAccount", name: "renders-schema", namespace: "cassandra" }];
    const roleRef = (name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "Role", name });
    const without = await built(administered, {}, preview);
    expect(without.all(ROLE).map((r) => r.inputs["rules"])).toEqual([rules("renders-cassandra")]);
    expect(without.all(BINDING).map((r) => r.inputs)).toEqual([
      expect.objectContaining({ roleRef: roleRef("renders-schema"), subjects }),
    ]);
    const reader = { ...administered, administrator: { ...administered.administrator, reader: "ring-reader" } };
    const { all, one } = await built(reader, {}, preview);
    expect(all(ROLE).map((r) => [r.inputs["metadata"], r.inputs["rules"]])).toEqual([
      [expect.objectContaining({ namespace: "stowage" }), rules("renders-cassandra")],
      [expect.objectContaining({ namespace: "cassandra" }), rules("ring-reader")],
    ]);
    expect(one(BINDING, "w-schema-reader").inputs).toMatchObject({
      metadata: { namespace: "cassandra", name: "renders-schema-reader" },
      roleRef: roleRef("renders-schema-reader"),
      subjects,
    });
    expect(podOf(one(JOB, "w-schema").inputs).spec.containers[0]["args"]).toEqual(
      expect.arrayContaining(["--reader", "cassandra/ring-reader"]),
    );
    expect(cronPod(one(CRON, "w-rotation").inputs).spec.containers[0]["args"]).not.toContain("--reader");
  });

  it("runs the schema job with the superuser's two keys, the authorities alone, and a token of its own", async () => {
    const { one } = await built(administered, {}, preview);
    expect(one(ACCOUNT, "w-schema").inputs["automountServiceAccountToken"]).toBe(false);
    const { metadata, spec } = podOf(one(JOB, "w-schema").inputs);
    // Nothing that chooses workers chooses it, and the webhook gives it no identity in Azure.
    expect(metadata.labels).toEqual({
      "app.kubernetes.io/part-of": "stowage",
      "app.kubernetes.io/instance": "renders",
      "app.kubernetes.io/name": "stowage-schema",
    });
    const schemaArgs = [
      ...["schema", "apply", "--pipeline", "/etc/stowage/pipeline.json"],
      ...["--connection", "/etc/stowage/connection.json", "--publish", "stowage/renders-cassandra"],
      ...["--kubernetes", "/var/run/stowage/kubernetes"],
    ];
    expect(spec).toMatchObject({
      serviceAccountName: "renders-schema",
      automountServiceAccountToken: false,
      restartPolicy: "Never",
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(spec.containers).toEqual([
      {
        name: "worker",
        image,
        args: schemaArgs,
        resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "256Mi" } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        volumeMounts: [
          { name: "config", mountPath: "/etc/stowage", readOnly: true },
          { name: "tmp", mountPath: "/tmp" },
          { name: "admin", mountPath: "/var/run/stowage/admin", readOnly: true },
          { name: "ca", mountPath: "/var/run/stowage/admin-ca", readOnly: true },
          { name: "kubernetes", mountPath: "/var/run/stowage/kubernetes", readOnly: true },
        ],
      },
    ]);
    expect(spec.volumes).toEqual([
      { name: "config", configMap: { name: "renders-schema" } },
      { name: "tmp", emptyDir: {} },
      secretVolume("admin", "ring-superuser", [
        { key: "username", path: "username" },
        { key: "password", path: "password" },
      ]),
      secretVolume("ca", "ring-node-tls", [{ key: "ca.crt", path: "ca.crt" }]),
      {
        name: "kubernetes",
        projected: {
          defaultMode: 0o440,
          sources: [
            { serviceAccountToken: { path: "token", expirationSeconds: 3600 } },
            { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
            { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
          ],
        },
      },
    ]);
  });

  it("starts the worker after the job, with the role's secret", async () => {
    const { one } = await built(administered, {}, preview);
    expect(one(DEPLOYMENT, "w").dependsOn).toEqual(
      expect.arrayContaining([`${JOB} w-schema`, `${SECRET} w-cassandra`]),
    );
    expect(one(JOB, "w-schema").dependsOn).toEqual(
      expect.arrayContaining(
        [`${SECRET} w-cassandra`, `${ACCOUNT} w-schema`, `${ROLE} w-schema`, `${BINDING} w-schema`].concat(
          `${CONFIG} w-schema`,
          `${POLICY} w-schema`,
        ),
      ),
    );
    const { spec } = podOf(one(DEPLOYMENT, "w").inputs);
    expect(spec.volumes).toContainEqual(secretVolume("cassandra", "renders-cassandra"));
    expect(spec.containers[0]["volumeMounts"]).toContainEqual({
      name: "cassandra",
      mountPath: "/var/run/stowage/cassandra",
      readOnly: true,
    });
  });

  it("rotates once a month by a CronJob that never runs twice at once", async () => {
    const { one } = await built(administered, {}, preview);
    const { inputs, dependsOn } = one(CRON, "w-rotation");
    expect(inputs["spec"]).toMatchObject({
      schedule: expect.stringMatching(/^\d{1,2} [1-4] \d{1,2} \* \*$/),
      timeZone: "Etc/UTC",
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds: 1800,
      jobTemplate: { spec: { backoffLimit: 3, activeDeadlineSeconds: 900 } },
    });
    expect(dependsOn).toContain(`${JOB} w-schema`);
    const { metadata, spec } = cronPod(inputs);
    expect(metadata.labels["app.kubernetes.io/name"]).toBe("stowage-rotation");
    expect(spec.containers[0]["args"]).toEqual([
      ...["rotate", "--pipeline", "/etc/stowage/pipeline.json", "--connection", "/etc/stowage/connection.json"],
      ...["--publish", "stowage/renders-cassandra", "--kubernetes", "/var/run/stowage/kubernetes"],
    ]);
    expect(spec.volumes).toEqual(podOf(one(JOB, "w-schema").inputs).spec.volumes);
    const weekly = { ...administered.administrator, rotation: "7d" as const };
    const often = await built({ ...administered, administrator: weekly }, {}, preview);
    expect(often.one(CRON, "w-rotation").inputs["spec"]).toMatchObject({
      schedule: expect.stringMatching(/^\d{1,2} [1-4] \* \* [0-6]$/),
    });
  });

  it("lets the jobs out to names, the ring and the API server, each to its ranges where these are given", async () => {
    const { one } = await built(administered, { network: { storeNamespace: "cassandra" } }, preview);
    expect(one(POLICY, "w-schema").inputs["spec"]).toMatchObject({
      podSelector: {
        matchLabels: { "app.kubernetes.io/part-of": "stowage", "app.kubernetes.io/instance": "renders" },
        matchExpressions: [
          { key: "app.kubernetes.io/name", operator: "In", values: ["stowage-schema", "stowage-rotation"] },
        ],
      },
      ingress: [],
      egress: [
        { ports: [{ port: 53 }, { port: 53 }] },
        {
          to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "cassandra" } } }],
          ports: [{ port: 9042 }],
        },
        { ports: [{ port: 443 }, { port: 6443 }] },
      ],
    });
    const network = { kubernetesCidrs: ["10.0.0.1/32"] };
    const { egress } = (await built(administered, { network }, preview)).one(POLICY, "w-schema").inputs["spec"] as {
      egress: object[];
    };
    expect(egress[2]).toMatchObject({ to: [{ ipBlock: { cidr: "10.0.0.1/32" } }] });
  });
});

describe("the connection to a ring", () => {
  const TLS = { serverName: "ring-dc1-service.cassandra.svc" };

  it("leads the worker to its role and the jobs to the superuser, over TLS by the certificates' name", async () => {
    const { one } = await built(administered);
    expect(parsePipeline(JSON.parse(filesOf(one(CONFIG, "w-schema"))["pipeline.json"] ?? ""))).toEqual(
      pipelineTo("cassandra"),
    );
    const common = { contactPoints: ["ring.svc"], port: 9042, localDatacenter: "dc1" };
    expect(connectionOf(one(CONFIG, "w"))).toEqual({
      ...common,
      tls: { ...TLS, caFile: "/var/run/stowage/cassandra/ca.crt" },
      credentials: { directory: "/var/run/stowage/cassandra" },
    });
    expect(connectionOf(one(CONFIG, "w-schema"))).toEqual({
      ...common,
      tls: { ...TLS, caFile: "/var/run/stowage/admin-ca/ca.crt" },
      credentials: { directory: "/var/run/stowage/admin" },
    });
  });

  it("hands authorities that are given as text to the jobs, and by these to the worker", async () => {
    const { one } = await built({ ...administered, tls: { ca: PEM } });
    expect(filesOf(one(CONFIG, "w-schema"))["ca.crt"]).toBe(PEM);
    expect(Object.keys(filesOf(one(CONFIG, "w")))).toEqual(["connection.json", "pipeline.json"]);
    expect(podOf(one(JOB, "w-schema").inputs).spec.volumes).toContainEqual({
      name: "ca",
      configMap: { name: "renders-schema", items: [{ key: "ca.crt", path: "ca.crt" }] },
    });
    expect(connectionOf(one(CONFIG, "w-schema"))?.tls).toEqual({ caFile: "/var/run/stowage/admin-ca/ca.crt" });
    expect(connectionOf(one(CONFIG, "w"))?.tls).toEqual({ caFile: "/var/run/stowage/cassandra/ca.crt" });
  });

  it("takes credentials that somebody else keeps: no role, no rotation, and only a look whether the table is there", async () => {
    const ring = { ...plain, credentials: "ours", tls: { ca: PEM } };
    const { one, all } = await built(ring);
    for (const type of [SECRET, ROLE, BINDING, CRON, ACCOUNT]) expect(all(type)).toEqual([]);
    const expected = { name: "cassandra", mountPath: "/var/run/stowage/cassandra", readOnly: true };
    for (const pod of [podOf(one(DEPLOYMENT, "w").inputs), podOf(one(JOB, "w-schema").inputs)]) {
      expect(pod.spec.volumes).toContainEqual(secretVolume("cassandra", "ours"));
      expect(pod.spec.containers[0]["volumeMounts"]).toContainEqual(expected);
    }
    expect(filesOf(one(CONFIG, "w"))["ca.crt"]).toBe(PEM);
    expect(connectionOf(one(CONFIG, "w"))).toMatchObject({
      tls: { caFile: "/etc/stowage/ca.crt" },
      credentials: { directory: "/var/run/stowage/cassandra" },
    });
    expect(podOf(one(JOB, "w-schema").inputs).spec.containers[0]["args"]).toEqual([
      ...["schema", "diff", "--pipeline", "/etc/stowage/pipeline.json", "--connection", "/etc/stowage/connection.json"],
    ]);
    expect(one(JOB, "w-schema").inputs["spec"]).toMatchObject({ backoffLimit: 3 });
  });

  it("mounts of a secret with authorities that one key, for the worker and for the job", async () => {
    const { one } = await built({ ...plain, tls: { caSecret: { name: "authorities", key: "bundle.pem" } } });
    const volume = secretVolume("ca", "authorities", [{ key: "bundle.pem", path: "ca.crt" }]);
    for (const pod of [podOf(one(DEPLOYMENT, "w").inputs), podOf(one(JOB, "w-schema").inputs)]) {
      expect(pod.spec.volumes).toContainEqual(volume);
      expect(pod.spec.containers[0]["volumeMounts"]).toContainEqual({
        name: "ca",
        mountPath: "/var/run/stowage/cassandra-ca",
        readOnly: true,
      });
    }
    expect(connectionOf(one(CONFIG, "w"))).toMatchObject({ tls: { caFile: "/var/run/stowage/cassandra-ca/ca.crt" } });
  });

  it("rolls the pods when the authorities change", async () => {
    const digest = async (ca: string) => {
      const { one } = await built({ ...plain, tls: { ca } });
      return podOf(one(DEPLOYMENT, "w").inputs).metadata.annotations["stowage.dev/config-checksum"];
    };
    expect(await digest(PEM)).toBe(await digest(PEM));
    expect(await digest(PEM)).not.toBe(await digest(`${PEM}${PEM}`));
  });
});
