import { type KeyboardEvent, type PointerEvent, type ReactNode, useCallback, useEffect, useEffectEvent, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Schemas } from "../../api/client";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { paletteOf, sharp } from "../../lib/draw";
import { AXIS, axisTop, BAR, type GridRow, hit, layoutOf, moved, ROW, type Spot, type States } from "../../lib/grid";
import { stateOf } from "../../lib/states";
import { duration, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { StateGlyph } from "../../parts/StateGlyph";
import { columnsOf, momentOf } from "./columns";
import { paint } from "./paint";
import { messages } from "./text";

interface Props {
  grid: Schemas["Grid"];
  states: States;
  rows: GridRow[];
  closed: ReadonlySet<string>;
  toggle: (group: string) => void;
  chosen: Spot | null;
  choose: (spot: Spot) => void;
  /** The reader wants nothing to be chosen. */
  leave: () => void;
}

/** Runs by tasks on canvas: arrow keys move, Enter opens, and what is under the pointer is said in one place. */
export const GridView = ({ grid, states, rows, closed, toggle, chosen, choose, leave }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(grid.now);
  const { theme, contrast } = useSettings();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [scroll, setScroll] = useState({ left: 0, top: 0 });
  const [hovered, setHovered] = useState<Spot | null>(null);
  const [cursor, setCursor] = useState<Spot | null>(null);
  const columns = useMemo(() => columnsOf(grid.runs, clock), [grid.runs, clock]);
  const layout = useMemo(() => layoutOf(size.width, grid.runs.length, rows.length), [size.width, grid.runs.length, rows.length]);
  const shown = cursor ?? chosen;

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const watch = new ResizeObserver(() => { setSize({ width: element.clientWidth, height: element.clientHeight }); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, []);
  const before = useRef({ whole: 0, width: 0 });
  const settle = useEffectEvent(() => {
    const element = scroller.current;
    if (!element || !size.width) return;
    const { whole, width } = before.current;
    before.current = { whole: layout.width, width: size.width };
    // The newest runs are what a reader comes for. When a panel opens beside them, what is looked at stays where it is.
    if (layout.width !== whole || (!chosen && element.scrollLeft + width >= whole - 1)) element.scrollLeft = layout.width;
    else if (chosen) reveal(element, layout, chosen);
  });
  useLayoutEffect(() => { settle(); }, [layout.width, size.width]);
  useEffect(() => {
    const element = canvas.current;
    const pen = element && size.width ? sharp(element, size.width, size.height) : null;
    if (element && pen) paint(pen, { layout, rows, runs: columns, states, ...scroll, ...size, hovered, chosen: shown }, paletteOf(element));
  }, [layout, rows, columns, states, scroll, size, hovered, shown, theme, contrast]);

  const spotAt = (event: PointerEvent): Spot | null => {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return hit(layout, x + scroll.left, y < AXIS ? y : y + scroll.top, grid.runs.length, rows.length);
  };
  const keys = (event: KeyboardEvent): void => {
    const at = shown ?? { run: grid.runs.length - 1, row: 0 };
    const row = rows[at.row];
    if (row?.is_group && (event.key === "Enter" || event.key === " ")) toggle(row.id);
    else if (event.key === "Enter") choose(at);
    else if (event.key === "Escape") {
      setCursor(null);
      leave();
    } else {
      const next = moved(at, event.key, grid.runs.length, rows.length);
      if (!next) return;
      setCursor(next);
      reveal(scroller.current, layout, next);
    }
    event.preventDefault();
  };
  const said = useCallback(
    (spot: Spot | null): string => {
      const [run, row] = [spot && grid.runs[spot.run], spot && rows[spot.row]];
      if (!spot || !run) return "";
      const when = wholeTime(momentOf(run), clock);
      if (!row) return t("dag.column", { run: when, state: t(`state.${stateOf(run.state)}`) });
      const state = t(`state.${states.ofRow(spot.run, row) ?? "none"}`);
      if (row.is_group) return t(closed.has(row.id) ? "dag.closedGroup" : "dag.openGroup", { group: row.id, run: when, state });
      return t("dag.cell", { task: row.id, run: when, state });
    },
    [grid.runs, rows, states, closed, clock, t],
  );
  const longest = axisTop(Math.max(1, ...columns.map((column) => column.micros)));
  return (
    <div className="gridbody">
      <Tree rows={rows} closed={closed} toggle={toggle} top={scroll.top} height={size.height} longest={longest} marked={shown?.row ?? -1} onWheel={(y) => { scroller.current?.scrollBy({ top: y }); }} />
      <div className="cv">
        <canvas ref={canvas} aria-hidden="true" />
        <div
          ref={scroller} className="gridscroll" tabIndex={0} role="application" aria-label={t("dag.arrows")}
          onScroll={(event) => { setScroll({ left: event.currentTarget.scrollLeft, top: event.currentTarget.scrollTop }); }}
          onPointerMove={(event) => { setHovered(spotAt(event)); }} onPointerLeave={() => { setHovered(null); }}
          onClick={(event) => { const spot = spotAt(event as unknown as PointerEvent); if (spot) { setCursor(null); choose(spot); } }}
          onKeyDown={keys}
        >
          <div className="spacer" style={{ width: layout.width, height: layout.height }} />
        </div>
        <span className="sr" aria-live="polite">{said(cursor)}</span>
        {hovered && (
          <Tip left={layout.left + hovered.run * layout.column - scroll.left} top={AXIS + hovered.row * ROW - scroll.top} width={size.width} height={size.height}>
            <Facts grid={grid} states={states} rows={rows} spot={hovered} />
          </Tip>
        )}
      </div>
    </div>
  );
};

const reveal = (scroller: HTMLDivElement | null, layout: { left: number; column: number }, spot: Spot): void => {
  if (!scroller) return;
  const [x, y] = [layout.left + spot.run * layout.column, spot.row * ROW];
  if (x < scroller.scrollLeft) scroller.scrollLeft = x - 40;
  if (x + layout.column > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = x + layout.column + 40 - scroller.clientWidth;
  if (spot.row < 0) return;
  if (y < scroller.scrollTop) scroller.scrollTop = y;
  if (y + ROW > scroller.scrollTop + scroller.clientHeight - AXIS) scroller.scrollTop = y + ROW - scroller.clientHeight + AXIS;
};

interface TreeProps {
  rows: readonly GridRow[];
  closed: ReadonlySet<string>;
  toggle: (group: string) => void;
  top: number;
  height: number;
  longest: number;
  marked: number;
  onWheel: (y: number) => void;
}

const Tree = ({ rows, closed, toggle, top, height, longest, marked, onWheel }: TreeProps) => {
  const t = useTexts(messages);
  const from = Math.max(0, Math.floor(top / ROW) - 2);
  const shown = rows.slice(from, from + Math.ceil(height / ROW) + 4);
  return (
    <div className="tree" onWheel={(event) => { onWheel(event.deltaY); }}>
      <div className="axis">
        <b>{t("dag.tasks")}</b>
        <span style={{ top: AXIS - 16 - BAR }}>{duration(longest)}</span>
        <span style={{ top: AXIS - 16 - BAR / 2 }}>{duration(longest / 2)}</span>
        <span style={{ bottom: 0 }}>0</span>
      </div>
      <div className="treerows">
        {shown.map((row, n) => (
          <div key={row.id} className={`n${row.is_group ? " g" : ""}${from + n === marked ? " sel" : ""}`} style={{ transform: `translateY(${String((from + n) * ROW - top)}px)`, paddingLeft: 12 + row.depth * 16 }}>
            {row.is_group ? (
              <button type="button" aria-expanded={!closed.has(row.id)} onClick={() => { toggle(row.id); }}><Icon name={closed.has(row.id) ? "right" : "down"} small /><span className="id cut">{row.label}</span></button>
            ) : (
              <span className="id cut" title={row.id}>{row.label}</span>
            )}
          </div>
        ))}
      </div>
    </div>
  );
};

/** What is under the pointer, beside it, inside the picture. */
const Tip = ({ left, top, width, height, children }: { left: number; top: number; width: number; height: number; children: ReactNode }) => {
  const onRight = left < width / 2;
  const place = { ...(onRight ? { left: left + 26 } : { right: width - left + 8 }), top: Math.max(4, Math.min(top + 26, height - 84)) };
  return <div className="tip" style={place}>{children}</div>;
};

const Facts = ({ grid, states, rows, spot }: { grid: Schemas["Grid"]; states: States; rows: readonly GridRow[]; spot: Spot }) => {
  const t = useTexts(messages);
  const clock = useClock(grid.now);
  const [run, row] = [grid.runs[spot.run], rows[spot.row]];
  if (!run) return null;
  const state = row ? states.ofRow(spot.run, row) ?? "none" : (grid.runs[spot.run]?.state as never);
  const count = row && !row.is_group ? grid.mapped[String(run.number)]?.[row.id] : undefined;
  const micros = run.start === null ? null : (run.end ?? grid.now) - run.start;
  return (
    <>
      <span className="state"><StateGlyph state={state} /><b className="id">{row?.id ?? run.run_id}</b></span><br />
      <span className="mute">{wholeTime(momentOf(run), clock)}</span><br />
      {t(`state.${state as "none"}`)}
      {count ? ` · ${t("dag.instances", { count })}` : ""}
      {!row && micros !== null ? ` · ${duration(micros)}` : ""}
    </>
  );
};
