import {
  AuditDestination,
  defined,
  type ModuleSink,
  type PipelineDelivery,
  type PipelineProducers,
} from "../../runtime/contract/index.js";
import { absolutePath, because, oneOf, text } from "../../runtime/contract/zod.js";
import type { CassandraRingArgs } from "../cassandra/args.js";
import type { GlusterClusterArgs } from "../gluster/args.js";
import { gitHubActionsSchema, grantsSchema, principalShape } from "../identity/schema.js";
import type { LinstorClusterArgs } from "../linstor/args.js";
import type { ServiceBusEntitiesArgs } from "../servicebus/args.js";
import { given } from "../support/given.js";
import { flag, mapOf, type Shape, strict, tagsSchema, words, z } from "../support/schema.js";
import type { ScalingArgs } from "../worker/args.js";
import { endpointShape } from "../worker/cassandra/schema.js";
import { alertsSchema, monitoringSchema } from "../worker/monitoringSchema.js";
import {
  cidrsSchema,
  imageSchema,
  modulesSchema,
  portsSchema,
  replicasSchema,
  resourcesSchema,
  telemetrySchema,
} from "../worker/schema.js";
import {
  type CassandraContactArgs,
  type CassandraSinkArgs,
  type ClusterArgs,
  type DeployerArgs,
  type EndpointsArgs,
  type GlusterSinkArgs,
  type IntegrationArgs,
  type IntegrationNetworkArgs,
  type IntegrationPipelineArgs,
  type LinstorEndpointArgs,
  type LinstorSinkArgs,
  type ModuleStoreArgs,
  type NamespaceArgs,
  OperatorSource,
  type OperatorsArgs,
  type PipelineAuditArgs,
  type PipelineSinkArgs,
  type PipelineSourceArgs,
  type ProducerArgs,
  type ResourceGroupArgs,
  type StorageArgs,
} from "./args.js";

