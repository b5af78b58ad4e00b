/** The only place that reads the browser's clock. Microseconds since 1970 in UTC. */
export const now = (): number => Date.now() * 1000;

/** How often a page whose rows move by themselves is read again, in milliseconds. */
export const REFRESH = 5_000;
