import { setDefaultCACertificates } from "node:tls";
import { ServiceBusClient, type ServiceBusClientOptions } from "@azure/service-bus";
import { generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { onTestFinished } from "vitest";
import {
  type AccessControl,
  type AccessEvent,
  AccessRight,
  Broker,
  BrokerError,
  BrokerErrorCode,
  type BrokerOptions,
  type Principal,
} from "../../../stacks/local/broker/index.js";
import { CertificateAuthority } from "../../../stacks/local/entra/authority.js";
import { FakeClock } from "../broker/helpers.js";

export const ISSUER = "https://sts.example/tenant/";
export const AUDIENCE = "https://servicebus.azure.net/";
const HOUR_S = 3_600;

const authority = CertificateAuthority.create("broker tests");

/** A certificate for this machine, which this process trusts from then on. */
export async function certificate(): Promise<{ key: string; cert: string }> {
  const ca = await authority;
  setDefaultCACertificates([ca.cert]);
  return ca.issue();
}

/** One who may do things: by entity, empty for the namespace. */
export type Rights = Map<string, Map<string, Set<AccessRight>>>;

/** A directory with tokens of its own, checked as those of the real one are: signature, issuer, audience, time. */
export class Directory implements AccessControl {
  readonly rights: Rights = new Map();
  readonly #keys = generateKeyPair("ES256");
  readonly #foreign = generateKeyPair("ES256");

  grant(who: string, entity: string, ...rights: AccessRight[]): void {
    const entities = this.rights.get(who) ?? new Map<string, Set<AccessRight>>();
    this.rights.set(who, entities);
    entities.set(entity, new Set(rights));
  }

  revoke(who: string, entity: string): void {
    this.rights.get(who)?.delete(entity);
  }

  /** A token of someone. `signedBy: "foreign"` has a signature of another key. */
  async token(
    who: string,
    expiresAt: number,
    changes: { readonly claims?: JWTPayload; readonly signedBy?: "foreign" } = {},
  ): Promise<string> {
    const { privateKey } = await (changes.signedBy === "foreign" ? this.#foreign : this.#keys);
    return new SignJWT({ oid: who, iss: ISSUER, aud: AUDIENCE, ...changes.claims })
      .setProtectedHeader({ alg: "ES256" })
      .setExpirationTime(Math.floor(expiresAt / 1_000))
      .sign(privateKey);
  }

  async identify(token: string, now: number): Promise<Principal> {
    const { publicKey } = await this.#keys;
    try {
      const { payload } = await jwtVerify(token, publicKey, { currentDate: new Date(now) });
      if (payload.iss !== ISSUER) {
        throw new BrokerError(BrokerErrorCode.UnauthorizedAccess, "InvalidIssuer: The token has an invalid issuer.");
      }
      if (payload.aud !== AUDIENCE) {
        throw new BrokerError(BrokerErrorCode.UnauthorizedAccess, "InvalidAudience: The token has a wrong audience.");
      }
      const id = String(payload["oid"]);
      return { id, name: id, expiresAt: (payload.exp ?? 0) * 1_000 };
    } catch (error) {
      if (error instanceof BrokerError) {
        throw error;
      }
      throw error instanceof Error && "code" in error && error.code === "ERR_JWT_EXPIRED"
        ? new BrokerError(BrokerErrorCode.ExpiredToken, "ExpiredToken: The token is expired.")
        : new BrokerError(BrokerErrorCode.UnauthorizedAccess, "InvalidSignature: The token has an invalid signature.");
    }
  }

  allows(principal: Principal, entity: string, right: AccessRight): boolean {
    const entities = this.rights.get(principal.id);
    for (let path = entity; ; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
      const held = entities?.get(path);
      if (held?.has(right) === true || held?.has(AccessRight.Manage) === true) {
        return true;
      }
      if (path === "") {
        return false;
      }
    }
  }
}

export interface Guarded {
  readonly broker: Broker;
  readonly directory: Directory;
  readonly clock: FakeClock;
  readonly log: AccessEvent[];
  readonly host: string;
  readonly port: number;
  /** A client with tokens of someone, which last an hour of the broker's clock. */
  client(who: string, options?: ClientWishes): ServiceBusClient;
  /** A client with whatever token is given, each time it asks. */
  clientWith(token: () => Promise<string>, options?: ClientWishes): ServiceBusClient;
  /** A client that signs with the key of a shared access policy. */
  clientOf(policy: string, key: string): ServiceBusClient;
}

export interface ClientWishes extends ServiceBusClientOptions {
  /** When the client believes that its token ends, in milliseconds from now; it renews two minutes before. */
  readonly believesFor?: number;
}

/** No retries: what a test sees is the broker's first answer. */
export const FIRST_ANSWER = { maxRetries: 0, timeoutInMs: 5_000, retryDelayInMs: 20, maxRetryDelayInMs: 50 };

/** A broker that looks at rights, on TLS and on bare TCP, with the queue `orders` and the subscription `events/audit`. */
export async function startGuarded(options: BrokerOptions = {}): Promise<Guarded> {
  const clock = new FakeClock(Date.now());
  const directory = new Directory();
  const log: AccessEvent[] = [];
  const broker = new Broker({ clock, access: directory, accessLog: (event) => log.push(event), ...options });
  broker.putQueue("orders");
  broker.putTopic("events");
  broker.putSubscription("events", "audit");
  const { port } = await broker.listen({ tls: await certificate(), plainText: true });
  onTestFinished(() => broker.close());
  const host = `localhost:${port}`;
  const closing = (client: ServiceBusClient): ServiceBusClient => {
    onTestFinished(() => client.close());
    return client;
  };
  const clientWith = (token: () => Promise<string>, wishes: ClientWishes = {}): ServiceBusClient =>
    closing(
      new ServiceBusClient(
        host,
        {
          getToken: async () => ({
            token: await token(),
            expiresOnTimestamp: Date.now() + (wishes.believesFor ?? HOUR_S * 1_000),
          }),
        },
        { retryOptions: FIRST_ANSWER, ...wishes },
      ),
    );
  return {
    broker,
    directory,
    clock,
    log,
    host,
    port,
    clientWith,
    client: (who, wishes) => clientWith(() => directory.token(who, clock.now() + HOUR_S * 1_000), wishes),
    clientOf: (policy, key) =>
      closing(
        new ServiceBusClient(`Endpoint=sb://${host}/;SharedAccessKeyName=${policy};SharedAccessKey=${key}`, {
          retryOptions: FIRST_ANSWER,
        }),
      ),
  };
}

/** The error with which something fails. */
export async function refusedWith(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error
      ? { code: "code" in error ? String(error.code) : error.name, message: error.message }
      : { code: "", message: String(error) };
  }
  throw new Error("It did not fail.");
}

/**
 * Waits until a client has heard all that the broker said so far: an answer on its connection comes after it. A message
 * that crosses the detach of its link is answered by nobody, here as in the service.
 */
export async function roundTrip(client: ServiceBusClient): Promise<void> {
  await refusedWith(client.createReceiver("no such entity").peekMessages(1));
}
