import type { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";
import { openAdministration, openClient } from "../bus/index.js";
import { CONTRACT_VERSION, type Connection, type ServiceBusConnection } from "../contract/index.js";

/** How a command reaches the namespace. */
export type Login =
  /** With the identity of this machine or pod: the default chain of Azure, `az login` among it. */
  | { readonly kind: "identity"; readonly serviceBus: ServiceBusConnection }
  /** With a connection string, which comes from the environment: a command line is seen by every user of a machine. */
  | { readonly kind: "connectionString"; readonly bus: string; readonly admin: string | undefined };

/** The namespace, opened. Nothing is connected before it is used. */
export interface Namespace {
  /** Host, and the port where it is not the standard one. */
  readonly host: string;
  readonly client: ServiceBusClient;
  /** Reads entities and rules, which takes the manage right; undefined where there is nowhere to ask. */
  readonly admin: ServiceBusAdministrationClient | undefined;
  /** Gets a token of the identity; undefined where none is used. Rejects where none is to be had. */
  readonly token: (() => Promise<TokenFacts>) | undefined;
  /** False where the bus is spoken to as to Microsoft's emulator: plain TCP. */
  readonly tls: boolean;
  close(): Promise<void>;
}

/** What may be said of a token: never the token. */
export interface TokenFacts {
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** Object id of the identity; undefined where the token cannot be read. */
  objectId: string | undefined;
}

/** Scope of Service Bus at Entra ID. */
const SCOPE = "https://servicebus.azure.net/.default";
/** How long closing may take, in milliseconds: a connection that has died does not answer it. */
const CLOSE_MILLISECONDS = 3_000;

/** The connection of a namespace that is known by its host alone. */
export function connectionOf(fullyQualifiedNamespace: string): Connection {
  return { contractVersion: CONTRACT_VERSION, serviceBus: { fullyQualifiedNamespace } };
}

/** Opens the namespace. Throws a StowageError `NoWorkloadIdentity` in a pod that was given no identity. */
export async function openNamespace(login: Login): Promise<Namespace> {
  if (login.kind === "connectionString") {
    const { ServiceBusAdministrationClient: Admin, ServiceBusClient: Client } = await import("@azure/service-bus");
    const client = new Client(login.bus);
    // Of Microsoft's emulator this client's administration knows no address: it has to be told.
    const emulated = /UseDevelopmentEmulator\s*=\s*true/i.test(login.bus);
    const admin = login.admin ?? (emulated ? undefined : login.bus);
    return {
      // The client's own name of it leaves out the port.
      host: /Endpoint\s*=\s*sb:\/\/([^;/]+)/i.exec(login.bus)?.[1] ?? client.fullyQualifiedNamespace,
      client,
      admin: admin === undefined ? undefined : new Admin(admin),
      token: undefined,
      tls: !emulated,
      close: () => limited(client.close()),
    };
  }
  const { serviceBus } = login;
  const { client, credential, close } = await openClient({ contractVersion: CONTRACT_VERSION, serviceBus });
  const host = serviceBus.fullyQualifiedNamespace;
  const admin = await openAdministration(serviceBus, credential);
  const token = async (): Promise<TokenFacts> => {
    const got = await credential?.getToken(SCOPE);
    if (got === null || got === undefined) throw new Error("The identity has no token for Service Bus.");
    return { expiresAt: got.expiresOnTimestamp, objectId: objectIdOf(got.token) };
  };
  const known = credential === undefined ? undefined : token;
  return { host, client, admin, token: known, tls: credential !== undefined, close: () => limited(close()) };
}

function objectIdOf(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const id = typeof claims === "object" && claims !== null && "oid" in claims ? claims.oid : undefined;
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}

async function limited(closing: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MILLISECONDS);
  });
  await Promise.race([closing.catch(() => undefined), limit]);
  clearTimeout(timer);
}
