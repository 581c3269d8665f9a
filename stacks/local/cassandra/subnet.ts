import { createServer, type Server } from "node:net";
import { CQL_PORT } from "../../../runtime/contract/index.js";
import { MissingRequirementError } from "../engine/requirements.js";
import { holderOf } from "../run/ports.js";
import { nodeAddress, STORAGE_PORT } from "./nodeFiles.js";

/** Loopback subnets that rings take, `127.0.1` to `127.0.250`. */
const SUBNETS = 250;
/** The address of each subnet whose bound port says that the subnet is taken. */
const CLAIM_HOST = 254;

/** A loopback subnet that belongs to one ring until it is released, or until this process ends. */
export interface Subnet {
  /** The first three parts, `127.0.3`. */
  prefix: string;
  release(): Promise<void>;
}

/**
 * The first subnet in which nobody listens where the nodes are going to. Two commands at once get two subnets:
 * each holds a bound port of its subnet, which the kernel gives to one process only and takes back when that
 * process ends, however it ends; a lock file would have to be told from one that a killed command left behind.
 */
export async function claimSubnet(nodes: number): Promise<Subnet> {
  for (let i = 1; i <= SUBNETS; i++) {
    const prefix = `127.0.${i}`;
    const claim = await listenAlone(`${prefix}.${CLAIM_HOST}`, STORAGE_PORT);
    if (claim === undefined) continue;
    const release = () => closed(claim);
    if (await allFree(prefix, nodes)) return { prefix, release };
    await release();
  }
  const held = [CQL_PORT, STORAGE_PORT].flatMap((port) => {
    const holder = holderOf(port);
    return holder === undefined ? [] : [`port ${port} is held by ${holder}`];
  });
  throw new MissingRequirementError([
    `No loopback subnet from 127.0.1 to 127.0.${SUBNETS} is free for a ring: ` +
      `${held.join(", ") || `port ${CQL_PORT} or ${STORAGE_PORT} is held on every address`}. End what holds it.`,
  ]);
}

async function allFree(prefix: string, nodes: number): Promise<boolean> {
  for (let index = 0; index < nodes; index++) {
    for (const port of [CQL_PORT, STORAGE_PORT]) {
      const probe = await listenAlone(nodeAddress(prefix, index), port);
      if (probe === undefined) return false;
      await closed(probe);
    }
  }
  return true;
}

/** A server that refuses all who call; undefined where the address is taken. */
function listenAlone(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
