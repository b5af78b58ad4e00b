/** What a caller may do, as the session says it. */
export type Action = "read" | "create" | "edit" | "delete";
/** Whether the caller may do this to a resource, or to some of it at least. False until it is known. */
export type May = (action: Action, resource: string) => boolean;

export const mayOf = (session: { may: Readonly<Record<string, readonly string[]>> } | undefined): May =>
  (action, resource) => session?.may[resource]?.includes(action) ?? false;
