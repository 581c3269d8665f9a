import { given } from "../support/given.js";
import { mapOf, type Shape, strict, tagsSchema, words, z } from "../support/schema.js";
import type { ServiceBusArgs, ServiceBusEntitiesArgs } from "./args.js";
import { queueSchema, topicSchema } from "./entitySchema.js";
import { namespaceSchema, region } from "./namespaceSchema.js";

/** Shape and ranges of a namespace and its entities; `serviceBusProblems` checks what joins them. */
export const serviceBusSchema = strict({
  namespace: namespaceSchema,
  queues: z.exactOptional(mapOf(queueSchema, "queues")),
  topics: z.exactOptional(mapOf(topicSchema, "topics")),
} satisfies Shape<ServiceBusEntitiesArgs>) satisfies z.ZodType<ServiceBusEntitiesArgs, ServiceBusEntitiesArgs>;

/** Shape of what is around them in the args of a bus; what is in them is checked by `serviceBusSchema`. */
export const aroundSchema = strict({
  resourceGroupName: given(words("the name of a resource group")),
  location: given(region),
  tags: z.exactOptional(tagsSchema),
  namespace: z.exactOptional(z.unknown()),
  queues: z.exactOptional(z.unknown()),
  topics: z.exactOptional(z.unknown()),
} satisfies Shape<ServiceBusArgs>);
