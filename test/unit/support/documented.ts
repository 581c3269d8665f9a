import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The type tokens in the list under `## Resources` of a component's README, sorted. Tests run in the project's root. */
export async function documentedTypes(component: string): Promise<string[]> {
  const text = await readFile(join("components", component, "README.md"), "utf8");
  const [, section = ""] = text.split("\n## Resources\n");
  const list = section.split("\n## ")[0] ?? "";
  return [...list.matchAll(/^- `([^`]+)`/gm)].map(([, token = ""]) => token).sort();
}
