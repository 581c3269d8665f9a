import type { GroupVersionKind } from "./object.js";

/** What the stand-in does with an object of a kind, beyond keeping it. */
export const KindRole = {
  /** Kept; nothing runs from it here, as nothing would run from it by itself in a cluster either. */
  Kept: "kept",
  /** Its pods run as processes. */
  Runs: "runs",
  /** A cluster runs pods from it by a schedule; here they run as processes when somebody says so. */
  OnDemand: "onDemand",
  /** A cluster would run pods from it; here it is kept only, and named as not run. */
  NotRun: "notRun",
  /** A cluster runs an operator's parts from it; a controller of the composition root does so here. */
  Operator: "operator",
} as const;
export type KindRole = (typeof KindRole)[keyof typeof KindRole];

/** A kind that the stand-in knows. */
export interface KnownKind extends GroupVersionKind {
  namespaced: boolean;
  role: KindRole;
  /** Token of the resource in Pulumi's SDK. */
  type: string;
  /** Properties whose change replaces the object, as in Pulumi's provider for Kubernetes 4 (provider/pkg/provider/diff.go). */
  replaceOn: readonly string[];
}

const IDENTITY = ["apiVersion", "kind", "metadata.name", "metadata.namespace"];

const PV_SOURCES = [
  "awsElasticBlockStore",
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "csi",
  "fc",
  "flexVolume",
  "gcePersistentDisk",
  "glusterfs",
  "hostPath",
  "iscsi",
  "local",
  "nfs",
  "portworxVolume",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "vsphereVolume",
].map((source) => `spec.${source}`);

/** Replacing properties by kind, besides the object's identity. */
const REPLACES: Record<string, readonly string[]> = {
  // A config map is replaced by default: the provider setting `enableConfigMapMutable` is off.
  ConfigMap: ["data", "binaryData", "immutable"],
  Secret: ["type", "data", "stringData", "immutable"],
  PersistentVolume: PV_SOURCES,
  PersistentVolumeClaim: ["spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"],
  Service: ["spec.clusterIP"],
  Deployment: ["spec.selector"],
  DaemonSet: ["spec.selector"],
  StatefulSet: [
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
  ],
  Job: ["spec.completions", "spec.parallelism", "spec.selector", "spec.template"],
  StorageClass: ["parameters", "provisioner"],
  RoleBinding: ["roleRef"],
  ClusterRoleBinding: ["roleRef"],
  // A release is moved by a new release (provider/pkg/provider/helm_release.go); `metadata` is no field of it.
  Release: ["name", "namespace"],
};

interface Group {
  apiVersion: string;
  /** Namespaced kinds. */
  namespaced?: readonly string[];
  /** Kinds of the whole cluster. */
  cluster?: readonly string[];
}

const BUILT_IN: readonly Group[] = [
  {
    apiVersion: "v1",
    namespaced: [
      "ConfigMap",
      "Endpoints",
      "LimitRange",
      "PersistentVolumeClaim",
      "Pod",
      "ResourceQuota",
      "Secret",
      "Service",
      "ServiceAccount",
    ],
    cluster: ["Namespace", "PersistentVolume"],
  },
  { apiVersion: "apps/v1", namespaced: ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"] },
  { apiVersion: "batch/v1", namespaced: ["CronJob", "Job"] },
  { apiVersion: "autoscaling/v2", namespaced: ["HorizontalPodAutoscaler"] },
  { apiVersion: "policy/v1", namespaced: ["PodDisruptionBudget"] },
  { apiVersion: "networking.k8s.io/v1", namespaced: ["Ingress", "NetworkPolicy"], cluster: ["IngressClass"] },
  { apiVersion: "storage.k8s.io/v1", cluster: ["CSIDriver", "StorageClass", "VolumeAttachment"] },
  { apiVersion: "scheduling.k8s.io/v1", cluster: ["PriorityClass"] },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    namespaced: ["Role", "RoleBinding"],
    cluster: ["ClusterRole", "ClusterRoleBinding"],
  },
  { apiVersion: "apiextensions.k8s.io/v1", cluster: ["CustomResourceDefinition"] },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    cluster: ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
  },
  { apiVersion: "helm.sh/v3", namespaced: ["Release"] },
];

const CUSTOM: readonly Group[] = [
  { apiVersion: "keda.sh/v1alpha1", namespaced: ["ScaledObject", "TriggerAuthentication"] },
  { apiVersion: "k8ssandra.io/v1alpha1", namespaced: ["K8ssandraCluster"] },
  { apiVersion: "cassandra.datastax.com/v1beta1", namespaced: ["CassandraDatacenter"] },
  { apiVersion: "cert-manager.io/v1", namespaced: ["Certificate", "Issuer"], cluster: ["ClusterIssuer"] },
  {
    apiVersion: "snapshot.storage.k8s.io/v1",
    namespaced: ["VolumeSnapshot"],
    cluster: ["VolumeSnapshotClass", "VolumeSnapshotContent"],
  },
  { apiVersion: "piraeus.io/v1", cluster: ["LinstorCluster", "LinstorSatelliteConfiguration"] },
  { apiVersion: "monitoring.coreos.com/v1", namespaced: ["PodMonitor", "PrometheusRule", "ServiceMonitor"] },
];

const ROLES: Record<string, KindRole> = {
  Deployment: KindRole.Runs,
  Job: KindRole.Runs,
  CronJob: KindRole.OnDemand,
  DaemonSet: KindRole.NotRun,
  Pod: KindRole.NotRun,
  Release: KindRole.NotRun,
  ReplicaSet: KindRole.NotRun,
  StatefulSet: KindRole.NotRun,
  K8ssandraCluster: KindRole.Operator,
  CassandraDatacenter: KindRole.Operator,
  Certificate: KindRole.Operator,
  Issuer: KindRole.Operator,
  ClusterIssuer: KindRole.Operator,
  LinstorCluster: KindRole.Operator,
  LinstorSatelliteConfiguration: KindRole.Operator,
};

/** `kubernetes:rbac.authorization.k8s.io/v1:Role`, `kubernetes:core/v1:ConfigMap`. */
function tokenOf(apiVersion: string, kind: string): string {
  return `kubernetes:${apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`}:${kind}`;
}

function known({ apiVersion, namespaced = [], cluster = [] }: Group): KnownKind[] {
  return [...namespaced, ...cluster].map((kind) => ({
    apiVersion,
    kind,
    namespaced: namespaced.includes(kind),
    role: ROLES[kind] ?? KindRole.Kept,
    type: tokenOf(apiVersion, kind),
    replaceOn: kind === "Release" ? (REPLACES[kind] ?? []) : [...IDENTITY, ...(REPLACES[kind] ?? [])],
  }));
}

/** Where an object has its pod template; undefined for one from which no pods run here. */
export function templatePath({ kind }: Pick<GroupVersionKind, "kind">): readonly string[] | undefined {
  if (kind === "CronJob") return ["spec", "jobTemplate", "spec", "template"];
  return kind === "Deployment" || kind === "Job" ? ["spec", "template"] : undefined;
}

/** Every kind that the stand-in takes. */
export const KNOWN_KINDS: readonly KnownKind[] = [...BUILT_IN, ...CUSTOM].flatMap(known);

/** The kind of an object; undefined where the stand-in does not know it. */
export function kindOf({ apiVersion, kind }: GroupVersionKind): KnownKind | undefined {
  return KNOWN_KINDS.find((k) => k.apiVersion === apiVersion && k.kind === kind);
}
