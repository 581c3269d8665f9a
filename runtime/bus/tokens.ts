import type { AccessToken, TokenCredential } from "@azure/identity";
import type { Clock } from "../support/clock.js";
import { errorText } from "./errors.js";

/** What is told of the tokens that the worker logs in with. */
export interface TokenEvents {
  /** A token was got; `expiresAt` in milliseconds since 1970. */
  refreshed(expiresAt: number): void;
  /** None was got; the one in use, if any, holds on until it expires. */
  failed(description: string): void;
}

/**
 * A token is handed out again while more than this is left of it, in milliseconds: the clients renew what is less than
 * two minutes from its end, and ask again at once where they get no longer one.
 */
const LEFT_MILLISECONDS = 300_000;
/** Where none is to be had, an old one with more left than this is better than none, in milliseconds. */
const LAST_MILLISECONDS = 150_000;
/** Wait after a refresh ahead of time that failed, in milliseconds. */
const RETRY_MILLISECONDS = 30_000;

interface Held {
  token: AccessToken;
  gotAt: number;
}

/**
 * Gets a new token at half of the life of the one in use, long before it hurts: a refresh that fails is told of while the
 * old token still holds for hours or minutes. `fresh` makes a credential without memory: one that remembers would hand
 * out the old token until its end is near.
 */
export class RefreshingCredential implements TokenCredential {
  private readonly held = new Map<string, Held>();
  private readonly underway = new Map<string, Promise<AccessToken>>();
  private readonly callOffs = new Map<string, () => void>();
  private ended = false;

  constructor(
    private readonly fresh: () => TokenCredential,
    private readonly clock: Clock,
    private readonly events: TokenEvents,
  ) {}

  /** A token for the scopes. Rejects with the identity library's error where none is to be had. */
  async getToken(scopes: string | string[]): Promise<AccessToken> {
    const key = [scopes].flat().join(" ");
    const held = this.held.get(key);
    if (held !== undefined && this.left(held) > this.reserve(held)) return held.token;
    try {
      return await this.refresh(key);
    } catch (error) {
      if (held !== undefined && this.left(held) > LAST_MILLISECONDS) return held.token;
      throw error;
    }
  }

  /** Ends the refreshing ahead of time. */
  stop(): void {
    this.ended = true;
    for (const callOff of this.callOffs.values()) callOff();
    this.callOffs.clear();
  }

  private left({ token }: Held): number {
    return token.expiresOnTimestamp - this.clock.now();
  }

  /** What must be left of a token for it to be handed out again. */
  private reserve({ token, gotAt }: Held): number {
    return Math.max((token.expiresOnTimestamp - gotAt) / 2, LEFT_MILLISECONDS);
  }

  /** Several links ask at once: one request answers all of them. */
  private refresh(key: string): Promise<AccessToken> {
    let asked = this.underway.get(key);
    if (asked === undefined) {
      asked = this.ask(key).finally(() => this.underway.delete(key));
      this.underway.set(key, asked);
    }
    return asked;
  }

  private async ask(key: string): Promise<AccessToken> {
    try {
      const token = await this.fresh().getToken(key.split(" "));
      if (token === null) throw new Error("The identity has no token for this scope.");
      const held = { token, gotAt: this.clock.now() };
      this.held.set(key, held);
      this.events.refreshed(token.expiresOnTimestamp);
      this.plan(key, this.left(held) - this.reserve(held));
      return token;
    } catch (error) {
      this.events.failed(errorText(error).split("\n", 1)[0] ?? "");
      throw error;
    }
  }

  /** A token of less than ten minutes is asked for anew by whoever needs one: there is no "ahead" in it. */
  private plan(key: string, milliseconds: number): void {
    this.callOffs.get(key)?.();
    this.callOffs.delete(key);
    if (milliseconds <= 0 || this.ended) return;
    const again = (): void => {
      this.refresh(key).catch(() => this.plan(key, RETRY_MILLISECONDS));
    };
    this.callOffs.set(key, this.clock.after(milliseconds, again));
  }
}
