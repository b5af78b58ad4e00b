/** What the page of charts can show. */
export const SPANS = ["1h", "6h", "24h", "7d"] as const;
export type Span = (typeof SPANS)[number];

export const CHARTS = ["tasks", "rate", "start", "runs", "time", "slots", "scores", "memory", "cpu", "machine-cpu", "machine-memory", "machine-disk"] as const;
export type ChartName = (typeof CHARTS)[number];
