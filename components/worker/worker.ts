import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as apps from "@pulumi/kubernetes/apps/v1";
import * as core from "@pulumi/kubernetes/core/v1";
import * as networking from "@pulumi/kubernetes/networking/v1";
import * as policy from "@pulumi/kubernetes/policy/v1";
import * as pulumi from "@pulumi/pulumi";
import { tableWarnings } from "../../runtime/contract/index.js";
import { refuse } from "../support/inputs.js";
import { notify } from "../support/notices.js";
import { stated } from "../support/schema.js";
import type { WorkerArgs } from "./args.js";
import { registerAdministration } from "./cassandra/administration.js";
import { administeredRing, jobsName } from "./cassandra/jobs.js";
import { registerSchemaJob } from "./cassandra/schemaJob.js";
import { checksum, schemaChecksum, type WorkerFiles, workerFiles } from "./configuration.js";
import { registerMonitoring } from "./monitor.js";
import { modulesName } from "./mounts.js";
import { networkPolicySpec } from "./network.js";
import { objectLabels, schemaPod, workerLabels, workerPod } from "./render.js";
import { scaledObjectSpec, triggerAuthenticationSpec } from "./scaling.js";
import { workerProblems } from "./validate.js";

/** Replicas where nothing is said: one may go for an upgrade, and messages still move. */
const DEFAULT_REPLICAS = 2;
/**
 * The worker of one pipeline on Kubernetes: configuration, deployment, autoscaling, disruption budget, network policy,
 * monitor, alerts and dashboard. A changed pipeline or connection rolls the deployment.
 */
export class Worker extends pulumi.ComponentResource {
  /** Name of the deployment. */
  public readonly deploymentName: pulumi.Output<string>;
  /** Name of the config map with the pipeline and the connection. */
  public readonly configMapName: pulumi.Output<string>;
  /** Digest of the configuration, as it stands on the pods. */
  public readonly configChecksum: pulumi.Output<string>;

  constructor(name: string, args: WorkerArgs, opts?: pulumi.ComponentResourceOptions) {
    const given = stated(args);
    refuse("Worker", name, workerProblems(given));
    super("stowage:index:Worker", name, {}, opts);

    const { pipeline, autoscaling } = given;
    const table = pipeline.sink.cassandra?.table;
    if (table !== undefined) notify(this, tableWarnings(table, "pipeline.sink.cassandra.table"));
    const files = workerFiles(given);
    const digest = checksum(files, given);
    const metadata = { name: pipeline.name, namespace: given.namespace, labels: objectLabels(pipeline) };

    const configMap = new core.ConfigMap(name, { metadata, data: { ...files } }, { parent: this });
    const network = new networking.NetworkPolicy(name, { metadata, spec: networkPolicySpec(given) }, { parent: this });
    const before = [
      configMap,
      network,
      ...ownModules(this, name, given),
      ...schema(this, name, given, files, [configMap, network]),
    ];
    const deployment = new apps.Deployment(
      name,
      {
        metadata,
        spec: {
          // With autoscaling the count is not ours: stated here, every update would undo the autoscaler's work.
          ...(autoscaling === undefined ? { replicas: given.replicas ?? DEFAULT_REPLICAS } : {}),
          selector: { matchLabels: workerLabels(pipeline) },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: workerPod(given, pipeline.name, digest),
        },
      },
      { parent: this, dependsOn: before },
    );
    new policy.PodDisruptionBudget(
      name,
      { metadata, spec: { maxUnavailable: 1, selector: { matchLabels: workerLabels(pipeline) } } },
      { parent: this },
    );
    autoscale(this, name, given, deployment);
    registerMonitoring(this, name, given);

    this.deploymentName = deployment.metadata.name;
    this.configMapName = configMap.metadata.name;
    this.configChecksum = digest;
    this.registerOutputs({
      deploymentName: this.deploymentName,
      configMapName: this.configMapName,
      configChecksum: this.configChecksum,
    });
  }
}

/** Registers the config map of modules of one's own, where their text is given. */
function ownModules(parent: Worker, name: string, { pipeline, namespace, modules }: WorkerArgs): pulumi.Resource[] {
  if (modules?.files === undefined) return [];
  const metadata = { name: modulesName(pipeline), namespace, labels: objectLabels(pipeline) };
  return [new core.ConfigMap(`${name}-modules`, { metadata, data: modules.files }, { parent })];
}

/** Registers what must be in Cassandra before a worker starts, where the pipeline writes to it; gives what to wait for. */
function schema(
  parent: Worker,
  name: string,
  args: WorkerArgs,
  files: WorkerFiles,
  dependsOn: pulumi.Resource[],
): pulumi.Resource[] {
  const { pipeline, namespace } = args;
  if (pipeline.sink.cassandra === undefined) return [];
  const ring = administeredRing(args);
  if (ring !== undefined) return registerAdministration(parent, name, args, ring);
  const metadata = { name: jobsName(pipeline), namespace, labels: objectLabels(pipeline) };
  const template = schemaPod(args, pipeline.name, schemaChecksum(files, pipeline));
  const looks = args.connection.cassandra?.credentials !== undefined;
  return [registerSchemaJob(parent, name, metadata, template, dependsOn, looks)];
}

/** Registers KEDA's objects, where the pipeline is scaled by its messages. */
function autoscale(parent: Worker, name: string, args: WorkerArgs, deployment: apps.Deployment): void {
  const { autoscaling, pipeline } = args;
  if (autoscaling === undefined) return;
  const metadata = { name: pipeline.name, namespace: args.namespace, labels: objectLabels(pipeline) };
  const authentication = new apiextensions.CustomResource(
    `${name}-authentication`,
    {
      apiVersion: "keda.sh/v1alpha1",
      kind: "TriggerAuthentication",
      metadata,
      spec: triggerAuthenticationSpec(autoscaling),
    },
    { parent },
  );
  new apiextensions.CustomResource(
    `${name}-scaling`,
    {
      apiVersion: "keda.sh/v1alpha1",
      kind: "ScaledObject",
      metadata,
      spec: scaledObjectSpec(pipeline.name, pipeline.source, autoscaling, args.connection.fullyQualifiedNamespace),
    },
    { parent, dependsOn: [authentication, deployment] },
  );
}
