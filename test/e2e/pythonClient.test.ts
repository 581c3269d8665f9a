import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../stacks/local/engine/command.js";
import { CertificateAuthority } from "../../stacks/local/entra/authority.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pythonClient } from "../clients/python/environment.js";
import { describeClient } from "../clients/suite.js";

// Microsoft's client for Python, unmodified, against the broker. It needs Python 3.10 or newer with pip, and a registry
// the first time.

const PROGRAM = join(packageRoot(), "test/clients/python/operations.py");

describeClient({
  name: "the Python client",
  program: PROGRAM,
  declared: /^@operation\("(.*)"\)$/gm,
  least: 13,
  limitMs: 6 * 60_000,
  find: pythonClient,
  async run({ python, env }, broker) {
    broker.putQueue("orders", { lockDurationSeconds: 30 });
    broker.putQueue("short", { lockDurationSeconds: 1 });
    broker.putQueue("renewed", { lockDurationSeconds: 4 });
    broker.putQueue("rooms", { requiresSession: true });
    broker.putTopic("events");
    broker.putSubscription("events", "all");
    broker.putSubscription("events", "red");
    broker.putRule("events", "red", "$Default", { kind: "correlation", properties: { colour: "red" } });
    await broker.listen();
    const authority = await CertificateAuthority.create("clients of other languages");
    const { port } = await broker.listenAdmin({ tls: await authority.issue() });
    const folder = mkdtempSync(join(tmpdir(), "stowage-python-"));
    try {
      const trusted = join(folder, "authority.pem");
      writeFileSync(trusted, authority.cert);
      const args = [PROGRAM, broker.connectionString(), `localhost:${port}`, trusted];
      return await runCommand(python, args, { env, limitMs: 120_000 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});
