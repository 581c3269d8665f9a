/** A series as an expression names it. */
export interface NamedSeries {
  /** The whole of it, without a stretch of time. */
  text: string;
  name: string;
  matchers: { label: string; operator: string; value: string }[];
}

/** The worker's own series of an expression, and its process's. */
export function seriesIn(expr: string): NamedSeries[] {
  return [...expr.matchAll(/\b((?:stowage|process|nodejs)_\w+)(\{[^}]*\})?/g)].map(
    ([text, name = "", braces = ""]) => ({
      text,
      name,
      matchers: [...braces.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(
        ([, label = "", operator = "", value = ""]) => ({
          label,
          operator,
          value,
        }),
      ),
    }),
  );
}

/** The labels that an expression groups by. */
export function groupedBy(expr: string): string[] {
  return [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(/,\s*/));
}
