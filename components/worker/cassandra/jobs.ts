import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { Pipeline } from "../../../runtime/contract/index.js";
import type { CassandraEndpointArgs, WorkerArgs } from "../args.js";
import { commonMounts, type Mounted } from "../mounts.js";
import { HTTPS_PORT, out, outToDns, outToStore, tcp } from "../network.js";
import { CHECKSUM, container, FILES, objectLabels, podSpec } from "../render.js";
import { administratorMounts, roleSecretName } from "./access.js";
import type { CassandraAdministratorArgs } from "./args.js";
import { DEFAULT_ROTATION, scheduleOf } from "./schedule.js";

type PodTemplate = inputs.core.v1.PodTemplateSpec;
type Rules = inputs.rbac.v1.PolicyRule[];

/** Where a job has what it needs to speak to Kubernetes: `token`, `ca.crt`, `namespace`. */
export const KUBERNETES_PATH = "/var/run/stowage/kubernetes";
/** Life of the job's token in seconds; the kubelet renews it at four fifths. */
const TOKEN_SECONDS = 3_600;
/** Port of an API server that does not listen on 443. */
const API_SERVER_PORT = 6_443;
/** What a job may use: it holds one connection to each node, and no messages. */
const RESOURCES = { cpu: "100m", memory: "256Mi" };
const NAME_LABEL = "app.kubernetes.io/name";
/** Values of that label: under another name than the workers, so that nothing that chooses these chooses a job. */
const SCHEMA = "stowage-schema";
const ROTATION_NAME = "stowage-rotation";
/** Tries of a rotation, within its time limit in seconds; what was begun is taken up again. */
const ROTATION_TRIES = 4;
const ROTATION_DEADLINE_SECONDS = 900;
/** A rotation that could not begin in time, as the cluster was down, still begins for so many seconds. */
const ROTATION_LATE_SECONDS = 1_800;

/** Name of what the jobs run as and with: service account, rights, files, policy, and the schema job itself. */
export function jobsName({ name }: Pipeline): string {
  return `${name}-schema`;
}

/** What may be done with one secret: read it, and change it. Never list, never make, never another. */
export function secretRules(name: pulumi.Input<string>): Rules {
  return [{ apiGroups: [""], resources: ["secrets"], resourceNames: [name], verbs: ["get", "patch"] }];
}

/** The subject and the role of a binding of the jobs' account, which lives in the administrator's namespace. */
export function bindingOf(pipeline: Pipeline, role: string, namespace: pulumi.Input<string>) {
  return {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
    subjects: [{ kind: "ServiceAccount", name: jobsName(pipeline), namespace }],
  };
}

/** A ring that has an administrator. */
export interface AdministeredRing extends CassandraEndpointArgs {
  administrator: CassandraAdministratorArgs;
}

/** The ring of a pipeline, where jobs administer it. */
export function administeredRing({ pipeline, connection }: WorkerArgs): AdministeredRing | undefined {
  const ring = connection.cassandra;
  if (pipeline.sink.cassandra === undefined || ring?.administrator === undefined) return undefined;
  return { ...ring, administrator: ring.administrator };
}

/** The pod of the job that makes tables, roles and rights, and fills the secrets that are empty. */
export function administratorSchemaPod(
  args: WorkerArgs,
  ring: AdministeredRing,
  digest: pulumi.Output<string>,
): PodTemplate {
  const { namespace, reader } = ring.administrator;
  const forReader = reader === undefined ? [] : ["--reader", pulumi.interpolate`${namespace}/${reader}`];
  return jobPod(args, ring, SCHEMA, ["schema", "apply"], forReader, { [CHECKSUM]: digest });
}

/** The CronJob that gives the pipeline's other role a new password, and the workers that role. */
export function rotationSpec(args: WorkerArgs, ring: AdministeredRing): inputs.batch.v1.CronJobSpec {
  return {
    schedule: scheduleOf(ring.administrator.rotation ?? DEFAULT_ROTATION, args.pipeline.name),
    timeZone: "Etc/UTC",
    // Two at once would take each other's role.
    concurrencyPolicy: "Forbid",
    startingDeadlineSeconds: ROTATION_LATE_SECONDS,
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 3,
    jobTemplate: {
      metadata: { labels: objectLabels(args.pipeline) },
      spec: {
        backoffLimit: ROTATION_TRIES - 1,
        activeDeadlineSeconds: ROTATION_DEADLINE_SECONDS,
        template: jobPod(args, ring, ROTATION_NAME, ["rotate"], []),
      },
    },
  };
}

function jobPod(
  args: WorkerArgs,
  ring: AdministeredRing,
  label: string,
  command: string[],
  more: pulumi.Input<string>[],
  annotations?: { [name: string]: pulumi.Input<string> },
): PodTemplate {
  const { pipeline, namespace, image } = args;
  const mounted = [
    ...commonMounts(jobsName(pipeline)),
    ...administratorMounts(ring, jobsName(pipeline)),
    kubernetesMount(),
  ];
  const secret = pulumi.interpolate`${namespace}/${roleSecretName(pipeline)}`;
  const publish = ["--publish", secret, ...more, "--kubernetes", KUBERNETES_PATH];
  return {
    metadata: {
      // Neither of the worker's name, nor of those whom the webhook gives an identity in Azure.
      labels: { ...objectLabels(pipeline), [NAME_LABEL]: label },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...podSpec({ serviceAccountName: jobsName(pipeline) }, mounted, [
        { ...container({ image, resources: RESOURCES }, mounted), args: [...command, ...FILES, ...publish] },
      ]),
      restartPolicy: "Never",
    },
  };
}

/** Of the account's token only what is asked for here, and in this pod alone: accounts are not mounted by themselves. */
export function kubernetesMount(): Mounted {
  return {
    volume: {
      name: "kubernetes",
      projected: {
        defaultMode: 0o440,
        sources: [
          { serviceAccountToken: { path: "token", expirationSeconds: TOKEN_SECONDS } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
          { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
        ],
      },
    },
    mount: { mountPath: KUBERNETES_PATH, readOnly: true },
  };
}

/** What goes in and out of the jobs' pods: out names, the ring, and the API server; in nothing. */
export function jobsPolicySpec(args: WorkerArgs): inputs.networking.v1.NetworkPolicySpec {
  const apiServer = [tcp(HTTPS_PORT), tcp(API_SERVER_PORT)];
  return {
    podSelector: {
      matchLabels: objectLabels(args.pipeline),
      // Where the ring shares the workers' namespace, these have a policy of their own.
      matchExpressions: [{ key: NAME_LABEL, operator: "In", values: [SCHEMA, ROTATION_NAME] }],
    },
    policyTypes: ["Ingress", "Egress"],
    ingress: [],
    egress: [outToDns(args), outToStore(args), out(apiServer, args.network?.kubernetesCidrs)],
  };
}
