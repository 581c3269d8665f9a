import { expect, it } from "vitest";
import { PRODUCER_SIGNATURE_PROPERTY, PRODUCER_TOKEN_PROPERTY } from "../../../runtime/contract/index.js";
import { describeWhole } from "../../../runtime/ops/deadletters/describe.js";
import { OpsKit } from "./kit.js";

it("a dead letter is shown without the proof of its producer, and says that it has one", async () => {
  const kit = await OpsKit.open();
  const proof = { [PRODUCER_TOKEN_PROPERTY]: "the-token", [PRODUCER_SIGNATURE_PROPERTY]: "the-signature" };
  await kit.deadLetter(kit.queue("orders"), [
    { messageId: "signed", body: "x", applicationProperties: { tenant: "blue", ...proof } },
    { messageId: "plain", body: "x", applicationProperties: { tenant: "red" } },
  ]);
  const [signed, plain] = (await kit.content("orders", true)).map(describeWhole);
  expect(signed?.properties).toMatchObject({ tenant: "blue", DeadLetterReason: "JobRefused" });
  expect(signed?.withheld).toEqual([PRODUCER_TOKEN_PROPERTY, PRODUCER_SIGNATURE_PROPERTY]);
  expect(JSON.stringify(signed)).not.toMatch(/the-token|the-signature/);
  expect(plain?.properties).toMatchObject({ tenant: "red" });
  expect(plain).not.toHaveProperty("withheld");
});
