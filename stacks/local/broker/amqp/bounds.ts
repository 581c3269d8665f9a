import type { Connection, Session } from "rhea";
import type { AmqpCondition } from "./conditions.js";

/** The highest channel that is announced, as the service does: 5,000 sessions of a connection. */
export const CHANNEL_MAX = 4_999;
/** The highest handle that is announced, as the service does: 256 links of a session. */
const HANDLE_MAX = 255;

type End = (reason: AmqpCondition) => void;

function framingError(description: string): AmqpCondition {
  return { condition: "amqp:connection:framing-error", description };
}

/** Ends a connection whose peer begins a session beyond the channels that were announced, or where one is already. */
export function boundChannels(connection: Connection, end: End): void {
  const onBegin = connection["on_begin"].bind(connection);
  connection["on_begin"] = (frame: { readonly channel: number }) => {
    const sessions: Readonly<Record<number, Session | undefined>> = connection["remote_channel_map"];
    if (frame.channel > CHANNEL_MAX) {
      end(framingError(`Channel ${frame.channel} is beyond the channel-max of ${CHANNEL_MAX}.`));
    } else if (sessions[frame.channel]?.state.remote_open === true) {
      end(framingError(`Channel ${frame.channel} has a session that was not ended.`));
    } else {
      onBegin(frame);
    }
  };
}

/** Ends a connection whose peer attaches beyond the handles that were announced, or with one that is in use. */
export function boundHandles(session: Session, end: End): void {
  session.local.begin.handle_max = HANDLE_MAX;
  const onAttach = session.on_attach.bind(session);
  session.on_attach = (frame) => {
    const { handle } = frame.performative;
    if (handle > HANDLE_MAX) {
      end(framingError(`Handle ${handle} is beyond the handle-max of ${HANDLE_MAX}.`));
    } else if (session.remote.handles[handle]?.state.remote_open === true) {
      end({ condition: "amqp:session:handle-in-use", description: `Handle ${handle} is that of a link that is open.` });
    } else {
      onAttach(frame);
    }
  };
}
