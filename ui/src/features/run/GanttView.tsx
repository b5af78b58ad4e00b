import { type KeyboardEvent, type PointerEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Schemas } from "../../api/client";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { paletteOf, sharp } from "../../lib/draw";
import { atOnce, AXIS, type Bar, barsOf, coverOf, type CriticalStep, type GanttRow, readyAt, ROW, type Span, ticksOf, timeAt, triesSince, xOf } from "../../lib/gantt";
import { clockTime, dayName, duration, hourMinute, wholeTime } from "../../lib/time";
import { offsetAt } from "../../lib/zoned";
import { Icon } from "../../parts/Icon";
import { StateGlyph } from "../../parts/StateGlyph";
import { coloursOf, paint, type PaintRow } from "./paint";
import { messages } from "./text";

type Run = Schemas["RunTimeline"];

interface Props {
  run: Run;
  span: Span;
  rows: readonly GanttRow[];
  steps: readonly CriticalStep[];
  turned: ReadonlySet<string>;
  toggle: (key: string) => void;
  zoom: number;
  zoomBy: (step: number) => void;
  open: (taskId: string, index: number) => void;
}

/** What is drawn in each row. */
const paintRows = (run: Run, span: Span, rows: readonly GanttRow[], steps: readonly CriticalStep[], turned: ReadonlySet<string>): PaintRow[] => {
  const critical = new Map(steps.map((step) => [step.node, step.mapIndex]));
  return rows.map((row) => {
    const place = row.tasks[0] ?? -1;
    const task = run.tasks[place];
    const ready = task ? readyAt(run, task, span) : null;
    const isCritical = row.kind === "task" ? critical.has(place) && !turned.has(row.key) : row.kind === "instance" && critical.get(place) === row.instance?.map_index;
    if (row.kind === "group") {
      const cover = coverOf(run, row.tasks, span);
      return { ...row, isCritical: false, lines: [], bars: cover ? [{ kind: "run", from: cover.from, to: cover.to, state: row.state, open: cover.open }] : [] };
    }
    if (row.instance) return { ...row, isCritical, lines: [], bars: barsOf(row.instance, ready, span, run.now) };
    const lines = row.kind === "task" && task ? task.instances.flatMap((each) => barsOf(each, ready, span, run.now).filter((bar) => bar.kind === "run").slice(-1)) : [];
    return { ...row, isCritical, lines: lines.sort((one, other) => one.from - other.from), bars: [] };
  });
};

