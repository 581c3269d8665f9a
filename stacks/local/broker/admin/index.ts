import { AdminHandler, type HandlerOptions } from "./handler.js";
import { type AdminListenOptions, AdminServer } from "./server.js";

/** A port for administration that listens. */
export interface OpenAdmin {
  readonly server: AdminServer;
  readonly address: { readonly host: string; readonly port: number };
}

/** Opens a port for administration. */
export async function openAdmin(listen: AdminListenOptions, options: HandlerOptions): Promise<OpenAdmin> {
  const server = new AdminServer(listen, options.clock, new AdminHandler(options));
  return { server, address: await server.open() };
}
