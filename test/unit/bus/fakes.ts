import type { Stoppable, StopWatcher } from "../../../runtime/bus/stopOfAll.js";
import type { Pipeline, SinkMessage } from "../../../runtime/contract/index.js";
import { DELIVERY_DEFAULTS, messageKey, sha256 } from "../../../runtime/contract/index.js";
import type { Clock } from "../../../runtime/support/clock.js";

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  private time = 1_700_000_000_000;
  private timers: { at: number; then: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(milliseconds: number, then: () => void): () => void {
    const timer = { at: this.time + milliseconds, then };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((t) => t !== timer);
    };
  }

  /** Lets time pass, timer by timer, and lets what waits on promises run in between. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settled();
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((t) => t !== next);
      this.time = Math.max(this.time, next.at);
      next.then();
      await settled();
    }
    this.time = end;
    await settled();
  }

  /** Time passes and no timer is served: the process was stopped, or its event loop was busy. */
  freeze(milliseconds: number): void {
    this.time += milliseconds;
  }

  get pending(): number {
    return this.timers.length;
  }
}

/** Lets everything run that only waits for promises. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A promise, and what ends it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** An error as the client throws them: with a code. */
export function clientError(code: string, message = code): Error {
  return Object.assign(new Error(message), { name: "ServiceBusError", code });
}

/** A valid Gluster pipeline; `change` alters it. */
export function pipelineOf(change: (pipeline: Pipeline) => void = () => undefined): Pipeline {
  const pipeline: Pipeline = {
    contractVersion: 1,
    name: "renders",
    source: {
      queue: "renders",
      sessions: false,
      lockDurationSeconds: 30,
      maxDeliveryCount: 3,
      duplicateDetection: false,
    },
    sink: {
      gluster: {
        volume: "results",
        mountPath: "/mnt/results",
        directory: "renders",
        job: { command: ["cat"], timeoutSeconds: 10, maxOutputBytes: 1024 },
      },
    },
    delivery: {
      ...DELIVERY_DEFAULTS,
      expectedRestarts: 2,
      maxOutageSeconds: 120,
      concurrency: 4,
      maxHeldBytes: 16 * 1024 * 1024,
      attempts: 3,
      retryBaseMilliseconds: 100,
      retryMaxMilliseconds: 1_000,
      maxProcessingSeconds: 120,
      shutdownGraceSeconds: 20,
      onPoison: "skip",
    },
    replyQueues: ["answers"],
    observe: false,
  };
  change(pipeline);
  return pipeline;
}

/** A message as a sink sees it. */
export function sinkMessage(change: Partial<SinkMessage> = {}): SinkMessage {
  const messageId = change.messageId ?? "m-1";
  const body = change.body ?? Buffer.from(messageId);
  return {
    key: messageKey("renders", messageId),
    entity: "renders",
    messageId,
    body,
    bodySha256: sha256(body),
    properties: {},
    enqueuedTime: new Date(1_700_000_000_000),
    sequenceNumber: "1",
    deliveryCount: 1,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    ...change,
  };
}

/** Work under a lock, as far as a batch looks at it. */
export class FakeWork implements Stoppable {
  private readonly controller = new AbortController();
  watcher: StopWatcher | undefined = undefined;
  stopped: unknown = undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  stop(reason: unknown): void {
    this.stopped = reason;
    this.watcher?.workStopped(reason);
    this.controller.abort(reason);
  }
}
