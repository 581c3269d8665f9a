import { beforeEach, describe, expect, it } from "vitest";
import type { AccessRight, Principal } from "../../../stacks/local/broker/index.js";
import { Directory, type TokenHolder, TokenProblem, TokenRefused } from "../../../stacks/local/entra/index.js";
import { LocalRights, scopePath } from "../../../stacks/local/rights.js";
import { FakeClock } from "../broker/helpers.js";

const GROUP = "/subscriptions/0000/resourceGroups/stowage";
const BUS = `${GROUP}/providers/Microsoft.ServiceBus/namespaces/bus-1`;
const ROLE = {
  sender: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
  receiver: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
  owner: "090c5cfd-751d-490a-894a-3ce6f1109419",
};
const WORKER = "22222222-2222-4222-8222-222222222222";
const RIGHTS: AccessRight[] = ["send", "listen", "manage"];

let clock: FakeClock;
let directory: Directory;
let rights: LocalRights;

function open(propagationSeconds?: number, verify: (token: string) => Promise<TokenHolder> = async () => holder()) {
  rights = new LocalRights({
    verify,
    directory,
    clock,
    ...(propagationSeconds === undefined ? {} : { propagationSeconds }),
  });
}

const holder = (): TokenHolder => ({ principalId: WORKER, clientId: "c", expiresAt: 2_000_000 });

beforeEach(() => {
  clock = new FakeClock();
  directory = new Directory();
  open();
});

function assign(scope: string, role: string, id = `${scope}/${role}`, principalId = WORKER): string {
  const roleDefinitionId = `/subscriptions/0000/providers/Microsoft.Authorization/roleDefinitions/${role}`;
  rights.put(id, { scope, principalId, roleDefinitionId, madeAt: clock.now() });
  return id;
}

function allowed(entity: string, id = WORKER, bus = BUS): AccessRight[] {
  const principal: Principal = { id, name: id, expiresAt: Number.POSITIVE_INFINITY };
  return RIGHTS.filter((right) => rights.accessTo(bus).allows(principal, entity, right));
}

describe("what a role allows", () => {
  it.each([
    [ROLE.sender, ["send"]],
    [ROLE.receiver, ["listen"]],
    [ROLE.owner, ["send", "listen", "manage"]],
    // Azure's Owner and Contributor say nothing of the data.
    ["8e3af657-a8ff-443c-a75c-2fe8c4bcb635", []],
  ])("%s allows %s on its entity and nothing beside it", (role, expected) => {
    assign(`${BUS}/queues/renders`, role);
    expect(allowed("renders")).toEqual(expected);
    expect(allowed("volumes")).toEqual([]);
    expect(allowed("")).toEqual([]);
    expect(allowed("renders", "another")).toEqual([]);
  });

  it("is nothing without an assignment", () => {
    expect(allowed("renders")).toEqual([]);
  });
});

describe("where a role is held", () => {
  it.each([
    ["the subscription of Azure", "/subscriptions/0000"],
    ["the resource group", GROUP],
    ["the namespace", BUS],
    ["the namespace, in other letters", BUS.toUpperCase()],
  ])("on %s it holds for every entity", (_, scope) => {
    assign(scope, ROLE.receiver);
    for (const entity of ["", "renders", "events/Subscriptions/audit"]) expect(allowed(entity)).toEqual(["listen"]);
  });

  it("on a topic it holds for its subscriptions", () => {
    assign(`${BUS}/topics/events`, ROLE.receiver);
    expect(allowed("events/Subscriptions/audit")).toEqual(["listen"]);
    expect(allowed("EVENTS/subscriptions/AUDIT")).toEqual(["listen"]);
    expect(allowed("events")).toEqual(["listen"]);
  });

  it("on a subscription it holds neither for its topic nor for another subscription", () => {
    assign(`${BUS}/topics/events/subscriptions/audit`, ROLE.receiver);
    expect(allowed("events/Subscriptions/audit")).toEqual(["listen"]);
    expect(allowed("events/Subscriptions/other")).toEqual([]);
    expect(allowed("events")).toEqual([]);
  });

  it("on a queue it does not hold for a queue whose name only begins like it", () => {
    assign(`${BUS}/queues/orders`, ROLE.sender);
    expect(allowed("orders/eu")).toEqual([]);
    expect(allowed("orders-eu")).toEqual([]);
    assign(`${BUS}/queues/orders~eu`, ROLE.sender);
    expect(allowed("orders/eu")).toEqual(["send"]);
  });

  it("in another namespace it says nothing here", () => {
    assign(`${BUS}0/queues/renders`, ROLE.owner);
    assign(`${GROUP}0`, ROLE.owner);
    expect(allowed("renders")).toEqual([]);
    expect(allowed("renders", WORKER, `${BUS}0`)).toEqual(["send", "listen", "manage"]);
  });

  it("on what is no place of messages it says nothing", () => {
    expect(scopePath(`${BUS}/networkRuleSets/default`, BUS)).toBeUndefined();
    expect(scopePath("/subscriptions/0000/resourceGroups/sto", BUS)).toBeUndefined();
  });
});

