import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as messages from "@pulumi/pulumi/proto/provider_pb.js";
import { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  isUnknown,
  PartialFailureError,
  ProviderStandIn,
  ProviderState,
  type ResourceModel,
  UNKNOWN,
} from "../../../stacks/local/providers/base/index.js";

const UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const URN = "urn:pulumi:test::test::toys:index:Ball::red";

const ball: ResourceModel = {
  replaceOn: ["color"],
  deleteBeforeReplace: () => true,
  check: (inputs, context) => {
    const name = inputs["name"] ?? context.olds?.["name"] ?? `${context.name}${context.randomHex(8)}`;
    const size = inputs["size"];
    const failures =
      typeof size === "number" && size > 10
        ? [{ path: "size", value: String(size), reason: "must be 1 to 10", fix: "Make it smaller" }]
        : [];
    return { inputs: { ...inputs, name }, failures };
  },
  preview: (inputs) => ({ ...inputs, address: UNKNOWN }),
  create: async (inputs) => {
    if (inputs["burst"] === true) throw new PartialFailureError("burst", { ...inputs, air: 0 }, ["it burst"]);
    return { id: String(inputs["name"]), outputs: { ...inputs, address: "here" } };
  },
  update: async (_id, current, news) => ({ ...current.outputs, ...news }),
};

let dir: string;
let standIn: ProviderStandIn;
let client: ResourceProviderClient;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "stowage-base-"));
  standIn = new ProviderStandIn({
    name: "toys",
    version: "1.2.3",
    types: ["toys:index:Ball"],
    model: (type) => (type === "toys:index:Ball" ? ball : undefined),
    invokes: { "toys:index:count": (args) => ({ count: 7, of: args["of"] ?? null }) },
    stateFile: join(dir, "state", "toys.json"),
  });
  const { port } = await standIn.listen();
  client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  await standIn.close();
  rmSync(dir, { recursive: true, force: true });
});

type Call<Q, R> = (request: Q, callback: (error: grpc.ServiceError | null, response: R) => void) => unknown;

