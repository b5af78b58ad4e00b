/** The only place that reads the browser's clock. Microseconds since 1970 in UTC. */
export const now = (): number => Date.now() * 1000;
