import { join } from "node:path";
import { runCommand } from "../../stacks/local/engine/command.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { javaClient } from "../clients/java/environment.js";
import { describeClient } from "../clients/suite.js";

// Microsoft's client for Java, unmodified, against the broker: the one that has transactions. It needs Java 17, and
// Maven the first time.

const PROGRAM = join(packageRoot(), "test/clients/java/Operations.java");
const QUEUES = ["plain", "settled", "committed", "rolled-back", "one-entity", "from", "to"];

describeClient({
  name: "the Java client",
  program: PROGRAM,
  declared: /operations\.put\("(.*)", /g,
  least: 7,
  limitMs: 8 * 60_000,
  find: javaClient,
  async run({ java, lib }, broker) {
    for (const queue of QUEUES) broker.putQueue(queue);
    broker.putQueue("rooms", { requiresSession: true });
    await broker.listen();
    const args = ["-cp", join(lib, "*"), PROGRAM, broker.connectionString()];
    return runCommand(java, args, { env: process.env, limitMs: 120_000 });
  },
});
