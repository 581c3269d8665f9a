import type { Content, MessageFacts } from "./content.js";
import { BrokerError, BrokerErrorCode } from "./errors.js";

/** Takes every message. A new subscription has one, in the rule `$Default`. */
export interface TrueFilter {
  readonly kind: "true";
}

/** Takes no message. */
export interface FalseFilter {
  readonly kind: "false";
}

/** Takes the messages in which everything that is named here is equal. */
export interface CorrelationFilter {
  readonly kind: "correlation";
  readonly correlationId?: string;
  readonly messageId?: string;
  readonly to?: string;
  readonly replyTo?: string;
  readonly subject?: string;
  readonly sessionId?: string;
  readonly replyToSessionId?: string;
  readonly contentType?: string;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

/** An SQL expression. Not run by this broker: putting such a rule is refused by name. */
export interface SqlFilter {
  readonly kind: "sql";
  readonly expression: string;
}

export type Filter = TrueFilter | FalseFilter | CorrelationFilter | SqlFilter;

/** A filter ready to be asked. */
export type Predicate = (content: Content) => boolean;

const FIELDS = [
  "correlationId",
  "messageId",
  "to",
  "replyTo",
  "subject",
  "sessionId",
  "replyToSessionId",
  "contentType",
] as const satisfies readonly (keyof CorrelationFilter & keyof MessageFacts)[];

function correlation(filter: CorrelationFilter): Predicate {
  const fields = FIELDS.flatMap((field) => {
    const wanted = filter[field];
    return wanted === undefined ? [] : [{ field, wanted }];
  });
  const properties = Object.entries(filter.properties ?? {});
  return (content) => {
    const facts = content.facts();
    return (
      fields.every(({ field, wanted }) => facts[field] === wanted) &&
      properties.every(([name, wanted]) => facts.properties.get(name) === wanted)
    );
  };
}

/** Makes a filter ready; `rule` names it where it is refused. */
export function compileFilter(rule: string, filter: Filter): Predicate {
  switch (filter.kind) {
    case "true":
      return () => true;
    case "false":
      return () => false;
    case "correlation":
      return correlation(filter);
    case "sql":
      throw new BrokerError(
        BrokerErrorCode.NotImplemented,
        `Rule '${rule}' has the SQL filter '${filter.expression}'. This broker runs true, false and correlation filters: say it as a correlation filter, or filter in the worker.`,
      );
  }
}
