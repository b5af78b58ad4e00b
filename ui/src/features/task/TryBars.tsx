import { useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { duration } from "../../lib/time";
import { bytesText } from "../../lib/words";
import { messages } from "./text";
import type { TaskPage } from "./useTask";

/** How long each try took, how much memory and CPU time: a bar a try. */
export const TryBars = ({ tries }: { tries: TaskPage["tries"] }) => {
  const t = useTexts(messages);
  const values = (of: (each: TaskPage["tries"][number]) => number | null): number[] => tries.map((each) => of(each) ?? 0);
  return (
    <div className="charts">
      <Bars title={t("tries.durations")} values={values((each) => each.start !== null && each.end !== null ? each.end - each.start : null)} text={duration} states={tries.map((each) => each.state)} />
      <Bars title={t("tries.memories")} values={values((each) => each.peak_bytes)} text={bytesText} states={tries.map((each) => each.state)} />
      <Bars title={t("tries.cpus")} values={values((each) => each.cpu_seconds === null ? null : each.cpu_seconds * 1e6)} text={duration} states={tries.map((each) => each.state)} />
    </div>
  );
};

const HEIGHT = 48;

/** A bar a try; the tallest says its number. The table below has them all. */
const Bars = ({ title, values, text, states }: { title: string; values: number[]; text: (value: number) => string; states: string[] }) => {
  const most = Math.max(...values);
  if (!most) return null;
  const width = Math.min(28, 240 / values.length);
  return (
    <figure>
      <figcaption>{title} · <b>{text(most)}</b></figcaption>
      <svg width="260" height={HEIGHT} role="img" aria-label={`${title}: ${values.map(text).join(", ")}`}>
        {values.map((value, n) => {
          const tall = Math.max(1, (value / most) * (HEIGHT - 2));
          return <rect key={n} x={n * width} y={HEIGHT - tall} width={width - 2} height={tall} fill={stateOf(states[n]) === "failed" ? "var(--s-failed)" : "var(--accent)"}><title>{text(value)}</title></rect>;
        })}
      </svg>
    </figure>
  );
};
