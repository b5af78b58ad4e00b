import { type KeyboardEvent, memo, type PointerEvent, useEffect, useRef, useState } from "react";
import { useClock, useTexts } from "../../app/settings";
import { axisOf, bandOf, barsOf, type Axis, type Frame, heightOf, lineOf, middleOf, placeAt, ticksOf, type Unit } from "../../lib/charts";
import { type Clock, dayName, duration, hourMinute, shortTime } from "../../lib/time";
import { bytesText } from "../../lib/words";
import type { ChartOf, Line } from "./lines";
import { messages } from "./text";

const HEIGHT = 148;
const PAGE = 10;

export interface Times {
  start: number;
  step: number;
  places: number;
  /** Steps at the beginning that are not counted. */
  skipped: number;
}

interface Props {
  chart: ChartOf;
  times: Times;
  now: number;
  /** The step that all charts show the values of. */
  cursor: number | null;
  point: (place: number | null) => void;
  isTable: boolean;
  turn: () => void;
}

/** One small chart: its names with their values at the cursor, or in all; what it shows is a table as well. */
export const Chart = ({ chart, times, now, cursor, point, isTable, turn }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(now);
  const id = `chart-${chart.id}`;
  return (
    <section className="sheet chart" data-table={isTable} aria-labelledby={id}>
      <header>
        <h2 id={id} title={chart.note}>{chart.title}</h2>
        <button type="button" className="btn quiet push" aria-label={t(isTable ? "charts.chartOf" : "charts.tableOf", { chart: chart.title })} onClick={turn}>{t(isTable ? "charts.chart" : "charts.table")}</button>
      </header>
      {chart.lines.length === 0 ? <p className="blank small mute">{chart.none}</p> : isTable ? <Table chart={chart} times={times} clock={clock} /> : (
        <>
          <Legend chart={chart} cursor={cursor} />
          <Area chart={chart} times={times} clock={clock} cursor={cursor} point={point} />
        </>
      )}
      {chart.more && <p className="more small dim">{chart.more}</p>}
    </section>
  );
};

const written = (value: number | null | undefined, unit: Unit, language: string): string => {
  if (value === null || value === undefined) return "–";
  const number = (digits: number): string => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  switch (unit) {
    case "count": return number(0);
    case "duration": return duration(value);
    case "percent": return `${number(1)}%`;
    case "score": return number(1);
    case "bytes": return bytesText(value);
  }
};

/** Without a cursor: bars in all, of a line the newest value that there is. */
const summed = (chart: ChartOf, line: Line): number | null =>
  chart.isBars ? line.values.reduce<number>((sum, value) => sum + (value ?? 0), 0) : (line.values.findLast((value) => value !== null) ?? null);

const Legend = ({ chart, cursor }: { chart: ChartOf; cursor: number | null }) => {
  const { language } = useClock();
  return (
    <ul className="names small">
      {chart.lines.map((line) => (
        <li key={line.name}>
          <Swatch line={line} isBar={chart.isBars === true} />
          <span className="cut mute" title={line.name}>{line.name}</span>
          <b>{written(cursor === null ? summed(chart, line) : line.values[cursor], chart.unit, language)}</b>
        </li>
      ))}
    </ul>
  );
};

const Swatch = ({ line, isBar }: { line: Line; isBar: boolean }) =>
  line.state ? <i className="st" data-s={line.state} aria-hidden="true" /> : (
    <svg className="swatch" width="16" height="8" viewBox="0 0 16 8" aria-hidden="true">
      {isBar ? <rect className="bar" data-look={line.look} x="4" y="0" width="8" height="8" /> : <path className="line" data-look={line.look} d="M0 4H16" />}
    </svg>
  );

const useWidth = (box: React.RefObject<HTMLDivElement | null>): number => {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(([entry]) => { if (entry) setWidth(Math.floor(entry.contentRect.width)); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, [box]);
  return width;
};

const stepText = (place: number, times: Times, clock: Clock): string => shortTime(times.start + place * times.step, clock);

interface AreaProps {
  chart: ChartOf;
  times: Times;
  clock: Clock;
  cursor: number | null;
  point: (place: number | null) => void;
}

/** What is drawn, and over it the cursor, which pointers and arrow keys move in all charts at once. */
const Area = ({ chart, times, clock, cursor, point }: AreaProps) => {
  const t = useTexts(messages);
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const frame: Frame = { left: 46, right: width - 4, top: 9, bottom: HEIGHT - 20 };
  const axis = axisOf(chart.isBars ? [stacked(chart.lines)] : chart.lines.map(({ values }) => values), chart.unit);
  const last = times.places - 1;
  const move = (event: PointerEvent<HTMLDivElement>): void => { point(placeAt(event.clientX - event.currentTarget.getBoundingClientRect().left, times.places, frame)); };
  const press = (event: KeyboardEvent): void => {
    const at = cursor ?? last;
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: cursor === null ? at : at + 1, ArrowUp: cursor === null ? at : at + 1, PageDown: at - PAGE, PageUp: at + PAGE, Home: 0, End: last };
    const to = steps[event.key];
    if (event.key === "Escape") point(null);
    else if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    else point(Math.min(last, Math.max(0, to)));
    event.preventDefault();
  };
  const at = cursor ?? last;
  const when = t(at === last ? "charts.soFar" : "charts.at", { time: stepText(at, times, clock) });
  const values = chart.lines.filter(({ values }) => values[at] !== null).map((line) => `${line.name} ${written(line.values[at], chart.unit, clock.language)}`);
  return (
    <div
      ref={box} className="drawn" style={{ height: HEIGHT }} tabIndex={0} role="slider" aria-label={t("charts.steer", { chart: chart.title })}
      aria-valuemin={0} aria-valuemax={last} aria-valuenow={at} aria-valuetext={`${when}: ${values.join(", ") || t("charts.nothingAt")}`}
      onPointerMove={move} onPointerDown={move} onPointerLeave={(event) => { if (event.pointerType === "mouse") point(null); }} onKeyDown={press} onBlur={() => { point(null); }}
    >
      {width > 0 && (
        <svg width={width} height={HEIGHT} aria-hidden="true" data-pointed={cursor !== null}>
          <Plot chart={chart} times={times} clock={clock} axis={axis} width={width} />
          {cursor !== null && <Cursor chart={chart} place={cursor} places={times.places} axis={axis} frame={frame} text={when} />}
        </svg>
      )}
    </div>
  );
};

