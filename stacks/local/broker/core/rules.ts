import type { Content } from "./content.js";
import { BrokerError, BrokerErrorCode } from "./errors.js";
import { compileFilter, type Filter, type Predicate } from "./filters.js";
import type { DeadLetter } from "./settlement.js";
import { type Action, compileAction } from "./sql/actions.js";
import { parseAction } from "./sql/parser.js";
import type { FilteredMessage } from "./sql/systemProperties.js";
import { EvaluationError, type SqlParameters } from "./sql/values.js";

/** What a rule does to its copy of a message: `SET` and `REMOVE` statements, at most 32 in 1,024 characters. */
export interface RuleAction {
  readonly expression: string;
  /** What the `@names` in it stand for. @default none */
  readonly parameters?: SqlParameters;
}

/** A rule of a subscription. */
export interface Rule {
  readonly name: string;
  readonly filter: Filter;
  readonly action?: RuleAction;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The rule a new subscription has: it takes every message. */
export const DEFAULT_RULE = "$Default";
/** The application property in which a copy that an action made names its rule. */
const RULE_NAME = "RuleName";
/** The service's limits on one topic. */
const MOST_SQL_FILTERS = 2_000;
const MOST_CORRELATION_FILTERS = 100_000;

interface CompiledRule extends Rule {
  readonly takes: Predicate;
  readonly edit: Action | undefined;
}

/** What a subscription gets of one message. */
export interface Selection {
  /** The message itself at most once, and one copy for each rule with an action that takes it. */
  readonly copies: readonly Content[];
  /** Why a rule could not say whether it takes the message, or what to do with it. */
  readonly failure: DeadLetter | undefined;
}

/** The rules of one subscription, by name; names ignore case. */
export class Rules {
  readonly #rules = new Map<string, CompiledRule>();
  readonly #now: () => number;
  readonly #changed: () => void;
  #actions = 0;

  /** @param changed called after every change */
  constructor(now: () => number, changed: () => void) {
    this.#now = now;
    this.#changed = changed;
    this.put(DEFAULT_RULE, { kind: "true" });
  }

  /**
   * Sets a rule; one of that name is replaced.
   * @throws BrokerError InvalidArgument for SQL that cannot be understood, with the position
   */
  put(name: string, filter: Filter, action?: RuleAction): void {
    const takes = compileFilter(filter);
    const edit = action === undefined ? undefined : compileRuleAction(action);
    const createdAt = this.get(name)?.createdAt ?? this.#now();
    this.#rules.set(name.toLowerCase(), {
      name,
      filter,
      createdAt,
      takes,
      edit,
      ...(action === undefined ? {} : { action }),
    });
    this.#count();
  }

  /** True if there was such a rule. */
  delete(name: string): boolean {
    const deleted = this.#rules.delete(name.toLowerCase());
    this.#count();
    return deleted;
  }

  get(name: string): Rule | undefined {
    return this.#rules.get(name.toLowerCase());
  }

  all(): Iterable<Rule> {
    return this.#rules.values();
  }

  /** How many copies of one message there can be at most. */
  get mostCopies(): number {
    return 1 + this.#actions;
  }

  /** Asks every rule. @param message decoded when the first filter asks */
  select(content: Content, message: () => FilteredMessage): Selection {
    const copies: Content[] = [];
    let plain = false;
    let failure: DeadLetter | undefined;
    for (const rule of this.#rules.values()) {
      if (rule.edit === undefined && plain) {
        continue;
      }
      try {
        if (!rule.takes(message)) {
          continue;
        }
        if (rule.edit === undefined) {
          plain = true;
          copies.push(content);
        } else {
          const { system, properties } = rule.edit(message());
          copies.push(content.edited({ system, properties: new Map([...properties, [RULE_NAME, rule.name]]) }));
        }
      } catch (error) {
        failure ??= ruleFailure(rule.name, error);
      }
    }
    return { copies, failure };
  }

  #count(): void {
    this.#actions = [...this.#rules.values()].filter((rule) => rule.edit !== undefined).length;
    this.#changed();
  }
}

/**
 * Makes an action ready.
 * @throws BrokerError InvalidArgument for SQL that cannot be understood, with the position
 */
export function compileRuleAction(action: RuleAction): Action {
  const { expression, parameters = {} } = action;
  return compileAction(parseAction(expression, parameters), parameters);
}

/** Why a message is dead-lettered on which a rule failed; what is no failure of a rule is thrown on. */
function ruleFailure(rule: string, error: unknown): DeadLetter {
  if (error instanceof EvaluationError || error instanceof BrokerError) {
    return { kind: "deadLetter", reason: "FilterException", description: `Rule '${rule}': ${error.message}` };
  }
  throw error;
}

/** Refuses a rule beyond the service's limits on a topic. @param rules all rules of the topic's subscriptions */
export function checkRuleCount(topic: string, rules: Iterable<Rule>, added: Filter): void {
  const [kind, most] =
    added.kind === "correlation" ? ["correlation", MOST_CORRELATION_FILTERS] : ["SQL", MOST_SQL_FILTERS];
  let count = 0;
  for (const { filter } of rules) {
    count += (filter.kind === "correlation") === (added.kind === "correlation") ? 1 : 0;
  }
  if (count >= most) {
    throw new BrokerError(
      BrokerErrorCode.QuotaExceeded,
      `The topic '${topic}' has ${count} ${kind} filters already, the most there may be: delete one first.`,
    );
  }
}
