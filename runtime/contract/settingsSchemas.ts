import { z } from "zod";
import { AuditDestination, type AuditSettings } from "./auditSettings.js";
import { DelayedRetry, EmptySessionState, type PipelineDelivery, SessionPoison } from "./delivery.js";
import type { PipelineProducers } from "./producers.js";
import { absolutePath, because, integer, oneOf, strict, text } from "./zod.js";

const MIB = 1024 * 1024;
const SLOWEST_SECONDS = 86_400;

/** How messages are taken, tried again and given up. */
export const deliverySchema = strict({
  concurrency: integer(1, 2000),
  maxHeldBytes: integer(MIB, 4096 * MIB, "bytes"),
  attempts: integer(1, 20),
  retryBaseMilliseconds: integer(10, 60_000, "milliseconds"),
  retryMaxMilliseconds: integer(10, 300_000, "milliseconds"),
  delayedRetry: oneOf(DelayedRetry),
  expectedRestarts: integer(0, 1999),
  maxProcessingSeconds: integer(5, 86_400, "seconds"),
  maxOutageSeconds: integer(5, 86_400, "seconds"),
  slowSeconds: z.exactOptional(
    z
      .number(because("must be a number of seconds", "Give the 99th percentile in seconds"))
      .min(0.001, because(`must be from 0.001 to ${SLOWEST_SECONDS} seconds`, "Use a value in this range"))
      .max(SLOWEST_SECONDS, because(`must be from 0.001 to ${SLOWEST_SECONDS} seconds`, "Use a value in this range")),
  ),
  shutdownGraceSeconds: integer(1, 600, "seconds"),
  onPoison: oneOf(SessionPoison),
  sessionIdleMilliseconds: integer(50, 60_000, "milliseconds"),
  sessionQuantumSeconds: integer(1, 3600, "seconds"),
  emptySessionState: z.exactOptional(oneOf(EmptySessionState)),
  noProgressSeconds: integer(10, 3600, "seconds"),
  client: strict({
    maxRetries: integer(0, 10),
    retryDelayMilliseconds: integer(10, 60_000, "milliseconds"),
    maxRetryDelayMilliseconds: integer(10, 300_000, "milliseconds"),
    timeoutSeconds: integer(1, 120, "seconds"),
  }),
}) satisfies z.ZodType<PipelineDelivery, PipelineDelivery>;

const HTTPS_URL = because("must be an https URL", "Give scheme and host");

/** Who may publish. */
export const producersSchema = strict({
  requireSignature: z.exactOptional(
    strict({
      issuers: z
        .array(
          strict({
            issuer: z.url({ protocol: /^https$/, ...HTTPS_URL }),
            jwksUri: z.exactOptional(z.url({ protocol: /^https$/, ...HTTPS_URL })),
            subjects: z
              .array(text(/^\S.*$/, "a token's subject", "Give it as it stands in the token's sub"))
              .min(1, because("must name at least one subject", "Name who may publish"))
              .max(100, because("must name at most 100 subjects", "Make the list shorter")),
          }),
        )
        .min(1, because("must name at least one issuer", "Name who vouches for producers' keys"))
        .max(10, because("must name at most 10 issuers", "Make the list shorter")),
    }),
  ),
}) satisfies z.ZodType<PipelineProducers, PipelineProducers>;

/** The log of effects. */
export const auditSchema = strict({
  destination: oneOf(AuditDestination),
  directory: z.exactOptional(absolutePath),
  headEvery: integer(1, 1_000_000, "records"),
  maxFileBytes: integer(MIB, 1024 * MIB, "bytes"),
}) satisfies z.ZodType<AuditSettings, AuditSettings>;
