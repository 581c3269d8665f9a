import { type Problem, problem } from "../../runtime/contract/index.js";
import type { RuleArgs, ServiceBusEntitiesArgs } from "./args.js";
import { readSql } from "./sql.js";

/** SETs and REMOVEs that an action may have. Source: the service's quotas. */
export const MAX_ACTION_EXPRESSIONS = 32;

/** A rule, with where it stands in the args. */
export interface PlacedRule {
  path: string;
  rule: RuleArgs;
}

/** Every rule of a topic's subscriptions, in the order of the args. */
export function rulesOf(topic: string, { subscriptions = {} }: Topic): PlacedRule[] {
  return Object.entries(subscriptions).flatMap(([subscription, { rules = {} }]) =>
    Object.entries(rules).map(([name, rule]) => ({
      path: `topics.${topic}.subscriptions.${subscription}.rules.${name}`,
      rule,
    })),
  );
}

type Topic = NonNullable<ServiceBusEntitiesArgs["topics"]>[string];

/**
 * Rules without one condition, and SQL that is plainly wrong. `known` are problems of single settings: a rule that has
 * one lacks that setting here, and what would follow from that would only mislead.
 */
export function ruleProblems(args: ServiceBusEntitiesArgs, known: Problem[]): Problem[] {
  const faulty = (path: string): boolean => known.some((each) => each.path.startsWith(`${path}.`));
  return Object.entries(args.topics ?? {}).flatMap(([name, topic]) =>
    rulesOf(name, topic).flatMap(({ path, rule }) => [
      ...(faulty(path) ? [] : conditionProblems(path, rule)),
      ...(rule.sql === undefined ? [] : sqlProblems(`${path}.sql`, rule.sql)),
      ...(rule.action === undefined ? [] : actionProblems(`${path}.action`, rule.action)),
    ]),
  );
}

function conditionProblems(path: string, rule: RuleArgs): Problem[] {
  if ((rule.sql === undefined) === (rule.correlation === undefined))
    return [problem(path, rule, "must have either sql or correlation", "Give exactly one of them")];
  if (rule.correlation === undefined) return [];
  const { properties = {}, ...fields } = rule.correlation;
  if (Object.keys(fields).length + Object.keys(properties).length > 0) return [];
  return [
    problem(
      `${path}.correlation`,
      rule.correlation,
      "has no condition and would match every message",
      "Give a value that messages must have, or remove the rule",
    ),
  ];
}

/** Statements change messages: they belong to an action. */
const STATEMENTS = ["SET", "REMOVE"];

function sqlProblems(path: string, sql: string): Problem[] {
  const { fault, words } = readSql(sql);
  if (fault !== undefined) return [problem(path, sql, fault, "Correct it")];
  const [first = ""] = words;
  if (first !== "WHERE" && first !== "SELECT" && !STATEMENTS.includes(first)) return [];
  const fix = STATEMENTS.includes(first) ? "Put it in action" : "Give the condition alone";
  return [problem(path, sql, `begins with ${first}, and is no condition`, fix)];
}

function actionProblems(path: string, action: string): Problem[] {
  const { fault, words } = readSql(action);
  if (fault !== undefined) return [problem(path, action, fault, "Correct it")];
  if (!STATEMENTS.includes(words[0] ?? ""))
    return [
      problem(
        path,
        action,
        "must begin with SET or REMOVE: it changes the message",
        "Write SET name = value, or REMOVE name",
      ),
    ];
  const statements = words.filter((word) => STATEMENTS.includes(word)).length;
  if (statements <= MAX_ACTION_EXPRESSIONS) return [];
  return [
    problem(
      path,
      action,
      `has ${statements} expressions; the service takes ${MAX_ACTION_EXPRESSIONS}`,
      "Shorten it, or set the rest where the message is sent",
    ),
  ];
}
