import * as pulumi from "@pulumi/pulumi";
import type { PipelineSource } from "../../runtime/contract/index.js";
import type { WorkerAutoscalingArgs } from "./args.js";

/** Seconds between two counts. */
const POLLING_SECONDS = 30;
/** Seconds for which the count must have been low. */
const SCALE_DOWN_SECONDS = 300;

/** Where KEDA's scaler finds the messages that it counts. */
function entityOf(source: PipelineSource): { [key: string]: string } {
  if (source.queue !== undefined) return { queueName: source.queue };
  return { topicName: source.topic ?? "", subscriptionName: source.subscription ?? "" };
}

/** Azure's clouds as KEDA calls them, by the end of a bus's host. */
const CLOUDS: { [suffix: string]: string } = {
  "servicebus.windows.net": "AzurePublicCloud",
  "servicebus.usgovcloudapi.net": "AzureUSGovernmentCloud",
  "servicebus.chinacloudapi.cn": "AzureChinaCloud",
};

/** The end of a bus's host, behind the name of the namespace and before the port. */
function suffixOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/^[^.]*\./, "")
    .replace(/:\d+$/, "");
}

/** How KEDA logs in: as the autoscaler's own identity, which its operator's account is federated with. */
export function triggerAuthenticationSpec(args: WorkerAutoscalingArgs) {
  return { podIdentity: { provider: "azure-workload", identityId: args.identityClientId } };
}

/** What KEDA counts, and how many replicas it makes of it. */
export function scaledObjectSpec(
  deployment: string,
  source: PipelineSource,
  args: WorkerAutoscalingArgs,
  host: pulumi.Input<string>,
) {
  const endpointSuffix = pulumi.output(host).apply(suffixOf);
  const stabilizationWindowSeconds = args.scaleDownSeconds ?? SCALE_DOWN_SECONDS;
  return {
    scaleTargetRef: { name: deployment },
    minReplicaCount: args.minReplicas,
    maxReplicaCount: args.maxReplicas,
    pollingInterval: args.pollingSeconds ?? POLLING_SECONDS,
    cooldownPeriod: stabilizationWindowSeconds,
    advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds } } } },
    triggers: [
      {
        type: "azure-servicebus",
        metadata: {
          ...entityOf(source),
          namespace: args.serviceBusNamespace,
          // KEDA makes the host anew, of the public cloud where nothing else is said.
          cloud: endpointSuffix.apply((suffix) => CLOUDS[suffix] ?? "Private"),
          endpointSuffix,
          // KEDA takes the values of a trigger as text.
          messageCount: String(args.messagesPerReplica),
        },
        authenticationRef: { name: deployment },
      },
    ],
  };
}
