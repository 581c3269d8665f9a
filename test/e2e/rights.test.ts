import { ServiceBusAdministrationClient, ServiceBusClient, type ServiceBusSessionReceiver } from "@azure/service-bus";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RightsEntry } from "../../components/identity/args.js";
import { AccessRight, effectiveRights, identitiesOf, type MatrixEntity } from "../../components/identity/matrix.js";
import type { LoggedEvent } from "../../stacks/local/accessLog.js";
import { ServiceAccountIssuer } from "../../stacks/local/providers/kubernetes/index.js";
import { type Grant, ISSUER, type Login, RightsWorld } from "./rightsWorld.js";
import { until } from "./workerKit.js";

/** A right that is gone counts no more on open links after so long, in milliseconds. */
const REVOKED_WITHIN_MS = 5_000;
const SCOPE = "https://servicebus.azure.net//.default";
const NOW = { maxRetries: 0, timeoutInMs: 3_000, maxRetryDelayInMs: 100 };
const PUBLISHER: Grant[] = [
  { queue: "readings", right: "send" },
  { queue: "answers", right: "receive" },
  { topic: "events", right: "send" },
];

/** The queue with sessions. */
const SESSIONS = "commands";
const namespace = "stowage-rights";
const ENTITIES: MatrixEntity[] = [
  ...["readings", "commands", "answers", "nobody"].map((path) => ({ namespace, kind: "queue" as const, path })),
  { namespace, kind: "topic", path: "events" },
  ...["audit", "billing"].map((name) => ({
    namespace,
    kind: "subscription" as const,
    path: `events/subscriptions/${name}`,
  })),
];

/** What nobody can do, whatever they may: the end of a topic that takes messages gives none, and the other way round. */
const IMPOSSIBLE = new Set(["listen topic", "send subscription"]);
const kinds = new Map(ENTITIES.map(({ path, kind }) => [path, kind]));

let world: RightsWorld;
beforeAll(async () => {
  world = await RightsWorld.start(PUBLISHER);
}, 240_000);
afterAll(() => world?.close(), 60_000);

const opened: { close(): Promise<void> }[] = [];
afterAll(() => Promise.all(opened.map((client) => client.close())), 60_000);

function client(login: Login): ServiceBusClient {
  const made = new ServiceBusClient(world.cloud.namespaces.host, world.credential(login), { retryOptions: NOW });
  opened.push(made);
  return made;
}

function login(name: string): Login {
  const found = world.logins().get(name);
  if (found === undefined) throw new Error(`no identity ${name}; there are ${[...world.logins().keys()].join(", ")}`);
  return found;
}

/**
 * A session, or undefined where there is none: whoever is told that may listen. (Asked for a session by its name the
 * client would take a refusal for a session that another holds.)
 */
async function nextSession(bus: ServiceBusClient): Promise<ServiceBusSessionReceiver | undefined> {
  try {
    return await bus.acceptNextSession(SESSIONS);
  } catch (error) {
    if ((error as { code?: string }).code === "ServiceTimeout") return undefined;
    throw error;
  }
}

/** "allowed", or the code of the refusal. */
async function tried(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return "allowed";
  } catch (error) {
    const { code, statusCode } = error as { code?: string; statusCode?: number };
    return statusCode === undefined ? String(code ?? error) : String(statusCode);
  }
}

type Tries = {
  [A in AccessRight]: (client: ServiceBusClient, admin: ServiceBusAdministrationClient) => Promise<unknown>;
};

/** What each right lets one do at an entity, with the real clients. */
function tries({ kind, path }: MatrixEntity): Tries {
  const [topic = "", , subscription = ""] = path.split("/");
  return {
    send: async (bus) => {
      // A subscription is a receiver's end: its address takes no sender.
      const sender = bus.createSender(kind === "subscription" ? `${topic}/Subscriptions/${subscription}` : path);
      try {
        await sender.sendMessages({ body: "x", sessionId: "s", timeToLive: 60_000 });
      } finally {
        await sender.close();
      }
    },
    listen: async (bus) => {
      if (path === SESSIONS) return (await nextSession(bus))?.close();
      const receiver = kind === "subscription" ? bus.createReceiver(topic, subscription) : bus.createReceiver(path);
      try {
        await receiver.receiveMessages(1, { maxWaitTimeInMs: 50 });
      } finally {
        await receiver.close();
      }
    },
    manage: (_, admin) => {
      if (kind === "queue") return admin.getQueueRuntimeProperties(path);
      if (kind === "topic") return admin.getTopicRuntimeProperties(path);
      return admin.getSubscriptionRuntimeProperties(topic, subscription);
    },
  };
}

