import type * as pulumi from "@pulumi/pulumi";
import { DelayedRetry, defined, type Pipeline, type PipelineSource } from "../../runtime/contract/index.js";
import { type GrantArgs, type GrantBusArgs, GrantScope, Right, RightsScope } from "../identity/args.js";
import { grantPath } from "../identity/grants.js";
import type { MatrixEntity } from "../identity/matrix.js";
import type { ServiceBus } from "../servicebus/index.js";
import type { IntegrationArgs } from "./args.js";
import { childNames } from "./names.js";

/** The source entity as a grant names it. */
function on({ queue, topic, subscription }: PipelineSource, right: Right): GrantArgs {
  return defined({ queue, topic, subscription, right });
}

/**
 * What a worker may do: receive from its source, send to its reply queues, send copies to its own queue where it schedules
 * them, manage its source where it observes, and nothing else.
 */
export function workerGrants({ source, replyQueues, delivery, observe }: Pipeline): GrantArgs[] {
  const replies = [...new Set(replyQueues)];
  return [
    on(source, Right.Receive),
    ...(delivery.delayedRetry === DelayedRetry.Schedule ? [on(source, Right.Send)] : []),
    ...(observe ? [on(source, Right.Manage)] : []),
    ...replies.map((queue) => ({ queue, right: Right.Send })),
  ];
}

/** What an autoscaler may do. Azure shows message counts only to those who may manage the entity. */
export function autoscalerGrants(pipeline: Pipeline): GrantArgs[] {
  return [on(pipeline.source, Right.Manage)];
}

/** Name of the namespace as the matrix and the names of role assignments have it; `name` is the integration's. */
export function namespaceName(name: string, args: IntegrationArgs): string {
  return args.serviceBus.namespace.name ?? childNames.serviceBus(name);
}

/** The bus as some grants need it: only the ids of their own entities, so that each waits for its own alone. */
export function busOf(name: string, args: IntegrationArgs, bus: ServiceBus, grants: GrantArgs[]): GrantBusArgs {
  const paths = grants.filter((grant) => grant.scope !== GrantScope.Namespace).map(grantPath);
  const idsBy = (id: (path: string) => pulumi.Output<string>) =>
    Object.fromEntries(paths.map((path): [string, pulumi.Output<string>] => [path, id(path)]));
  const primary = {
    namespace: namespaceName(name, args),
    namespaceId: bus.namespaceId,
    entityIds: idsBy((path) => bus.entityId(path)),
  };
  const pair = args.serviceBus.namespace.disasterRecovery;
  if (pair === undefined) return primary;
  // The pairing copies entities, and no grants.
  const secondary = {
    namespace: pair.name,
    namespaceId: bus.secondaryNamespaceId,
    entityIds: idsBy((path) => bus.secondaryEntityId(path)),
  };
  return { ...primary, secondary };
}

/** Every entity of the bus, as the matrix has it; with geo-disaster recovery those of both namespaces. */
export function matrixEntities(name: string, args: IntegrationArgs): MatrixEntity[] {
  const { queues = {}, topics = {}, namespace: settings } = args.serviceBus;
  const namespaces = [
    namespaceName(name, args),
    ...(settings.disasterRecovery ? [settings.disasterRecovery.name] : []),
  ];
  return namespaces.flatMap((namespace) => [
    ...Object.keys(queues).map((path) => ({ namespace, kind: RightsScope.Queue, path })),
    ...Object.entries(topics).flatMap(([topic, { subscriptions = {} }]) => [
      { namespace, kind: RightsScope.Topic, path: topic },
      ...Object.keys(subscriptions).map((subscription) => ({
        namespace,
        kind: RightsScope.Subscription,
        path: `${topic}/subscriptions/${subscription}`,
      })),
    ]),
  ]);
}
