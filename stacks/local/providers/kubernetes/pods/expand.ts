/**
 * Expands `$(NAME)` in a command, an argument or a variable's value as Kubernetes does: a name that is not known
 * stays as it is written, and `$$(NAME)` gives `$(NAME)`. No shell is involved.
 */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (whole, what: string, name: string | undefined) => {
    if (what === "$") return "$";
    return name === undefined ? whole : (variables.get(name) ?? whole);
  });
}
