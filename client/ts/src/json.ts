import { StreamerError } from "./error.js";

/** JSON.parse, but for what it alters without a word: an integer beyond 2^53 and a number beyond all are errors. */
export function parse(text: string): any {
  if (/\d{16}|\de\+?\d{3}/i.test(text)) {
    const plain = text.replace(/\\./g, ""); // a string ends at the next quote then, and no text is too long to match
    for (const [token] of plain.matchAll(/"[^"]*"|-?\d[\d.eE+-]*/g)) {
      if (token.startsWith('"') || (/[.e]/i.test(token) ? Number.isFinite(+token) : Number.isSafeInteger(+token))) continue;
      throw new StreamerError("UNSAFE_NUMBER", `JSON.parse would alter ${token.slice(0, 40)}: connect with a parse of your own`);
    }
  }
  return JSON.parse(text);
}
