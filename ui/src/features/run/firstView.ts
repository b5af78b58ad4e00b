export type FirstView = "gantt" | "tasks";

/** What a run's address without a tab shows: the timeline, and where there is no room for one the tasks. */
export const firstView = (): FirstView => (matchMedia("(max-width: 720px)").matches ? "tasks" : "gantt");
