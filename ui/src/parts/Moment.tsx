import { useClock } from "../app/settings";
import { shortTime, wholeTime } from "../lib/time";
import { microsOf } from "../lib/zone";

/** A moment that the server gave as text, short; whole on hover. */
export const Moment = ({ at }: { at: string | null | undefined }) => {
  const clock = useClock();
  if (!at) return <span className="dim">–</span>;
  const micros = microsOf(at);
  return <time dateTime={at} title={wholeTime(micros, clock)}>{shortTime(micros, clock)}</time>;
};
