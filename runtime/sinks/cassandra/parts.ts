import {
  type CassandraConnection,
  type CassandraSink,
  type Connection,
  InvalidInputError,
  type Pipeline,
  problem,
} from "../../contract/index.js";

/** The parts of a pipeline and a connection that concern Cassandra. Throws InvalidInputError where they lack. */
export function cassandraParts(
  pipeline: Pipeline,
  connection: Connection,
): { sink: CassandraSink; cassandra: CassandraConnection } {
  const { cassandra: sink } = pipeline.sink;
  const { cassandra } = connection;
  if (sink === undefined)
    throw new InvalidInputError("Invalid pipeline", [
      problem("sink.cassandra", undefined, "is missing", "Use a pipeline whose sink is Cassandra"),
    ]);
  if (cassandra === undefined)
    throw new InvalidInputError("Invalid connection", [
      problem("cassandra", undefined, "is missing; the pipeline's sink is Cassandra", "Give the ring's contact points"),
    ]);
  return { sink, cassandra };
}
