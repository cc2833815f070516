import { fileURLToPath } from "node:url";

/** A path within client/ts, wherever the compiled tests are. */
export function folder(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}
