import type * as pulumi from "@pulumi/pulumi";
import type { Pipeline } from "../../runtime/contract/index.js";
import type { CassandraEndpointArgs } from "./cassandra/args.js";
import type { WorkerMonitoringArgs } from "./monitoringArgs.js";

export * from "./cassandra/args.js";

/** Where the worker finds what it is connected to. Values that are known only after deployment. */
export interface WorkerConnectionArgs {
  /** Host of the Service Bus namespace, as `ServiceBus.host` gives it. */
  fullyQualifiedNamespace: pulumi.Input<string>;
  /**
   * Where the namespace's administration is, HOST:PORT, always over HTTPS. Only with the pipeline's `observe`, and only
   * where it is not at port 443 of the namespace's host, as it is in Azure.
   * @default the namespace's host
   */
  administration?: string;
  /**
   * True for a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity. Never in Azure.
   * @default false
   */
  developmentEmulator?: boolean;
  /**
   * False where Microsoft's instance discovery does not know the authority that the pods are told to get tokens from
   * (Azure Stack, a disconnected cloud, the local environment): it is then taken as it is, and Microsoft is not asked.
   * @default true
   */
  instanceDiscovery?: boolean;
  /** Client id of the worker's managed identity. Needed unless `developmentEmulator`. */
  clientId?: pulumi.Input<string>;
  /** URLs of the LINSTOR controllers, `http://linstor-controller.storage.svc:3370`. Needed with a linstor sink. */
  linstorControllers?: pulumi.Input<pulumi.Input<string>[]>;
  /** Where the Cassandra ring is. Needed with a cassandra sink. */
  cassandra?: CassandraEndpointArgs;
}

/** What a worker's container may use; quantities as Kubernetes writes them. */
export interface WorkerResourcesArgs {
  /**
   * CPU that is set aside, `250m`.
   * @default "250m"
   */
  cpu?: string;
  /**
   * CPU at most. Without a limit it takes what is free.
   * @default none
   */
  cpuLimit?: string;
  /**
   * Memory that is set aside, and the most it may use. It must hold `delivery.maxHeldBytes` several times over.
   * @default "512Mi"
   */
  memory?: string;
}

/** Scaling by the number of messages that wait. */
export interface ScalingArgs {
  /** Fewest replicas, 0 to 1000. With 0 the first message waits for a pod to start. */
  minReplicas: number;
  /** Most replicas, 1 to 1000. */
  maxReplicas: number;
  /** Waiting messages for which there is one replica, from 1. */
  messagesPerReplica: number;
  /**
   * How often messages are counted, in seconds, 5 to 3600. Counting is throttled where it is done too often.
   * @default 30
   */
  pollingSeconds?: number;
  /**
   * How long the count must have been low before replicas go, in seconds, 0 to 3600.
   * @default 300
   */
  scaleDownSeconds?: number;
}

/** Scaling with KEDA, which counts messages under an identity of its own. */
export interface WorkerAutoscalingArgs extends ScalingArgs {
  /** Client id of the autoscaler's own identity, which may read counts. Never the worker's. */
  identityClientId: pulumi.Input<string>;
  /** Name of the Service Bus namespace. */
  serviceBusNamespace: pulumi.Input<string>;
}

/** Modules of one's own, mounted read-only at `/opt/stowage/modules`: exactly one of its keys is set. */
export interface WorkerModulesArgs {
  /**
   * Text of ES modules by file name, `{ "sink.mjs": "…" }`, together at most 900 KiB. A change of one rolls the
   * deployment. They may import each other, Node's own modules and `stowage/runtime`.
   */
  files?: { [name: string]: string };
  /** A config map that exists, with one key for each module. A change of what is in it rolls nothing. */
  configMap?: pulumi.Input<string>;
  /**
   * A claim that exists, of a volume with modules and whatever they import. It is mounted on every worker at once. A
   * change of what is in it rolls nothing.
   */
  claim?: pulumi.Input<string>;
}

/** A key of a Kubernetes secret. */
export interface SecretKeyArgs {
  /** Name of the secret, in the namespace of the workers. */
  name: pulumi.Input<string>;
  /** The key in it. */
  key: string;
}

/** Where a worker sends traces and metrics by OTLP, beside being read by Prometheus. */
export interface WorkerTelemetryArgs {
  /**
   * Base URL of a receiver of OTLP over HTTP with protobuf, `http://collector.monitoring.svc:4318`; traces go to
   * `/v1/traces` below it, metrics to `/v1/metrics`. The network policy opens its port.
   */
  otlpEndpoint: string;
  /**
   * Whether traces are sent.
   * @default true
   */
  traces?: boolean;
  /**
   * Whether metrics are sent.
   * @default true
   */
  metrics?: boolean;
  /**
   * Share of traces that is kept where the producer has not decided, 0 to 1.
   * @default all of them, as OpenTelemetry has it
   */
  traceRatio?: number;
  /**
   * Secret with the headers that the receiver wants, as OpenTelemetry writes them: `authorization=Bearer%20…`.
   * @default no headers
   */
  headersSecret?: SecretKeyArgs;
  /**
   * Attributes of the resource, `{ "deployment.environment.name": "prod" }`, beside the names of namespace and pod.
   * @default none
   */
  attributes?: { [name: string]: string };
}

