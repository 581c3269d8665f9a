import { ServiceBusAdministrationClient } from "@azure/service-bus";
import { onTestFinished } from "vitest";
import { Broker, type BrokerOptions } from "../../../stacks/local/broker/index.js";
import { FakeClock } from "../broker/helpers.js";
import { certificate, FIRST_ANSWER, type Guarded, startGuarded } from "../broker-access/kit.js";

export interface Administered {
  readonly broker: Broker;
  readonly clock: FakeClock;
  /** `localhost:port`, for https and http. */
  readonly host: string;
  readonly admin: ServiceBusAdministrationClient;
}

/** No retries: what a test sees is the broker's first answer. */
const OPTIONS = { retryOptions: { maxRetries: 0 } };

/** The unmodified client of the administration, with a connection string's key. */
export function adminOf(host: string, name = "local", key = "local"): ServiceBusAdministrationClient {
  const text = `Endpoint=sb://${host}/;SharedAccessKeyName=${name};SharedAccessKey=${key}`;
  return new ServiceBusAdministrationClient(text, OPTIONS);
}

/** A broker that takes any token, administered over https. */
export async function startAdmin(options: BrokerOptions = {}): Promise<Administered> {
  const clock = new FakeClock(Date.now());
  const broker = new Broker({ clock, ...options });
  onTestFinished(() => broker.close());
  const { port } = await broker.listenAdmin({ tls: await certificate() });
  const host = `localhost:${port}`;
  return { broker, clock, host, admin: adminOf(host) };
}

export interface GuardedAdmin extends Guarded {
  readonly adminHost: string;
  /** The client of the administration with tokens of someone. */
  as(who: string): ServiceBusAdministrationClient;
  /** The same with whatever token is given. */
  withToken(token: () => Promise<string>): ServiceBusAdministrationClient;
}

/** A broker that looks at rights, administered over https. */
export async function startGuardedAdmin(options: BrokerOptions = {}): Promise<GuardedAdmin> {
  const guarded = await startGuarded(options);
  const { port } = await guarded.broker.listenAdmin({ tls: await certificate() });
  const adminHost = `localhost:${port}`;
  const withToken = (token: () => Promise<string>): ServiceBusAdministrationClient =>
    new ServiceBusAdministrationClient(
      adminHost,
      { getToken: async () => ({ token: await token(), expiresOnTimestamp: Date.now() + 3_600_000 }) },
      OPTIONS,
    );
  const as = (who: string): ServiceBusAdministrationClient =>
    withToken(() => guarded.directory.token(who, guarded.clock.now() + 3_600_000));
  return { ...guarded, adminHost, as, withToken };
}

export { FIRST_ANSWER };

/** The code and status of the refusal with which something fails. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "it did not fail";
  } catch (error) {
    if (error instanceof Error && "code" in error) {
      return "statusCode" in error ? `${error.code} ${error.statusCode}` : String(error.code);
    }
    return String(error);
  }
}

/** All pages of something. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}
