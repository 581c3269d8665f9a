import type { AccessToken, TokenCredential } from "@azure/identity";
import { describe, expect, test } from "vitest";
import { RefreshingCredential } from "../../../runtime/bus/tokens.js";
import { FakeClock, settled } from "./fakes.js";

const HOUR = 3_600_000;
const SCOPE = "https://servicebus.azure.net/.default";

function identity(lifeMilliseconds: number) {
  const clock = new FakeClock();
  const told: string[] = [];
  const state = { asked: 0, made: 0, down: false };
  const fresh = (): TokenCredential => {
    state.made++;
    return {
      getToken: async (): Promise<AccessToken> => {
        state.asked++;
        if (state.down) throw new Error("AADSTS90033: a transient error\nwith more lines");
        return { token: `token-${state.asked}`, expiresOnTimestamp: clock.now() + lifeMilliseconds };
      },
    };
  };
  const credential = new RefreshingCredential(fresh, clock, {
    refreshed: (at) => told.push(`until ${at - clock.now()}`),
    failed: (why) => told.push(`failed: ${why}`),
  });
  const token = async () => (await credential.getToken(SCOPE)).token;
  return { clock, told, state, credential, token };
}

describe("the worker's token", () => {
  test("is got anew at half of its life, by nobody's asking, from a credential without memory", async () => {
    const { clock, state, token } = identity(HOUR);
    expect(await token()).toBe("token-1");
    await clock.advance(HOUR / 2 - 1_000);
    expect(await token()).toBe("token-1");
    await clock.advance(1_000);
    expect(state).toMatchObject({ asked: 2, made: 2 });
    expect(await token()).toBe("token-2");
  });

  test("is told of when it cannot be had, while the old one holds and is used", async () => {
    const { clock, state, told, token } = identity(HOUR);
    await token();
    state.down = true;
    await clock.advance(HOUR / 2);
    expect(told).toEqual([`until ${HOUR}`, "failed: AADSTS90033: a transient error"]);
    expect(await token()).toBe("token-1");
    await clock.advance(60_000);
    expect(told.length).toBeGreaterThanOrEqual(4);
    state.down = false;
    await clock.advance(30_000);
    expect(told.at(-1)).toBe(`until ${HOUR}`);
    expect(await token()).toMatch(/^token-/);
    expect(await token()).not.toBe("token-1");
  });

  test("is refused rather than handed out so late that the client would ask for it without end", async () => {
    const { clock, state, token } = identity(HOUR);
    await token();
    state.down = true;
    await clock.advance(HOUR - 151_000);
    expect(await token()).toBe("token-1");
    await clock.advance(2_000);
    await expect(token()).rejects.toThrow("AADSTS90033");
  });

  test("of a short life is got at each asking, and never ahead", async () => {
    const { clock, state, token } = identity(125_000);
    await token();
    await clock.advance(60_000);
    expect(state.asked).toBe(1);
    await token();
    expect(state.asked).toBe(2);
  });

  test("is asked for once where many links ask at the same time", async () => {
    const { state, credential } = identity(HOUR);
    await Promise.all(Array.from({ length: 20 }, () => credential.getToken(SCOPE)));
    expect(state.asked).toBe(1);
  });

  test("is not got any more once the client is closed", async () => {
    const { clock, state, credential, token } = identity(HOUR);
    await token();
    credential.stop();
    await clock.advance(2 * HOUR);
    await settled();
    expect(state.asked).toBe(1);
  });
});
