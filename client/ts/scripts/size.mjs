// Measures what each entry of the package is once it is bundled and minified: npm run size.
// It fails if the core is larger than it may be. With a folder, the package installed there
// is measured.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** What the core may have, compressed, in bytes. */
const maxCore = 8000;

const resolveDir = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
for (const [name, entry] of [["core", ""], ["react", "/react"], ["testing, core included", "/testing"]]) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "@pay-theory/streamer${entry}";`, resolveDir },
    bundle: true, minify: true, format: "esm", target: "es2022", external: ["react"], write: false,
  });
  const { length } = gzipSync(outputFiles[0].contents, { level: 9 });
  console.log(`${name}: ${outputFiles[0].contents.length} bytes, ${length} compressed`);
  if (name !== "core" || length <= maxCore) continue;
  console.error(`the core may have ${maxCore} bytes`);
  process.exitCode = 1;
}
