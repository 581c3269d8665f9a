import { z } from "zod";
import { type Problem, problem, within } from "../../../../../runtime/contract/index.js";
import { because, integer, problemsOf } from "../../../../../runtime/contract/zod.js";
import { SHORTEST_TOKEN_SECONDS } from "../serviceAccountIssuer.js";

/** A name as Kubernetes takes it for pods' parts (RFC 1123 label, 63 characters). */
const label = z
  .string(because("must be a name", "Give its name"))
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, because("must be at most 63 of a-z, 0-9 and -", "Choose such a name"));

const strings = z.array(z.string(because("must be a string", "Quote it")));
const portNumber = integer(1, 65_535);
const portRef = z.union([portNumber, z.string()], because("must be a port's number or its name", "Give one of them"));
const seconds = integer(0, 86_400 * 365, "seconds");
const positive = integer(1, 86_400 * 365, "seconds");

const httpGet = z.object({
  path: z.string().default("/"),
  port: portRef,
  host: z.string().optional(),
  scheme: z.enum(["HTTP", "HTTPS"], because("must be HTTP or HTTPS", "Choose one of them")).default("HTTP"),
  httpHeaders: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
});
const exec = z.object({ command: strings });
const tcpSocket = z.object({ port: portRef, host: z.string().optional() });
const handler = {
  httpGet: httpGet.optional(),
  tcpSocket: tcpSocket.optional(),
  exec: exec.optional(),
  grpc: z.unknown().optional(),
};

// Defaults of the probes: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe
const probe = z.object({
  ...handler,
  initialDelaySeconds: seconds.default(0),
  periodSeconds: positive.default(10),
  timeoutSeconds: positive.default(1),
  successThreshold: integer(1, 1_000).default(1),
  failureThreshold: integer(1, 1_000_000).default(3),
  terminationGracePeriodSeconds: positive.optional(),
});

const hook = z.object({ ...handler, sleep: z.object({ seconds }).optional() });

const keyRef = z.object({ name: z.string(), key: z.string(), optional: z.boolean().default(false) });
const fieldRef = z.object({ fieldPath: z.string() });
const envVar = z.object({
  name: z.string(because("must be a name", "Give the variable's name")).min(1),
  value: z.string(because("must be a string", "Quote it")).optional(),
  valueFrom: z
    .object({
      fieldRef: fieldRef.optional(),
      configMapKeyRef: keyRef.optional(),
      secretKeyRef: keyRef.optional(),
      resourceFieldRef: z.unknown().optional(),
    })
    .optional(),
});
const envSource = z.object({ name: z.string(), optional: z.boolean().default(false) });

const container = z.object({
  name: label,
  image: z.string().optional(),
  command: strings.optional(),
  args: strings.optional(),
  workingDir: z.string().optional(),
  env: z.array(envVar).default([]),
  envFrom: z
    .array(
      z.object({
        prefix: z.string().default(""),
        configMapRef: envSource.optional(),
        secretRef: envSource.optional(),
      }),
    )
    .default([]),
  ports: z.array(z.object({ containerPort: portNumber, name: z.string().optional() })).default([]),
  volumeMounts: z
    .array(
      z.object({
        name: z.string(),
        mountPath: z
          .string()
          .regex(/^\/.+/, because("must be an absolute path below /", "Give the path inside the container")),
        subPath: z.string().optional(),
        subPathExpr: z.string().optional(),
        readOnly: z.boolean().default(false),
      }),
    )
    .default([]),
  volumeDevices: z.array(z.unknown()).default([]),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  startupProbe: probe.optional(),
  lifecycle: z.object({ preStop: hook.optional(), postStart: hook.optional() }).optional(),
  restartPolicy: z.string().optional(),
});

const item = z.object({ key: z.string(), path: z.string() });
const fileItem = z.object({ path: z.string(), fieldRef: fieldRef.optional() });
const configMapFiles = z.object({
  name: z.string().default(""),
  items: z.array(item).optional(),
  optional: z.boolean().default(false),
});
const secretFiles = z.object({
  secretName: z.string().default(""),
  items: z.array(item).optional(),
  optional: z.boolean().default(false),
});
/** Least expiration: the API server's own. */
const tokenFile = z.object({
  audience: z.string().optional(),
  expirationSeconds: integer(SHORTEST_TOKEN_SECONDS, 2 ** 32, "seconds").default(3_600),
  path: z.string(because("must be a path", "Give the path of the token's file in its volume")).min(1),
});
const downward = z.object({ items: z.array(fileItem).default([]) });

const volume = z.looseObject({
  name: label,
  configMap: configMapFiles.optional(),
  secret: secretFiles.optional(),
  emptyDir: z.unknown().optional(),
  persistentVolumeClaim: z.object({ claimName: z.string(), readOnly: z.boolean().default(false) }).optional(),
  downwardAPI: downward.optional(),
  projected: z
    .object({
      sources: z
        .array(
          z.looseObject({
            configMap: configMapFiles.optional(),
            secret: configMapFiles.optional(),
            downwardAPI: downward.optional(),
            serviceAccountToken: tokenFile.optional(),
          }),
        )
        .default([]),
    })
    .optional(),
});

const podSpec = z.object({
  containers: z.array(container, because("must list the containers", "Give at least one")).min(1),
  initContainers: z.array(container).default([]),
  volumes: z.array(volume).default([]),
  restartPolicy: z.enum(["Always", "OnFailure", "Never"]).default("Always"),
  terminationGracePeriodSeconds: seconds.default(30),
  serviceAccountName: z.string().default("default"),
  nodeName: z.string().default("local"),
});

