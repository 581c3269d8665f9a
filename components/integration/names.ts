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
  /** The autoscaler's identity. No pipeline's name has an underscore, so that it is never another pipeline's. */
  autoscaler: (name: string, pipeline: string) => `${name}-${pipeline}_autoscaler`,
};
