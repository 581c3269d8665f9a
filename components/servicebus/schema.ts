import { mapOf, type Shape, strict, z } from "../support/schema.js";
import type { ServiceBusEntitiesArgs } from "./args.js";
import { queueSchema, topicSchema } from "./entitySchema.js";
import { namespaceSchema } from "./namespaceSchema.js";

/** Shape and ranges of a namespace and its entities; `serviceBusProblems` checks what joins them. */
export const serviceBusSchema = strict({
  namespace: namespaceSchema,
  queues: z.exactOptional(mapOf(queueSchema, "queues")),
  topics: z.exactOptional(mapOf(topicSchema, "topics")),
} satisfies Shape<ServiceBusEntitiesArgs>) satisfies z.ZodType<ServiceBusEntitiesArgs, ServiceBusEntitiesArgs>;
