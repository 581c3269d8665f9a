import type { IntegrationArgs, IntegrationPipelineArgs } from "../../../components/integration/index.js";
import { argsOf } from "../support/environments.js";
import { readings } from "../support/pipelines.js";

/** An integration whose stores are elsewhere, so that a run of it is small. */
export const small = (
  pipelines: { [name: string]: IntegrationPipelineArgs },
  changed: Partial<IntegrationArgs> = {},
) => {
  const { location, resourceGroup, cluster, namespace, image } = argsOf("prod");
  const queues = Object.fromEntries(["a", "b", "c", "d", "answers", "log"].map((name) => [name, {}]));
  const { kubeContext: _, ...adopted } = cluster;
  return {
    location,
    resourceGroup,
    cluster: adopted,
    namespace,
    image,
    serviceBus: {
      namespace: { name: "contoso-small", tier: "Standard" as const },
      queues,
      topics: { events: { subscriptions: { one: {}, two: {} } } },
    },
    endpoints: { cassandra: { contactPoints: ["ring.svc"], localDatacenter: "dc1" } },
    pipelines,
    ...changed,
  } satisfies IntegrationArgs;
};
/** A sink whose store is elsewhere. */
export const sink = { cassandra: { table: readings, replication: { dc1: 3 } } };
