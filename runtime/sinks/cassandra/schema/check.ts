import { type Client, types } from "cassandra-driver";
import { type CassandraSink, StowageError } from "../../../contract/index.js";
import { type Change, ChangeKind, Need, planSchema } from "./plan.js";
import { readLive, wantedSchema } from "./state.js";

/** Codes of what is wrong with a keyspace or table. */
export const SchemaCode = {
  /** Something is not there; the schema job creates it. */
  Missing: "SchemaMissing",
  /** Something is there and different; a person has to decide. */
  Conflict: "SchemaConflict",
} as const;
export type SchemaCode = (typeof SchemaCode)[keyof typeof SchemaCode];

/**
 * Throws a StowageError where rows cannot be written as the pipeline says. What only the definition needs, an option of
 * the table, the replication, does not keep a worker from its work.
 */
export async function checkSchema(client: Client, sink: CassandraSink): Promise<void> {
  const wanted = wantedSchema(sink);
  const options = { consistency: types.consistencies.localOne };
  const live = await readLive(wanted.keyspace, client, async (query, parameters) => {
    return (await client.execute(query, parameters, options)).rows;
  });
  const needed = planSchema(live, wanted).filter(({ need }) => need === Need.Worker);
  const conflicts = needed.filter(({ kind }) => kind !== ChangeKind.Additive);
  if (conflicts.length > 0)
    throw new StowageError(
      SchemaCode.Conflict,
      `${place(sink)} is not the table that the pipeline defines: ${conflicts.map(reason).join("; ")}.`,
    );
  if (needed.length > 0)
    throw new StowageError(
      SchemaCode.Missing,
      `${place(sink)} cannot be written to before this is done: ${needed.map(({ what }) => what).join("; ")}. ` +
        "Run the pipeline's schema job: stowage-worker schema apply.",
    );
}

function place({ table }: CassandraSink): string {
  return `Table ${table.keyspace}.${table.name}`;
}

function reason({ what, note }: Change): string {
  return note === undefined ? what : `${what}: ${note}`;
}