function ask<Q, R>(call: Call<Q, R>, request: Q): Promise<R> {
  return new Promise((resolve, reject) => {
    call.call(client, request, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

const struct = (value: Record<string, unknown>) =>
  Struct.fromJavaScript(value as Parameters<typeof Struct.fromJavaScript>[0]);
const plain = (value: Struct | undefined) => value?.toJavaScript();

function check(news: Record<string, unknown>, olds?: Record<string, unknown>, type = "toys:index:Ball") {
  const request = new messages.CheckRequest().setUrn(URN).setType(type).setName("red").setNews(struct(news));
  if (olds) request.setOlds(struct(olds));
  return ask<messages.CheckRequest, messages.CheckResponse>(client.check, request.setRandomseed(Buffer.from("seed")));
}

function create(properties: Record<string, unknown>, preview = false) {
  const request = new messages.CreateRequest().setUrn(URN).setType("toys:index:Ball").setName("red");
  return ask<messages.CreateRequest, messages.CreateResponse>(
    client.create,
    request.setProperties(struct(properties)).setPreview(preview),
  );
}

function read(id: string) {
  const request = new messages.ReadRequest().setUrn(URN).setType("toys:index:Ball").setId(id);
  return ask<messages.ReadRequest, messages.ReadResponse>(client.read, request);
}

describe("a provider stand-in", () => {
  it("refuses a type it does not know by name, and says which it knows", async () => {
    await expect(check({}, undefined, "toys:index:Kite")).rejects.toThrow(
      "the stand-in for toys does not know the type toys:index:Kite; it knows: toys:index:Ball",
    );
  });

  it("refuses a function it does not know by name, and says which it knows", async () => {
    const call = (token: string) =>
      ask<messages.InvokeRequest, messages.InvokeResponse>(
        client.invoke,
        new messages.InvokeRequest().setTok(token).setArgs(struct({ of: "balls" })),
      );
    await expect(call("toys:index:weigh")).rejects.toThrow("does not know the function toys:index:weigh");
    expect(plain((await call("toys:index:count")).getReturn())).toEqual({ count: 7, of: "balls" });
  });

  it("makes up a name once and keeps it for the resource", async () => {
    const first = plain((await check({ size: 1 })).getInputs());
    expect(first?.["name"]).toMatch(/^red[0-9a-f]{8}$/);
    const second = plain((await check({ size: 2 }, first)).getInputs());
    expect(second?.["name"]).toBe(first?.["name"]);
  });

  it("reports what is wrong with a property with value, range and fix", async () => {
    const [failure] = (await check({ size: 11 })).getFailuresList();
    expect(failure?.getProperty()).toBe("size");
    expect(failure?.getReason()).toBe("must be 1 to 10 (found 11). Make it smaller");
  });

  it("takes unknown values, unwraps secrets and refuses assets by name", async () => {
    const secret = { [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", value: "s3cret" };
    const inputs = plain((await check({ size: UNKNOWN_ON_THE_WIRE, color: secret })).getInputs());
    expect(inputs).toMatchObject({ size: UNKNOWN_ON_THE_WIRE, color: "s3cret" });
    const asset = { [SIGNATURE]: "c44067f5952c0a294b673a41bacd8c17", text: "x" };
    await expect(check({ cover: [{ file: asset }] })).rejects.toThrow(
      "toys:index:Ball.cover[0].file is an asset, which a stand-in cannot take",
    );
  });

  it("leaves nothing behind in a preview, and shows what is not known yet", async () => {
    const response = await create({ name: "a" }, true);
    expect(plain(response.getProperties())).toEqual({ name: "a", address: UNKNOWN_ON_THE_WIRE });
    expect(response.getId()).toBe("");
    expect(readdirSync(dir)).toEqual([]);
  });

  it("keeps what was made in one file that only its owner can read, and reads it again", async () => {
    await create({ name: "a", tags: { x: "1" } });
    const file = join(dir, "state", "toys.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, "state"))).toEqual(["toys.json"]);
    expect(new ProviderState(file).get("toys:index:Ball", "a")).toEqual({
      type: "toys:index:Ball",
      id: "a",
      inputs: { name: "a", tags: { x: "1" } },
      outputs: { name: "a", tags: { x: "1" }, address: "here" },
    });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ version: 1 });
  });

  it("shows drift when it is read, and an empty id for what is gone", async () => {
    await create({ name: "a", size: 1 });
    standIn.state.patch("toys:index:Ball", "a", { size: 3 });
    expect(plain((await read("a")).getInputs())).toEqual({ name: "a", size: 3 });
    standIn.state.delete("toys:index:Ball", "a");
    expect((await read("a")).getId()).toBe("");
  });

  it("marks the changes that replace, and the order of a replacement", async () => {
    const request = new messages.DiffRequest().setUrn(URN).setType("toys:index:Ball").setId("a");
    const diff = (olds: Record<string, unknown>, news: Record<string, unknown>) =>
      ask<messages.DiffRequest, messages.DiffResponse>(
        client.diff,
        request.setOldInputs(struct(olds)).setOlds(struct(olds)).setNews(struct(news)),
      );
    const replaced = await diff({ color: "red", size: 1 }, { color: "blue", size: 2 });
    expect(replaced.getReplacesList()).toEqual(["color"]);
    expect(replaced.getDiffsList()).toEqual(["color", "size"]);
    expect(replaced.getDeletebeforereplace()).toBe(true);
    expect(replaced.getDetaileddiffMap().get("color")?.getKind()).toBe(messages.PropertyDiff.Kind.UPDATE_REPLACE);
    expect(replaced.getDetaileddiffMap().get("size")?.getKind()).toBe(messages.PropertyDiff.Kind.UPDATE);
    const updated = await diff({ size: 1 }, { size: 2 });
    expect(updated.getDeletebeforereplace()).toBe(false);
    const equal = await diff({ size: 1 }, { size: 1 });
    expect(equal.getChanges()).toBe(messages.DiffResponse.DiffChanges.DIFF_NONE);
  });

  it("keeps a resource that was made but is not what was asked for", async () => {
    const error = await create({ name: "a", burst: true }).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ details: "it burst" });
    expect((error as grpc.ServiceError).metadata.get("grpc-status-details-bin")).toHaveLength(1);
    expect(standIn.state.get("toys:index:Ball", "burst")?.outputs).toEqual({ name: "a", burst: true, air: 0 });
  });

  it("tells an operation that the run was cancelled, and serves the next run", async () => {
    let started: (() => void) | undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const waiting: ResourceModel = {
      create: (_inputs, context) =>
        new Promise((_, reject) => {
          context.signal.addEventListener("abort", () => reject(context.signal.reason));
          started?.();
        }),
    };
    const { create: original } = ball;
    ball.create = waiting.create;
    try {
      const pending = create({ name: "slow" }).catch((error: unknown) => String(error));
      await running;
      await ask(client.cancel, new (await import("google-protobuf/google/protobuf/empty_pb.js")).Empty());
      expect(await pending).toContain("the run was cancelled");
    } finally {
      ball.create = original;
    }
    expect((await create({ name: "next" })).getId()).toBe("next");
  });
});

describe("an unknown value", () => {
  it("is no string, so that a check of a name passes it over", () => {
    expect(typeof UNKNOWN).toBe("object");
    expect(isUnknown(UNKNOWN)).toBe(true);
    expect(JSON.stringify({ a: UNKNOWN })).toBe(`{"a":"${UNKNOWN_ON_THE_WIRE}"}`);
  });
});
