import { z } from "zod";
import type { Connection } from "./connection.js";
import { joinedRules } from "./joinedRules.js";
import { ENTITY_NAME, ServiceBusLimits } from "./limits.js";
import { BatchBy, CONTRACT_VERSION, Consistency, type Pipeline } from "./pipeline.js";
import { InvalidInputError, type Problem, problem } from "./problems.js";
import { auditSchema, deliverySchema, producersSchema } from "./settingsSchemas.js";
import { tableSchema } from "./tableSchema.js";
import { absolutePath, because, integer, oneOf, problemsOf, strict, text } from "./zod.js";

const MIB = 1024 * 1024;
const entityName = text(
  ENTITY_NAME,
  "1 to 260 letters, digits, . - _ or /, beginning with a letter or digit and ending with one or _",
  "Use a name by Azure's rule",
).max(ServiceBusLimits.entityNameCharacters.max, because("must be at most 260 characters", "Shorten it"));
const version = z.literal(
  CONTRACT_VERSION,
  because(
    `must be ${CONTRACT_VERSION}, the version this code knows`,
    "Deploy a worker and components of the same release",
  ),
);
const relativePath = text(
  /^(?!.*(?:^|\/)\.\.?(?:\/|$))[^/\0][^\0]*$/,
  "a relative path without . or ..",
  "Give a folder below the volume's root",
);
const host = text(
  /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/,
  "a host name or an IPv4 address",
  "Give a host without scheme or port",
);

const jobSchema = strict({
  command: z.exactOptional(
    z
      .array(z.string().min(1, because("must not be empty", "Remove it")))
      .min(1, because("must have at least one entry", "Give the program to run")),
  ),
  module: z.exactOptional(absolutePath),
  timeoutSeconds: integer(1, 86400, "seconds"),
  maxOutputBytes: integer(1, 1024 * MIB, "bytes"),
});

/** Shape of a pipeline; `pipelineProblems` checks what joins its parts. */
export const pipelineSchema = strict({
  contractVersion: version,
  name: text(
    /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
    "1 to 40 lower-case letters, digits or -, the first a letter",
    "Use a DNS label",
  ),
  source: strict({
    queue: z.exactOptional(entityName),
    topic: z.exactOptional(entityName),
    subscription: z.exactOptional(entityName),
    sessions: z.boolean(because("must be true or false", "Say whether the entity requires sessions")),
    lockDurationSeconds: integer(
      ServiceBusLimits.lockDurationSeconds.min,
      ServiceBusLimits.lockDurationSeconds.max,
      "seconds",
    ),
    maxDeliveryCount: integer(ServiceBusLimits.maxDeliveryCount.min, ServiceBusLimits.maxDeliveryCount.max),
    duplicateDetection: z.boolean(because("must be true or false", "Say whether the entity detects duplicates")),
  }),
  sink: strict({
    gluster: z.exactOptional(
      strict({
        volume: text(/^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/, "letters, digits, - or _", "Use a Gluster volume name"),
        mountPath: absolutePath,
        directory: relativePath,
        job: jobSchema,
      }),
    ),
    linstor: z.exactOptional(
      strict({
        resourceGroup: text(
          /^[A-Za-z_][A-Za-z0-9_-]{1,47}$/,
          "2 to 48 letters, digits, _ or -",
          "Use a LINSTOR resource group's name",
        ),
        readyTimeoutSeconds: integer(1, 3600, "seconds"),
        pollMilliseconds: integer(10, 60000, "milliseconds"),
        maxSizeKib: integer(4, 2 ** 50, "KiB"),
        placeCount: z.exactOptional(integer(1, 32, "replicas")),
        storagePool: z.exactOptional(
          text(
            /^[A-Za-z_][A-Za-z0-9_-]{1,47}$/,
            "2 to 48 letters, digits, _ or -",
            "Use a LINSTOR storage pool's name",
          ),
        ),
        replicasOnDifferent: z.exactOptional(
          z
            .array(text(/^Aux\/\S+$/, "an auxiliary node property", "Begin it with Aux/"))
            .min(1, because("must have at least one entry", "Remove it where replicas may be anywhere")),
        ),
      }),
    ),
    cassandra: z.exactOptional(
      strict({
        table: tableSchema,
        replication: z
          .record(z.string().regex(/^\S+$/), integer(1, 32, "replicas"))
          .refine((r) => Object.keys(r).length > 0, because("must name at least one datacenter", "Give { dc1: 3 }")),
        consistency: oneOf(Consistency),
        batchMaxRows: integer(1, 500, "rows"),
        batchMaxBytes: integer(1024, MIB, "bytes"),
        flushMilliseconds: integer(0, 1000, "milliseconds"),
        maxInFlight: integer(1, 256, "batches"),
        batchBy: oneOf(BatchBy),
        speculativeMilliseconds: z.exactOptional(integer(5, 10_000, "milliseconds")),
        ledger: z.boolean(because("must be true or false", "Say whether reused message ids must be found")),
      }),
    ),
    module: z.exactOptional(
      strict({
        path: absolutePath,
        options: z.exactOptional(z.record(z.string(), z.string(because("must be text", "Write the setting as text")))),
      }),
    ),
  }),
  delivery: deliverySchema,
  replyQueues: z.array(entityName, because("must be a list of queue names", "Give [] where nothing is answered")),
  producers: z.exactOptional(producersSchema),
  audit: z.exactOptional(auditSchema),
  observe: z.boolean(because("must be true or false", "Say whether the worker reads exact counts")),
}) satisfies z.ZodType<Pipeline, Pipeline>;

