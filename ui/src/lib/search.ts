/** What an address says, taken only as what it can be: anybody can write an address. Each answer is spread into the checked search. */
export class Checked {
  constructor(private readonly search: Record<string, unknown>) {}

  text<K extends string>(name: K): { [P in K]?: string } {
    const value = this.search[name];
    // A word that looks like a number, or like yes or no, is read as one from an address.
    const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    return this.when(name, typeof text === "string" && text !== "" ? text : undefined);
  }

  flag<K extends string>(name: K): { [P in K]?: true } {
    return this.when(name, this.search[name] === true ? true : undefined);
  }

  whole<K extends string>(name: K): { [P in K]?: number } {
    const value = this.search[name];
    return this.when(name, typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined);
  }

  texts<K extends string>(name: K): { [P in K]?: string[] } {
    const value = this.search[name];
    const texts = Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
    return this.when(name, texts.length ? texts : undefined);
  }

  oneOf<K extends string, const V extends string>(name: K, values: readonly V[]): { [P in K]?: V } {
    return this.when(name, values.find((value) => value === this.search[name]));
  }

  /** 2026-11-22 */
  day<K extends string>(name: K): { [P in K]?: string } {
    const value = this.search[name];
    return this.when(name, typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined);
  }

  private when<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
    // Also where there is none: the router would hand on what the address says.
    return { [name]: value } as { [P in K]?: V };
  }
}

/** What a page takes from its address, and nothing else: the router would hand it every other word as it stands. */
export const only = <T extends object>(read: (search: Record<string, unknown>) => T) =>
  (search: Record<string, unknown>): T => ({ ...Object.fromEntries(Object.keys(search).map((key) => [key, undefined])), ...read(search) }) as T;

/** The same where all that a page takes are words of these names. */
export const words = <K extends string>(...names: readonly K[]) => only((search): Partial<Record<K, string>> => {
  const from = new Checked(search);
  const found = names.map((name) => from.text(name)[name]);
  return Object.fromEntries(names.flatMap((name, n) => (found[n] === undefined ? [] : [[name, found[n]]]))) as Partial<Record<K, string>>;
});

/** A list of an address without this value where it has it, or with it at its end; undefined where nothing is left. */
export const toggled = (list: Iterable<string> | undefined, value: string): string[] | undefined => {
  const next = new Set(list);
  if (!next.delete(value)) next.add(value);
  return next.size ? [...next] : undefined;
};
