import type { TokenCredential } from "@azure/identity";
import type { ServiceBusAdministrationClient } from "@azure/service-bus";
import type { PipelineSource, ServiceBusConnection } from "../contract/index.js";
import { openAdministration } from "./administration.js";

/** Messages of an entity by state, as the service counts them; named as the label `state` of the metric. */
export interface EntityCounts {
  active: number;
  dead_letter: number;
  /** Absent of a subscription: what is scheduled waits in its topic. */
  scheduled?: number;
}

/**
 * Asks the namespace's administration for the exact counts, over HTTPS; takes the manage right. Rejects with its error,
 * and where there is nowhere to ask: another bus than one of Azure whose administration the connection does not name.
 */
export class Counter {
  private client: ServiceBusAdministrationClient | undefined;

  constructor(
    private readonly connection: ServiceBusConnection,
    private readonly source: PipelineSource,
    private readonly credential: TokenCredential | undefined,
  ) {}

  async counts(): Promise<EntityCounts> {
    this.client ??= await this.open();
    const { queue, topic, subscription } = this.source;
    if (topic !== undefined && subscription !== undefined) {
      const found = await this.client.getSubscriptionRuntimeProperties(topic, subscription);
      return { active: found.activeMessageCount, dead_letter: found.deadLetterMessageCount };
    }
    const found = await this.client.getQueueRuntimeProperties(queue ?? "");
    return {
      active: found.activeMessageCount ?? 0,
      dead_letter: found.deadLetterMessageCount ?? 0,
      scheduled: found.scheduledMessageCount ?? 0,
    };
  }

  private async open(): Promise<ServiceBusAdministrationClient> {
    const client = await openAdministration(this.connection, this.credential);
    if (client === undefined)
      throw new Error(
        "the connection names no serviceBus.administration, and only a namespace of Azure has one at its own host",
      );
    return client;
  }
}
