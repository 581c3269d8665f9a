import { readFileSync } from "node:fs";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import type { CassandraTls } from "../../../contract/index.js";

/** What the driver opens TLS connections with; the authorities are read anew for each of them. */
export function tlsOptions({ caFile, serverName }: CassandraTls): ConnectionOptions {
  let last: string | undefined;
  return {
    /** Read at every connection. A file that cannot be read for a moment, as while it is exchanged, is as it was. */
    get ca(): string {
      try {
        last = readFileSync(caFile, "utf8");
      } catch (error) {
        if (last === undefined) throw error;
      }
      return last;
    },
    // The driver's own default takes any certificate.
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ...(serverName === undefined
      ? {}
      : { servername: serverName, checkServerIdentity: (_host, cert) => checkServerIdentity(serverName, cert) }),
  };
}
