import { describe, expect, it } from "vitest";
import { localProducers, producersOf, unsignedSamples } from "../../../stacks/local/producers.js";
import { pipelineOf } from "../bus/fakes.js";

const onQueue = (name: string, queue: string) =>
  pipelineOf((p) => {
    p.name = name;
    p.source = { ...p.source, queue };
  });
const onTopic = pipelineOf((p) => {
  const { queue: _, ...rest } = p.source;
  p.source = { ...rest, topic: "events", subscription: "audit" };
});

describe("who sends the sample traffic", () => {
  const config = {
    looks: { principalId: "p-0", grants: [{ queue: "renders", right: "receive" }] },
    renders: { principalId: "p-1", grants: [{ queue: "Renders", right: "send" }] },
    everything: { principalId: "p-2", grants: [{ scope: "namespace", right: "send" }] },
    lookedUp: { grants: [{ queue: "renders", right: "send" }] },
  };

  it("is the first producer that may send to a pipeline's source, for all its pipelines at once", () => {
    const [first, second] = [onQueue("a", "renders"), onQueue("b", "volumes")];
    const chosen = producersOf([first, second, onTopic], localProducers(config));
    expect([...chosen].map(([{ name }, pipelines]) => [name, pipelines])).toEqual([
      ["renders", [first]],
      ["everything", [second, onTopic]],
    ]);
  });

  it("is nobody whose principal must be looked up first, as nobody can log in as it here", () => {
    expect(localProducers(config).map(({ name }) => name)).toEqual(["looks", "renders", "everything"]);
    expect(localProducers()).toEqual([]);
  });

  it("must be granted: what is missing is said in the form of the configuration", () => {
    const { looks } = config;
    expect(() => producersOf([onQueue("a", "renders")], localProducers({ looks }))).toThrow(
      "Nobody may send to renders, the source of pipeline a: grant it to a producer.",
    );
    expect(() => producersOf([onTopic], [])).toThrow("grants: [{ topic: events, right: send }]");
  });
});

it("samples that a pipeline will refuse for want of a signature are said beforehand, and no others", () => {
  const signed = pipelineOf((p) => {
    p.name = "signed";
    p.producers = { requireSignature: { issuers: [{ issuer: "https://issuer.example", subjects: ["s"] }] } };
  });
  expect(unsignedSamples([onQueue("plain", "renders")])).toEqual([]);
  const [sentence, ...more] = unsignedSamples([onQueue("plain", "renders"), signed]);
  expect(more).toEqual([]);
  expect(sentence).toMatch(/^Pipeline signed .* dead-lettered with UnverifiedProducer/);
});
