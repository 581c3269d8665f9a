import { Client, type ClientOptions, errors, type types } from "cassandra-driver";
import { vi } from "vitest";
import type { LiveSchema, WantedSchema } from "../../../runtime/sinks/cassandra/schema/state.js";

/** A statement as a node was given it. */
export interface Asked {
  cql: string;
  /** The node that it was sent to where that was said. */
  host: string | undefined;
  consistency: number | undefined;
}

/** Rows as the driver gives them, with what else of its answer is looked at. */
interface Answer {
  rows: object[];
  pageState?: string;
  agreed?: boolean;
}

/** What a ring has, as far as administering it asks. */
export interface ScriptedRing {
  asked: Asked[];
  /** The statements that change something, in their order. */
  changes(): string[];
  live: LiveSchema;
  /** Another schema at one of the nodes, by its address. */
  elsewhere: Map<string, LiveSchema>;
  /** Called with every statement that changes something; does it to `live`, and may throw what a node would. */
  act(cql: string): void;
  /** What `LIST …` and what is read of system_auth answer. */
  answers(cql: string, pageState: string | undefined): Answer;
  /** Whether the nodes agree after a change. */
  agreed: boolean;
  /** Nodes at which a role logged in, or tried to, in order. */
  logins: string[];
  /** How often a node still refuses a role. */
  refusals: Map<string, number>;
}

/** A keyspace that is as it is wanted. */
export function asWanted({ replication, types, tables }: WantedSchema, nodes: LiveSchema["nodes"]): LiveSchema {
  const options = { comment: "", gcGraceSeconds: 864_000, defaultTimeToLive: 0, compaction: {}, compression: {} };
  return {
    nodes,
    replication: { strategy: "NetworkTopologyStrategy", replicas: replication },
    types,
    tables: Object.fromEntries(
      tables.map(({ shape }) => [shape.name, { columns: [...shape.columns], dropped: [], options }]),
    ),
  };
}

/** Puts a ring of these nodes, which are in `dc1`, in the place of every client's; `vi.restoreAllMocks` takes it away. */
export function scriptedRing(addresses: readonly string[], live: LiveSchema): ScriptedRing {
  const hosts = addresses.map((address) => ({ address, datacenter: "dc1", isUp: () => true }));
  const ring: ScriptedRing = {
    asked: [],
    changes: () => ring.asked.map(({ cql }) => cql).filter(isChange),
    live,
    elsewhere: new Map(),
    act: () => undefined,
    answers: () => ({ rows: [] }),
    agreed: true,
    logins: [],
    refusals: new Map(),
  };
  vi.spyOn(Client.prototype, "connect").mockImplementation(async function (this: Client) {
    const { credentials, contactPoints: [at = ""] = [] }: ClientOptions = Reflect.get(this, "options");
    if (credentials !== undefined) login(ring, at);
    Object.assign(this, { hosts: { values: () => [...hosts] }, getState: () => ({ getConnectedHosts: () => hosts }) });
  });
  vi.spyOn(Client.prototype, "shutdown").mockResolvedValue();
  const execute = async (cql: string, _parameters?: unknown, options: Options = {}) => {
    const { host, consistency, pageState } = options;
    ring.asked.push({ cql, host: host?.address, consistency });
    if (isChange(cql)) {
      ring.act(cql);
      return result({ rows: [], agreed: ring.agreed });
    }
    if (!cql.includes("system_schema.") || cql.includes("'system_auth'")) return result(ring.answers(cql, pageState));
    return result({ rows: schemaRows(ring.elsewhere.get(host?.address ?? "") ?? ring.live, cql) });
  };
  vi.spyOn(Client.prototype, "execute").mockImplementation(Object.assign(execute));
  return ring;
}

function login({ logins, refusals }: ScriptedRing, at: string): void {
  logins.push(at);
  const left = refusals.get(at) ?? 0;
  if (left === 0) return;
  refusals.set(at, left - 1);
  throw new errors.NoHostAvailableError({ [at]: new errors.AuthenticationError("Provided username is incorrect") });
}

interface Options {
  host?: { address: string };
  consistency?: types.consistencies;
  pageState?: string;
}

function isChange(cql: string): boolean {
  return /^(CREATE|ALTER|GRANT|REVOKE|DROP)/.test(cql);
}

function result({ rows, pageState, agreed = true }: Answer): types.ResultSet {
  const answer = {
    rows,
    pageState,
    first: () => rows[0],
    wasApplied: () => applied(rows),
    info: { isSchemaInAgreement: agreed },
  };
  return Object.assign(Object.create(null), answer);
}

/** Whether a lightweight transaction was: all that is no such transaction always is. */
function applied([row]: object[]): boolean {
  return row === undefined || !("[applied]" in row) || row["[applied]"] === true;
}

/** The rows of one of system_schema's tables. */
function schemaRows({ replication, tables, types: udts }: LiveSchema, cql: string): object[] {
  const each = Object.entries(tables);
  if (cql.includes("system_schema.keyspaces"))
    return replication === undefined
      ? []
      : [{ replication: { class: `org.apache.cassandra.locator.${replication.strategy}`, ...replication.replicas } }];
  if (cql.includes("system_schema.types"))
    return udts.map(({ name, fields }) => ({
      type_name: name,
      field_names: fields.map((field) => field.name),
      field_types: fields.map((field) => field.type),
    }));
  if (cql.includes("system_schema.tables"))
    return each.map(([table_name, { options }]) => ({
      table_name,
      comment: options.comment,
      gc_grace_seconds: options.gcGraceSeconds,
      default_time_to_live: options.defaultTimeToLive,
      compaction: options.compaction,
      compression: options.compression,
    }));
  if (cql.includes("system_schema.columns"))
    return each.flatMap(([table_name, { columns }]) =>
      columns.map(({ name, type, kind, position, order }) => ({
        ...{ table_name, column_name: name, type, kind, position, clustering_order: order },
      })),
    );
  return [];
}
