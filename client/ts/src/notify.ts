/** Calls every listener. One that throws has its error reported as any uncaught one, and stops nothing. */
export function notify<Args extends unknown[]>(listeners: Iterable<(...args: Args) => void>, ...args: Args): void {
  for (const listener of listeners) {
    try {
      listener(...args);
    } catch (problem) {
      queueMicrotask(() => {
        throw problem;
      });
    }
  }
}
