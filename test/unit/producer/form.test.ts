import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { receivedOf, SigningKit } from "./kit.js";

// What a producer in another language does, from the words of runtime/contract/producers.ts and nothing of ours.

const b64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString("base64url");
const sha256 = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest();

/** The signature of the lines by a key, and the audience of the token that binds it. */
function signedBy(kind: "ES256" | "EdDSA", iat: number, props: string[], lines: string[]) {
  const { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject } =
    kind === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  const { kty, crv, x, y } = publicKey.export({ format: "jwk" });
  const jwk = kind === "ES256" ? { crv, kty, x, y } : { crv, kty, x };
  const header = b64(JSON.stringify({ alg: kind, b64: false, crit: ["b64"], jwk, iat, props }));
  const input = Buffer.from(`${header}.${lines.map((line) => `${line}\n`).join("")}`);
  const signature = sign(kind === "ES256" ? "sha256" : null, input, { key: privateKey, dsaEncoding: "ieee-p1363" });
  // RFC 7638: the required members in the order of their names, without spaces.
  return { signature: `${header}..${b64(signature)}`, audience: `stowage:${b64(sha256(JSON.stringify(jwk)))}` };
}

describe("the form of a signature", () => {
  test.each(["ES256", "EdDSA"] as const)("is what the contract's words say, with %s", async (kind) => {
    const kit = await SigningKit.create();
    const now = kit.issuer.time.now();
    const body = '{"order":17}';
    const lines = [
      "stowage-producer-1",
      `entity ${b64("renders")}`,
      `messageId ${b64("bestellung-ü")}`,
      "sessionId ",
      `partitionKey ${b64("shop-1")}`,
      `contentType ${b64("application/json")}`,
      "subject ",
      "correlationId ",
      `replyTo ${b64("answers")}`,
      "replyToSessionId ",
      `body ${b64(sha256(body).toString("hex"))}`,
      `property.${b64("amount")} ${b64("n12.5")}`,
      `property.${b64("at")} ${b64("d2026-01-31T10:00:00.000Z")}`,
      `property.${b64("note")} ${b64("z")}`,
      `property.${b64("paid")} ${b64("btrue")}`,
      `property.${b64("währung")} ${b64("sEUR")}`,
    ];
    const names = ["amount", "at", "note", "paid", "währung"];
    const { signature, audience } = signedBy(kind, Math.floor(now / 1_000), names, lines);
    const message = receivedOf(
      {
        messageId: "bestellung-ü",
        body: Buffer.from(body),
        partitionKey: "shop-1",
        contentType: "application/json",
        replyTo: "Answers",
        applicationProperties: {
          amount: 12.5,
          at: new Date("2026-01-31T10:00:00Z"),
          note: null as never,
          paid: true,
          währung: "EUR",
          "stowage-producer-token": await kit.issuer.token(audience),
          "stowage-producer-signature": signature,
        },
      },
      now,
    );
    expect(await kit.verifier.verify(message)).toBeUndefined();
  });
});
