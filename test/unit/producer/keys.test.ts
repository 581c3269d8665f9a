import { beforeEach, describe, expect, test } from "vitest";
import { COOLDOWN_MILLISECONDS } from "../../../runtime/producer/verification/issuerKeys.js";
import { ISSUER } from "./issuer.js";
import { SigningKit } from "./kit.js";

let kit: SigningKit;
let count: number;
beforeEach(async () => {
  kit = await SigningKit.create();
  count = 0;
});

/** What becomes of a fresh message by a producer of its own, whose token is of the issuer's key of now. */
async function outcome(): Promise<string> {
  count++;
  const result = await kit.verifier.verify(await kit.received({ body: { count } }));
  if (result === undefined) return "taken";
  return result.kind === "retry" ? `retry ${result.code}: ${result.description}` : result.kind;
}

describe("the keys of an issuer", () => {
  test.each<[string, () => void, RegExp]>([
    ["cannot be reached", () => refuse(), /cannot be had: connect ECONNREFUSED/],
    ["answers with an error", () => answer("keys", () => new Response("no", { status: 503 })), /answers 503/],
    ["answers with no key set", () => answer("keys", () => Response.json({ keys: 5 })), /no list of at most 100 keys/],
    ["answers with what is no JSON", () => answer("keys", () => new Response("<html>")), /JSON/],
    ["answers without an end", () => answer("keys", () => new Response(endless())), /larger than 262144 bytes/],
    [
      "has another issuer's configuration",
      () => answer(".well-known/openid-configuration", () => Response.json({ issuer: "https://other.invalid" })),
      /of the issuer "https:\/\/other\.invalid"/,
    ],
    [
      "has its keys elsewhere than under https",
      () =>
        answer(".well-known/openid-configuration", () =>
          Response.json({ issuer: ISSUER, jwks_uri: "http://issuer.invalid/keys" }),
        ),
      /no https URL/,
    ],
  ])("are waited for where it %s: never poison, and asked for again", async (_what, harm, words) => {
    harm();
    expect(await outcome()).toMatch(new RegExp(`^retry KeysUnavailable: .*${words.source}`, "s"));
    await expect(kit.verifier.probe()).rejects.toThrow(words);
    kit.issuer.failure = undefined;
    kit.issuer.answers.clear();
    kit.issuer.time.milliseconds += COOLDOWN_MILLISECONDS;
    await kit.verifier.probe();
    expect(await outcome()).toBe("taken");
  });

  test("are asked for once in five seconds at most while they cannot be had", async () => {
    refuse();
    for (let i = 0; i < 20; i++) {
      expect(await outcome()).toMatch(/^retry/);
      kit.issuer.time.milliseconds += 1_000;
    }
    expect(kit.issuer.asked).toHaveLength(4);
  });

  test("are asked for again for a token under a key that is not among them, and the key is found", async () => {
    expect(await outcome()).toBe("taken");
    await kit.issuer.rotate();
    kit.issuer.time.milliseconds += 1_000;
    expect(await outcome()).toBe("taken");
    expect(kit.issuer.asked.filter((url) => url.endsWith("/keys"))).toHaveLength(2);
    expect(kit.issuer.time.waited).toBe(COOLDOWN_MILLISECONDS - 1_000);
  });

  test("are asked for once for a flood of messages under keys that nobody knows, all of which are poison", async () => {
    const stranger = await SigningKit.create();
    expect(await outcome()).toBe("taken");
    kit.issuer.time.milliseconds += 1_000;
    stranger.issuer.time.milliseconds += 1_000;
    const producer = stranger.producer();
    const flood = await Promise.all(Array.from({ length: 50 }, (_, i) => stranger.received({ body: { i } }, producer)));
    const waited = kit.issuer.time.waited;
    const outcomes = await Promise.all(flood.map((message) => kit.verifier.verify(message)));
    for (const each of outcomes) expect(each).toMatchObject({ kind: "poison", reason: "UnverifiedProducer" });
    expect(kit.issuer.asked.filter((url) => url.endsWith("/keys"))).toHaveLength(2);
    expect(kit.issuer.time.waited - waited).toBe(COOLDOWN_MILLISECONDS - 1_000);
    // Those that have waited in the queue for a minute need no request of their own at all.
    kit.issuer.time.milliseconds += 120_000;
    expect(await outcome()).toBe("taken");
    const asked = kit.issuer.asked.length;
    for (const message of await Promise.all(flood.map(({ body }) => stranger.received({ body }, producer))))
      expect(await kit.verifier.verify(message)).toMatchObject({ kind: "poison" });
    expect(kit.issuer.asked.length - asked).toBeLessThanOrEqual(1);
  });

  test("are used for an hour where they cannot be had anew, and no longer", async () => {
    const producer = kit.producer({ expiresIn: 80_000 });
    const verified = async () => kit.verifier.verify(await kit.received({ body: { n: ++count } }, producer));
    expect(await verified()).toBeUndefined();
    refuse();
    kit.issuer.time.milliseconds += 3_590_000;
    expect(await verified()).toBeUndefined();
    kit.issuer.time.milliseconds += 1_200_000;
    expect(await verified()).toMatchObject({ kind: "retry", code: "KeysUnavailable" });
  });

  test("that the issuer has taken back count no longer once they were got anew", async () => {
    const producer = kit.producer({ expiresIn: 80_000 });
    const verified = async () => kit.verifier.verify(await kit.received({ body: { n: ++count } }, producer));
    expect(await verified()).toBeUndefined();
    await kit.issuer.rotate();
    expect(await verified()).toBeUndefined();
    kit.issuer.time.milliseconds += 660_000;
    expect(await verified()).toMatchObject({ kind: "poison" });
  });

  test("come from the URL that the pipeline names, without asking for a configuration", async () => {
    kit = await SigningKit.create((p) => {
      const [issuer] = p.producers?.requireSignature?.issuers ?? [];
      if (issuer !== undefined) issuer.jwksUri = `${ISSUER}/keys`;
    });
    expect(await outcome()).toBe("taken");
    expect(kit.issuer.asked).toEqual([`${ISSUER}/keys`]);
  });
});

function refuse(): void {
  kit.issuer.failure = new Error("connect ECONNREFUSED");
}

function answer(path: string, response: () => Response): void {
  kit.issuer.answers.set(`${ISSUER}/${path}`, response);
}

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
}
