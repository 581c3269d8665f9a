import { entityPath, type Pipeline } from "../../runtime/contract/index.js";

/** A producer of the tracked configuration, as far as sample traffic must know it. */
export interface LocalProducer {
  name: string;
  principalId: string;
  grants: ProducerGrant[];
}

interface ProducerGrant {
  queue?: string;
  topic?: string;
  scope?: string;
  right?: string;
}

/** What of the configuration says who may publish; the stack itself checks all of it. */
export interface ProducersConfig {
  [name: string]: { principalId?: string; grants?: ProducerGrant[] };
}

/** The producers whose principal is given by its id: those that this machine can log in as. */
export function localProducers(config: ProducersConfig = {}): LocalProducer[] {
  return Object.entries(config).flatMap(([name, { principalId, grants = [] }]) =>
    typeof principalId === "string" ? [{ name, principalId, grants }] : [],
  );
}

/**
 * Which producer sends to each pipeline: the first that is granted to send to its source.
 * Throws a sentence that says what to add to Pulumi.local.yaml where there is none.
 */
export function producersOf(pipelines: Pipeline[], producers: LocalProducer[]): Map<LocalProducer, Pipeline[]> {
  const chosen = new Map<LocalProducer, Pipeline[]>();
  for (const pipeline of pipelines) {
    const entity = pipeline.source.topic ?? entityPath(pipeline.source);
    const producer = producers.find(({ grants }) => grants.some((grant) => allowsToSend(grant, entity)));
    if (producer === undefined) {
      const kind = pipeline.source.topic === undefined ? "queue" : "topic";
      throw new Error(
        `Nobody may send to ${entity}, the source of pipeline ${pipeline.name}: grant it to a producer. In ` +
          "Pulumi.local.yaml, stowage:producers has entries of the form " +
          `{ principalId: <GUID>, principalType: ServicePrincipal, grants: [{ ${kind}: ${entity}, right: send }] }.`,
      );
    }
    chosen.set(producer, [...(chosen.get(producer) ?? []), pipeline]);
  }
  return chosen;
}

/**
 * A sentence for each pipeline that takes signed messages alone: the samples carry no signature, since nothing here is an
 * issuer that the pipeline trusts.
 */
export function unsignedSamples(pipelines: Pipeline[]): string[] {
  return pipelines
    .filter(({ producers }) => producers?.requireSignature !== undefined)
    .map(
      ({ name }) =>
        `Pipeline ${name} takes signed messages alone (producers.requireSignature), and the samples carry no signature: ` +
        "all of them will be dead-lettered with UnverifiedProducer. Leave requireSignature out of Pulumi.local.yaml to see " +
        "them stored.",
    );
}

function allowsToSend({ queue, topic, scope, right }: ProducerGrant, entity: string): boolean {
  if (right !== "send" && right !== "manage") return false;
  return scope === "namespace" || (queue ?? topic)?.toLowerCase() === entity.toLowerCase();
}
