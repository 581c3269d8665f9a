import type { Client } from "cassandra-driver";
import type { CassandraConnection, CassandraCredentials } from "../../contract/index.js";
import { type Clock, systemClock } from "../../support/clock.js";
import { fingerprintOf, readLogin } from "./access/credentials.js";
import { connect, REQUEST_MS } from "./client.js";

/** Where the requests of a sink get their client from: it changes when the role's password does. */
export interface ClientSource {
  /** The client in use, for what is asked of its metadata. A request goes through `use`. */
  current(): Client;
  /** Makes a request with the client in use, which is not closed before the request has ended. Ends as the request does. */
  use<T>(request: (client: Client) => Promise<T>): Promise<T>;
  /** Calls `then` after each change, with the new client. */
  onChange(then: (client: Client) => void): void;
  /** Closes every client. */
  close(): Promise<void>;
}

/** What makes requests: it neither waits for changes nor closes anything. */
export type Clients = Pick<ClientSource, "current" | "use">;

/** What a source writes: what was changed, and what could not be. */
export interface SourceLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

/** What a source is made with besides its connection. */
export interface SourceOptions {
  /** @default nowhere */
  log?: SourceLog | undefined;
  /** @default the machine's */
  clock?: Pick<Clock, "after"> | undefined;
  /** How a client is connected. @default connect */
  connect?: ((connection: CassandraConnection) => Promise<Client>) | undefined;
}

/**
 * How often the folder of the credentials is looked at, in milliseconds. Kubelet exchanges a mounted secret by turning a
 * link, which the watching of files does not tell on every system.
 */
const LOOK_MS = 5_000;
/** Looks after which a new client is taken although it reaches fewer nodes than the old one: a minute. */
const PATIENCE = 12;
/** How long requests of a client that was replaced may go on, in milliseconds: longer than any of them takes. */
const DRAIN_MS = REQUEST_MS + 3_000;
/** Looks between two lines about one and the same failure: a minute. */
const SAY_AGAIN = 12;

const SILENT: SourceLog = { info: () => undefined, warn: () => undefined };

/** A client, and what of its requests has not ended yet. */
class Held {
  private running = 0;
  private idle: (() => void) | undefined;

  constructor(readonly client: Client) {}

  async use<T>(request: (client: Client) => Promise<T>): Promise<T> {
    this.running++;
    try {
      return await request(this.client);
    } finally {
      this.running--;
      if (this.running === 0) this.idle?.();
    }
  }

  /** Resolves when its requests have ended, after DRAIN_MS at the latest. */
  drained(clock: Pick<Clock, "after">): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const callOff = clock.after(DRAIN_MS, resolve);
      this.idle = () => {
        callOff();
        resolve();
      };
    });
  }
}

/**
 * Connects, and keeps connected with the credentials that their folder holds: where these change, a client with the new
 * ones is connected beside the old one and takes its place once it reaches the nodes that the old one reaches; the old
 * one ends after its last request. Credentials that are not taken change nothing: they are tried again.
 */
export async function openClientSource(
  connection: CassandraConnection,
  options: SourceOptions = {},
): Promise<ClientSource> {
  const { credentials } = connection;
  const inUse = credentials === undefined ? undefined : fingerprintOf(readable(credentials));
  const source = new Source(connection, options, inUse);
  await source.open();
  return source;
}

/** What the folder holds; of one that holds nothing the connecting says so, with the ring's name. */
function readable(credentials: CassandraCredentials): { username: string; password: string } {
  try {
    return readLogin(credentials);
  } catch {
    return { username: "", password: "" };
  }
}

class Source implements ClientSource {
  private held: Held | undefined;
  private readonly ending = new Set<Promise<void>>();
  private readonly listeners: ((client: Client) => void)[] = [];
  private readonly log: SourceLog;
  private readonly clock: Pick<Clock, "after">;
  private readonly connect: (connection: CassandraConnection) => Promise<Client>;
  private callOff: () => void = () => undefined;
  private looking: Promise<void> = Promise.resolve();
  private closed = false;
  private impatience = 0;
  private failure = { text: "", times: 0 };

  constructor(
    private readonly connection: CassandraConnection,
    options: SourceOptions,
    /** Tells the credentials of the client in use from others. */
    private inUse: string | undefined,
  ) {
    this.log = options.log ?? SILENT;
    this.clock = options.clock ?? systemClock;
    this.connect = options.connect ?? connect;
  }

  async open(): Promise<void> {
    this.held = new Held(await this.connect(this.connection));
    this.plan();
  }

  current(): Client {
    return this.holding().client;
  }

  use<T>(request: (client: Client) => Promise<T>): Promise<T> {
    return this.holding().use(request);
  }

  onChange(then: (client: Client) => void): void {
    this.listeners.push(then);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.callOff();
    await this.looking;
    await Promise.all([this.held?.client.shutdown(), ...this.ending]);
  }

  private holding(): Held {
    if (this.held === undefined) throw new Error("The client is not connected yet.");
    return this.held;
  }

  private plan(): void {
    const { credentials } = this.connection;
    if (credentials === undefined || this.closed) return;
    this.callOff = this.clock.after(LOOK_MS, () => {
      this.looking = this.look(credentials).finally(() => this.plan());
    });
  }

  /** Never rejects. */
  private async look(credentials: CassandraCredentials): Promise<void> {
    try {
      const login = readLogin(credentials);
      const found = fingerprintOf(login);
      if (found === this.inUse) return;
      const client = await this.connect(this.connection);
      if (this.closed || !this.reachesEnough(client)) {
        await client.shutdown();
        return;
      }
      this.inUse = found;
      this.exchange(client);
      this.failure = { text: "", times: 0 };
      this.log.info("the ring is used with new credentials", { role: login.username });
    } catch (error) {
      this.tell(error instanceof Error ? error.message : String(error));
    }
  }

  /** A node that does not know the new password yet must not be lost with the old client. */
  private reachesEnough(client: Client): boolean {
    const reached = (one: Client): number => one.getState().getConnectedHosts().length;
    if (reached(client) >= reached(this.current()) || this.impatience >= PATIENCE) {
      this.impatience = 0;
      return true;
    }
    this.impatience++;
    return false;
  }

  private exchange(client: Client): void {
    const old = this.holding();
    this.held = new Held(client);
    for (const listener of this.listeners) listener(client);
    const ended = old
      .drained(this.clock)
      .then(() => old.client.shutdown())
      .catch((error: unknown) => this.tell(`The client before could not be closed: ${error}`))
      .finally(() => this.ending.delete(ended));
    this.ending.add(ended);
  }

  private tell(description: string): void {
    const { text, times } = this.failure;
    this.failure = { text: description, times: text === description ? times + 1 : 0 };
    if (this.failure.times % SAY_AGAIN === 0)
      this.log.warn("the new credentials cannot be used; those before are kept", { description });
  }
}
