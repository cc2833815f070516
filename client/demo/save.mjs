// Saves the file that a result links to: node client/demo/save.mjs RESULT FILE
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const [text, file] = process.argv.slice(2);
const { url, size, pages, rows, expires_at } = JSON.parse(text);
const answer = await fetch(url);
const bytes = Buffer.from(await answer.arrayBuffer());
if (!answer.ok || bytes.length !== size) throw new Error(`the link answered ${answer.status} with ${bytes.length} bytes of ${size}`);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, bytes);
console.log(`pages ${pages}, rows ${rows}, ${size} bytes, saved as ${file}`);
console.log(`link  ${url.split("?")[0]}?…  until ${new Date(expires_at).toISOString()}`);
