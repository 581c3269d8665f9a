import { describe, expect, it } from "vitest";
import {
  DELIVERY_DEFAULTS,
  formatProblem,
  type LinstorSink,
  type Pipeline,
  pipelineProblems,
  SessionPoison,
} from "../../../runtime/contract/index.js";

const zone = "Aux/topology/topology.kubernetes.io/zone";

function pipeline(placement: Partial<LinstorSink>): Pipeline {
  return {
    contractVersion: 1,
    name: "volumes",
    source: {
      queue: "volumes",
      sessions: true,
      lockDurationSeconds: 60,
      maxDeliveryCount: 10,
      duplicateDetection: false,
    },
    sink: {
      linstor: {
        resourceGroup: "volumes",
        readyTimeoutSeconds: 60,
        pollMilliseconds: 100,
        maxSizeKib: 1024,
        ...placement,
      },
    },
    delivery: {
      ...DELIVERY_DEFAULTS,
      concurrency: 16,
      maxHeldBytes: 64 * 1024 * 1024,
      attempts: 3,
      retryBaseMilliseconds: 100,
      retryMaxMilliseconds: 1000,
      maxProcessingSeconds: 300,
      shutdownGraceSeconds: 30,
      onPoison: SessionPoison.Skip,
    },
    replyQueues: [],
    observe: false,
  };
}

describe("the placement of a resource group that a LINSTOR sink creates", () => {
  it("is taken where the replica count is stated, and may be left out", () => {
    expect(pipelineProblems(pipeline({}))).toEqual([]);
    expect(pipelineProblems(pipeline({ placeCount: 3 }))).toEqual([]);
    expect(pipelineProblems(pipeline({ placeCount: 3, storagePool: "thin", replicasOnDifferent: [zone] }))).toEqual([]);
  });

  it.each<[Partial<LinstorSink>, string]>([
    [
      { storagePool: "thin" },
      "sink.linstor.storagePool: goes with placeCount: it only serves to create a missing resource group " +
        '(found "thin"). Give placeCount as well, or remove it',
    ],
    [
      { replicasOnDifferent: [zone] },
      "sink.linstor.replicasOnDifferent: goes with placeCount: it only serves to create a missing resource group " +
        `(found ["${zone}"]). Give placeCount as well, or remove it`,
    ],
    [
      { placeCount: 33 },
      "sink.linstor.placeCount: must be a whole number from 1 to 32 replicas (found 33). Give a number in that range",
    ],
    [
      { placeCount: 3, replicasOnDifferent: ["zone"] },
      'sink.linstor.replicasOnDifferent.0: must be an auxiliary node property (found "zone"). Begin it with Aux/',
    ],
    [
      { placeCount: 3, storagePool: "9" },
      "sink.linstor.storagePool: must be 2 to 48 letters, digits, _ or - " +
        '(found "9"). Use a LINSTOR storage pool\'s name',
    ],
  ])("is refused as %j", (placement, expected) => {
    expect(pipelineProblems(pipeline(placement)).map(formatProblem)).toEqual([expected]);
  });
});
