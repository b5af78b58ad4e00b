/** The only place that reads the browser's clock. Microseconds since 1970 in UTC. */
export const now = (): number => Date.now() * 1000;

/** How often what may have moved is asked for again, in milliseconds. */
export const REFRESH = 5_000;
