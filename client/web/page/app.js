// The page: the user's requests as rows, kept by the SDK over every connection.

import { connect } from "/sdk/index.js";

const element = (id) => document.getElementById(id);
const session = async () => {
  const answer = await fetch("/session");
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};

let sockets = []; // those that are open, for the button that cuts them
class Socket extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.push(this);
    this.addEventListener("close", () => (sockets = sockets.filter((other) => other !== this)));
  }
}

const { url } = await session();
const streamer = connect(url, { token: async () => (await session()).token, WebSocket: Socket });
const rows = new Map(); // by the id of the request
let older; // the page of the list that comes next

const words = {
  connecting: "Connecting …", live: "Connected", waiting: "No connection; your requests go on. Connecting again …", closed: "Closed. Load the page again.",
};
const showState = (state, problem) => {
  const line = element("connection");
  line.className = state;
  line.textContent = words[state] + (state === "closed" && problem ? ` (${problem.message})` : "");
};
streamer.onState((state, problem) => {
  showState(state, problem);
  if (state === "live") refresh();
});
showState(streamer.state);

element("cut").onclick = () => {
  for (const socket of sockets) socket.close();
};

/** Says it to those who do not see it. */
const say = (text) => (element("said").textContent = text);

/** A time of today, or of another day with its date. */
function moment(ms) {
  const at = new Date(ms);
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString() : at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** Makes a request's row, and keeps it as the request is. */
function add(request, { action, createdAt, atEnd = false }) {
  const row = element("row").content.firstElementChild.cloneNode(true);
  const [bar, link, cancel] = ["progress", "a", "button"].map((name) => row.querySelector(name));
  row.querySelector("b").textContent = action;
  bar.setAttribute("aria-label", `Progress of ${action}`);
  cancel.setAttribute("aria-label", `Cancel ${action}`);
  const time = row.querySelector("time");
  time.dateTime = new Date(createdAt).toISOString();
  time.textContent = moment(createdAt);
  cancel.onclick = async () => {
    cancel.disabled = true;
    await request.cancel().catch((problem) => say(problem.message));
  };
  const follow = ({ status, percentage, message, attempt, nextAt, code }) => {
    row.className = status;
    row.dataset.status = status;
    bar.value = status === "COMPLETED" ? 100 : percentage;
    row.querySelector(".percentage").textContent = `${Math.round(bar.value)} %`;
    const again = attempt > 1 ? ` (attempt ${attempt})` : "";
    row.querySelector(".message").textContent = {
      SUBMITTING: "Waits for the connection", PENDING: "Waits for its turn",
      RETRYING: `Failed with ${code}; tried again at ${new Date(nextAt ?? 0).toLocaleTimeString()}`, COMPLETED: `Done${again}`, CANCELLED: "Cancelled",
    }[status] ?? message + again;
    cancel.hidden = ["COMPLETED", "FAILED", "CANCELLED"].includes(status);
  };
  request.onUpdate(follow);
  follow(request.update);
  request.result().then(
    (result) => {
      say(`${action} is done`);
      if (typeof result?.url === "string") {
        link.href = result.url;
        link.target = "_blank";
        link.rel = "noreferrer";
        link.textContent = `Open it (${Math.ceil(result.size / 1000)} kB)`;
        link.hidden = false;
      } else if (result !== null) {
        row.querySelector(".message").textContent = `Done: ${JSON.stringify(result)}`;
      }
    },
    (problem) => {
      if (problem.code === "CLOSED") return;
      say(`${action} ended: ${problem.message}`);
      if (row.dataset.status !== "CANCELLED") row.querySelector(".message").textContent = problem.message;
    },
  );
  request.id.then((id) => {
    row.id = id;
    if (rows.has(id) && rows.get(id) !== row) row.remove(); // the list had it already
    else rows.set(id, row);
  }, () => {});
  element("list")[atEnd ? "append" : "prepend"](row);
  element("none").hidden = true;
  return row;
}

/** Takes up what the list has and the page does not. */
async function take(page, atEnd) {
  const { requests, next } = await streamer.listPage({ limit: 10, ...(page ? { page } : {}) });
  const unknown = requests.filter(({ request_id }) => !rows.has(request_id));
  for (const { request_id, action, created_at } of atEnd ? unknown : unknown.reverse()) {
    rows.set(request_id, undefined);
    rows.set(request_id, add(streamer.attach(request_id), { action, createdAt: created_at, atEnd }));
  }
  return next;
}

let refreshing;
/** Looks for requests from elsewhere: another page, another device. */
function refresh() {
  refreshing ??= take(undefined, rows.size === 0)
    .then((next) => {
      if (older === undefined) showOlder(next);
    }, (problem) => say(problem.message))
    .finally(() => (refreshing = undefined));
}
function showOlder(next) {
  older = next ?? null;
  element("more").hidden = !next;
}
element("more").onclick = async () => showOlder(await take(older, true).catch(() => older));
setInterval(() => document.visibilityState === "visible" && streamer.state === "live" && refresh(), 15_000);

/** Submits what a form says. */
function onSubmit(id, submit) {
  element(id).onsubmit = (event) => {
    event.preventDefault();
    submit(Object.fromEntries(new FormData(event.target)), event.target);
  };
}
onSubmit("report", (payload) => add(streamer.submit("generate_report", payload), { action: "generate_report", createdAt: Date.now() }));
onSubmit("echo", ({ message, seconds, steps }) =>
  add(streamer.submit("echo_async", { message, duration_ms: seconds * 1000, steps: Number(steps) }), { action: "echo_async", createdAt: Date.now() }));
onSubmit("now", async ({ text }, form) => {
  const output = form.querySelector("output");
  const before = performance.now();
  output.textContent = "…";
  try {
    output.textContent = `${JSON.stringify(await streamer.call("echo", { text }))}, ${Math.round(performance.now() - before)} ms`;
  } catch (problem) {
    output.textContent = problem.message;
  }
});

const day = (date) => date.toISOString().slice(0, 10);
element("report").elements.end_date.value = day(new Date());
element("report").elements.start_date.value = day(new Date(Date.now() - 90 * 86_400_000));
