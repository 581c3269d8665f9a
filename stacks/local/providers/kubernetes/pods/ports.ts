import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below Linux' ephemeral range (32768 and up by default), whose ports any outgoing connection may take meanwhile.
const FIRST = 20_000;
const LAST = 32_000;
const ATTEMPTS = 200;

/** Ports that pods of this stand-in hold: a port is free only once its pod has ended. */
export class PortPool {
  private readonly held = new Set<number>();

  /** A TCP port that is free on this machine now. Throws where 200 tries find none. */
  async take(): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const port = randomInt(FIRST, LAST);
      if (this.held.has(port)) continue;
      this.held.add(port);
      if (await isFree(port)) return port;
      this.held.delete(port);
    }
    throw new Error(
      `no free TCP port was found between ${FIRST} and ${LAST} in ${ATTEMPTS} tries; stop what holds them`,
    );
  }

  release(ports: Iterable<number>): void {
    for (const port of ports) this.held.delete(port);
  }
}

/** True if nothing listens at the port, be it on loopback or on every address. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
