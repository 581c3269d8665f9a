/** One exchange of a mechanism, in the shape `rhea` calls it. */
interface Exchange {
  outcome: boolean | undefined;
  username: string | undefined;
  start(response: unknown): void;
}

/** Who logs in over SASL, and what is done with who cannot. */
export interface Login {
  /** Whether a name and a key are those of a shared access policy. */
  plain(name: string, key: string): boolean;
  /** The peer was told that it failed: the connection is of no use any more. */
  failed(): void;
}

/** A mechanism that proves nothing: who it is, the tokens on `$cbs` say. */
function unproved(): Exchange {
  const exchange: Exchange = {
    outcome: undefined,
    username: undefined,
    start: () => {
      exchange.outcome = true;
    },
  };
  return exchange;
}

function plain(login: Login): Exchange {
  const exchange: Exchange = {
    outcome: undefined,
    username: undefined,
    start: (response) => {
      // RFC 4616: an identity to act as, the name and the password, with a zero byte between each.
      const [, name = "", key = ""] = Buffer.isBuffer(response) ? response.toString().split("\0") : [];
      exchange.outcome = login.plain(name, key);
      exchange.username = name;
      if (!exchange.outcome) {
        login.failed();
      }
    },
  };
  return exchange;
}

/**
 * The mechanisms that are offered, as the service does: MSSBCBS (Java, .NET) and ANONYMOUS (JavaScript, Python, Go)
 * leave it to the tokens on `$cbs`; PLAIN is the name and key of a shared access policy, for AMQP libraries that know
 * no `$cbs`. EXTERNAL is not offered: no client certificate means anything here. A connection without SASL is taken
 * too, and may do nothing before it puts a token: the JavaScript client comes so where its connection string has a
 * signature in place of a key.
 */
export function mechanisms(login: Login): Readonly<Record<string, () => Exchange>> {
  return { MSSBCBS: unproved, PLAIN: () => plain(login), ANONYMOUS: unproved };
}
