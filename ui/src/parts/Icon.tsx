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
  warn: "M8 2.2 14.3 13.5H1.7ZM8 6.5v3.2M8 11.4v.3",
  page: "M3.500 1.800h6l3 3v9.400h-9ZM9.500 1.800v3h3M5.800 8h4.400M5.800 11h4.400",
  person: "M8 2.300a2.700 2.700 0 1 1 0 5.400 2.700 2.700 0 0 1 0-5.400ZM3 13.700c.3-2.800 2.200-4.200 5-4.200s4.700 1.400 5 4.200",
  up: "m4.5 9.5 3.5-3.5 3.5 3.5",
  wrap: "M2 4h12M2 8h9.5a2 2 0 0 1 0 4H8M9.5 10.5 8 12l1.5 1.5M2 12h3",
  dl: "M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M3 13.5h10",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  runs: "M2 3.5h7M2 8h11M5 12.5h9",
  errors: "M8 2 14.2 13.5H1.8ZM8 6.5v3M8 11.6v.1",
  assets: "M8 1.8 13.8 5v6L8 14.2 2.2 11V5ZM2.2 5 8 8.2 13.8 5M8 8.2v6",
  inbox: "M2 9.5 4 3h8l2 6.5v4H2ZM2 9.5h3.5l1 2h3l1-2H14",
  alerts: "M8 2.200a3.800 3.800 0 0 1 3.800 3.800v3l1.400 2.500H2.800L4.200 9V6A3.800 3.800 0 0 1 8 2.200ZM6.600 13.600h2.800",
  tasks: "M2.5 3h3v3h-3zM2.5 10h3v3h-3zM8 4.5h6M8 11.5h6",
  xcoms: "M2 5h9M8.5 2.5 11 5 8.5 7.5M14 11H5M7.5 8.5 5 11l2.5 2.5",
  audit: "M3.5 1.8h6l3 3v9.4h-9zM9.5 1.8v3h3M5.5 8h5M5.5 11h5",
  workers: "M2 3h12v4H2zM2 9h12v4H2zM4.5 5h.1M4.5 11h.1",
  charts: "M2.5 2.5v11h11M5 10l2.500-3.500 2.500 2L13 4",
  scheduler: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2ZM8 8V4.5M8 8l3 2M8 2v1M14 8h-1",
  pools: "M2 4.5c2-1.6 4-1.6 6 0s4 1.6 6 0M2 8c2-1.6 4-1.6 6 0s4 1.6 6 0M2 11.5c2-1.6 4-1.6 6 0s4 1.6 6 0",
  connections: "M6 10 10 6M5 7 3.3 8.7a2.8 2.8 0 0 0 4 4L9 11M7 5l1.7-1.7a2.8 2.8 0 0 1 4 4L11 9",
  variables: "M5 2.5C3 2.5 4.5 7 2.5 8 4.5 9 3 13.5 5 13.5M11 2.5c2 0 .5 4.5 2.5 5.5-2 1-.5 5.5-2.5 5.5",
  people: "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M11 7.5a2 2 0 1 0-.5-4M12 9.7c1.6.5 2.5 1.8 2.5 3.8",
  roles: "M8 1.8 13.5 4v4c0 3.2-2.3 5.4-5.5 6.2C4.8 13.4 2.5 11.2 2.5 8V4ZM5.8 8l1.6 1.6 2.9-3",
  settings: "M8 5.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4ZM8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M3.6 12.4 5 11M11 5l1.4-1.4",
  star: "m8 2 1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5Z",
  menu: "M2 4h12M2 8h12M2 12h12",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  link: "M9 2.5h4.5V7M13.5 2.5 8 8M11.5 9v4.5h-9v-9H7",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  turn: "M3 13V7a3 3 0 0 1 3-3h7M10.5 1.5 13 4l-2.5 2.5",
  pause: "M5.5 3v10M10.5 3v10",
  redo: "M13 8a5 5 0 1 1-1.6-3.7M13.2 2v2.8h-2.8",
  left: "M9.5 4.5 6 8l3.5 3.5",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
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
