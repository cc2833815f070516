// Reports Node's tests as Go's are: one event a line, as "go doc test2json" describes them.
const Package = "client/ts";
const line = (event) => `${JSON.stringify({ Time: new Date().toISOString(), Package, ...event })}\n`;

export default async function* test2json(source) {
  const began = Date.now();
  const path = []; // the names of the tests that enclose what is reported, which comes in order
  let failed = false;
  yield line({ Action: "start" });
  for await (const { type, data } of source) {
    if (type === "test:start") path[data.nesting] = data.name;
    if (type === "test:stdout" || type === "test:stderr") yield line({ Action: "output", Output: data.message });
    if (type === "test:diagnostic" && data.nesting > 0) yield line({ Action: "output", Output: `${data.message}\n` });
    if (type !== "test:pass" && type !== "test:fail") continue;
    const { nesting, skip, details } = data;
    const passed = type === "test:pass";
    failed ||= !passed;
    if (details.type === "suite" && passed && !skip) continue;
    const Test = path.slice(0, nesting + 1).join("/").replace(/\s+/g, "_");
    yield line({ Action: "run", Test });
    if (skip) yield line({ Action: "output", Test, Output: `    ${skip}\n` });
    if (!passed) yield line({ Action: "output", Test, Output: `    ${details.error?.cause?.stack ?? details.error?.stack ?? details.error}\n` });
    yield line({ Action: skip ? "skip" : passed ? "pass" : "fail", Test, Elapsed: details.duration_ms / 1000 });
  }
  yield line({ Action: failed ? "fail" : "pass", Elapsed: (Date.now() - began) / 1000 });
}