const connectionSchema = strict({
  contractVersion: version,
  serviceBus: strict({
    fullyQualifiedNamespace: text(
      /^[A-Za-z0-9.-]+(:\d{1,5})?$/,
      "a host name",
      "Give the namespace's host, contoso.servicebus.windows.net",
    ),
    administration: z.exactOptional(
      text(/^[A-Za-z0-9.-]+:\d{1,5}$/, "HOST:PORT", "Give host and port of the namespace's administration"),
    ),
    developmentEmulator: z.exactOptional(z.boolean()),
    instanceDiscovery: z.exactOptional(z.boolean()),
    clientId: z.exactOptional(text(/^[0-9a-f-]{36}$/i, "a GUID", "Give the managed identity's client id")),
  }),
  linstor: z.exactOptional(
    strict({
      controllers: z
        .array(
          z.url({ protocol: /^https?$/, ...because("must be an http or https URL", "Give scheme, host and port") }),
        )
        .min(1, because("must have at least one entry", "Give a controller's URL")),
    }),
  ),
  cassandra: z.exactOptional(
    strict({
      contactPoints: z.array(host).min(1, because("must have at least one entry", "Give a node's address")),
      port: integer(1, 65535),
      localDatacenter: text(/^\S+$/, "a datacenter's name", "Name the datacenter next to the worker"),
      tls: z.exactOptional(strict({ caFile: absolutePath, serverName: z.exactOptional(host) })),
      credentials: z.exactOptional(strict({ directory: absolutePath })),
    }),
  ),
}) satisfies z.ZodType<Connection, Connection>;

/** All problems of a pipeline; an empty list where it is valid. The same words at preview and in the worker. */
export function pipelineProblems(value: unknown): Problem[] {
  const found = problemsOf(pipelineSchema, value);
  return found.length > 0 ? found : joinedRules(value as Pipeline);
}

/** All problems of a connection; an empty list where it is valid. */
export function connectionProblems(value: unknown): Problem[] {
  const found = problemsOf(connectionSchema, value);
  if (found.length > 0) return found;
  const { serviceBus } = value as Connection;
  if (serviceBus.developmentEmulator === true && serviceBus.instanceDiscovery === false)
    return [
      problem(
        "serviceBus.instanceDiscovery",
        serviceBus.instanceDiscovery,
        "goes without developmentEmulator, with which no token is asked for",
        "Remove one of the two",
      ),
    ];
  if (serviceBus.developmentEmulator !== true && serviceBus.clientId === undefined)
    return [
      problem(
        "serviceBus.clientId",
        undefined,
        "is missing; without it the worker has no identity",
        "Give the managed identity's client id",
      ),
    ];
  return [];
}

/** The pipeline in `value`, or an InvalidInputError with every problem. */
export function parsePipeline(value: unknown): Pipeline {
  const problems = pipelineProblems(value);
  if (problems.length > 0) throw new InvalidInputError("Invalid pipeline", problems);
  return value as Pipeline;
}

/** The connection in `value`, or an InvalidInputError with every problem. */
export function parseConnection(value: unknown): Connection {
  const problems = connectionProblems(value);
  if (problems.length > 0) throw new InvalidInputError("Invalid connection", problems);
  return value as Connection;
}
