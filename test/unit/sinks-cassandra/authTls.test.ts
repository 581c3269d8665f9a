import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type Server } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tlsOptions } from "../../../runtime/sinks/cassandra/access/tls.js";
import { CertificateAuthority } from "../../../stacks/local/entra/authority.js";

const NAME = "telemetry-dc1-service.data.svc";
let directory: string;
let server: Server;
let authority: CertificateAuthority;
let caFile: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "stowage-tls-"));
  caFile = join(directory, "ca.crt");
  authority = await CertificateAuthority.create("ring");
  server = createServer(await authority.issue({ names: [NAME] }), (socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  writeFileSync(caFile, authority.cert);
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

/** What a connection by such options comes to: `taken`, or the error's code. */
function tried(options: ReturnType<typeof tlsOptions>): Promise<string> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve) => {
    const socket = connect({ ...options, host: "127.0.0.1", port, timeout: 5_000 }, () => {
      socket.destroy();
      resolve("taken");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("timeout", () => socket.destroy(new Error("timeout")));
  });
}

describe("TLS to a node", () => {
  test("is taken where its certificate is the authority's and bears the name", async () => {
    expect(await tried(tlsOptions({ caFile, serverName: NAME }))).toBe("taken");
  });

  test("is refused where its certificate bears another name, or not its address", async () => {
    const other = tlsOptions({ caFile, serverName: "telemetry-dc2-service.data.svc" });
    expect(await tried(other)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await tried(tlsOptions({ caFile }))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("is refused by another authority, and taken without a new start once the file holds the right one", async () => {
    const strangers = await CertificateAuthority.create("strangers");
    const file = join(directory, "exchanged.crt");
    writeFileSync(file, strangers.cert);
    const options = tlsOptions({ caFile: file, serverName: NAME });
    expect(await tried(options)).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    writeFileSync(file, authority.cert);
    expect(await tried(options)).toBe("taken");
    // While it is exchanged there is none for a moment: the one before holds.
    rmSync(file);
    expect(await tried(options)).toBe("taken");
  });
});
