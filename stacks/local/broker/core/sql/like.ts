import { EvaluationError } from "./values.js";

/** One step of a pattern: a character, any one character, or any number of them. */
type Step = string | typeof ANY | typeof MANY;
const ANY = Symbol("any one");
const MANY = Symbol("any number");

/**
 * Makes a LIKE pattern ready: `%` stands for any number of characters, `_` for one, and a character after the escape
 * character for itself.
 */
export function likePattern(pattern: string, escapeWith: string | undefined): (text: string) => boolean {
  if (escapeWith !== undefined && [...escapeWith].length !== 1) {
    throw new EvaluationError(`The escape character of LIKE must be one character; it is '${escapeWith}'.`);
  }
  const steps: Step[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    if (character === escapeWith) {
      i++;
      const literal = characters[i];
      if (literal === undefined) {
        throw new EvaluationError(`The pattern '${pattern}' ends with its escape character.`);
      }
      steps.push(literal);
    } else {
      steps.push(character === "%" ? MANY : character === "_" ? ANY : character);
    }
  }
  return (text) => matches([...text], steps);
}

/** Without a regular expression: its time is bounded by text times pattern, whatever the pattern. */
function matches(text: readonly string[], steps: readonly Step[]): boolean {
  let at = 0;
  let step = 0;
  let many = -1;
  let resume = 0;
  while (at < text.length) {
    const wanted = steps[step];
    if (wanted === MANY) {
      many = step++;
      resume = at;
    } else if (wanted !== undefined && (wanted === ANY || wanted === text[at])) {
      step++;
      at++;
    } else if (many >= 0) {
      step = many + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (steps[step] === MANY) {
    step++;
  }
  return step === steps.length;
}
