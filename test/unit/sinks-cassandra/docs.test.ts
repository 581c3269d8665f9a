import { describe, expect, it } from "vitest";
import { describeTable, exampleMessage, MessageFormat, type TableDefinition } from "../../../runtime/contract/index.js";
import { createTable, rowTable } from "../../../runtime/sinks/cassandra/cql.js";
import { seedOf } from "../../crash/seed.js";
import { Draw } from "./generate.js";
import { drawTable } from "./generateTable.js";
import { mapped, message } from "./kit.js";

const table: TableDefinition = {
  keyspace: "plant",
  name: "readings",
  types: { position: { lat: "double", lon: "double" } },
  columns: {
    device: { type: "text", body: "device" },
    day: { type: "date", bucket: "day" },
    id: { type: "text", message: "messageId" },
    celsius: { type: "double", body: "samples.0.celsius", required: true },
    place: { type: "frozen<position>", body: "place" },
    embedding: { type: "vector<float, 768>", body: "embedding" },
    site: { type: "text", property: "site" },
  },
  partitionKey: ["device", "day"],
  clusteringKey: [{ column: "id", descending: true }],
  timeToLive: "90d",
  options: { comment: "Readings of the plant's devices" },
  from: { time: { body: "at" }, maxAge: "30d", rate: { rowsPerSecond: 50, bytesPerRow: 100 } },
};

describe("the documentation of a table", () => {
  const text = describeTable(table, { statements: [createTable(rowTable(table))] });

  it("names every column with its type, its part in the key and where its value comes from", () => {
    expect(text).toContain("# plant.readings\n\nReadings of the plant's devices\n");
    for (const line of [
      "| `device` | `text` | partition | `device` of the body | yes |",
      "| `day` | `date` | partition | the beginning of the event's day, UTC | yes |",
      "| `id` | `text` | clustering, descending | the message's `messageId` | yes |",
      "| `celsius` | `double` |  | `samples.0.celsius` of the body | yes |",
      "| `place` | `frozen<position>` |  | `place` of the body |  |",
      "| `site` | `text` |  | application property `site` |  |",
      "| `position` | `lat double`, `lon double` |",
    ])
      expect(text).toContain(line);
  });

  it("says how large partitions become, how long rows live, and what producers send", () => {
    expect(text).toContain("- At 50 rows of 100 bytes a second a partition holds 432 MB.");
    expect(text).toContain("- **Warning:** a partition grows to 432 MB in 24 hours");
    expect(text).toContain("- A row lives 90d from its event on.");
    expect(text).toContain("- An event further ahead than 5m is refused, and one older than 2592000 s.");
    expect(text).toContain("the text forms of `device`, `day`, joined by `|`");
    expect(text).toContain('```sql\nCREATE TABLE IF NOT EXISTS "plant"."readings"');
    expect(text).toContain('"… 764 more"');
  });

  it("has an example that becomes a row", () => {
    const { body, properties } = exampleMessage(table);
    expect(body).toMatchObject({ samples: [{ celsius: 21.5 }], device: "text" });
    expect(mapped(table, message(body, { properties: { site: String(properties["site"]) } }))).toHaveProperty("cells");
  });

  const seed = seedOf();
  it(`has an example that becomes a row, of any table that is not Avro's (STOWAGE_SEED=${seed})`, () => {
    const draw = new Draw(seed);
    for (let i = 0; i < 200; i++) {
      const { table: drawn } = drawTable(draw);
      expect(describeTable(drawn).length).toBeGreaterThan(100);
      if (drawn.from.format !== MessageFormat.Json && drawn.from.format !== MessageFormat.CloudEvents) continue;
      const { body, properties } = exampleMessage(drawn);
      const sent = message(body, { properties: properties as { [name: string]: string } });
      expect({ drawn, ...mapped(drawn, sent) }).toHaveProperty("cells");
    }
  });
});
