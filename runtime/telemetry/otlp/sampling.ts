import { type Context, ROOT_CONTEXT, SamplingDecision, SpanKind, TraceFlags, trace } from "@opentelemetry/api";
import type { Sampler } from "@opentelemetry/sdk-trace";
import type { ProducerContext } from "../trace.js";

/** A valid place in some trace: samplers look at the flags of a parent, and are told the trace's id beside it. */
const ANYWHERE = { traceId: "1".repeat(32), spanId: "1".repeat(16), isRemote: true };

/**
 * Whether a delivery's trace is kept, by the sampler that the tracer has, asked with the two parents that a message can
 * have and no span's name or attributes: the samplers that OTEL_TRACES_SAMPLER names look at nothing else.
 */
export class Sampling {
  private readonly sampled = remote(TraceFlags.SAMPLED);
  private readonly notSampled = remote(TraceFlags.NONE);

  constructor(private readonly sampler: Sampler) {}

  /** `producer` is the producer's context; undefined where the message carries none, and the trace `ownId` begins here. */
  isKept(ownId: string, producer: Pick<ProducerContext, "traceId" | "flags"> | undefined): boolean {
    if (producer === undefined) return this.decides(ROOT_CONTEXT, ownId);
    return this.decides(producer.flags & TraceFlags.SAMPLED ? this.sampled : this.notSampled, producer.traceId);
  }

  private decides(parent: Context, traceId: string): boolean {
    const { decision } = this.sampler.shouldSample(
      parent,
      traceId,
      "receive",
      SpanKind.CLIENT,
      NO_ATTRIBUTES,
      NO_LINKS,
    );
    return decision !== SamplingDecision.NOT_RECORD;
  }
}

const NO_ATTRIBUTES = {};
const NO_LINKS: [] = [];

function remote(traceFlags: TraceFlags): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { ...ANYWHERE, traceFlags });
}