describe("a change of assignments", () => {
  it("counts at once and is told", () => {
    const told: AccessRight[][] = [];
    rights.onChange(() => told.push(allowed("renders")));
    const id = assign(`${BUS}/queues/renders`, ROLE.receiver);
    rights.delete(id);
    expect(told).toEqual([["listen"], []]);
  });

  it("that changes a description only is none", () => {
    assign(`${BUS}/queues/renders`, ROLE.receiver, "a");
    let told = 0;
    rights.onChange(() => told++);
    assign(`${BUS}/queues/renders`, ROLE.receiver, "a");
    expect([told, allowed("renders")]).toEqual([0, ["listen"]]);
  });

  it("leaves what another assignment allows", () => {
    const first = assign(`${BUS}/queues/renders`, ROLE.receiver);
    assign(BUS, ROLE.owner);
    rights.delete(first);
    expect(allowed("renders")).toEqual(["send", "listen", "manage"]);
  });
});

describe("propagation", () => {
  it("delays a new assignment and a removed one by as much, and tells when it comes", () => {
    open(300);
    const told: [number, AccessRight[]][] = [];
    const began = clock.now();
    rights.onChange(() => told.push([(clock.now() - began) / 1_000, allowed("renders")]));
    const id = assign(`${BUS}/queues/renders`, ROLE.receiver);
    clock.advance(299_000);
    expect(allowed("renders")).toEqual([]);
    clock.advance(1_000);
    expect(allowed("renders")).toEqual(["listen"]);
    rights.delete(id);
    clock.advance(299_999);
    expect(allowed("renders")).toEqual(["listen"]);
    clock.advance(1);
    expect(allowed("renders")).toEqual([]);
    expect(told).toEqual([
      [300, ["listen"]],
      [600, []],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("of an assignment that is made anew within it starts anew, and the old one ends when it must", () => {
    open(300);
    const id = assign(`${BUS}/queues/renders`, ROLE.receiver);
    clock.advance(300_000);
    rights.delete(id);
    clock.advance(100_000);
    assign(`${BUS}/queues/renders`, ROLE.receiver, id);
    const seen = [0, 199_999, 1, 99_999, 1].map((step) => {
      clock.advance(step);
      return allowed("renders").length;
    });
    expect(seen).toEqual([1, 1, 0, 0, 1]);
  });

  it("is over for an assignment of an earlier run", () => {
    open(300);
    const scope = `${BUS}/queues/renders`;
    rights.put("a", {
      scope,
      principalId: WORKER,
      roleDefinitionId: `x/${ROLE.sender}`,
      madeAt: clock.now() - 300_000,
    });
    expect(allowed("renders")).toEqual(["send"]);
  });

  it("is called off when the environment ends", () => {
    open(300);
    assign(`${BUS}/queues/renders`, ROLE.receiver);
    rights.close();
    expect(clock.pending).toBe(0);
  });
});

describe("whom a token speaks for", () => {
  const identify = () => rights.accessTo(BUS).identify("token", clock.now());

  it("has the name of the identity, and its object id where it is not known", async () => {
    expect(await identify()).toEqual({ id: WORKER, name: WORKER, expiresAt: 2_000_000 });
    directory.putApplication("i", { tenantId: "t", clientId: "c", principalId: WORKER, name: "stowage-renders" });
    expect((await identify()).name).toBe("stowage-renders");
  });

  it.each([
    ["expired", "ExpiredToken", "ExpiredToken: The token is expired. why"],
    ["signature", "UnauthorizedAccess", "InvalidSignature: The token has an invalid signature. why"],
    ["issuer", "UnauthorizedAccess", "InvalidIssuer: The token has an invalid issuer. why"],
    ["audience", "UnauthorizedAccess", "InvalidAudience: The token has an invalid audience. why"],
    ["malformed", "UnauthorizedAccess", "MalformedToken: The token is malformed. why"],
    ["not yet valid", "UnauthorizedAccess", "InvalidToken: The token is not valid yet. why"],
  ])("is refused where it is %s, with Service Bus's code", async (problem, code, message) => {
    const found = Object.values(TokenProblem).find((each) => each === problem) ?? TokenProblem.Malformed;
    open(0, async () => {
      throw new TokenRefused(found, "why");
    });
    await expect(identify()).rejects.toMatchObject({ code, message });
  });
});
