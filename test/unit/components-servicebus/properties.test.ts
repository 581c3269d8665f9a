import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ServiceBusEntitiesArgs,
  serviceBusNotices,
  serviceBusProblems,
} from "../../../components/servicebus/index.js";
import { anySoundBus } from "./arbitrary.js";

const namespace = { tier: "Standard", name: "contoso" } as const;

describe("any bus that Azure takes", () => {
  it("has no problem, and notices that name what is there", () => {
    fc.assert(
      fc.property(anySoundBus, (args) => {
        expect(serviceBusProblems(args)).toEqual([]);
        for (const { path } of serviceBusNotices(args)) expect(path).toMatch(/^(?:namespace|queues|topics)\./);
      }),
      { numRuns: 300 },
    );
  });
});

/** One fault, put into an entity of a sound bus, and the setting that must be named. */
const faults: [setting: string, value: unknown][] = [
  ["lockDurationSeconds", 4],
  ["lockDurationSeconds", 301],
  ["lockDurationSeconds", "PT1M"],
  ["maxDeliveryCount", 2001],
  ["timeToLiveSeconds", 0],
  ["timeToLiveSeconds", 922_337_203_686],
  ["duplicateDetectionSeconds", 604_801],
  ["autoDeleteOnIdleSeconds", 299],
  ["maxSizeMegabytes", 1000],
  ["maxMessageSizeKilobytes", 256],
  ["requiresSession", "yes"],
  ["status", "Creating"],
  ["userMetadata", "n".repeat(1025)],
  ["forwardTo", "nowhere"],
  ["forwardDeadLettersTo", "https://contoso.servicebus.windows.net/end"],
  ["isClientAffine", true],
];

describe("any fault in a bus that Azure takes", () => {
  it("is named with its path, beside whatever else it brings about", () => {
    fc.assert(
      fc.property(anySoundBus, fc.constantFrom(...faults), (args, [setting, value]) => {
        const queues = { ...args.queues, faulty: { [setting]: value } } as NonNullable<
          ServiceBusEntitiesArgs["queues"]
        >;
        const paths = serviceBusProblems({ ...args, queues }).map(({ path }) => path);
        expect(new Set(paths)).toEqual(new Set([`queues.faulty.${setting}`]));
      }),
      { numRuns: 200 },
    );
  });

  it("is named together with any other", () => {
    fc.assert(
      fc.property(
        anySoundBus,
        fc.uniqueArray(fc.constantFrom(...faults), { selector: ([setting]) => setting }),
        (args, all) => {
          const queues = { ...args.queues, faulty: Object.fromEntries(all) } as NonNullable<
            ServiceBusEntitiesArgs["queues"]
          >;
          const paths = serviceBusProblems({ ...args, queues }).map(({ path }) => path);
          for (const [setting] of all) expect(paths).toContain(`queues.faulty.${setting}`);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("is named where names, of whatever length and signs, are none of Azure's", () => {
    const azure = /^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9_])?$/;
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9._/-]{1,261}$/)), (name) => {
        fc.pre(name !== "__proto__");
        const paths = serviceBusProblems({ namespace, queues: { [name]: {} } }).map(({ path }) => path);
        const sound = name.length <= 260 && /^[A-Za-z0-9]([\w./-]*[A-Za-z0-9_])?$/.test(name);
        expect(paths).toEqual(sound ? [] : [`queues.${name}`]);
        if (azure.test(name) && name.length <= 260) expect(sound).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
