import type { Server } from "node:net";

/** Lets a server listen, port 0 on any that is free; rejects where it cannot, a port that is taken for one. */
export function openPort(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve({ host, port: typeof address === "object" && address !== null ? address.port : port });
    });
  });
}