/** A run's tasks in time on canvas: arrow keys move, Enter opens, and what is under the pointer is said in one place. */
export const GanttView = ({ run, span, rows, steps, turned, toggle, zoom, zoomBy, open }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(run.now);
  const { theme, contrast } = useSettings();
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [scroll, setScroll] = useState({ left: 0, top: 0 });
  const [hovered, setHovered] = useState<{ row: number; x: number } | null>(null);
  const [cursor, setCursor] = useState(-1);
  const painted = useMemo(() => paintRows(run, span, rows, steps, turned), [run, span, rows, steps, turned]);
  const counts = useMemo(() => atOnce(run, span), [run, span]);
  const width = size.width * zoom;
  const height = AXIS + rows.length * ROW + 8;
  const isOpen = run.end === null && run.start !== null;

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(() => { setSize({ width: element.clientWidth, height: element.clientHeight }); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, []);
  const before = useRef(zoom);
  useLayoutEffect(() => {
    // Zooming keeps the moment in the middle where it is.
    const element = scroller.current;
    if (!element || before.current === zoom || !size.width) return;
    const middle = timeAt(element.scrollLeft + size.width / 2, span, size.width * before.current);
    element.scrollLeft = xOf(middle, span, size.width * zoom) - size.width / 2;
    before.current = zoom;
  }, [zoom, size.width, span]);
  const ticks = useMemo(() => {
    const found = ticksOf(span, width, offsetAt(span.from, clock.zone));
    const text = (at: number): string => (found.step >= 86_400e6 ? dayName(at, clock) : found.step >= 60e6 ? hourMinute(at, clock) : found.step >= 1e6 ? clockTime(at, clock) : `+${duration(at - span.from)}`);
    return found.at.map((at) => ({ at, text: text(at) }));
  }, [span, width, clock]);
  useEffect(() => {
    const element = canvas.current;
    const pen = element && size.width ? sharp(element, size.width, size.height) : null;
    if (!element || !pen) return;
    const most = Math.max(0, ...counts.map(([, count]) => count));
    paint(pen, {
      span, now: run.now, isOpen, rows: painted, ticks, counts, most: most > 1 ? t("gantt.most", { count: most }) : "", present: t("gantt.now", { time: clockTime(run.now, clock) }),
      width, left: scroll.left, top: scroll.top, view: size, hovered: hovered?.row ?? -1, chosen: cursor,
    }, coloursOf(paletteOf(element), element));
  }, [span, run.now, isOpen, painted, ticks, counts, width, scroll, size, hovered, cursor, theme, contrast, t, clock]);

  const rowAt = (event: PointerEvent): { row: number; x: number } | null => {
    const box = event.currentTarget.getBoundingClientRect();
    const y = event.clientY - box.top;
    const row = y < AXIS ? -1 : Math.floor((y - AXIS + scroll.top) / ROW);
    return row >= 0 && row < rows.length ? { row, x: event.clientX - box.left } : null;
  };
  const go = (row: GanttRow | undefined): void => {
    if (!row || row.kind === "rest") return;
    const task = run.tasks[row.tasks[0] ?? -1];
    if (row.kind === "group" || (row.kind === "task" && row.count > 0)) toggle(row.key);
    else if (task) open(task.task_id, row.instance?.map_index ?? -1);
  };
  const keys = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -rows.length, End: rows.length }[event.key];
    if (step !== undefined) {
      const next = Math.max(0, Math.min(rows.length - 1, cursor + step));
      setCursor(next);
      const element = scroller.current;
      if (element) element.scrollTop = Math.min(next * ROW, Math.max(element.scrollTop, (next + 1) * ROW - element.clientHeight + AXIS));
    } else if (event.key === "Enter") go(rows[cursor]);
    else if (event.key === "+" || event.key === "=") zoomBy(1);
    else if (event.key === "-") zoomBy(-1);
    else return;
    event.preventDefault();
  };
  const saidOf = (place: number): string => {
    const [row, drawn] = [rows[place], painted[place]];
    return row && drawn ? t("gantt.row", { task: nameOf(run, row), state: t(`state.${row.state}`), ...spent(drawn.bars) }) : "";
  };
  const from = Math.max(0, Math.floor(scroll.top / ROW) - 2);
  return (
    <div className="gridwrap">
      <div className="gridbody ganttbody">
        <div className="gantttree" onWheel={(event) => { if (scroller.current) scroller.current.scrollTop += event.deltaY; }}>
          <div className="axis"><b>{t("gantt.atOnce")}</b></div>
          <div className="treerows">
            {rows.slice(from, from + Math.ceil(size.height / ROW) + 4).map((row, n) => {
              const canTurn = row.kind === "group" || (row.kind === "task" && row.count > 0);
              const isTurned = row.kind === "group" ? !turned.has(row.key) : turned.has(row.key);
              return (
                <div key={row.key} className={`n ${row.kind}${from + n === cursor || from + n === hovered?.row ? " sel" : ""}`} style={{ transform: `translateY(${String((from + n) * ROW - scroll.top)}px)`, paddingLeft: 10 + row.depth * 16 }}>
                  {canTurn ? <button type="button" aria-expanded={isTurned} aria-label={nameOf(run, row)} onClick={() => { toggle(row.key); }}><Icon name={isTurned ? "down" : "right"} small /></button> : <i className="space" />}
                  {row.kind === "rest" ? <span className="dim">{t("gantt.rest", { count: row.count })}</span> : (
                    <>
                      {row.kind !== "instance" && <StateGlyph state={row.state} />}
                      <button type="button" className="id cut" title={nameOf(run, row)} onClick={() => { go(row); }}>{row.label}</button>
                      {row.kind === "task" && row.count > 0 && <span className="dim id">[{row.count}]</span>}
                    </>
                  )}
                </div>
              );
            })}
          </div>
        </div>
        <div className="cv">
          <canvas ref={canvas} aria-hidden="true" />
          <div
            ref={scroller} className="gridscroll" role="application" tabIndex={0} aria-label={`${t("run.gantt")}. ${t("gantt.keys")}`}
            onScroll={(event) => { setScroll({ left: event.currentTarget.scrollLeft, top: event.currentTarget.scrollTop }); }}
            onPointerMove={(event) => { setHovered(rowAt(event)); }} onPointerLeave={() => { setHovered(null); }}
            onClick={(event) => { const at = rowAt(event as unknown as PointerEvent); if (at) go(rows[at.row]); }}
            onKeyDown={keys}
          >
            <div className="spacer" style={{ width, height }} />
          </div>
          <span className="sr" aria-live="polite">{cursor >= 0 ? saidOf(cursor) : ""}</span>
          {hovered && rows[hovered.row] && <Tip run={run} span={span} row={rows[hovered.row] as GanttRow} drawn={painted[hovered.row]} x={hovered.x} y={AXIS + hovered.row * ROW - scroll.top} size={size} />}
        </div>
      </div>
    </div>
  );
};

const nameOf = (run: Run, row: GanttRow): string => {
  const task = run.tasks[row.tasks[0] ?? -1];
  if (row.kind === "group" || !task) return row.label;
  return row.instance && row.instance.map_index >= 0 ? `${task.task_id} ${row.label}` : task.task_id;
};

const spent = (bars: readonly Bar[]): { waited: string; ran: string } => {
  const sum = (isRun: boolean): number => bars.filter((bar) => (bar.kind === "run") === isRun).reduce((total, bar) => total + bar.to - bar.from, 0);
  return { waited: duration(sum(false)), ran: duration(sum(true)) };
};

interface TipProps {
  run: Run;
  span: Span;
  row: GanttRow;
  drawn: PaintRow | undefined;
  x: number;
  y: number;
  size: { width: number; height: number };
}

/** What is under the pointer, beside it, inside the picture. */
const Tip = ({ run, span, row, drawn, x, y, size }: TipProps) => {
  const t = useTexts(messages);
  const clock = useClock(run.now);
  if (row.kind === "rest") return null;
  const side = x < size.width / 2 ? { left: x + 16 } : { right: size.width - x + 16 };
  const first = drawn?.bars.find((bar) => bar.kind === "run") ?? drawn?.lines[0];
  const tries = row.instance ? triesSince(row.instance, span.from).length : 0;
  const sums = drawn && spent(drawn.bars);
  return (
    <div className="tip" style={{ ...side, top: Math.max(4, Math.min(y + ROW + 2, size.height - 92)) }}>
      <span className="state"><StateGlyph state={row.state} /><b className="id">{nameOf(run, row)}</b></span><br />
      {t(`state.${row.state}`)}{tries > 1 ? ` · ${t("gantt.tries", { count: tries })}` : ""}
      {first && <><br /><span className="mute">{wholeTime(first.from, clock)}</span></>}
      {sums && drawn.bars.length > 0 && <><br />{row.kind !== "group" && `${t("gantt.waited")} ${sums.waited} · `}{t("gantt.ran")} {sums.ran}</>}
    </div>
  );
};
