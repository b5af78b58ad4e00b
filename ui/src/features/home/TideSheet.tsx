import { useEffect, useRef, useState } from "react";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { dayName, hourMinute } from "../../lib/time";
import { movedOn, tideOf, totals } from "../../lib/tide";
import type { Home } from "./HomePage";
import type { Hours } from "./routes";
import { messages } from "./text";

const HEIGHT = 104;

/** Runs that were over, step by step, and those that are planned. */
export const TideSheet = ({ home, hours }: { home: Home; hours: Hours }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(home.now, true, 60));
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const chart = movedOn(home.chart, clock.now - home.now);
  const tide = tideOf(chart, clock.now, width, HEIGHT, width < 600 ? 5 : 10, home.now);
  const sums = totals(chart);
  return (
    <section className="sheet tide" aria-labelledby="tide-title">
      <header>
        <h2 id="tide-title">{t(`chart.title.${hours}`)}</h2>
        <div className="legend aside">
          <span className="state"><i className="st" data-s="success" aria-hidden="true" />{t("state.success")} {sums.success}</span>
          <span className="state"><i className="st" data-s="failed" aria-hidden="true" />{t("state.failed")} {sums.failed}</span>
          <span className="state" title={t("chart.plannedNote")}><i className="st" data-s="scheduled" aria-hidden="true" />{t("chart.planned")} {sums.planned}</span>
          <span>{t(`chart.each.${hours}`)}</span>
        </div>
      </header>
      <div className="drawn" ref={box}>
        <svg viewBox={`0 0 ${String(width)} ${String(HEIGHT)}`} height={HEIGHT} role="img" aria-label={t("chart.label", sums)}>
          {tide.marks.map(({ x, y, width: wide, height, kind }, n) =>
            kind === "planned"
              ? <rect key={n} x={x + 0.5} y={y + 0.5} width={Math.max(1, wide - 1)} height={Math.max(1, height - 1)} fill="none" stroke="var(--s-scheduled-ink)" strokeOpacity=".6" />
              : <rect key={n} x={x} y={y} width={wide} height={height} fill={`var(--s-${kind})`} />)}
          <path d={`M0 ${String(tide.base)}H${String(width)}`} stroke="var(--edge)" />
          {tide.ticks.map(({ x, at }) => (
            <g key={at}>
              <path d={`M${String(x)} ${String(tide.base)}v4`} stroke="var(--edge)" />
              {Math.abs(x - tide.nowX) > 60 && x < width - 30 && <text x={x + 3} y={tide.base + 16}>{hours === 168 ? dayName(at, clock) : hourMinute(at, clock)}</text>}
            </g>
          ))}
          <path d={`M${String(tide.nowX)} 0V${String(tide.base + 4)}`} stroke="var(--text)" strokeWidth="1.5" />
          <text className="now" x={Math.min(tide.nowX + 3, width - 70)} y={tide.base + 16}>{t("chart.now")} {hourMinute(clock.now, clock)}</text>
        </svg>
      </div>
    </section>
  );
};

const useWidth = (box: React.RefObject<HTMLDivElement | null>): number => {
  const [width, setWidth] = useState(1000);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(([entry]) => { if (entry) setWidth(Math.max(200, Math.floor(entry.contentRect.width))); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, [box]);
  return width;
};
