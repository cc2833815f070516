// Shows a dashboard: asks for its widgets with their points, and draws them.

const colors = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const element = (id) => document.getElementById(id);
const shown = new URLSearchParams(location.search);
let drawn = []; // the charts
let timer;

element("range").value = shown.get("minutes") ?? "60";
element("refresh").value = shown.get("refresh") ?? "5";

/** Keeps what is chosen in the address, so that it can be passed on. */
function choose(name, value) {
  shown.set(name, value);
  history.replaceState(null, "", `?${shown}`);
  show();
}
element("range").onchange = (event) => choose("minutes", event.target.value);
element("refresh").onchange = (event) => choose("refresh", event.target.value);
dark.onchange = () => show();

async function show() {
  clearTimeout(timer);
  const status = element("status");
  try {
    const query = new URLSearchParams({ dashboard: shown.get("dashboard") ?? "", minutes: element("range").value });
    const answer = await fetch(`/data?${query}`);
    const data = await answer.json();
    if (!answer.ok) throw new Error(data.error);
    draw(data);
    status.className = "";
    status.textContent = `${data.source}, ${new Date().toLocaleTimeString("en-GB")}`;
  } catch (error) {
    status.className = "failed";
    status.textContent = `Not refreshed: ${error.message}`;
  }
  const seconds = Number(element("refresh").value);
  if (seconds > 0) timer = setTimeout(show, seconds * 1000);
}

function draw(data) {
  document.title = data.name;
  element("dashboards").replaceChildren(...data.dashboards.map((name) => {
    const link = make("a", name === data.dashboards[0] ? "Overview" : name.replace(`${data.dashboards[0]}-`, ""));
    link.title = name;
    link.href = `?${new URLSearchParams({ ...Object.fromEntries(shown), dashboard: name })}`;
    if (name === data.name) link.setAttribute("aria-current", "page");
    return link;
  }));
  drawn.forEach((chart) => chart.destroy());
  drawn = [];
  const top = scrollY;
  element("widgets").replaceChildren(...data.widgets.map((widget) => {
    const box = make("section");
    box.className = `widget ${widget.markdown ? "text" : ""}`;
    box.style.gridColumn = `${widget.x + 1} / span ${widget.w}`;
    box.style.gridRow = `${widget.y + 1} / span ${widget.h}`;
    return box;
  }));
  data.widgets.forEach((widget, i) => fill(element("widgets").children[i], widget, data));
  scrollTo(0, top);
  document.body.dataset.drawn = data.name;
}

