import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../stacks/packageRoot.js";
import { type Check, failed, passed } from "./checks.js";
import type { Preview } from "./preview.js";

/** `- \`azure-native:servicebus:Queue\` – one for each of queues` */
const TOKEN = /^- `([a-z][a-z0-9-]*:[\w./-]+(?::\w+)?)`/gm;

/** The types that a component's README lists under `## Resources`; undefined without that section. */
export function documentedTypes(readme: string): string[] | undefined {
  const section = /^## Resources$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(readme)?.[1];
  return section === undefined ? undefined : [...section.matchAll(TOKEN)].flatMap(([, token]) => token ?? []);
}

/** Folders that hold no component: what components share. */
const NO_COMPONENT = new Set(["support"]);

/** Every type that a component documents is in a preview at least once, and every component documents its types. */
export function documentedChecks(previews: readonly Preview[]): Check[] {
  const where = previews.map((p) => p.environment).join(" and ");
  const types = new Set(previews.flatMap((p) => p.resources.map((r) => r.type)));
  const folder = join(packageRoot(), "components");
  const components = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !NO_COMPONENT.has(entry.name),
  );
  return components.map(({ name }) => {
    const check = `the previews of ${where} hold every type that components/${name} documents`;
    const file = join(folder, name, "README.md");
    const listed = existsSync(file) ? documentedTypes(readFileSync(file, "utf8")) : undefined;
    if (listed === undefined || listed.length === 0)
      return failed(check, `components/${name}/README.md lists no types under "## Resources"`);
    const missing = listed.filter((type) => !types.has(type));
    if (missing.length > 0) return failed(check, ...missing.map((type) => `${type} is in none of them`));
    return passed(check);
  });
}
