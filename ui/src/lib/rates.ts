/** How fast counters rise, from what they said before and now. */
export type Counters = Readonly<Record<string, number>>;

/** By counter, how much more it is each second. Null where a second look is still to come, or the counter began anew. */
export const ratesOf = (before: Counters | null, now: Counters, micros: number): Record<string, number | null> =>
  Object.fromEntries(
    Object.entries(now).map(([name, value]) => {
      const was = before?.[name];
      return [name, was === undefined || micros <= 0 || value < was ? null : ((value - was) * 1e6) / micros];
    }),
  );