function isObject(value: unknown): value is object {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** A part that is checked by rules of its own: here only that it is an object, with objects at some of its keys. */
function part<T>(...keys: (keyof T & string)[]): z.ZodCustom<T, T> {
  const needs = keys.length === 0 ? "its settings" : keys.join(" and ");
  return z.custom<T>(
    (value) => isObject(value) && keys.every((key) => isObject(Reflect.get(value, key))),
    because(keys.length === 0 ? "must be an object" : `must be an object with ${needs}`, `Give ${needs}`),
  );
}

const label = (what: string) =>
  text(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    `${what}: 1 to 63 lower-case letters, digits or -`,
    "Use a name by the rule of Kubernetes",
  );
const entity = z.exactOptional(words("the name of an entity of serviceBus"));

const sourceSchema = strict({
  queue: entity,
  topic: entity,
  subscription: entity,
} satisfies Shape<PipelineSourceArgs>);

/** A sink by its kind; the pipeline's own rules check what is in it. */
const sinkSchema = strict({
  gluster: z.exactOptional(part<GlusterSinkArgs>("job")),
  linstor: z.exactOptional(part<LinstorSinkArgs>()),
  cassandra: z.exactOptional(part<CassandraSinkArgs>("table")),
  module: z.exactOptional(part<ModuleSink>()),
} satisfies Shape<PipelineSinkArgs>);

/** An audit as far as it is not checked by the pipeline's own rules, which know the figures. */
const auditSchema = strict({
  destination: oneOf(AuditDestination),
  directory: z.exactOptional(absolutePath),
  claim: z.exactOptional(given(words("the name of a claim"))),
  headEvery: z.exactOptional(z.number(because("must be a number of records", "Give a number"))),
  maxFileBytes: z.exactOptional(z.number(because("must be a number of bytes", "Give a number"))),
} satisfies Shape<PipelineAuditArgs>) satisfies z.ZodType<PipelineAuditArgs, PipelineAuditArgs>;

const moduleStoreSchema = strict({
  ports: portsSchema,
  cidrs: z.exactOptional(cidrsSchema),
  namespace: z.exactOptional(words("the namespace of the store")),
} satisfies Shape<ModuleStoreArgs>) satisfies z.ZodType<ModuleStoreArgs, ModuleStoreArgs>;

/** A pipeline as far as it is not checked by the pipeline's own rules, or by those of scaling. */
export const pipelineArgsSchema = strict({
  source: sourceSchema,
  sink: sinkSchema,
  delivery: z.exactOptional(part<Partial<PipelineDelivery>>()),
  producers: z.exactOptional(part<PipelineProducers>()),
  audit: z.exactOptional(auditSchema),
  observe: z.exactOptional(z.boolean(because("must be true or false", "Say whether the worker reads exact counts"))),
  replyQueues: z.exactOptional(
    z.array(
      words("the name of a queue"),
      because("must be a list of queue names", "Give [] where nothing is answered"),
    ),
  ),
  replicas: z.exactOptional(replicasSchema),
  scaling: z.exactOptional(part<ScalingArgs>()),
  resources: z.exactOptional(resourcesSchema),
  modules: z.exactOptional(modulesSchema),
  moduleStore: z.exactOptional(moduleStoreSchema),
  alerts: z.exactOptional(alertsSchema),
} satisfies Shape<IntegrationPipelineArgs>) satisfies z.ZodType<IntegrationPipelineArgs, IntegrationPipelineArgs>;

/** A producer as far as it is not checked by the rules of principals and grants. */
export const producerSchema = strict({
  ...principalShape,
  grants: grantsSchema.min(1, because("must have at least one grant", "Say what the producer may send to")),
} satisfies Shape<ProducerArgs>) satisfies z.ZodType<ProducerArgs, ProducerArgs>;

/** A deployer as far as it is not checked by the rules of federations and grants. */
export const deployerSchema = strict({
  githubActions: mapOf(gitHubActionsSchema, "workflows"),
  grants: z.exactOptional(grantsSchema),
} satisfies Shape<DeployerArgs>) satisfies z.ZodType<DeployerArgs, DeployerArgs>;

const networkSchema = strict({
  serviceBusCidrs: z.exactOptional(cidrsSchema),
  entraCidrs: z.exactOptional(cidrsSchema),
  linstorCidrs: z.exactOptional(cidrsSchema),
  cassandraCidrs: z.exactOptional(cidrsSchema),
  kubernetesCidrs: z.exactOptional(cidrsSchema),
  dnsCidrs: z.exactOptional(cidrsSchema),
  issuerCidrs: z.exactOptional(cidrsSchema),
  otlpCidrs: z.exactOptional(cidrsSchema),
  otlpNamespace: z.exactOptional(words("the namespace of the receiver")),
} satisfies Shape<IntegrationNetworkArgs>);

const list = (what: string) =>
  given(
    z
      .array(given(words(what)), because(`must be a list: ${what} each`, "Give at least one"))
      .min(1, because("must have at least one entry", `Give ${what}`)),
  );

const endpointsSchema = strict({
  linstor: z.exactOptional(strict({ controllers: list("a controller's URL") } satisfies Shape<LinstorEndpointArgs>)),
  cassandra: z.exactOptional(
    strict({
      ...endpointShape,
      localDatacenter: z.exactOptional(words("the datacenter next to the workers")),
    } satisfies Shape<CassandraContactArgs>),
  ),
} satisfies Shape<EndpointsArgs>);

const source = z.exactOptional(oneOf(OperatorSource));

/**
 * Shape of an integration's args, each part by itself. What has rules of its own (the bus, a pipeline's sink and
 * delivery, a store) is only known to be an object; `integrationProblems` checks all of it.
 */
export const integrationSchema = strict({
  location: given(words("an Azure region")),
  resourceGroup: strict({
    name: text(
      /^[\w.()-]{0,89}[\w()-]$/,
      "1 to 90 letters, digits, . _ - or parentheses, not ending in a dot",
      "Use a name by Azure's rule",
    ),
    create: z.exactOptional(flag()),
  } satisfies Shape<ResourceGroupArgs>),
  cluster: strict({
    id: text(
      /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ContainerService\/managedClusters\/[^/]+$/i,
      "the resource id of an AKS cluster",
      "Give /subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerService/managedClusters/…",
    ),
    oidcIssuerUrl: z.exactOptional(
      given(text(/^https:\/\/\S+$/, "an https URL", "Give the issuer as the cluster shows it")),
    ),
    kubeContext: z.exactOptional(words("a context of the kubeconfig")),
  } satisfies Shape<ClusterArgs>),
  namespace: strict({
    name: label("the name of a namespace"),
    create: z.exactOptional(flag()),
  } satisfies Shape<NamespaceArgs>),
  image: imageSchema,
  serviceBus: part<ServiceBusEntitiesArgs>("namespace"),
  pipelines: mapOf(part<IntegrationPipelineArgs>(), "pipelines"),
  producers: z.exactOptional(mapOf(part<ProducerArgs>(), "producers")),
  deployers: z.exactOptional(mapOf(part<DeployerArgs>(), "deployers")),
  storage: z.exactOptional(
    strict({
      gluster: z.exactOptional(part<GlusterClusterArgs>()),
      linstor: z.exactOptional(part<LinstorClusterArgs>()),
      cassandra: z.exactOptional(part<CassandraRingArgs>()),
    } satisfies Shape<StorageArgs>),
  ),
  endpoints: z.exactOptional(endpointsSchema),
  operators: z.exactOptional(
    strict({
      keda: source,
      kedaNamespace: z.exactOptional(label("KEDA's namespace")),
      certManager: source,
      piraeus: source,
      k8ssandra: source,
    } satisfies Shape<OperatorsArgs>),
  ),
  monitoring: z.exactOptional(monitoringSchema),
  telemetry: z.exactOptional(telemetrySchema),
  network: z.exactOptional(networkSchema),
  developmentEmulator: z.exactOptional(flag()),
  instanceDiscovery: z.exactOptional(flag()),
  tags: z.exactOptional(tagsSchema),
} satisfies Shape<IntegrationArgs>) satisfies z.ZodType<IntegrationArgs>;

/** Of args that may be wrong anywhere, the parts that have rules of their own, as far as they are there at all. */
export const partsSchema = z.object({
  location: z.unknown(),
  image: z.unknown().optional(),
  namespace: z.object({ name: z.string() }).optional().catch(undefined),
  serviceBus: part<ServiceBusEntitiesArgs>().optional().catch(undefined),
  pipelines: z.record(z.string(), z.unknown()).catch({}),
  producers: z.record(z.string(), z.unknown()).catch({}),
  deployers: z.record(z.string(), z.unknown()).catch({}),
  storage: z
    .object({
      gluster: part<GlusterClusterArgs>().optional().catch(undefined),
      linstor: part<LinstorClusterArgs>().optional().catch(undefined),
      cassandra: part<CassandraRingArgs>().optional().catch(undefined),
    })
    .catch({})
    .transform((parts): StorageArgs => defined(parts)),
  endpoints: endpointsSchema.optional().catch(undefined),
  monitoring: monitoringSchema.optional().catch(undefined),
  developmentEmulator: z.boolean().optional().catch(undefined),
  telemetry: telemetrySchema.optional().catch(undefined),
  network: networkSchema.optional().catch(undefined),
});
