import { connect } from "node:net";
import { Client, type ClientOptions, policies, types } from "cassandra-driver";
import { CQL_PORT } from "../../../runtime/contract/index.js";

/** A node as the ring should see it. */
export interface Member {
  address: string;
  datacenter: string;
  rack: string;
}

/** How a node is spoken to. */
export interface Access {
  /** Who asks; undefined where nobody is asked for a password. */
  login: Login | undefined;
  /** The authorities of the nodes' certificates, PEM; undefined where everything goes in plaintext. */
  authorities: string | undefined;
}

/** A role and its password. */
export interface Login {
  username: string;
  password: string;
}

/** The role that every ring with passwords begins with. */
export const FIRST_LOGIN: Login = { username: "cassandra", password: "cassandra" };

/** Options of a client that speaks to a node in this way. */
export function accessOptions({ login, authorities }: Access): Pick<ClientOptions, "credentials" | "sslOptions"> {
  return {
    ...(login === undefined ? {} : { credentials: login }),
    // The nodes are reached by addresses, and the certificate bears the name of a service: the authority must do.
    ...(authorities === undefined
      ? {}
      : { sslOptions: { ca: authorities, rejectUnauthorized: true, checkServerIdentity: () => undefined } }),
  };
}

/** Time-out of one question to one node, in milliseconds. */
const QUESTION_MS = 5_000;

/**
 * Asks one node whether it sees all of the members: each in its place, one schema among them, and, where the ring
 * is whole, each of them answering a read of every token range that waits for all replicas. An open port says none
 * of that. Resolves with what is still missing; undefined where nothing is.
 */
export async function missingAt(
  node: Member,
  members: Member[],
  whole: boolean,
  access: Access,
): Promise<string | undefined> {
  if (!(await listens(node.address))) return `${node.address} does not listen yet`;
  const client = oneNode(node, access);
  try {
    await client.connect();
    const ask = (query: string, consistency = types.consistencies.one) =>
      client.execute(query, [], {
        consistency,
        readTimeout: QUESTION_MS,
        retry: new policies.retry.FallthroughRetryPolicy(),
      });
    const local = (await ask("SELECT schema_version, data_center, rack FROM system.local")).first();
    const peers = (await ask("SELECT peer, schema_version, data_center, rack FROM system.peers_v2")).rows;
    const seen = new Map(peers.map((row) => [String(row["peer"]), row]));
    seen.set(node.address, local);
    for (const member of members) {
      const row = seen.get(member.address);
      if (row === undefined) return `${node.address} does not see ${member.address}`;
      if (row["data_center"] !== member.datacenter || row["rack"] !== member.rack)
        return `${node.address} does not see ${member.address} in its rack`;
      if (String(row["schema_version"]) !== String(local["schema_version"]))
        return `${node.address} and ${member.address} differ in their schema`;
    }
    const { all, one } = types.consistencies;
    await ask("SELECT view_name FROM system_distributed.view_build_status", whole ? all : one);
    return undefined;
  } catch (error) {
    return `${node.address}: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await client.shutdown();
  }
}

/** A cheap look before the driver is set to work. */
function listens(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: CQL_PORT, timeout: QUESTION_MS });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

/** A client that speaks to this node and to no other. */
function oneNode(node: Member, access: Access): Client {
  const own = `${node.address}:${CQL_PORT}`;
  return new Client({
    contactPoints: [own],
    localDataCenter: node.datacenter,
    isMetadataSyncEnabled: false,
    ...accessOptions(access),
    socketOptions: { connectTimeout: QUESTION_MS },
    policies: {
      loadBalancing: new policies.loadBalancing.DefaultLoadBalancingPolicy({
        localDc: node.datacenter,
        filter: (host) => host.address === own,
      }),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(QUESTION_MS),
    },
  });
}