const template = z.object({
  metadata: z
    .object({
      labels: z.record(z.string(), z.string()).default({}),
      annotations: z.record(z.string(), z.string()).default({}),
    })
    .default({ labels: {}, annotations: {} }),
  spec: podSpec,
});

/** What is read of a pod template, with the defaults that the API server fills in. */
export type PodTemplate = z.infer<typeof template>;
export type PodSpec = PodTemplate["spec"];
export type Container = z.infer<typeof container>;
export type EnvVar = z.infer<typeof envVar>;
export type Volume = z.infer<typeof volume>;
export type VolumeMount = Container["volumeMounts"][number];
export type Probe = z.infer<typeof probe>;
/** What a probe or a hook does: exactly one of its fields is given. */
export type Handler = Pick<Probe, "httpGet" | "tcpSocket" | "exec">;
export type Hook = z.infer<typeof hook>;

/** Reads a pod template; call `templateProblems` first, it throws on what that finds. */
export function parseTemplate(value: unknown): PodTemplate {
  return template.parse(value);
}

/** What the API server would refuse in a pod template; paths are from the template. */
export function templateProblems(value: unknown): Problem[] {
  const problems = problemsOf(template, value);
  return problems.length > 0 ? problems : referenceProblems(parseTemplate(value));
}

function referenceProblems({ spec }: PodTemplate): Problem[] {
  const volumes = new Set(spec.volumes.map((v) => v.name));
  const all = [
    ...spec.containers.map((c, i) => ({ c, path: `spec.containers.${i}` })),
    ...spec.initContainers.map((c, i) => ({ c, path: `spec.initContainers.${i}` })),
  ];
  const seen = new Set<string>();
  return all.flatMap(({ c, path }) => {
    const twice = seen.has(c.name);
    seen.add(c.name);
    const names = c.ports.flatMap((p) => (p.name === undefined ? [] : [p.name]));
    return [
      ...(twice ? [problem(`${path}.name`, c.name, "must be unique in the pod", "Rename one of the two")] : []),
      ...c.volumeMounts.flatMap((m, i) =>
        volumes.has(m.name)
          ? []
          : [problem(`${path}.volumeMounts.${i}.name`, m.name, "must name a volume of the pod", "Add it to volumes")],
      ),
      ...probesOf(c).flatMap(([name, p]) => within(`${path}.${name}`, handlerProblems(p, names))),
    ];
  });
}

function probesOf(c: Container): [string, Handler & { grpc?: unknown }][] {
  const named = [
    ["livenessProbe", c.livenessProbe],
    ["readinessProbe", c.readinessProbe],
    ["startupProbe", c.startupProbe],
  ] as const;
  return named.flatMap(([name, p]) => (p === undefined ? [] : [[name, p]]));
}

function handlerProblems(p: Handler & { grpc?: unknown }, ports: string[]): Problem[] {
  const given = [p.httpGet, p.tcpSocket, p.exec, p.grpc].filter((h) => h !== undefined);
  const port = p.httpGet?.port ?? p.tcpSocket?.port;
  return [
    ...(given.length === 1
      ? []
      : [problem("", undefined, "must have exactly one of httpGet, tcpSocket, exec and grpc", "Give one of them")]),
    ...(typeof port === "string" && !ports.includes(port)
      ? [problem("port", port, `must name a port of its container (${ports.join(", ") || "none"})`, "Name one of them")]
      : []),
  ];
}

const FILE_SOURCES = ["configMap", "secret", "downwardAPI", "serviceAccountToken"];
const VOLUME_SOURCES = ["configMap", "secret", "emptyDir", "persistentVolumeClaim", "downwardAPI", "projected"];

/** What a cluster would run and this stand-in cannot; paths are from the template. */
export function notRunnable(t: PodTemplate): Problem[] {
  const fix = "Run this part in a cluster, or render it without";
  const cannot = (path: string, what: string) => problem(path, undefined, `${what} cannot be run locally`, fix);
  const containers = [
    ...t.spec.containers.map((c, i) => ({ c, path: `spec.containers.${i}` })),
    ...t.spec.initContainers.map((c, i) => ({ c, path: `spec.initContainers.${i}` })),
  ];
  return [
    ...t.spec.initContainers.flatMap((c, i) =>
      c.restartPolicy === undefined ? [] : [cannot(`spec.initContainers.${i}.restartPolicy`, "a sidecar container")],
    ),
    ...t.spec.volumes.flatMap((v, i) => {
      const source = Object.keys(v).find((key) => key !== "name" && !VOLUME_SOURCES.includes(key));
      if (source !== undefined) return [cannot(`spec.volumes.${i}.${source}`, `a volume of kind ${source}`)];
      return (v.projected?.sources ?? []).flatMap((s, j) =>
        Object.keys(s)
          .filter((key) => !FILE_SOURCES.includes(key))
          .map((key) => cannot(`spec.volumes.${i}.projected.sources.${j}.${key}`, `a projected ${key}`)),
      );
    }),
    ...containers.flatMap(({ c, path }) => [
      ...(c.volumeDevices.length > 0 ? [cannot(`${path}.volumeDevices`, "a raw block device")] : []),
      ...c.volumeMounts.flatMap((m, i) =>
        m.subPathExpr === undefined ? [] : [cannot(`${path}.volumeMounts.${i}.subPathExpr`, "subPathExpr")],
      ),
      ...c.env.flatMap((e, i) =>
        e.valueFrom?.resourceFieldRef === undefined
          ? []
          : [cannot(`${path}.env.${i}.valueFrom.resourceFieldRef`, "a value from the container's resources")],
      ),
      ...probesOf(c).flatMap(([name, p]) =>
        p.grpc === undefined ? [] : [cannot(`${path}.${name}.grpc`, "a gRPC probe")],
      ),
    ]),
  ];
}
