import type * as pulumi from "@pulumi/pulumi";
import { defined, type Pipeline } from "../../runtime/contract/index.js";
import { IdentityKind, type RightsEntry } from "../identity/args.js";
import { WorkloadIdentity } from "../identity/index.js";
import type { ServiceBus } from "../servicebus/index.js";
import type { WorkerAutoscalingArgs, WorkerConnectionArgs } from "../worker/args.js";
import { Worker } from "../worker/index.js";
import type { IntegrationArgs, IntegrationPipelineArgs } from "./args.js";
import { autoscalerGrants, busOf, workerGrants } from "./grants.js";
import { workerMonitoring } from "./monitoring.js";
import { childNames } from "./names.js";
import { workerNetwork } from "./network.js";
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

function workerIdentity(name: string, args: IntegrationArgs, pipeline: Pipeline, ground: Ground): WorkloadIdentity {
  const grants = workerGrants(pipeline);
  return new WorkloadIdentity(
    childNames.pipeline(name, pipeline.name),
    {
      resourceGroupName: ground.resourceGroupName,
      location: args.location,
      purpose: `Stowage pipeline ${pipeline.name}`,
      issuerUrl: ground.issuer,
      serviceAccount: { namespace: ground.namespaceName, name: pipeline.name },
      kind: pipeline.observe ? IdentityKind.Observer : IdentityKind.Worker,
      grants,
      bus: busOf(name, args, ground.bus, grants),
      ...defined({ tags: args.tags }),
    },
    ground.opts,
  );
}

/** The autoscaler has an identity of its own: only a worker that observes may manage what it receives from. */
function autoscalerIdentity(name: string, args: IntegrationArgs, pipeline: Pipeline, ground: Ground): WorkloadIdentity {
  const grants = autoscalerGrants(pipeline);
  return new WorkloadIdentity(
    childNames.autoscaler(name, pipeline.name),
    {
      resourceGroupName: ground.resourceGroupName,
      location: args.location,
      purpose: `Autoscaler of Stowage pipeline ${pipeline.name}`,
      issuerUrl: ground.issuer,
      serviceAccount: { namespace: kedaNamespace(args.operators), name: KEDA_ACCOUNT, create: false },
      kind: IdentityKind.Autoscaler,
      grants,
      bus: busOf(name, args, ground.bus, grants),
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
      instanceDiscovery: args.instanceDiscovery,
      linstorControllers: stores.controllers,
      cassandra: stores.ring,
    }),
  };
  const autoscaling: WorkerAutoscalingArgs | undefined =
    settings.scaling === undefined || autoscaler === undefined
      ? undefined
      : { ...settings.scaling, identityClientId: autoscaler.clientId, serviceBusNamespace: bus.clientName };
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
        auditClaim: settings.audit?.claim,
        modules: settings.modules,
        telemetry: args.telemetry,
        monitoring: workerMonitoring(args, settings, pipeline),
        network: workerNetwork(args, pipeline),
      }),
    },
    // A worker that starts before its rights are there would be refused by the bus, and its objects by a cluster
    // that does not know their kinds yet.
    { ...ground.opts, dependsOn: [identity, ...[store, keda].filter((each) => each !== undefined)] },
  );
}
