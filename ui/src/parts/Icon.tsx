/** Line icons on a grid of 16, drawn in the colour of the text. */
const PATHS = {
  home: "M2.5 7 8 2.5 13.5 7v6.5h-11ZM6.5 13.5V9.5h3v4",
  dags: "M2 4.2h4v3H2zM10 1.8h4v3h-4zM10 11.2h4v3h-4zM6 5.7h2V3.3h2M8 5.7v7h2",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.3 10.3 14 14",
  play: "M4.5 2.8v10.4L13 8Z",
  moon: "M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5Z",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2ZM8 5v3.2l2.2 1.3",
  contrast: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2ZM8 2v12",
  out: "M6.5 2.5h-4v11h4M10.5 5 13.5 8l-3 3M13.5 8H6",
  down: "m4.5 6.5 3.5 3.5 3.5-3.5",
  right: "m6.5 4.5 3.5 3.5-3.5 3.5",
  x: "m4 4 8 8M12 4l-8 8",
  up: "m4.5 9.5 3.5-3.5 3.5 3.5",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  wrap: "M2 4h12M2 8h9.5a2 2 0 0 1 0 4H8M9.5 10.5 8 12l1.5 1.5M2 12h3",
  dl: "M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M3 13.5h10",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name, small = false }: { name: IconName; small?: boolean }) => (
  <svg className={small ? "i s" : "i"} viewBox="0 0 16 16" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);

/** The mark: a wind barb. */
export const Barb = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
    <path d="M5 20.5 19 4M19 4l-7-1M15.6 8l-7-1M12.2 12l-3.6-.5" />
    <circle cx="5" cy="20.5" r="1.4" fill="currentColor" stroke="none" />
  </svg>
);
