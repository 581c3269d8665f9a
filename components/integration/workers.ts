import type * as pulumi from "@pulumi/pulumi";
import { defined, entityPath, type Pipeline, type PipelineSource } from "../../runtime/contract/index.js";
import { type GrantArgs, Right, type RightsEntry } from "../identity/args.js";
import { WorkloadIdentity } from "../identity/index.js";
import type { ServiceBus } from "../servicebus/index.js";
import type { WorkerAutoscalingArgs, WorkerConnectionArgs } from "../worker/args.js";
import { Worker } from "../worker/index.js";
import type { IntegrationArgs, IntegrationPipelineArgs } from "./args.js";
import { childNames } from "./names.js";
import { KEDA_ACCOUNT, kedaNamespace } from "./operators.js";
import type { Stores } from "./storage.js";

/** What the workers stand on. */
interface Ground {
  resourceGroupName: pulumi.Output<string>;
  namespaceName: pulumi.Output<string>;
  issuer: pulumi.Output<string>;
  bus: ServiceBus;
  stores: Stores;
  /** The release of KEDA, where it is installed here. */
  keda: pulumi.Resource | undefined;
  opts: pulumi.ComponentResourceOptions;
}

/** What was registered, by pipeline. */
interface Workers {
  deployments: { [pipeline: string]: pulumi.Output<string> };
  clientIds: { [pipeline: string]: pulumi.Output<string> };
  rights: pulumi.Output<RightsEntry[]>[];
}

/** The source entity as a grant names it. */
function on({ queue, topic, subscription }: PipelineSource, right: Right): GrantArgs {
  return defined({ queue, topic, subscription, right });
}

/** What a worker may do: receive from its source, send to its reply queues, and nothing else. */
export function workerGrants(pipeline: Pipeline): GrantArgs[] {
  const replies = [...new Set(pipeline.replyQueues)];
  return [on(pipeline.source, Right.Receive), ...replies.map((queue) => ({ queue, right: Right.Send }))];
}

/** What an autoscaler may do. Azure shows message counts only to those who may manage the entity. */
export function autoscalerGrants(pipeline: Pipeline): GrantArgs[] {
  return [on(pipeline.source, Right.Manage)];
}

/** Registers identities and worker of every pipeline. */
export function registerPipelines(
  name: string,
  args: IntegrationArgs,
  pipelines: { [name: string]: Pipeline },
  ground: Ground,
): Workers {
  const workers: Workers = { deployments: {}, clientIds: {}, rights: [] };
  for (const [key, pipeline] of Object.entries(pipelines)) {
    const settings = args.pipelines[key];
    if (settings === undefined) continue;
    const identity = workerIdentity(name, args, pipeline, ground);
    const autoscaler = settings.scaling === undefined ? undefined : autoscalerIdentity(name, args, pipeline, ground);
    const worker = registerWorker(name, args, settings, pipeline, identity, autoscaler, ground);
    workers.deployments[key] = worker.deploymentName;
    workers.clientIds[key] = identity.clientId;
    workers.rights.push(identity.rights, ...(autoscaler === undefined ? [] : [autoscaler.rights]));
  }
  return workers;
}

/** Ids of the entities that grants are on: each assignment then waits for its own entity alone. */
function scopeOf(args: IntegrationArgs, name: string, bus: ServiceBus, paths: string[]) {
  return {
    namespace: args.serviceBus.namespace.name ?? childNames.serviceBus(name),
    entityIds: Object.fromEntries(paths.map((path) => [path, bus.entityId(path)])),
  };
}

function workerIdentity(name: string, args: IntegrationArgs, pipeline: Pipeline, ground: Ground): WorkloadIdentity {
  return new WorkloadIdentity(
    childNames.pipeline(name, pipeline.name),
    {
      resourceGroupName: ground.resourceGroupName,
      location: args.location,
      purpose: `Stowage pipeline ${pipeline.name}`,
      issuerUrl: ground.issuer,
      serviceAccount: { namespace: ground.namespaceName, name: pipeline.name },
      grants: workerGrants(pipeline),
      scope: scopeOf(args, name, ground.bus, [entityPath(pipeline.source), ...pipeline.replyQueues]),
      ...defined({ tags: args.tags }),
    },
    ground.opts,
  );
}

/** The autoscaler has an identity of its own: the worker never may manage what it receives from. */
function autoscalerIdentity(name: string, args: IntegrationArgs, pipeline: Pipeline, ground: Ground): WorkloadIdentity {
  return new WorkloadIdentity(
    childNames.autoscaler(name, pipeline.name),
    {
      resourceGroupName: ground.resourceGroupName,
      location: args.location,
      purpose: `Autoscaler of Stowage pipeline ${pipeline.name}`,
      issuerUrl: ground.issuer,
      serviceAccount: { namespace: kedaNamespace(args.operators), name: KEDA_ACCOUNT, create: false },
      grants: autoscalerGrants(pipeline),
      scope: scopeOf(args, name, ground.bus, [entityPath(pipeline.source)]),
      ...defined({ tags: args.tags }),
    },
    ground.opts,
  );
}

function registerWorker(
  name: string,
  args: IntegrationArgs,
  settings: IntegrationPipelineArgs,
  pipeline: Pipeline,
  identity: WorkloadIdentity,
  autoscaler: WorkloadIdentity | undefined,
  ground: Ground,
): Worker {
  const { bus, stores, keda } = ground;
  const { sink } = pipeline;
  const store =
    (sink.gluster && stores.gluster) ?? (sink.linstor && stores.linstor) ?? (sink.cassandra && stores.cassandra);
  const connection: WorkerConnectionArgs = {
    fullyQualifiedNamespace: bus.host,
    clientId: identity.clientId,
    ...defined({
      developmentEmulator: args.developmentEmulator,
      linstorControllers: stores.controllers,
      cassandra: stores.ring,
    }),
  };
  const autoscaling: WorkerAutoscalingArgs | undefined =
    settings.scaling === undefined || autoscaler === undefined
      ? undefined
      : { ...settings.scaling, identityClientId: autoscaler.clientId, serviceBusNamespace: bus.namespaceName };
  const volume = sink.gluster?.volume;
  const volumeClaim = volume === undefined ? undefined : stores.claims?.apply((claims) => claims[volume] ?? "");
  return new Worker(
    childNames.pipeline(name, pipeline.name),
    {
      namespace: ground.namespaceName,
      pipeline,
      connection,
      image: args.image,
      serviceAccountName: identity.serviceAccountName,
      ...defined({
        replicas: settings.replicas,
        autoscaling,
        resources: settings.resources,
        volumeClaim,
        monitoring: args.monitoring,
      }),
    },
    // A worker that starts before its rights are there would be refused by the bus, and its objects by a cluster
    // that does not know their kinds yet.
    { ...ground.opts, dependsOn: [identity, ...[store, keda].filter((each) => each !== undefined)] },
  );
}
