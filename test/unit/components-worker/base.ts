import { type CassandraEndpointArgs, Worker, type WorkerArgs } from "../../../components/worker/index.js";
import { run } from "../support/mocks.js";
import { pipelineTo } from "../support/pipelines.js";

export const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
export const CONFIG = "kubernetes:core/v1:ConfigMap";
export const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
export const BUDGET = "kubernetes:policy/v1:PodDisruptionBudget";
export const JOB = "kubernetes:batch/v1:Job";
export const SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject";
export const AUTHENTICATION = "kubernetes:keda.sh/v1alpha1:TriggerAuthentication";
export const RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule";
export const PUBLIC_CLOUD = { cloud: "AzurePublicCloud", endpointSuffix: "servicebus.windows.net" };
export const MONITOR = "kubernetes:monitoring.coreos.com/v1:PodMonitor";
export const CLIENT = "11111111-1111-4111-8111-111111111111";
export const image = `registry.example/stowage-worker@sha256:${"a".repeat(64)}`;

export const args: WorkerArgs = {
  namespace: "stowage",
  pipeline: pipelineTo("gluster"),
  connection: { fullyQualifiedNamespace: "contoso.servicebus.windows.net", clientId: CLIENT },
  image,
  serviceAccountName: "renders",
  volumeClaim: "results",
};
export const autoscaling = {
  minReplicas: 1,
  maxReplicas: 20,
  messagesPerReplica: 50,
  identityClientId: CLIENT,
  serviceBusNamespace: "contoso",
};
export const worker = (changed: Partial<WorkerArgs> = {}) => new Worker("w", { ...args, ...changed });
export const toCassandra: Partial<WorkerArgs> = {
  pipeline: pipelineTo("cassandra"),
  connection: { ...args.connection, cassandra: { contactPoints: ["ring.svc"], localDatacenter: "dc1" } },
};

/** A ring that jobs administer, over TLS. */
export const administered = {
  contactPoints: ["ring.svc"],
  localDatacenter: "dc1",
  tls: { caSecret: { name: "ring-node-tls", key: "ca.crt" }, serverName: "ring-dc1-service.cassandra.svc" },
  administrator: { namespace: "cassandra", secret: "ring-superuser" },
};

/** The worker to Cassandra: everything that goes with Gluster left out. */
export const cassandraWorker = (changed: Partial<WorkerArgs> = {}) => {
  const { volumeClaim: _, ...rest } = args;
  return new Worker("w", { ...rest, ...toCassandra, ...changed });
};

/** A ring that asks for nothing. */
export const plain = { contactPoints: ["ring.svc"], localDatacenter: "dc1" };
/** An authority's certificate, as far as its form is looked at. */
export const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
/** A run of a worker whose ring is reached as it is said. */
export const built = (cassandra: CassandraEndpointArgs, changed: Partial<WorkerArgs> = {}, preview = false) =>
  run(() => cassandraWorker({ connection: { ...args.connection, cassandra }, ...changed }), { preview });

export interface Pod {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    containers: [Record<string, unknown>];
    securityContext: Record<string, unknown>;
    volumes: unknown[];
    automountServiceAccountToken: boolean;
    serviceAccountName: string;
    terminationGracePeriodSeconds: number;
  };
}
export const podOf = (inputs: Record<string, unknown>) => (inputs["spec"] as { template: Pod }).template;