const stacked = (lines: readonly Line[]): number[] =>
  (lines[0]?.values ?? []).map((_, place) => lines.reduce((sum, { values }) => sum + (values[place] ?? 0), 0));

/** Everything that stays while the cursor moves. */
const Plot = memo(function Plot({ chart, times, clock, axis, width }: { chart: ChartOf; times: Times; clock: Clock; axis: Axis; width: number }) {
  const frame: Frame = { left: 46, right: width - 4, top: 9, bottom: HEIGHT - 20 };
  const end = times.start + times.places * times.step;
  const isDays = end - times.start > 48 * 3600e6;
  const ticks = ticksOf(times.start, end, Math.max(2, Math.floor(width / 76)), clock);
  const xOf = (moment: number): number => frame.left + ((moment - times.start) / (end - times.start)) * (frame.right - frame.left);
  const [low, high] = chart.lines;
  return (
    <>
      {axis.marks.map((mark) => (
        <g key={mark}>
          <path className="rule" d={`M${String(frame.left)} ${String(Math.round(heightOf(mark, axis, frame)) + 0.5)}H${String(frame.right)}`} />
          <text x={frame.left - 6} y={heightOf(mark, axis, frame) + 4} textAnchor="end">{mark || chart.unit === "percent" || chart.unit === "score" ? written(mark, chart.unit, clock.language) : "0"}</text>
        </g>
      ))}
      {ticks.map((tick) => (
        <g key={tick}>
          <path className="tick" d={`M${xOf(tick).toFixed(1)} ${String(frame.bottom)}v4`} />
          {xOf(tick) > frame.left + 14 && xOf(tick) < frame.right - 14 && <text className="moment" x={xOf(tick)} y={HEIGHT - 4} textAnchor="middle">{isDays ? dayName(tick, clock) : hourMinute(tick, clock)}</text>}
        </g>
      ))}
      {times.skipped > 0 && <rect className="skipped" x={frame.left} y={frame.top} width={(times.skipped / times.places) * (frame.right - frame.left)} height={frame.bottom - frame.top} />}
      {chart.isBars ? barsOf(chart.lines.map(({ values }) => values), axis, frame).map((path, n) => (
        <path key={n} className="bar" data-look={chart.lines[n]?.look} d={path} {...(chart.lines[n]?.state && { style: { fill: `var(--s-${chart.lines[n].state.replaceAll("_", "-")})`, stroke: `var(--s-${chart.lines[n].state.replaceAll("_", "-")}-ink)` } })} />
      )) : (
        <>
          {chart.hasBand && low && high && high.look === 2 && <path className="band" d={bandOf(low.values, high.values, axis, frame)} />}
          {[...chart.lines].reverse().map((line) => {
            const { path, points } = lineOf(line.values, axis, frame, chart.bridges);
            return (
              <g key={line.name}>
                <path className="line" data-look={line.look} d={path} />
                {points.map(({ x, y }) => <circle key={x} className="point" data-look={line.look} cx={x} cy={y} r={chart.bridges && points.length > 60 ? 1.2 : 2} />)}
              </g>
            );
          })}
        </>
      )}
      <path className="floor" d={`M${String(frame.left)} ${String(frame.bottom + 0.5)}H${String(frame.right)}`} />
    </>
  );
});

const Cursor = ({ chart, place, places, axis, frame, text }: { chart: ChartOf; place: number; places: number; axis: Axis; frame: Frame; text: string }) => {
  const x = middleOf(place, places, frame);
  const side = x > (frame.left + frame.right) / 2 ? "end" : "start";
  return (
    <g>
      <path className="cursor" d={`M${x.toFixed(1)} ${String(frame.top)}V${String(frame.bottom + 4)}`} />
      {!chart.isBars && chart.lines.map((line) => {
        const value = line.values[place];
        return value === null || value === undefined ? null : <circle key={line.name} className="point on" data-look={line.look} cx={x} cy={heightOf(value, axis, frame)} r="3.5" />;
      })}
      <text className="when" x={x} y={HEIGHT - 4} textAnchor={side}>{text}</text>
    </g>
  );
};

/** The same as a table, newest first; steps in which nothing was are left out. */
const Table = ({ chart, times, clock }: { chart: ChartOf; times: Times; clock: Clock }) => {
  const t = useTexts(messages);
  const places = Array.from({ length: times.places }, (_, n) => times.places - 1 - n).filter((place) => chart.lines.some(({ values }) => values[place]));
  return (
    <div className="charttable" tabIndex={0} role="region" aria-label={chart.title}>
      <table className="dense">
        <thead><tr><th scope="col">{t("charts.time")}</th>{chart.lines.map(({ name }) => <th key={name} scope="col" className="num">{name}</th>)}</tr></thead>
        <tbody>
          {places.map((place) => (
            <tr key={place}>
              <th scope="row">{stepText(place, times, clock)}</th>
              {chart.lines.map(({ name, values }) => <td key={name} className="num">{written(values[place], chart.unit, clock.language)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};