/**
 * Which addresses a worker's pods reach. A network policy names ports and address ranges; it cannot name hosts. Ranges
 * are IPv4, `10.20.3.0/28`.
 */
export interface WorkerNetworkArgs {
  /**
   * Ranges of the private endpoints of the Service Bus, on port 5671.
   * @default every address: the public addresses of a namespace change
   */
  serviceBusCidrs?: string[];
  /**
   * Ranges through which Entra ID is reached, on port 443: a firewall's or a proxy's.
   * @default every address: those of Entra ID are many, and change
   */
  entraCidrs?: string[];
  /**
   * Ranges of the store that the sink writes to, on its port, where it is outside of the cluster: not every network
   * plug-in applies a range to pods. Not with a gluster sink, whose volume the node mounts.
   * @default every address
   */
  storeCidrs?: string[];
  /**
   * Kubernetes namespace of the store's pods, where it is in the cluster. In place of `storeCidrs`, and not with a
   * gluster sink.
   * @default every address
   */
  storeNamespace?: pulumi.Input<string>;
  /**
   * Ports of the store that a sink of one's own writes to, 1 to 65535, reached at `storeCidrs` or `storeNamespace`. Only
   * with such a sink: nothing is known of what it speaks to.
   * @default none: beside bus and Entra ID it reaches nothing
   */
  storePorts?: number[];
  /**
   * Ranges of the resolvers, on port 53.
   * @default the pods `k8s-app: kube-dns` of `kube-system`, and the addresses of the caches that nodes have
   */
  dnsCidrs?: string[];
  /**
   * Ranges through which the issuers of `producers.requireSignature` are reached for their keys, on the ports of their
   * URLs. Only with these.
   * @default every address
   */
  issuerCidrs?: string[];
  /**
   * Ranges of the Kubernetes API server, on the ports 443 and 6443, for the jobs of a Cassandra ring's `administrator`,
   * which write the pipeline's password into its secret. Only with these.
   * @default every address
   */
  kubernetesCidrs?: string[];
  /**
   * Ranges of the receiver of `telemetry`, on its port, where it is outside of the cluster. Only with `telemetry`.
   * @default every address
   */
  otlpCidrs?: string[];
  /**
   * Kubernetes namespace of that receiver's pods, where it is in the cluster. In place of `otlpCidrs`.
   * @default every address
   */
  otlpNamespace?: pulumi.Input<string>;
}

/** Arguments of Worker. */
export interface WorkerArgs {
  /** Kubernetes namespace of the worker. Changing this replaces every object; messages stay in the bus. */
  namespace: pulumi.Input<string>;
  /**
   * The pipeline that the worker runs. Its name is the name of every object; a change of anything else rolls the
   * deployment.
   */
  pipeline: Pipeline;
  /** Where the worker finds what it is connected to. */
  connection: WorkerConnectionArgs;
  /** The worker's image, by digest: `registry.example/stowage-worker@sha256:…`. A tag is refused: it can change. */
  image: string;
  /** Service account that carries the worker's identity. */
  serviceAccountName: pulumi.Input<string>;
  /**
   * Replicas, 0 to 1000. Not with `autoscaling`, which counts them itself.
   * @default 2
   */
  replicas?: number;
  /**
   * Scaling by waiting messages.
   * @default none: a fixed number of replicas
   */
  autoscaling?: WorkerAutoscalingArgs;
  /** What the container may use. */
  resources?: WorkerResourcesArgs;
  /** Claim of the Gluster volume. Needed with a gluster sink, and only there. */
  volumeClaim?: pulumi.Input<string>;
  /**
   * Claim of the volume that the audit's files go to, mounted at `audit.directory`. Needed with the destination `file`,
   * and only there. Every worker writes files of its own name: with more than one replica, or a surge of one at a
   * roll-out, the volume must be mountable on several nodes (ReadWriteMany).
   */
  auditClaim?: pulumi.Input<string>;
  /**
   * Modules that `sink.module` or `job.module` names. Without them the image has to have these.
   * @default none
   */
  modules?: WorkerModulesArgs;
  /**
   * Where traces and metrics are sent by OTLP.
   * @default nowhere
   */
  telemetry?: WorkerTelemetryArgs;
  /**
   * Who reads the metrics.
   * @default nobody: no monitor, and the metrics port is closed to other pods
   */
  monitoring?: WorkerMonitoringArgs;
  /**
   * Which addresses the pods reach.
   * @default every address on the ports 443 and 5671 and that of the store, and the cluster's own resolvers
   */
  network?: WorkerNetworkArgs;
  /** Labels of the nodes that workers run on. */
  nodeSelector?: { [label: string]: string };
}