describe("the rights matrix", () => {
  it("is what each identity can do at each entity with the real clients, and nothing else", async () => {
    const rights = (await world.outputs())["rights"] as RightsEntry[];
    const stranger = { identity: "stranger", kind: "producer", principalType: "ServicePrincipal" } as const;
    const expected = effectiveRights(rights, ENTITIES, [...identitiesOf(rights), stranger]);
    const identities = [...new Set(expected.map(({ identity }) => identity))];
    expect(identities.sort()).toEqual([
      "stowage-audit",
      "stowage-commands",
      "stowage-publisher_producer",
      "stowage-readings",
      "stowage-readings_autoscaler",
      "stowage-release_deployer",
      "stranger",
    ]);
    const found = await Promise.all(
      identities.map(async (identity) => {
        const who = login(identity);
        const bus = client(who);
        const admin = new ServiceBusAdministrationClient(world.cloud.namespaces.adminHost, world.credential(who), {
          retryOptions: { maxRetries: 0 },
        });
        const rows: [what: string, outcome: string][] = [];
        for (const entity of ENTITIES)
          for (const right of Object.values(AccessRight)) {
            const outcome = await tried(() => tries(entity)[right](bus, admin));
            rows.push([`${identity} ${right} ${entity.path}`, outcome]);
          }
        return rows;
      }),
    );
    const all = new Map(found.flat());
    const wrong = expected.flatMap((row) =>
      Object.values(AccessRight).flatMap((right) => {
        const what = `${row.identity} ${right} ${row.entity}`;
        const outcome = all.get(what) ?? "not tried";
        const refusal = right === AccessRight.Manage ? "401" : "UnauthorizedAccess";
        // Whoever may send to a topic is told that its subscription takes no sender, and the other way round.
        const impossible = IMPOSSIBLE.has(`${right} ${kinds.get(row.entity)}`);
        const refused = outcome === refusal || (impossible && outcome === "GeneralError");
        const agrees = row.access[right] ? outcome === "allowed" : refused;
        return agrees ? [] : [`${what}: ${outcome}, the matrix says ${row.access[right]}`];
      }),
    );
    expect(wrong).toEqual([]);
    expect(all.size).toBe(identities.length * ENTITIES.length * 3);
    // Not everything is refused, and not everything is allowed.
    expect([...all.values()].filter((outcome) => outcome === "allowed").length).toBeGreaterThan(10);
  }, 120_000);

  it("gives the autoscaler, as it is rendered, the counts of its entity and of no other", async () => {
    const trigger = world.kubernetes.objects().find(({ kind }) => kind === "TriggerAuthentication");
    const identityId = (trigger?.spec as { podIdentity?: { identityId?: string } } | undefined)?.podIdentity
      ?.identityId;
    const autoscaler = login("stowage-readings_autoscaler");
    expect(identityId).toBe(autoscaler.clientId);
    expect(autoscaler.subject).toBe("system:serviceaccount:keda:keda-operator");
    const admin = new ServiceBusAdministrationClient(world.cloud.namespaces.adminHost, world.credential(autoscaler), {
      retryOptions: { maxRetries: 0 },
    });
    expect((await admin.getQueueRuntimeProperties("readings")).activeMessageCount).toBeGreaterThanOrEqual(0);
    expect(await tried(() => admin.getQueueRuntimeProperties("commands"))).toBe("401");
    // The worker's pods cannot log in as it.
    const worker = login("stowage-readings");
    const other = world.credential(autoscaler, () => world.assertion(worker));
    await expect(other.getToken(SCOPE)).rejects.toThrow("AADSTS700213");
  });
});

