/** Named views of a list: what was set on the page, by a name that its reader gave. Kept by the browser. */
export interface View {
  name: string;
  search: Record<string, unknown>;
}

/** What was kept as text; what is none is left out. */
export const viewsIn = (text: string | null): View[] => {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? found.filter(isView) : [];
  } catch {
    return [];
  }
};

const isView = (value: unknown): value is View => {
  const view = value as Partial<View> | null;
  return typeof view === "object" && view !== null && typeof view.name === "string" && view.name !== "" && typeof view.search === "object" && view.search !== null;
};

/** With this view: one of the same name is replaced. */
export const withView = (views: readonly View[], view: View): View[] =>
  [...views.filter(({ name }) => name !== view.name), view].sort((one, other) => one.name.localeCompare(other.name));

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (each && typeof each === "object" && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1))) : each));

/** The view that shows exactly this. */
export const viewOf = (views: readonly View[], search: object): View | undefined => views.find((view) => sorted(view.search) === sorted(search));
