import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import type * as pulumi from "@pulumi/pulumi";
import { defined, type Pipeline } from "../../runtime/contract/index.js";
import type { WorkerArgs, WorkerResourcesArgs } from "./args.js";
import { workerRingMounts } from "./cassandra/access.js";
import { CONFIG_PATH, commonMounts, type Mounted, workerMounts } from "./mounts.js";
import { telemetryEnvironment } from "./telemetry.js";

type PodTemplate = inputs.core.v1.PodTemplateSpec;
type Container = inputs.core.v1.Container;
type PodSpec = inputs.core.v1.PodSpec;

/** Where pods have their two files. */
export const FILES = ["--pipeline", `${CONFIG_PATH}/pipeline.json`, "--connection", `${CONFIG_PATH}/connection.json`];
/** Port of /livez, /readyz and /metrics. */
export const HTTP_PORT = 8080;
/** Annotation with the digest of the configuration. */
export const CHECKSUM = "stowage.dev/config-checksum";
/**
 * Seconds that a pod has beyond the worker's own grace. Each of what comes then has a limit of its own: giving back and
 * closing links (3 s each), the sink's end (5 s), sending the last telemetry (3 s), the last audit record (10 s).
 */
export const GRACE_MARGIN_SECONDS = 30;
/** The image's user, without a name and without rights on the node. */
const USER = 65532;

/** Labels of every object of a pipeline; they choose its pods, whatever these do. */
export function objectLabels(pipeline: Pipeline): { [label: string]: string } {
  return { "app.kubernetes.io/part-of": "stowage", "app.kubernetes.io/instance": pipeline.name };
}

/** Labels that choose the workers of a pipeline. They cannot be changed on a deployment. */
export function workerLabels(pipeline: Pipeline): { [label: string]: string } {
  return { "app.kubernetes.io/name": "stowage-worker", "app.kubernetes.io/instance": pipeline.name };
}

/** The pods of the deployment. */
export function workerPod(args: WorkerArgs, configMap: string, digest: pulumi.Output<string>): PodTemplate {
  const { pipeline } = args;
  const listen = ["--listen", `$(POD_IP):${HTTP_PORT}`];
  const mounted = [...commonMounts(configMap), ...workerMounts(args), ...ringMounts(args)];
  return {
    metadata: podMetadata(pipeline, digest, "stowage-worker"),
    spec: {
      ...podSpec(args, mounted, [
        {
          ...container(args, mounted),
          args: ["run", ...FILES, ...listen],
          env: [
            { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
            ...telemetryEnvironment(args),
          ],
          ports: [{ name: "http", containerPort: HTTP_PORT, protocol: "TCP" }],
          // Liveness says progress: a worker that stands still is started anew. The worker's own watchdog ends it by the
          // pipeline's noProgressSeconds; the probe is for one that cannot even do that, as nothing of it runs any more.
          livenessProbe: {
            httpGet: { path: "/livez", port: "http" },
            initialDelaySeconds: 10,
            periodSeconds: 10,
            timeoutSeconds: 5,
            failureThreshold: 3,
          },
          readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 2, timeoutSeconds: 2 },
        },
      ]),
      terminationGracePeriodSeconds: pipeline.delivery.shutdownGraceSeconds + GRACE_MARGIN_SECONDS,
      topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map((topologyKey) => ({
        topologyKey,
        maxSkew: 1,
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: workerLabels(pipeline) },
      })),
    },
  };
}

/**
 * The pod of the job that makes keyspace and table before the first worker starts, where no administrator is given. Where
 * somebody else keeps the worker's role, which may make none, it looks whether they are as the pipeline wants them.
 */
export function schemaPod(args: WorkerArgs, configMap: string, digest: pulumi.Output<string>): PodTemplate {
  const mounted = [...commonMounts(configMap), ...ringMounts(args)];
  const step = args.connection.cassandra?.credentials === undefined ? "apply" : "diff";
  return {
    // Under another name than the workers, so that nothing that chooses them chooses it.
    metadata: podMetadata(args.pipeline, digest, "stowage-schema"),
    spec: {
      ...podSpec(args, mounted, [{ ...container(args, mounted), args: ["schema", step, ...FILES] }]),
      restartPolicy: "Never",
    },
  };
}

/** What the pods of a pipeline to Cassandra have of the ring. */
function ringMounts({ pipeline, connection }: WorkerArgs): Mounted[] {
  if (pipeline.sink.cassandra === undefined || connection.cassandra === undefined) return [];
  return workerRingMounts(pipeline, connection.cassandra);
}

function podMetadata(pipeline: Pipeline, digest: pulumi.Output<string>, name: string) {
  return {
    labels: {
      ...objectLabels(pipeline),
      "app.kubernetes.io/name": name,
      // The webhook gives a token only to pods with this label.
      "azure.workload.identity/use": "true",
    },
    annotations: { [CHECKSUM]: digest },
  };
}

/** A container of the worker's image without any privilege, on a read-only file system. */
export function container(
  { image, resources = {} }: { image: string; resources?: WorkerResourcesArgs },
  mounted: Mounted[],
): Container {
  const { cpu = "250m", cpuLimit, memory = "512Mi" } = resources;
  return {
    name: "worker",
    image,
    resources: { requests: { cpu, memory }, limits: defined({ memory, cpu: cpuLimit }) },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: mounted.map(({ volume, mount }) => ({ name: volume.name, ...mount })),
  };
}

/** A pod that the restricted standard takes. */
export function podSpec(
  args: Pick<WorkerArgs, "serviceAccountName" | "nodeSelector">,
  mounted: Mounted[],
  containers: Container[],
): PodSpec {
  return {
    serviceAccountName: args.serviceAccountName,
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers,
    volumes: mounted.map(({ volume }) => volume),
    ...defined({ nodeSelector: args.nodeSelector }),
  };
}
