import type * as pulumi from "@pulumi/pulumi";
import { CQL_PORT } from "../../runtime/contract/index.js";
import { because, duration, integer, problemsOf } from "../../runtime/contract/zod.js";
import { given } from "../support/given.js";
import { refuse } from "../support/inputs.js";
import { type Shape, stated, strict, words, z } from "../support/schema.js";
import { DEFAULT_ROTATION, rotationProblems } from "../worker/cassandra/schedule.js";
import type { CassandraAccess, CassandraTlsAccess } from "./access.js";
import { CA_KEY } from "./names.js";

/** A ring that is there already, of whatever maker: where it is, and which secrets lead into it. */
export interface ExistingRingArgs {
  /** Kubernetes namespace of the secrets below. Jobs that manage schema and roles run there. */
  namespace: pulumi.Input<string>;
  /** Hosts that a driver starts from, without port; two or more, since one may be down. */
  contactPoints: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Port of the native protocol, 1 to 65535.
   * @default 9042
   */
  port?: number;
  /** Cassandra's name of the datacenter next to the workers. */
  datacenter: string;
  /**
   * Secret with the keys `username` and `password` of a role that may create keyspaces, tables and roles. Needed where
   * the ring asks for a password.
   * @default none: the ring asks for no password
   */
  superuserSecret?: string;
  /**
   * TLS.
   * @default none: plaintext
   */
  tls?: ExistingRingTlsArgs;
  /**
   * Secret, empty or not, that the reader role is published in.
   * @default none: there is no such role
   */
  readerSecret?: string;
  /**
   * How often the passwords of pipelines' roles change, as a schedule can say it: 1d, 7d, 30d, 60d, 90d, 120d, 180d or 365d.
   * @default "30d"
   */
  rotation?: string;
}

/** TLS of a ring that is there already. */
export interface ExistingRingTlsArgs {
  /** Secret with the certificate of the authority that signed the nodes' certificates, PEM. */
  secret: string;
  /**
   * Key of that certificate in the secret.
   * @default "ca.crt"
   */
  key?: string;
  /**
   * Name that the nodes' certificates bear.
   * @default the address of each node
   */
  serverName?: pulumi.Input<string>;
}

const secret = words("the name of a secret");

const existingSchema = strict({
  namespace: given(words("a namespace")),
  contactPoints: given(
    z
      .array(given(words("a host")), because("must be a list of hosts", 'Give ["10.1.0.4", "10.1.0.5"]'))
      .min(1, because("must have at least one entry", 'Give ["10.1.0.4", "10.1.0.5"]')),
  ),
  port: z.exactOptional(integer(1, 65535)),
  datacenter: words("the name of a datacenter"),
  superuserSecret: z.exactOptional(secret),
  tls: z.exactOptional(
    strict({
      secret,
      key: z.exactOptional(words("a key of the secret")),
      serverName: z.exactOptional(given(words("a name of the nodes' certificates"))),
    } satisfies Shape<ExistingRingTlsArgs>),
  ),
  readerSecret: z.exactOptional(secret),
  rotation: z.exactOptional(duration("1d", "365d")),
} satisfies Shape<ExistingRingArgs>);

/**
 * How a ring that is there already is reached, in the form that pipelines take. Throws pulumi.InputPropertiesError with
 * every problem of the args.
 */
export function existingRing(args: ExistingRingArgs): CassandraAccess {
  const given = stated(args);
  const found = problemsOf(existingSchema, given);
  const { port = CQL_PORT, rotation = DEFAULT_ROTATION, tls, ...rest } = given;
  refuse("existingRing", given.datacenter, found.length > 0 ? found : rotationProblems("rotation", rotation));
  return { ...rest, port, rotation, ...(tls === undefined ? {} : { tls: tlsAccess(tls) }) };
}

function tlsAccess({ key = CA_KEY, ...rest }: ExistingRingTlsArgs): CassandraTlsAccess {
  return { key, ...rest };
}
