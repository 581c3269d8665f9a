import { decodeJwt, generateKeyPair, SignJWT } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { ServiceAccountIssuer } from "../../../stacks/local/providers/kubernetes/index.js";
import { AUDIENCE, CLIENT, EntraKit, ISSUER, PRINCIPAL, SCOPE, SUBJECT, TENANT } from "./kit.js";

let kit: EntraKit;
afterEach(() => kit.close());

describe("a service account token is exchanged by the unmodified WorkloadIdentityCredential", () => {
  it("for an access token of the identity to Service Bus", async () => {
    kit = await EntraKit.open();
    const before = Math.floor(Date.now() / 1_000);
    const { token, expiresOnTimestamp } = await kit.credential(await kit.assertion()).getToken(SCOPE);
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      aud: "https://servicebus.azure.net",
      iss: `${kit.entra.authorityHost}${TENANT}/v2.0`,
      tid: TENANT,
      oid: PRINCIPAL,
      sub: PRINCIPAL,
      appid: CLIENT,
    });
    const { iat = 0, nbf = 0, exp = 0 } = claims;
    expect(iat).toBeGreaterThanOrEqual(before);
    expect([nbf, exp]).toEqual([iat, iat + 3_600]);
    expect(Math.abs(expiresOnTimestamp - exp * 1_000)).toBeLessThan(5_000);
    expect(await kit.entra.verify(token)).toEqual({ principalId: PRINCIPAL, clientId: CLIENT, expiresAt: exp * 1_000 });
  });

  it("and the log says who got a token for what, and never holds one", async () => {
    kit = await EntraKit.open();
    await kit.credential(await kit.assertion()).getToken(SCOPE);
    await kit.refusal(await kit.assertion({ serviceAccount: "another" }));
    expect(kit.log).toEqual([
      {
        at: expect.any(Number),
        action: "exchange",
        outcome: "allowed",
        who: "stowage-renders",
        resource: "https://servicebus.azure.net",
      },
      {
        at: expect.any(Number),
        action: "exchange",
        outcome: "refused",
        who: "stowage-renders",
        resource: "https://servicebus.azure.net",
        reason: expect.stringContaining("AADSTS700213"),
      },
    ]);
    expect(JSON.stringify(kit.log)).not.toContain("eyJ");
  });
});

describe("what is refused says which of it was wrong", () => {
  it("the issuer", async () => {
    kit = await EntraKit.open();
    const other = new ServiceAccountIssuer("https://issuer.other.invalid/");
    expect(await kit.refusal(await kit.assertion({}, other))).toContain(
      "AADSTS700211: No matching federated identity record found for presented assertion issuer 'https://issuer.other.invalid/'",
    );
  });

  it("the subject", async () => {
    kit = await EntraKit.open();
    expect(await kit.refusal(await kit.assertion({ namespace: "default" }))).toContain(
      "AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:default:renders'",
    );
  });

  it("the subject, where only upper and lower case differ", async () => {
    kit = await EntraKit.open();
    kit.register({ subject: SUBJECT.toUpperCase() });
    expect(await kit.refusal(await kit.assertion())).toContain("AADSTS700213");
  });

  it("the audience", async () => {
    kit = await EntraKit.open();
    expect(await kit.refusal(await kit.assertion({ audience: "https://kubernetes.default.svc" }))).toContain(
      "AADSTS700212: No matching federated identity record found for presented assertion audience 'https://kubernetes.default.svc'",
    );
  });

  it("an identity without federated credentials", async () => {
    kit = await EntraKit.open();
    kit.dropCredential();
    const said = await kit.refusal(await kit.assertion());
    expect(said).toContain("AADSTS70021: No matching federated identity record found for presented assertion.");
    expect(said).toContain(
      `Assertion Issuer: '${ISSUER}'. Assertion Subject: '${SUBJECT}'. Assertion Audience: '${AUDIENCE}'`,
    );
  });

  it("an application that is not there, or is no longer", async () => {
    kit = await EntraKit.open();
    const other = "33333333-3333-4333-8333-333333333333";
    const text = `AADSTS700016: Application with identifier '${other}' was not found in the directory '${TENANT}'`;
    expect(await kit.refusal(await kit.assertion(), other)).toContain(text);
    kit.dropIdentity();
    expect(await kit.refusal(await kit.assertion())).toContain("AADSTS700016");
  });

  it("a signature of another key under the issuer's name", async () => {
    kit = await EntraKit.open();
    const forger = new ServiceAccountIssuer(ISSUER);
    expect(await kit.refusal(await kit.assertion({}, forger))).toContain("AADSTS50013");
  });

  it("a token that was changed after it was signed", async () => {
    kit = await EntraKit.open();
    const [head, , signature] = (await kit.assertion({ serviceAccount: "another" })).split(".");
    const [, claims] = (await kit.assertion()).split(".");
    expect(await kit.refusal([head, claims, signature].join("."))).toContain("AADSTS50013");
  });

  it("an algorithm that signs nothing, or with a shared secret", async () => {
    kit = await EntraKit.open();
    const [, claims] = (await kit.assertion()).split(".");
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
    expect(await kit.refusal(`${none}.${claims}.`)).toMatch(/AADSTS500(13|27)/);
    const secret = new TextEncoder().encode(JSON.stringify(kit.cluster.keySet).padEnd(32));
    const shared = await new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer(ISSUER)
      .setSubject(SUBJECT)
      .setAudience(AUDIENCE)
      .setExpirationTime("1h")
      .sign(secret);
    expect(await kit.refusal(shared)).toMatch(/AADSTS500(13|27)/);
  });

  it("a token whose time is over, or has not come", async () => {
    let now = Date.now();
    kit = await EntraKit.open({ now: () => now });
    const assertion = await kit.assertion();
    now += 3_601_000;
    const said = await kit.refusal(assertion);
    expect(said).toContain("AADSTS700024: Client assertion is not within its valid time range. Current time: ");
    now -= 2 * 3_601_000;
    expect(await kit.refusal(assertion)).toContain("AADSTS700024");
  });

  it("an issuer that a credential names and whose keys are not known here", async () => {
    kit = await EntraKit.open();
    const github = new ServiceAccountIssuer("https://token.actions.githubusercontent.com");
    kit.register({ issuer: github.url });
    expect(await kit.refusal(await kit.assertion({}, github))).toContain("AADSTS50166");
  });

  it("what is no token at all", async () => {
    kit = await EntraKit.open();
    expect(await kit.refusal("not a token")).toContain("AADSTS50027");
  });
});

