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
  runs: "M2 4h7M4.5 8H12M7 12h7",
  warn: "M8 2.2 14.3 13.5H1.7ZM8 6.5v3.2M8 11.4v.3",
  pools: "M1.8 5c2-1.6 4.2-1.6 6.2 0s4.2 1.6 6.2 0M1.8 8.5c2-1.6 4.2-1.6 6.2 0s4.2 1.6 6.2 0M1.8 12c2-1.6 4.2-1.6 6.2 0s4.2 1.6 6.2 0",
  link: "M6.7 9.3a2.6 2.6 0 0 0 3.7 0l2.3-2.3a2.6 2.6 0 0 0-3.7-3.7l-.9.9M9.3 6.7a2.6 2.6 0 0 0-3.7 0L3.300 9a2.600 2.600 0 0 0 3.700 3.700l.9-.9",
  braces: "M5.500 2.500c-1.500 0-2 .7-2 2v1.500c0 1.200-.5 2-1.500 2 1 0 1.500.8 1.500 2v1.500c0 1.300.5 2 2 2M10.500 2.500c1.500 0 2 .7 2 2v1.500c0 1.200.5 2 1.500 2-1 0-1.500.8-1.500 2v1.500c0 1.300-.5 2-2 2",
  page: "M3.500 1.800h6l3 3v9.400h-9ZM9.500 1.800v3h3M5.800 8h4.400M5.800 11h4.400",
  people: "M6 2.800a2.300 2.300 0 1 1 0 4.600 2.300 2.300 0 0 1 0-4.600ZM1.800 13.200c.2-2.500 1.800-3.900 4.200-3.900s4 1.400 4.200 3.900M10.800 3.200a2.100 2.100 0 0 1 0 4M12 9.700c1.400.5 2.100 1.700 2.200 3.500",
  person: "M8 2.300a2.700 2.700 0 1 1 0 5.400 2.700 2.700 0 0 1 0-5.400ZM3 13.700c.3-2.800 2.200-4.200 5-4.200s4.700 1.400 5 4.200",
  sliders: "M2 4.500h6M11.500 4.500H14M2 11.500h2.500M8 11.500h6M9.800 2.800a1.700 1.700 0 1 1 0 3.400 1.700 1.700 0 0 1 0-3.400ZM6.200 9.800a1.700 1.700 0 1 1 0 3.400 1.700 1.700 0 0 1 0-3.400Z",
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
