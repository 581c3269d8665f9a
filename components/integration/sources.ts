import { type Problem, problem } from "../../runtime/contract/index.js";
import type { ServiceBusEntitiesArgs } from "../servicebus/args.js";
import type { IntegrationPipelineArgs, PipelineSourceArgs } from "./args.js";
import { type Surroundings, sourceEntity } from "./pipelines.js";

/** Path of the entity that a source names, as it is compared: names differ in more than case. */
function key(source: PipelineSourceArgs): string {
  return (source.queue ?? `${source.topic}/${source.subscription}`).toLowerCase();
}

/** Whether a source names one entity. What does not is refused by the pipeline's own rules. */
function namesOne({ queue, topic, subscription }: PipelineSourceArgs): boolean {
  return queue === undefined ? topic !== undefined && subscription !== undefined : topic === undefined;
}

const choice = (names: string[]) => (names.length === 0 ? "Add it to serviceBus" : `Use one of ${names.join(", ")}`);

/** The part of a source that names nothing in the bus. */
function unknownEntity(bus: ServiceBusEntitiesArgs, source: PipelineSourceArgs): Problem {
  const { queue, topic = "", subscription } = source;
  if (queue !== undefined)
    return problem("source.queue", queue, "is not a queue of serviceBus", choice(Object.keys(bus.queues ?? {})));
  const known = bus.topics?.[topic];
  if (known === undefined)
    return problem("source.topic", topic, "is not a topic of serviceBus", choice(Object.keys(bus.topics ?? {})));
  const subscriptions = Object.keys(known.subscriptions ?? {});
  return problem("source.subscription", subscription, `is not a subscription of ${topic}`, choice(subscriptions));
}

/** Problems of a pipeline with the entities of the bus; paths are from the pipeline. */
export function sourceProblems(name: string, args: IntegrationPipelineArgs, integration: Surroundings): Problem[] {
  const { source, replyQueues = [] } = args;
  const { serviceBus: bus } = integration;
  const found: Problem[] = [];
  if (namesOne(source)) {
    const entity = sourceEntity(bus, source);
    const at = source.queue === undefined ? "source.subscription" : "source.queue";
    const value = source.queue ?? source.subscription;
    if (entity === undefined) found.push(unknownEntity(bus, source));
    else if (entity.forwardTo !== undefined)
      found.push(problem(at, value, `moves every message on to ${entity.forwardTo}`, `Use ${entity.forwardTo}`));
    const other = Object.entries(integration.pipelines).find(
      ([each, pipeline]) => each < name && namesOne(pipeline.source) && key(pipeline.source) === key(source),
    );
    if (other !== undefined)
      found.push(
        problem(
          at,
          value,
          `is the source of pipelines.${other[0]} as well, so that each would get a part of the messages`,
          "Give each a subscription of one topic",
        ),
      );
  }
  for (const [i, queue] of replyQueues.entries()) {
    const path = `replyQueues.${i}`;
    if (typeof queue === "string" && bus.queues?.[queue] === undefined)
      found.push(problem(path, queue, "is not a queue of serviceBus", choice(Object.keys(bus.queues ?? {}))));
    else if (queue === source.queue)
      found.push(
        problem(path, queue, "is the pipeline's own source: replies would come back as requests", "Use another"),
      );
  }
  return found;
}
