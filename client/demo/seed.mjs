// The smallest client there is: it sends {"action","payload"} and knows progress and the
// ends. STREAMER_WS_URL and STREAMER_TOKEN say where and as whom:
//   node client/demo/seed.mjs generate_report '{"start_date":"2026-01-01","end_date":"2026-01-31"}'
import WebSocket from "ws";

const { STREAMER_WS_URL: url, STREAMER_TOKEN: token } = process.env;
const [action, payload = "null"] = process.argv.slice(2);
if (!url || !token || !action) {
  console.error("set STREAMER_WS_URL and STREAMER_TOKEN, and give an action and its payload");
  process.exit(2);
}
const socket = new WebSocket(`${url}?token=${token}`);
const line = process.stderr.isTTY ? "\r" : "\n"; // one bar on a terminal, a line each in a file

const draw = ({ percentage, message }) => {
  const full = Math.round(percentage / 4);
  const bar = "█".repeat(full) + "░".repeat(25 - full);
  process.stderr.write(`${line}${bar} ${String(Math.round(percentage)).padStart(3)} %  ${message.padEnd(40)}`);
};
const end = (text, code) => {
  process.stderr.write("\n");
  console.log(text);
  socket.close();
  process.exitCode = code;
};

socket.on("open", () => socket.send(JSON.stringify({ action, payload: JSON.parse(payload) })));
socket.on("close", () => process.exitCode ?? end("the connection ended, and the request goes on", 1));
socket.on("error", (problem) => end(`no connection: ${problem.message}`, 1));
socket.on("message", (data) => {
  const frame = JSON.parse(data);
  if (frame.type === "progress") draw(frame);
  if (frame.type === "complete") draw({ percentage: 100, message: "Complete" });
  if (frame.type === "complete" || frame.type === "response") end(JSON.stringify(frame.result), 0);
  if (frame.type === "cancelled") end("CANCELLED", 1);
  if (frame.type === "failed" || frame.type === "error") end(`${frame.code}: ${frame.message}`, 1);
});
