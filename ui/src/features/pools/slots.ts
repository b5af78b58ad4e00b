/** How the slots of a pool are held, as the parts of one bar. */
import type { Schemas } from "../../api/client";
import type { State } from "../../lib/states";

export type Pool = Schemas["PoolResponse"];

export interface Share {
  state: State;
  slots: number;
  /** Of the whole bar, 0 to 1. */
  part: number;
}

/** What holds slots, in the order of the bar. A pool that is over its slots, or without limit, has a full bar. */
export const sharesOf = (pool: Pool): Share[] => {
  const held: [State, number][] = [
    ["running", pool.running_slots],
    ["queued", pool.queued_slots],
    ["deferred", pool.include_deferred ? pool.deferred_slots : 0],
  ];
  const whole = Math.max(pool.slots, pool.occupied_slots, 1);
  return held.filter(([, slots]) => slots > 0).map(([state, slots]) => ({ state, slots, part: slots / whole }));
};

/** How many slots are asked for and held. */
export const wanted = (pool: Pool): number => pool.occupied_slots + pool.scheduled_slots;

/** A number of slots from what somebody typed; null where it is none. */
export const slotsOf = (text: string): number | null => (/^(-1|\d{1,9})$/.test(text.trim()) ? Number(text) : null);
