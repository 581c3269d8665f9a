import { ServiceBusClient, type ServiceBusMessage, type ServiceBusReceivedMessage } from "@azure/service-bus";
import { onTestFinished } from "vitest";
import type { Namespace } from "../../../runtime/ops/connect.js";
import {
  deadLetterBrowser,
  makePlan,
  type ReplayRun,
  type RunOptions,
} from "../../../runtime/ops/deadletters/index.js";
import { checkListenRight, checkSendRight } from "../../../runtime/ops/rights.js";
import { type Selection, selecting } from "../../../runtime/ops/selection.js";
import { parseTarget, pathOf, receiverOf, type Target } from "../../../runtime/ops/target.js";
import { readRule } from "../../../stacks/cli/sqlFilter.js";
import { Broker, type QueueSettings } from "../../../stacks/local/broker/index.js";
import { FakeClock } from "../broker/helpers.js";
import { certificate } from "../broker-access/kit.js";
import { adminOf } from "../broker-admin/kit.js";

/** A dead letter that a test wants. */
export interface Wanted extends ServiceBusMessage {
  reason?: string;
  description?: string;
}

/** A broker whose time stands still until it is moved, with its administration, and clients of it. */
export class OpsKit {
  private readonly clients: ServiceBusClient[] = [];

  private constructor(
    readonly broker: Broker,
    readonly clock: FakeClock,
    private readonly adminHost: string,
  ) {}

  static async open(): Promise<OpsKit> {
    const clock = new FakeClock(Date.now());
    const broker = new Broker({ clock });
    onTestFinished(() => broker.close());
    await broker.listen();
    const { port } = await broker.listenAdmin({ tls: await certificate() });
    const kit = new OpsKit(broker, clock, `localhost:${port}`);
    onTestFinished(() => kit.closeClients());
    return kit;
  }

  queue(name: string, settings: QueueSettings = {}): Target {
    this.broker.putQueue(name, { lockDurationSeconds: 60, maxDeliveryCount: 10, ...settings });
    return { queue: name };
  }

  client(): ServiceBusClient {
    const client = new ServiceBusClient(this.broker.connectionString(), {
      retryOptions: { maxRetries: 1, timeoutInMs: 3_000, retryDelayInMs: 100 },
    });
    this.clients.push(client);
    return client;
  }

  /** A namespace of its own, as each run of the command opens one. */
  namespace(): Namespace {
    const client = this.client();
    return {
      host: /sb:\/\/([^;]+);/.exec(this.broker.connectionString())?.[1] ?? "",
      client,
      admin: adminOf(this.adminHost),
      token: undefined,
      tls: false,
      close: () => client.close(),
    };
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.clients.splice(0).map((client) => client.close().catch(() => undefined)));
  }

  /** Sends the messages and dead-letters each as it says; those of a topic at the subscription. */
  async deadLetter(target: Target, wanted: Wanted[]): Promise<void> {
    const client = this.client();
    const sender = client.createSender("queue" in target ? target.queue : target.topic);
    await sender.sendMessages(wanted.map(({ reason: _, description: __, ...message }) => message));
    const receiver = receiverOf(client, target, false);
    for (let done = 0; done < wanted.length; ) {
      const batch = await receiver.receiveMessages(wanted.length - done, { maxWaitTimeInMs: 2_000 });
      if (batch.length === 0) throw new Error(`only ${done} of ${wanted.length} came`);
      for (const message of batch) {
        const { reason = "JobRefused", description = "no such frame" } = wanted[done] ?? {};
        await receiver.deadLetterMessage(message, {
          deadLetterReason: reason,
          deadLetterErrorDescription: description,
        });
        done++;
      }
    }
    await receiver.close();
  }

  /** Dead letters of messages that expired, `expired-0` and on. */
  async expire(target: Target, count: number): Promise<void> {
    const path = pathOf(target);
    this.queue(path, { deadLetteringOnMessageExpiration: true });
    const sender = this.client().createSender(path);
    const messages = Array.from({ length: count }, (_, i) => ({
      messageId: `expired-${i}`,
      body: i,
      timeToLive: 1_000,
    }));
    for (let from = 0; from < count; from += 500) await sender.sendMessages(messages.slice(from, from + 500));
    this.clock.advance(2_000);
  }

  /** Everything in an entity, or in its dead-letter queue, by peeking. */
  async content(path: string, deadLetters = false): Promise<ServiceBusReceivedMessage[]> {
    const receiver = receiverOf(this.client(), parseTarget(path), deadLetters);
    const found: ServiceBusReceivedMessage[] = [];
    for (;;) {
      const page = await receiver.peekMessages(200);
      if (page.length === 0) return found;
      found.push(...page);
    }
  }

  /** A run over the dead letters that a selection means, planned. */
  async run(
    target: Target,
    selection: Selection = {},
    change: Partial<ReplayRun & { limit: number }> = {},
  ): Promise<ReplayRun & { browser: ReturnType<typeof deadLetterBrowser> }> {
    const { limit, ...rest } = change;
    const namespace = rest.namespace ?? this.namespace();
    const browser = deadLetterBrowser(namespace, target);
    await checkListenRight(browser, target, true);
    await checkSendRight(namespace.client, target);
    const means = selecting(selection);
    const plan = await makePlan(browser, means, limit === undefined ? {} : { limit });
    const base: RunOptions = {
      ...{ namespace, target, means, plan },
      // Time stands still at the broker: a pause that waited for it would never end.
      clock: { now: () => this.clock.now(), after: (ms, then) => timer(ms, then) },
      signal: new AbortController().signal,
      rate: 0,
      maxHeld: 2_000,
      onProgress: () => undefined,
    };
    return { ...base, browser, facts: { sessions: false, duplicateDetection: false }, readRule, ...rest };
  }
}

function timer(milliseconds: number, then: () => void): () => void {
  const running = setTimeout(then, milliseconds);
  return () => clearTimeout(running);
}
