import {
  AUDIT_DEFAULTS,
  AuditDestination,
  type AuditSettings,
  CASSANDRA_CONCURRENCY,
  CASSANDRA_DEFAULTS,
  CONTRACT_VERSION,
  DELIVERY_DEFAULTS,
  defined,
  type LinstorSink,
  type Pipeline,
  type PipelineDelivery,
  type PipelineSink,
  type PipelineSource,
} from "../../runtime/contract/index.js";
import { keyspaceReplication } from "../cassandra/index.js";
import { planGroups } from "../linstor/plan.js";
import type { ServiceBusEntitiesArgs } from "../servicebus/args.js";
import { DEFAULT_DELIVERIES, DEFAULT_LOCK_SECONDS } from "../servicebus/renderEntities.js";
import type {
  EndpointsArgs,
  IntegrationArgs,
  IntegrationPipelineArgs,
  PipelineSourceArgs,
  StorageArgs,
} from "./args.js";

/** Time that a volume has to become ready, in seconds. */
const READY_SECONDS = 120;

/** What of an integration a pipeline is joined with. */
export interface Surroundings {
  serviceBus: ServiceBusEntitiesArgs;
  pipelines: { [name: string]: IntegrationPipelineArgs };
  storage?: StorageArgs | undefined;
  endpoints?: EndpointsArgs | undefined;
}

/** What source entities have in common, as far as a pipeline must know it. */
interface Receivable {
  lockDurationSeconds?: number;
  maxDeliveryCount?: number;
  requiresSession?: boolean;
  forwardTo?: string;
}

/** The entity that a source names; undefined where there is none of that name. */
export function sourceEntity(bus: ServiceBusEntitiesArgs, source: PipelineSourceArgs): Receivable | undefined {
  if (source.queue !== undefined) return bus.queues?.[source.queue];
  return bus.topics?.[source.topic ?? ""]?.subscriptions?.[source.subscription ?? ""];
}

/**
 * The source as the worker gets it. Lock, deliveries and sessions come from the entity's own args, so that the two
 * cannot drift.
 */
function sourceOf(bus: ServiceBusEntitiesArgs, source: PipelineSourceArgs): PipelineSource {
  const entity = sourceEntity(bus, source);
  return {
    ...source,
    sessions: entity?.requiresSession ?? false,
    lockDurationSeconds: entity?.lockDurationSeconds ?? DEFAULT_LOCK_SECONDS,
    maxDeliveryCount: entity?.maxDeliveryCount ?? DEFAULT_DELIVERIES,
    duplicateDetection: detectsDuplicates(bus, source),
  };
}

/** Whether a second message under a known id is dropped: a topic's setting holds for its subscriptions. */
function detectsDuplicates({ queues, topics }: ServiceBusEntitiesArgs, { queue, topic }: PipelineSourceArgs): boolean {
  const entity = queue === undefined ? topics?.[topic ?? ""] : queues?.[queue];
  return entity?.requiresDuplicateDetection ?? false;
}

/** The sink as the worker gets it, with every default stated. */
function sinkOf(name: string, args: IntegrationPipelineArgs, integration: Surroundings): PipelineSink {
  const { gluster, linstor, cassandra, module } = args.sink;
  return {
    ...defined({ module }),
    ...(gluster === undefined ? {} : { gluster: { mountPath: `/mnt/${gluster.volume}`, directory: name, ...gluster } }),
    ...(linstor === undefined
      ? {}
      : {
          linstor: {
            readyTimeoutSeconds: READY_SECONDS,
            pollMilliseconds: 250,
            ...placement(linstor.resourceGroup, integration),
            ...linstor,
          },
        }),
    ...(cassandra === undefined
      ? {}
      : {
          cassandra: {
            replication: replication(cassandra.table.keyspace, integration),
            ...CASSANDRA_DEFAULTS,
            ...cassandra,
          },
        }),
  };
}

/** What the worker makes a missing resource group with: as `storage.linstor` plans it. */
function placement(group: string, { storage }: Surroundings): Partial<LinstorSink> {
  const plan = storage?.linstor === undefined ? undefined : planGroups(storage.linstor)[group];
  if (plan === undefined) return {};
  const { placeCount, storagePool, replicasOnDifferent } = plan;
  return { placeCount, storagePool, ...(replicasOnDifferent.length === 0 ? {} : { replicasOnDifferent }) };
}

/** Replicas of a keyspace, as `storage.cassandra` plans it. */
function replication(keyspace: string, { storage }: Surroundings): { [datacenter: string]: number } {
  return storage?.cassandra === undefined ? {} : keyspaceReplication(storage.cassandra, keyspace);
}

/** How delivery goes where nothing is said: a message has as long as what is done with it may take. */
function deliveryOf(
  args: IntegrationPipelineArgs,
  sink: PipelineSink,
  { maxDeliveryCount, sessions }: PipelineSource,
): PipelineDelivery {
  const longest = Math.max(
    DELIVERY_DEFAULTS.maxProcessingSeconds,
    sink.gluster?.job.timeoutSeconds ?? 0,
    sink.linstor?.readyTimeoutSeconds ?? 0,
  );
  return {
    ...DELIVERY_DEFAULTS,
    ...(sink.cassandra === undefined || sessions ? {} : { concurrency: CASSANDRA_CONCURRENCY }),
    maxProcessingSeconds: longest,
    expectedRestarts: Math.min(DELIVERY_DEFAULTS.expectedRestarts, maxDeliveryCount - 1),
    ...defined(args.delivery ?? {}),
  };
}

/** Where an audit's files are in a container, where nothing is said. */
const AUDIT_DIRECTORY = "/var/lib/stowage/audit";

/** The audit as the worker gets it, with every default stated. */
function auditOf({ audit }: IntegrationPipelineArgs): AuditSettings | undefined {
  if (audit === undefined) return undefined;
  const { claim: _, ...settings } = audit;
  const inFiles = audit.destination === AuditDestination.File;
  return { ...AUDIT_DEFAULTS, ...(inFiles ? { directory: AUDIT_DIRECTORY } : {}), ...settings };
}

/** A pipeline as the worker gets it: plain JSON, every default stated. */
export function planPipeline(name: string, args: IntegrationPipelineArgs, integration: Surroundings): Pipeline {
  const sink = sinkOf(name, args, integration);
  const source = sourceOf(integration.serviceBus, args.source);
  return {
    contractVersion: CONTRACT_VERSION,
    name,
    source,
    sink,
    delivery: deliveryOf(args, sink, source),
    replyQueues: args.replyQueues ?? [],
    ...defined({ producers: args.producers, audit: auditOf(args) }),
    observe: args.observe ?? false,
  };
}

/** Every pipeline by name, as the workers get them. The args must be valid. */
export function planPipelines(args: IntegrationArgs): { [name: string]: Pipeline } {
  return Object.fromEntries(
    Object.entries(args.pipelines).map(([name, pipeline]) => [name, planPipeline(name, pipeline, args)]),
  );
}