function fill(box, widget, data) {
  if (widget.markdown) return box.append(make("h2", widget.markdown.replace(/^#+ /, "")));
  box.append(make("h3", widget.title));
  if (widget.alarms) return box.append(alarms(widget.alarms));
  if (widget.log) return box.append(log(widget.log));
  if (widget.numbers) return box.append(numbers(widget));
  const points = (widget.lines ?? []).reduce((n, line) => n + line.values.filter((v) => v !== null).length, 0);
  box.dataset.points = points;
  if (points === 0) {
    const none = make("p", widget.elsewhere ? "Only AWS measures this." : "Nothing happened.");
    none.className = "none";
    return box.append(none);
  }
  drawn.push(graph(box, widget, data));
}

function alarms(states) {
  const list = make("ul");
  list.className = "alarms";
  for (const { name, state } of states) {
    const item = make("li");
    item.className = state;
    item.title = name;
    item.append(make("b", { OK: "✓ OK", ALARM: "✗ ALARM", INSUFFICIENT_DATA: "… no data yet" }[state] ?? "unknown"), ` ${short(name)}`);
    list.append(item);
  }
  return list;
}

/** What an alarm of ours is called, without what CloudFormation makes of its name. */
const short = (name) => name.replace(/^.*?Streamer(\w+?)Alarm[0-9A-F]{8}-?\w*$/, "$1").replace(/^Workers/, "").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

function numbers(widget) {
  const list = make("dl");
  list.className = "numbers";
  for (const { label, text } of widget.numbers) {
    const one = make("div");
    one.append(make("dt", label), make("dd", text));
    list.append(one);
  }
  return list;
}

function log({ columns, rows }) {
  if (rows.length === 0) {
    const none = make("p", "Nothing went wrong.");
    none.className = "none";
    return none;
  }
  const box = make("div");
  box.className = "log";
  box.tabIndex = 0;
  const table = make("table");
  const head = make("tr");
  head.append(...columns.map((name) => make("th", name)));
  table.append(head, ...rows.map((cells) => {
    const row = make("tr");
    row.append(...cells.map((cell) => make("td", cell)));
    return row;
  }));
  box.append(table);
  return box;
}

function graph(box, widget, { from, to }) {
  const ink = dark.matches ? "#bbb" : "#444";
  const faint = dark.matches ? "#fff1" : "#0001";
  const lines = widget.lines.filter((line) => line.values.some((v) => v !== null));
  const stacked = widget.stacked ? stack(lines) : lines.map((line) => line.values);
  const axis = (scale, side, unit) => ({ scale, side, stroke: ink, grid: { stroke: faint, show: scale === "left" }, ticks: { stroke: faint }, size: 64, ...(unit === "ms" ? { incrs: spans } : {}), values: (_, all) => all.map((v) => text(v, unit)) });
  const right = lines.some((line) => line.right);
  const limits = (widget.thresholds ?? []).map((t) => t.value * 1.3); // there is room for its words
  const range = (_, low, high) => [0, Math.max(high * 1.1, ...limits, widget.left === "$" ? 1e-6 : 1)];
  const thresholds = (chart) => {
    for (const { label, value } of widget.thresholds ?? []) {
      const y = chart.valToPos(value, "left", true);
      const { ctx, bbox } = chart;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = "#d62728";
      ctx.setLineDash([6, 4]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.font = `${11 * devicePixelRatio}px system-ui`;
      ctx.textAlign = "left";
      ctx.textBaseline = "bottom";
      ctx.fillText(label, bbox.left + 4, y - 4);
      ctx.restore();
    }
  };
  return new uPlot({
    width: box.clientWidth - 24,
    height: Math.max(120, widget.h * 48 - 84),
    legend: { live: false },
    scales: { x: { time: true, range: [Math.min(from, widget.times[0]), to] }, left: { range }, right: { range } },
    axes: [{ stroke: ink, grid: { stroke: faint }, ticks: { stroke: faint }, size: 32, values: (_, all) => all.map((at) => moment(at, to - from)) }, axis("left", 3, widget.left), ...(right ? [axis("right", 1, widget.right)] : [])],
    series: [{}, ...lines.map((line, i) => {
      const color = line.color || colors[i % colors.length];
      return {
        label: line.label, scale: line.right ? "right" : "left", stroke: color, fill: widget.stacked ? `${color}33` : undefined, width: 2, spanGaps: true,
        paths: widget.left === "$" ? uPlot.paths.bars({ size: [1, Infinity], align: 1 }) : undefined, // each is of a whole hour
        points: { show: widget.left !== "$", size: 5, fill: color }, value: (_, v, series, at) => (at === null ? "" : text(line.values[at], line.right ? widget.right : widget.left)),
      };
    })],
    hooks: { draw: [thresholds] },
  }, [widget.times, ...stacked], box);
}

/** Steps of an axis of times, in milliseconds, that read well in their units. */
const spans = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 20e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3, 36e5 * 6, 36e5 * 24];

/** A time of day, with the day before it where a graph has more than one. */
function moment(seconds, whole) {
  const at = new Date(seconds * 1000);
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return whole > 86_400 ? `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}` : time;
}

/** Puts each line on top of those after it, so that the first one is the height of all. */
function stack(lines) {
  const sums = lines.map((line) => [...line.values]);
  for (let i = lines.length - 2; i >= 0; i--) {
    sums[i] = sums[i].map((v, at) => (v === null && sums[i + 1][at] === null ? null : (v ?? 0) + (sums[i + 1][at] ?? 0)));
  }
  return sums;
}

function text(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ms") return value >= 60_000 ? `${round(value / 60_000)} min` : value >= 1000 ? `${round(value / 1000)} s` : `${round(value)} ms`;
  if (unit === "$") return `$${value < 0.01 ? Number(value.toPrecision(2)) : round(value)}`;
  return round(value) + (unit ? ` ${unit}` : "");
}

const round = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

function make(name, content = "") {
  const made = document.createElement(name);
  made.textContent = content;
  return made;
}

show();
