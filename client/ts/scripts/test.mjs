// Builds the package and its tests and runs them: npm test. With --json the results are
// test2json events, as of Go's tests, and with names only the tests of these files run.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const json = process.argv.includes("--json");
const names = process.argv.slice(2).filter((argument) => argument !== "--json");

for (const folder of ["dist", "build"]) rmSync(folder, { recursive: true, force: true });
for (const project of [".", "test"]) {
  const { status, stdout } = spawnSync("node_modules/.bin/tsc", ["-p", project], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (status === 0) continue;
  if (json) for (const Action of ["output", "fail"]) console.log(JSON.stringify({ Action, Package: "client/ts", Output: stdout }));
  else console.log(stdout);
  process.exit(1);
}
const files = readdirSync("build").filter((file) => file.endsWith(".test.js") && (names.length === 0 || names.some((name) => file.startsWith(name))));
const reporter = json ? "./scripts/test2json.mjs" : "spec";
const { status } = spawnSync(process.execPath, ["--test", `--test-reporter=${reporter}`, ...files.map((file) => `build/${file}`)], { stdio: "inherit" });
process.exit(status ?? 1);
