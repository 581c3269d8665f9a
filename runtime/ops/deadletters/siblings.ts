import type { RuleProperties, ServiceBusAdministrationClient } from "@azure/service-bus";
import type { AmqpMessage } from "../../bus/copy.js";
import { StowageError } from "../../contract/index.js";
import type { Clock } from "../../support/clock.js";
import { refusalText } from "../entityFacts.js";

/**
 * Property that every copy to a topic carries: the subscription that it is meant for. A rule that must not take copies
 * meant for others says `[stowage-replay-for] IS NULL OR [stowage-replay-for] = '<its subscription>'`.
 */
export const REPLAY_FOR_PROPERTY = "stowage-replay-for";

/** Says whether a rule takes a message. Throws where it cannot say. */
export type RuleTest = (copy: AmqpMessage) => boolean;

/** Reads a rule as the service reads it. Throws for one that it does not understand. */
export type RuleReader = (rule: RuleProperties) => RuleTest;

export interface SiblingsOptions {
  admin: ServiceBusAdministrationClient | undefined;
  topic: string;
  subscription: string;
  readRule: RuleReader;
  clock: Clock;
}

interface SubscriptionRules {
  name: string;
  rules: { name: string; takes: RuleTest }[];
}

/** Rules are read again after so long, in milliseconds: somebody may change them during a long replay. */
const FRESH_MILLISECONDS = 30_000;

/**
 * Service Bus cannot send to one subscription: a copy goes to the topic, and so to each subscription whose rules take
 * it. This asks all rules of the topic, for each copy, who would get it, and refuses a copy that any other subscription
 * would get, or that the own one would not.
 */
export class Siblings {
  private known: { at: number; own: SubscriptionRules; others: SubscriptionRules[] } | undefined;

  constructor(private readonly options: SiblingsOptions) {}

  /**
   * Reads all rules of the topic.
   * @throws StowageError `RulesUnseen` where they cannot be read, `RuleWithAction` where the own rules change messages
   */
  async read(): Promise<void> {
    const { admin, topic, subscription, clock } = this.options;
    if (admin === undefined) throw unseen(topic, "there is no administration to ask at this address");
    const subscriptions: SubscriptionRules[] = [];
    try {
      for await (const { subscriptionName: name } of admin.listSubscriptions(topic)) {
        const rules: SubscriptionRules["rules"] = [];
        for await (const rule of admin.listRules(topic, name)) {
          const own = same(name, subscription);
          if (own && (rule.action.sqlExpression ?? "") !== "") throw withAction(topic, name, rule);
          rules.push({ name: rule.name, takes: this.reading(rule) });
        }
        subscriptions.push({ name, rules });
      }
    } catch (error) {
      if (error instanceof StowageError) throw error;
      throw unseen(topic, refusalText(error));
    }
    const own = subscriptions.find(({ name }) => same(name, subscription));
    if (own === undefined) throw unseen(topic, `the topic has no subscription ${subscription}`);
    const others = subscriptions.filter((entry) => entry !== own);
    this.known = { at: clock.now(), own, others };
  }

  /**
   * Throws a StowageError `WouldReachOthers` where another subscription would get the copy, or where that cannot be
   * said; `WouldNotArrive` where the own one would not.
   */
  async check(copy: AmqpMessage): Promise<void> {
    if (this.known === undefined || this.options.clock.now() - this.known.at > FRESH_MILLISECONDS) await this.read();
    const { own, others } = this.known ?? { own: { name: "", rules: [] }, others: [] };
    const { topic, subscription } = this.options;
    for (const { name, rules } of others) {
      const taker = rules.find(({ takes }) => may(takes, copy));
      if (taker === undefined) continue;
      throw new StowageError(
        "WouldReachOthers",
        `A copy sent to ${topic} would also reach its subscription ${name}, by the rule ${taker.name}. Add to that ` +
          `rule's filter: AND ([${REPLAY_FOR_PROPERTY}] IS NULL OR [${REPLAY_FOR_PROPERTY}] = '${quoted(name)}').`,
      );
    }
    if (!own.rules.some(({ takes }) => surely(takes, copy)))
      throw new StowageError(
        "WouldNotArrive",
        `No rule of the subscription ${subscription} of ${topic} takes the copy any more. Its rules were changed, or ` +
          "cannot be judged here; add one that takes it, or fetch the message with stowage dlq show --save.",
      );
  }

  /** A rule that cannot be read is judged as one that cannot say. */
  private reading(rule: RuleProperties): RuleTest {
    try {
      return this.options.readRule(rule);
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }
}

/** True where the rule takes the copy, or where it cannot be said. */
function may(takes: RuleTest, copy: AmqpMessage): boolean {
  try {
    return takes(copy);
  } catch {
    return true;
  }
}

/** True only where the rule takes the copy. */
function surely(takes: RuleTest, copy: AmqpMessage): boolean {
  try {
    return takes(copy);
  } catch {
    return false;
  }
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function quoted(text: string): string {
  return text.replaceAll("'", "''");
}

function unseen(topic: string, why: string): StowageError {
  return new StowageError(
    "RulesUnseen",
    `The rules of the subscriptions of ${topic} cannot be read: ${why}. A copy goes to the topic and to every ` +
      "subscription whose rules take it, so that without them nothing is replayed. Give the identity that runs this " +
      "Azure Service Bus Data Owner on the topic for as long as it takes.",
  );
}

function withAction(topic: string, subscription: string, { name, action }: RuleProperties): StowageError {
  return new StowageError(
    "RuleWithAction",
    `The rule ${name} of ${topic}/subscriptions/${subscription} changes what it takes (${action.sqlExpression}), and ` +
      "the dead letter went through it already: a copy would be changed a second time. Nothing was touched. Remove the " +
      "rule's action for as long as the replay takes, or fetch the messages with stowage dlq show --save.",
  );
}
