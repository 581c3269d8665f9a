import { defineJob, JobRefused } from "stowage/runtime";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Takes a JSON object with the text `render`, as a team's own job would. */
export default defineJob(({ body }) => {
  let command;
  try {
    command = JSON.parse(utf8.decode(body));
  } catch (error) {
    throw new JobRefused(`The body is not JSON in UTF-8: ${error.message}`);
  }
  if (typeof command?.render !== "string") throw new JobRefused("The body has no text under render.");
  return command.render.toUpperCase();
});
