import type { MessageFacts } from "./content.js";
import { compilePredicate } from "./sql/evaluator.js";
import { parseFilter } from "./sql/parser.js";
import type { FilteredMessage } from "./sql/systemProperties.js";
import { correlates, type SqlParameter, type SqlParameters } from "./sql/values.js";

/** Takes every message. A new subscription has one, in the rule `$Default`. */
export interface TrueFilter {
  readonly kind: "true";
}

/** Takes no message. */
export interface FalseFilter {
  readonly kind: "false";
}

/** Takes the messages in which everything that is named here is equal; texts with their case. */
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
  /** Application properties; numbers are equal whatever width they were sent in. */
  readonly properties?: Readonly<Record<string, SqlParameter>>;
}

/** A condition in the SQL of subscription rules, at most 1,024 characters. */
export interface SqlFilter {
  readonly kind: "sql";
  readonly expression: string;
  /** What the `@names` in it stand for. @default none */
  readonly parameters?: SqlParameters;
}

export type Filter = TrueFilter | FalseFilter | CorrelationFilter | SqlFilter;

/** A filter ready to be asked. It throws EvaluationError where it cannot say. */
export type Predicate = (message: () => FilteredMessage) => boolean;

/** The system properties that a correlation filter can name. */
export const CORRELATION_FIELDS = [
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
  const fields = CORRELATION_FIELDS.flatMap((field) => {
    const wanted = filter[field];
    return wanted === undefined ? [] : [{ field, wanted }];
  });
  const properties = Object.entries(filter.properties ?? {});
  return (message) => {
    const { facts } = message();
    return (
      fields.every(({ field, wanted }) => facts[field] === wanted) &&
      properties.every(([name, wanted]) => correlates(facts.properties.get(name), wanted))
    );
  };
}

/**
 * Makes a filter ready.
 * @throws BrokerError InvalidArgument for SQL that cannot be understood, with the position
 */
export function compileFilter(filter: Filter): Predicate {
  switch (filter.kind) {
    case "true":
      return () => true;
    case "false":
      return () => false;
    case "correlation":
      return correlation(filter);
    case "sql": {
      const { expression, parameters = {} } = filter;
      const test = compilePredicate(parseFilter(expression, parameters), parameters);
      return (message) => test(message()) === true;
    }
  }
}
