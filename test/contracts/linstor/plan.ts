import { Connection, Device, type LinstorStandIn } from "../../../stacks/local/linstor/index.js";

/** Something that happened outside the API while the exchanges were recorded. */
export interface Event {
  /** In words, for the report. */
  what: string;
  happen: (standIn: LinstorStandIn) => void;
}

/** One folder of exchanges with what is needed to replay it. */
export interface ReplayPlan {
  folder: string;
  /** Before the exchange of that name. */
  before: { [exchange: string]: Event };
  /** Exchanges of operations that the stand-in does not have, by name, with why. */
  outOfScope: { [exchange: string]: string };
  /** Exchanges whose answers differ, by name, with why. */
  deviations: { [exchange: string]: string };
}

const satellites = (connection: Connection, ...nodes: string[]): Event => ({
  what: `the controller sees ${nodes.join(", ")} as ${connection}`,
  happen: ({ inject }) => {
    for (const node of nodes) inject.connection(node, connection);
  },
});

/** Disk and flags of d1 on a node, set by hand. */
function hold(standIn: LinstorStandIn, node: string, held: "disk" | "tieBreaker", by?: string): void {
  const diskless = held === "tieBreaker";
  const pool = diskless ? "DfltDisklessStorPool" : "thin";
  standIn.inject.state((state) => {
    const resources = state.definitions["d1"]?.resources ?? {};
    const other = Object.values(resources)[0];
    if (other === undefined) throw new Error("d1 has no resource to be like");
    resources[node] = {
      ...other,
      node,
      pool,
      diskless,
      tieBreaker: diskless,
      disk: diskless ? "Diskless" : "UpToDate",
      nodeId: Number(node.slice(1)) - 1,
      drbdFlags: diskless ? ["DISKLESS", "INITIALIZED"] : [by === undefined ? "INITIALIZED" : "DISKLESS"],
      props: by === undefined ? { StorPoolName: pool } : { StorPoolName: pool, DiskfulBy: by },
    };
  });
}

export const REPLAYS: readonly ReplayPlan[] = [
  {
    folder: "simulated-drbd-1.33.3",
    before: {
      "016-view-d1-in-use": {
        what: "d1 is opened on n3",
        happen: ({ inject }) => inject.inUse("d1", "n3", true),
      },
      "021-detach-delete-diskless": {
        what: "d1 is closed on n3",
        happen: ({ inject }) => inject.inUse("d1", "n3", false),
      },
      "031-grow": {
        what: "the rollback of exchange 030 has left a disk of d1 on n1, n2 and n3; that on n3 is being filled",
        happen: (standIn) => {
          hold(standIn, "n1", "disk");
          hold(standIn, "n3", "disk", "make-available");
          standIn.inject.disk("d1", "n3", "SyncTarget(12.00%)");
        },
      },
      "034-nodes-with-n2-offline": {
        what: "n3 is filled; n2 goes offline, to be evicted in an hour",
        happen: ({ inject }) => {
          inject.disk("d1", "n3", "UpToDate");
          inject.connection("n2", Connection.Offline, 1_795_235_128_423);
        },
      },
      "061-poll-nodes": satellites(Connection.Offline, "n2"),
      "062-poll-nodes": satellites(Connection.Connected, "n2"),
      "063-poll-nodes": satellites(Connection.Online, "n2"),
      "073-view-after-evacuate": {
        what: "the evacuation of exchange 072 has taken d1 from n3",
        happen: ({ inject }) =>
          inject.state((state) => {
            delete state.definitions["d1"]?.resources["n3"];
          }),
      },
      "075-request-while-controller-down": {
        what: "the restoration of exchange 074 has made n3 the tie-breaker of d1; the controller is down",
        happen: (standIn) => {
          hold(standIn, "n3", "tieBreaker");
          standIn.faults.add({ action: "dropBefore" });
        },
      },
      "076-nodes-right-after-controller-restart": satellites(Connection.Offline, "n1", "n2", "n3"),
      "077-poll-nodes": satellites(Connection.Connected, "n1", "n2", "n3"),
      "079-poll-nodes": satellites(Connection.Online, "n1", "n2", "n3"),
    },
    outOfScope: {
      "020-rollback-while-in-use": "rolling back to a snapshot",
      "030-rollback-when-unused": "rolling back to a snapshot",
      "033-adjust-rg": "placing all volumes of a group again",
      "072-evacuate-n3": "evacuating a node",
      "074-restore-n3": "restoring an evacuated node",
    },
    deviations: {},
  },
  {
    folder: "controlled-simulated-drbd-1.33.3",
    before: {
      "020-grow-when-uptodate": {
        what: "the recording machine's kernel has no DRBD devices of d1: satellites cannot adjust or measure them",
        happen: ({ inject }) => {
          for (const node of ["n1", "n2"]) inject.device("d1", node, Device.Absent);
        },
      },
    },
    outOfScope: {},
    deviations: {},
  },
];