describe("what it was not asked by the SDK", () => {
  const form = (change: Record<string, string>) =>
    new URLSearchParams({
      grant_type: "client_credentials",
      client_id: CLIENT,
      scope: SCOPE,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      ...change,
    }).toString();

  it.each([
    ["a missing assertion", {}, 400, "invalid_request", 900144],
    ["another grant", { grant_type: "password" }, 400, "unsupported_grant_type", 70003],
    [
      "another kind of assertion",
      { client_assertion: "a.b.c", client_assertion_type: "saml" },
      401,
      "invalid_client",
      50027,
    ],
    [
      "another resource",
      { client_assertion: "a.b.c", scope: "https://vault.azure.net/.default" },
      400,
      "invalid_resource",
      500011,
    ],
  ])("%s is refused with Entra's code", async (_, change, status, error, code) => {
    kit = await EntraKit.open();
    const answer = await kit.ask("POST", `/${TENANT}/oauth2/v2.0/token`, form(change));
    expect(answer).toMatchObject({ status, body: { error, error_codes: [code] } });
    expect(answer.body["error_description"]).toMatch(new RegExp(`^AADSTS${code}: .* Trace ID: .* Timestamp: `));
  });

  it("an unknown tenant has neither configuration nor tokens", async () => {
    kit = await EntraKit.open();
    const other = "44444444-4444-4444-8444-444444444444";
    const configuration = await kit.ask("GET", `/${other}/v2.0/.well-known/openid-configuration`);
    expect(configuration).toMatchObject({ status: 400, body: { error_codes: [90002] } });
    const answer = await kit.ask("POST", `/${other}/oauth2/v2.0/token`, form({ client_assertion: "a.b.c" }));
    expect(answer).toMatchObject({ status: 400, body: { error_codes: [90002] } });
  });

  it("a body beyond any request for a token is not read", async () => {
    kit = await EntraKit.open();
    const answer = await kit.ask("POST", `/${TENANT}/oauth2/v2.0/token`, "x".repeat(70_000));
    expect(answer.status).toBe(413);
    expect((await kit.ask("GET", "/nowhere")).status).toBe(404);
  });
});

describe("an access token is read again", () => {
  const refusedAs = async (token: string, now?: number) =>
    kit.entra.verify(token, now).then(
      () => "taken",
      (error: { problem: string }) => error.problem,
    );

  it("and refused where it is over, tampered with, of another issuer or for another audience", async () => {
    kit = await EntraKit.open();
    const { token } = await kit.credential(await kit.assertion()).getToken(SCOPE);
    expect(await refusedAs(token, Date.now() + 3_601_000)).toBe("expired");
    expect(await refusedAs(token, Date.now() - 60_000)).toBe("not yet valid");
    const [head, claims = "", signature] = token.split(".");
    const changed = { ...decodeJwt(token), oid: "55555555-5555-4555-8555-555555555555" };
    const other = Buffer.from(JSON.stringify(changed)).toString("base64url");
    expect(await refusedAs([head, other, signature].join("."))).toBe("signature");
    expect(await refusedAs("rubbish")).toBe("malformed");
    // Signed with a key of their own, as anybody can.
    const { privateKey } = await generateKeyPair("RS256");
    const forged = (change: object) =>
      new SignJWT({ ...decodeJwt([head, claims, signature].join(".")), ...change })
        .setProtectedHeader({ alg: "RS256" })
        .sign(privateKey);
    expect(await refusedAs(await forged({ iss: "https://sts.windows.net/x/" }))).toBe("issuer");
    expect(await refusedAs(await forged({}))).toBe("signature");
  });
});

describe("the lifetime of tokens", () => {
  it.each([60, 120, 124, 86_401, 300.5])("of %s s is refused with the range and the reason", async (seconds) => {
    kit = await EntraKit.open();
    await expect(EntraKit.open({ tokenLifetimeSeconds: seconds })).rejects.toThrow(
      /from 125 to 86400 seconds \(found .*\)\. The Azure clients renew a token 120 s before its end/,
    );
  });
});
