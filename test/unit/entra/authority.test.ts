import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../../stacks/local/entra/index.js";

/** What a client says that trusts these authorities: "trusted", or the code of its error. */
async function asked(authority: CertificateAuthority, ca: string[], servername = "localhost"): Promise<string> {
  const server = createServer(await authority.issue());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port, servername, ca }, () => {
        socket.end();
        resolve("trusted");
      });
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    server.close();
  }
}

describe("an authority of one run", () => {
  it("is trusted by whoever trusts it, under the name of this machine and no other", async () => {
    const authority = await CertificateAuthority.create("test");
    expect(await asked(authority, [authority.cert])).toBe("trusted");
    expect(await asked(authority, [authority.cert], "bus.example")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await asked(authority, [])).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
  });

  it("is found among those of other runs, which have the same name", async () => {
    const all = await Promise.all([1, 2, 3].map(() => CertificateAuthority.create("test")));
    const certs = all.map(({ cert }) => cert);
    for (const authority of all) expect(await asked(authority, certs)).toBe("trusted");
    const [first, second] = all;
    if (first === undefined || second === undefined) throw new Error("three were made");
    expect(await asked(first, [second.cert])).not.toBe("trusted");
  });
});
