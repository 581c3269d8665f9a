/** Logical names of an integration's parts: its own name and what they are, or the key of the map they are in. */
export const childNames = {
  serviceBus: (name: string) => `${name}-bus`,
  gluster: (name: string) => `${name}-gluster`,
  linstor: (name: string) => `${name}-linstor`,
  cassandra: (name: string) => `${name}-cassandra`,
  kubernetes: (name: string) => `${name}-kubernetes`,
  operator: (name: string, operator: string) => `${name}-${operator}`,
  /** Worker and identity of a pipeline. */
  pipeline: (name: string, pipeline: string) => `${name}-${pipeline}`,
  // No name of a pipeline, producer or deployer has an underscore, so that none of these is ever another's.
  /** The autoscaler's identity. */
  autoscaler: (name: string, pipeline: string) => `${name}-${pipeline}_autoscaler`,
  /** What a producer is granted. */
  producer: (name: string, producer: string) => `${name}-${producer}_producer`,
  /** A deployer's identity. */
  deployer: (name: string, deployer: string) => `${name}-${deployer}_deployer`,
};
