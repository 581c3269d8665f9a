import { type Problem, problem, within } from "../../runtime/contract/index.js";
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

/** What to do about a name that is none of some names. */
const choice = (names: string[]) => (names.length === 0 ? "Add it to serviceBus" : `Use one of ${names.join(", ")}`);

/** The part of a source or grant that names nothing in the bus; undefined where all of it does. */
export function unknownEntity(bus: ServiceBusEntitiesArgs, named: PipelineSourceArgs): Problem | undefined {
  const { queue, topic = "", subscription } = named;
  const { queues = {}, topics = {} } = bus;
  if (queue !== undefined)
    return Object.hasOwn(queues, queue)
      ? undefined
      : problem("queue", queue, "is not a queue of serviceBus", choice(Object.keys(queues)));
  const known = topics[topic];
  if (known === undefined) return problem("topic", topic, "is not a topic of serviceBus", choice(Object.keys(topics)));
  const subscriptions = known.subscriptions ?? {};
  if (subscription === undefined || Object.hasOwn(subscriptions, subscription)) return undefined;
  return problem("subscription", subscription, `is not a subscription of ${topic}`, choice(Object.keys(subscriptions)));
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
    const unknown = unknownEntity(bus, source);
    if (unknown !== undefined) found.push(...within("source", [unknown]));
    else if (entity?.forwardTo !== undefined)
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
