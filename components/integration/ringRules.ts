import { type Problem, problem, within } from "../../runtime/contract/index.js";
import { accessProblems } from "../worker/cassandra/schema.js";
import type { IntegrationArgs, StorageArgs } from "./args.js";
import { ringOf } from "./ring.js";

/** What of an integration says how the ring is reached. */
type RingParts = { [K in "endpoints" | "network" | "namespace"]?: IntegrationArgs[K] | undefined } & {
  storage: StorageArgs;
  pipelines: { [name: string]: unknown };
};

/** What does not go together in how workers and jobs reach the ring; paths are from the args. */
export function accessRules({ storage, endpoints, network, pipelines, namespace }: RingParts): Problem[] {
  const { cassandra: ring } = storage;
  const { cassandra: contact } = endpoints ?? {};
  const found = contact === undefined ? [] : within("endpoints.cassandra", accessProblems(contact));
  const endpoint = ringOf({ storage, ...(endpoints === undefined ? {} : { endpoints }) });
  // The authorities of a ring that is made here are in its namespace; its jobs alone bring them to the workers.
  const brought = contact?.tls !== undefined || endpoint?.administrator !== undefined;
  if (ring !== undefined && endpoint?.tls !== undefined && !brought)
    found.push(
      problem(
        "storage.cassandra.tls",
        ring.tls ?? true,
        "goes with authentication, whose jobs hand the authorities of the nodes to the workers",
        "Leave authentication on, set tls to false, or give endpoints.cassandra.tls",
      ),
    );
  if (network?.kubernetesCidrs !== undefined && endpoint?.administrator === undefined)
    found.push(
      problem(
        "network.kubernetesCidrs",
        network.kubernetesCidrs,
        "goes with a Cassandra ring whose superuser jobs log in as",
        "Remove it",
      ),
    );
  return [...found, ...nameProblems(pipelines, endpoint?.administrator?.namespace, namespace?.name)];
}

/** The jobs of a pipeline are named after it, with an ending: in a namespace that they share with workers, a name may be taken. */
function nameProblems(pipelines: { [name: string]: unknown }, jobs: unknown, workers: string | undefined): Problem[] {
  if (jobs === undefined || jobs !== workers) return [];
  return Object.keys(pipelines)
    .filter((name) => Object.hasOwn(pipelines, `${name}-schema`))
    .map((name) =>
      problem(
        `pipelines.${name}-schema`,
        undefined,
        `has the name of the jobs' objects of pipeline ${name}, which are in the same namespace, ${workers}`,
        "Name it otherwise, or put the workers into a namespace of their own",
      ),
    );
}
