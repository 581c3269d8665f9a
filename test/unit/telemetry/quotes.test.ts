import { expect, test } from "vitest";
import { PoisonReason } from "../../../runtime/contract/index.js";
import { engineKit } from "../bus/engineKit.js";
import { received } from "../bus/fakeBus.js";

const SECRET = "s3cr3t";
/** Their words are made of ids, limits and what the engine and the job's end say. */
const OWN_WORDS: readonly PoisonReason[] = [
  PoisonReason.MissingValue,
  PoisonReason.MissingMessageId,
  PoisonReason.MessageIdReused,
  PoisonReason.ReplyNotAllowed,
  PoisonReason.JobRefused,
  PoisonReason.JobOutputTooLarge,
  PoisonReason.UnverifiedProducer,
  PoisonReason.SessionStopped,
  PoisonReason.AttemptsExhausted,
];

test.each(Object.values(PoisonReason))(
  "poison by %s is logged with its reason, and with no word of the body",
  async (reason) => {
    const kit = engineKit(async () => ({
      kind: "poison",
      reason,
      description: `found "${SECRET}"\nstderr: ${SECRET} below the first line`,
    }));
    kit.engine.start();
    const [link = expect.fail("no link")] = kit.receivers;
    link.send(received({ messageId: "m-1" }));
    await kit.clock.advance(10);
    await kit.engine.stop();
    // The dead letter, which holds the body as well, has all of it.
    expect(link.settlements).toMatchObject([{ how: "deadLettered", reason }]);
    expect(link.settlements[0]?.description).toContain("below the first line");
    const line = kit.lines.find(({ msg }) => msg === "dead-lettered");
    expect(line).toMatchObject({ messageId: "m-1", reason });
    expect("description" in (line ?? {})).toBe(OWN_WORDS.includes(reason));
    expect(JSON.stringify(kit.lines)).not.toContain("below the first line");
  },
);
