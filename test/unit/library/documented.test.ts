import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ModuleError, SinkPoison, SinkRetry } from "../../../runtime/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

const readme = readFileSync(join(packageRoot(), "runtime", "library", "README.md"), "utf8");

test("every code that a module of one's own may meet stands in its README, and no other is listed as an error of modules", () => {
  for (const code of [...Object.values(SinkPoison), ...Object.values(SinkRetry), "InvalidOutcome"])
    expect(readme).toContain(`\`${code}\``);
  const listed = [...readme.matchAll(/^\| `(Module\w+)`/gm)].map(([, code]) => code);
  expect(listed.toSorted()).toEqual(Object.values(ModuleError).toSorted());
});