describe("who cannot show a token of the right kind", () => {
  const refusal = async (change: { subject?: string; audience?: string } = {}, cluster?: ServiceAccountIssuer) => {
    const worker = login("stowage-readings");
    const assertion =
      cluster === undefined
        ? world.assertion(worker, change)
        : cluster
            .issue({
              namespace: "rights",
              serviceAccount: "readings",
              audience: "api://AzureADTokenExchange",
              expirationSeconds: 600,
            })
            .then(({ token }) => token);
    return world
      .credential(worker, () => assertion)
      .getToken(SCOPE)
      .then(
        () => "a token",
        (error: unknown) => String(error),
      );
  };

  it("gets no access token: a foreign issuer, another subject, another audience, a forged signature", async () => {
    expect(await refusal()).toBe("a token");
    expect(await refusal({}, new ServiceAccountIssuer("https://issuer.other.invalid/"))).toContain("AADSTS700211");
    expect(await refusal({ subject: "system:serviceaccount:rights:commands" })).toContain("AADSTS700213");
    expect(await refusal({ audience: "https://kubernetes.default.svc" })).toContain("AADSTS700212");
    expect(await refusal({}, new ServiceAccountIssuer(ISSUER))).toContain("AADSTS50013");
  });

  it("gets no link with an access token that was tampered with, or is for something else, or with none", async () => {
    const worker = login("stowage-readings");
    const { token } = (await world.credential(worker).getToken(SCOPE)) ?? { token: "" };
    const [head, , signature] = token.split(".");
    const attempt = (shown: string) => {
      const expiresOnTimestamp = Date.now() + 3_600_000;
      const bus = new ServiceBusClient(
        world.cloud.namespaces.host,
        { getToken: async () => ({ token: shown, expiresOnTimestamp }) },
        { retryOptions: NOW },
      );
      opened.push(bus);
      return bus
        .createReceiver("readings")
        .peekMessages(1)
        .then(
          () => "allowed",
          (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
        );
    };
    const altered = (change: object) =>
      [head, Buffer.from(JSON.stringify({ ...decodeJwt(token), ...change })).toString("base64url"), signature].join(
        ".",
      );
    expect(await attempt(token)).toBe("allowed");
    expect(await attempt(altered({ oid: "somebody-else" }))).toMatch(/^UnauthorizedAccess: .*InvalidSignature/);
    expect(await attempt(altered({ iss: "https://sts.windows.net/x/" }))).toMatch(
      /^UnauthorizedAccess: .*InvalidIssuer/,
    );
    expect(await attempt(await world.assertion(worker))).toMatch(/^UnauthorizedAccess: .*InvalidIssuer/);
    expect(await attempt("rubbish")).toMatch(/^UnauthorizedAccess: .*MalformedToken/);
    expect(await attempt("")).toMatch(/^UnauthorizedAccess/);
    const keys = `Endpoint=sb://${world.cloud.namespaces.host};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=aGVsbG8=`;
    const bus = new ServiceBusClient(keys, { retryOptions: NOW });
    opened.push(bus);
    expect(await tried(() => bus.createReceiver("readings").peekMessages(1))).toBe("UnauthorizedAccess");
  });

  it("stands in the access log: who, what, where and why, without a token", async () => {
    const log = world.cloud.accessLog.refusals();
    const has = (what: Partial<LoggedEvent>) => expect(log).toContainEqual(expect.objectContaining(what));
    has({ action: "attach", who: "stowage-commands", right: "listen", entity: "readings" });
    has({ action: "attach", who: "stranger", right: "send", entity: "nobody" });
    has({ action: "admin", who: "stowage-readings", right: "manage", entity: "readings" });
    has({ action: "exchange", who: "stowage-readings", reason: expect.stringContaining("AADSTS700213") });
    has({ action: "put-token", entity: "readings", reason: expect.stringContaining("InvalidSignature") });
    for (const event of log) expect(event.reason, JSON.stringify(event)).toBeTruthy();
    expect(JSON.stringify(log)).not.toContain("eyJ");
  });
});

describe("a right that `pulumi up` takes away or gives", () => {
  it("counts on open links within five seconds: the sender's next message and the waiting receiver are refused", async () => {
    const bus = client(login("stowage-publisher_producer"));
    const [sender, receiver] = [bus.createSender("readings"), bus.createReceiver("answers")];
    await sender.sendMessages({ body: "before" });
    const errors: { at: number; code: string }[] = [];
    const received: unknown[] = [];
    receiver.subscribe({
      processMessage: async ({ body }) => void received.push(body),
      processError: async ({ error }) =>
        void errors.push({ at: Date.now(), code: (error as { code?: string }).code ?? error.name }),
    });
    const worker = client(login("stowage-readings"));
    const reply = worker.createSender("answers");
    await reply.sendMessages({ body: "answer" });
    await until("the answer is there", () => received.length > 0);
    const before = world.cloud.accessLog.refused;
    await world.up([{ topic: "events", right: "send" }]);
    const gone = Date.now();
    await until("the receiver is told", () => errors.some(({ code }) => code === "UnauthorizedAccess"));
    expect((errors.find(({ code }) => code === "UnauthorizedAccess")?.at ?? 0) - gone).toBeLessThan(REVOKED_WITHIN_MS);
    expect(await tried(() => sender.sendMessages({ body: "after" }))).toBe("UnauthorizedAccess");
    expect(Date.now() - gone).toBeLessThan(REVOKED_WITHIN_MS);
    // What others may do goes on.
    expect(await tried(() => reply.sendMessages({ body: "still" }))).toBe("allowed");
    const revoked = world.cloud.accessLog.refusals().slice(-(world.cloud.accessLog.refused - before));
    expect(revoked).toContainEqual(expect.objectContaining({ who: "publisher", entity: "readings", right: "send" }));
    await world.up(PUBLISHER);
    expect(await tried(() => bus.createSender("readings").sendMessages({ body: "again" }))).toBe("allowed");
  }, 120_000);
});
