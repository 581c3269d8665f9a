import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes the program that the engine starts as a provider plug-in, `DIR/pulumi-resource-NAME`. It prints the port of
 * the stand-in, which runs in the command's own process and outlives the engine's run, and waits: the engine holds
 * the other end of its standard input, so it ends with the engine, even a killed one.
 * @returns the folder, for `plugins.providers[].path` of a Pulumi.yaml
 */
export function writePluginShim(dir: string, name: string, port: number): string {
  mkdirSync(dir, { recursive: true });
  const script = `#!/bin/sh\necho ${port}\nexec cat >/dev/null\n`;
  writeFileSync(join(dir, `pulumi-resource-${name}`), script, { mode: 0o755 });
  return dir;
}
