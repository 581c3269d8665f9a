import type * as pulumi from "@pulumi/pulumi";
import type { CassandraRingArgs } from "../cassandra/args.js";
import type { GlusterClusterArgs } from "../gluster/args.js";
import type { GitHubActionsArgs, GrantArgs, PrincipalArgs } from "../identity/args.js";
import type { LinstorClusterArgs } from "../linstor/args.js";
import type { ServiceBusEntitiesArgs } from "../servicebus/args.js";
import type { CassandraAdministratorArgs, CassandraTlsArgs, WorkerTelemetryArgs } from "../worker/args.js";
import type { WorkerMonitoringArgs } from "../worker/monitoringArgs.js";
import type { IntegrationPipelineArgs } from "./pipelineArgs.js";

export * from "./pipelineArgs.js";

/** Where an operator comes from. */
export const OperatorSource = {
  /** A Helm release of the version that this package pins. */
  Install: "install",
  /** It is in the cluster already. */
  Existing: "existing",
} as const;
export type OperatorSource = (typeof OperatorSource)[keyof typeof OperatorSource];

/** The resource group of bus and identities. */
export interface ResourceGroupArgs {
  /** Its name. Changing this replaces everything in it: every message is lost. */
  name: string;
  /**
   * True where it is made here, false where it exists and is adopted.
   * @default true
   */
  create?: boolean;
}

/** The Kubernetes cluster. It is adopted. */
export interface ClusterArgs {
  /** Resource id of the AKS cluster. */
  id: string;
  /**
   * OIDC issuer of the cluster, an https URL.
   * @default looked up from the cluster
   */
  oidcIssuerUrl?: pulumi.Input<string>;
  /**
   * Context of the kubeconfig that leads to the cluster. Without it the program's own Kubernetes provider is used,
   * whichever cluster that leads to.
   */
  kubeContext?: string;
}

/** The Kubernetes namespace of the workers. */
export interface NamespaceArgs {
  /** Its name, a DNS label. Changing this replaces every worker; messages stay in the bus. */
  name: string;
  /**
   * True where it is made here, for restricted pods only; false where it exists and is adopted.
   * @default true
   */
  create?: boolean;
}

/** Where the operators come from that the parts need. Only those that are needed are installed. */
export interface OperatorsArgs {
  /**
   * KEDA, where a pipeline has `scaling`.
   * @default "existing"
   */
  keda?: OperatorSource;
  /**
   * Namespace of KEDA and of its account `keda-operator`; `kube-system` for the add-on of AKS.
   * @default "keda"
   */
  kedaNamespace?: string;
  /**
   * cert-manager, where there is a Cassandra ring.
   * @default "existing"
   */
  certManager?: OperatorSource;
  /**
   * piraeus-operator, where there is a LINSTOR cluster; it is installed into that cluster's namespace.
   * @default "existing"
   */
  piraeus?: OperatorSource;
  /**
   * k8ssandra-operator, where there is a Cassandra ring; it is installed into the ring's namespace.
   * @default "existing"
   */
  k8ssandra?: OperatorSource;
}

/** The stores. Each is made here where it stands; a pipeline that writes to another needs `endpoints`. */
export interface StorageArgs {
  /** Storage hosts for Gluster. With `access`, whose `claimNamespace` is the workers' namespace. */
  gluster?: GlusterClusterArgs;
  /** A LINSTOR cluster. */
  linstor?: LinstorClusterArgs;
  /** A Cassandra ring. */
  cassandra?: CassandraRingArgs;
}

/** Where stores are reached, in place of what follows from `storage`. */
export interface EndpointsArgs {
  /** LINSTOR. */
  linstor?: LinstorEndpointArgs;
  /** Cassandra. */
  cassandra?: CassandraContactArgs;
}

/** Where LINSTOR is reached. */
export interface LinstorEndpointArgs {
  /** URLs of the controllers, `http://linstor-controller.storage.svc:3370`. */
  controllers: pulumi.Input<pulumi.Input<string>[]>;
}

/** Where Cassandra is reached, and by whom. With `storage.cassandra` what is not said here is that ring's. */
export interface CassandraContactArgs {
  /** Hosts, without port. */
  contactPoints: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Port of the native protocol, 1 to 65535.
   * @default 9042
   */
  port?: number;
  /**
   * The datacenter next to the workers.
   * @default that of `storage.cassandra`
   */
  localDatacenter?: string;
  /**
   * How the nodes prove themselves.
   * @default as those of `storage.cassandra`; without it not at all: the ring is spoken to in plaintext
   */
  tls?: CassandraTlsArgs;
  /**
   * As whom jobs make the tables, each pipeline's own roles and their passwords. Not with `credentials`.
   * @default the superuser of `storage.cassandra`; without it nobody
   */
  administrator?: CassandraAdministratorArgs;
  /**
   * Secret of the workers' namespace with the keys `username` and `password`, for those who manage roles and
   * tables themselves: none is made, and nothing is rotated. Not with `administrator`.
   * @default none
   */
  credentials?: pulumi.Input<string>;
}

