#!/usr/bin/env node
// No import at the top and no new syntax: on an old Node this file must live long enough to say so.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(`stowage needs Node 22.15 or newer; this is Node ${process.versions.node}.\n`);
  process.exit(3);
} else {
  const { main } = require("./main.js") as { main(argv: string[]): Promise<void> };
  void main(process.argv);
}