/** A principal that exists and publishes: a user, a group, an application or a managed identity. */
export interface ProducerArgs extends PrincipalArgs {
  /**
   * What it may do: send, and receive what is answered. It never manages, and never receives from a pipeline's source,
   * whose worker would miss what it takes.
   */
  grants: GrantArgs[];
}

/** An identity that pipelines run `pulumi up` as. What it may change in Azure is assigned to it by who owns that. */
export interface DeployerArgs {
  /** Workflows of GitHub Actions that log in as the identity, by name: 1 to 20. */
  githubActions: { [name: string]: GitHubActionsArgs };
  /**
   * What it may do with messages: a test after a deployment may send one.
   * @default nothing
   */
  grants?: GrantArgs[];
}

/** Which addresses the workers reach; ranges are IPv4, `10.20.3.0/28`. A policy names ranges, never hosts. */
export interface IntegrationNetworkArgs {
  /**
   * Ranges of the private endpoints of the Service Bus, on port 5671.
   * @default the `privateAddress` of its endpoints, where all have one and there is no public access; else every address
   */
  serviceBusCidrs?: string[];
  /**
   * Ranges through which Entra ID is reached, on port 443.
   * @default every address
   */
  entraCidrs?: string[];
  /**
   * Ranges of the LINSTOR controllers, on their port, where they are outside of the cluster.
   * @default the namespace of `storage.linstor`; every address with `endpoints.linstor`
   */
  linstorCidrs?: string[];
  /**
   * Ranges of the Kubernetes API server, on the ports 443 and 6443, for the jobs of a Cassandra ring's superuser, which
   * write the pipelines' passwords into their secrets.
   * @default every address
   */
  kubernetesCidrs?: string[];
  /**
   * Ranges of the Cassandra ring, on its port, where it is outside of the cluster.
   * @default the namespace of `storage.cassandra`; every address with `endpoints.cassandra`
   */
  cassandraCidrs?: string[];
  /**
   * Ranges of the resolvers, on port 53.
   * @default the cluster's own
   */
  dnsCidrs?: string[];
  /**
   * Ranges through which the issuers of producers' keys are reached, by pipelines with `producers.requireSignature`.
   * @default every address
   */
  issuerCidrs?: string[];
  /**
   * Ranges of the receiver of `telemetry`, on its port, where it is outside of the cluster.
   * @default every address
   */
  otlpCidrs?: string[];
  /**
   * Kubernetes namespace of that receiver's pods, where it is in the cluster. In place of `otlpCidrs`.
   * @default every address
   */
  otlpNamespace?: string;
}

/** Arguments of Integration: everything, in one object. */
export interface IntegrationArgs {
  /** Azure region, `westeurope`. Changing this replaces the bus and loses every message. */
  location: pulumi.Input<string>;
  /** The resource group of bus and identities. */
  resourceGroup: ResourceGroupArgs;
  /** The Kubernetes cluster. */
  cluster: ClusterArgs;
  /** The Kubernetes namespace of the workers. */
  namespace: NamespaceArgs;
  /** The worker's image, by digest: `registry.example/stowage-worker@sha256:…`. */
  image: string;
  /** The Service Bus namespace and its entities. */
  serviceBus: ServiceBusEntitiesArgs;
  /** The pipelines, by name. */
  pipelines: { [name: string]: IntegrationPipelineArgs };
  /**
   * Principals that exist and may publish, by name: 1 to 40 lower-case letters, digits or `-`. With shared access keys
   * off, which is the default, nobody else can.
   * @default nobody
   */
  producers?: { [name: string]: ProducerArgs };
  /**
   * Identities that pipelines run `pulumi up` as, by name: 1 to 40 lower-case letters, digits or `-`.
   * @default none
   */
  deployers?: { [name: string]: DeployerArgs };
  /** The stores that are made here. */
  storage?: StorageArgs;
  /** Where the stores are reached, in place of what follows from `storage`. */
  endpoints?: EndpointsArgs;
  /** Where the operators come from. */
  operators?: OperatorsArgs;
  /**
   * Who reads the workers' metrics.
   * @default nobody
   */
  monitoring?: WorkerMonitoringArgs;
  /**
   * Where the workers send traces and metrics by OTLP.
   * @default nowhere
   */
  telemetry?: WorkerTelemetryArgs;
  /**
   * Which addresses the workers reach.
   * @default every address on the ports of bus and Entra ID, the stores made here, and the cluster's own resolvers
   */
  network?: IntegrationNetworkArgs;
  /**
   * True where the bus is a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity.
   * For development on one machine; never in Azure.
   * @default false
   */
  developmentEmulator?: boolean;
  /**
   * False where Microsoft's instance discovery does not know the authority that the workers get tokens from (Azure
   * Stack, a disconnected cloud, the local environment): it is then taken as it is, and Microsoft is not asked.
   * @default true
   */
  instanceDiscovery?: boolean;
  /** Tags of every Azure resource that takes them. */
  tags?: { [name: string]: string };
}
