import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Schemas } from "../../api/client";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { drawBar, paletteOf, sharp } from "../../lib/draw";
import { axisTop } from "../../lib/grid";
import { quantile, regressions } from "../../lib/lengths";
import { isFinished, stateOf } from "../../lib/states";
import { duration, wholeTime } from "../../lib/time";
import { messages } from "./text";

type Run = Schemas["PastRun"];

interface Props {
  runs: readonly Run[];
  now: number;
  height: number;
  choose?: (run: Run) => void;
}

const LEFT = 52;
const TOP = 14;

/** How long each run took, oldest first: the middle and the 95th percentile as lines, what took twice the usual with a mark. */
export const LengthChart = ({ runs, now, height, choose }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(now);
  const { theme, contrast } = useSettings();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [hovered, setHovered] = useState<number | null>(null);
  const lengths = useMemo(() => runs.map((run) => (run.start === null ? null : (run.end ?? now) - run.start)), [runs, now]);
  const marks = useMemo(() => regressions(runs.map((run, n) => (isFinished(stateOf(run.state)) ? (lengths[n] ?? null) : null))), [runs, lengths]);
  const step = width ? (width - LEFT - 8) / Math.max(1, runs.length) : 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(() => { setWidth(element.clientWidth); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, []);
  useEffect(() => {
    const element = canvas.current;
    const pen = element && width ? sharp(element, width, height) : null;
    if (!element || !pen) return;
    const palette = paletteOf(element);
    const known = lengths.filter((length): length is number => length !== null);
    const ended = runs.flatMap((run, n) => (run.state === "success" ? (lengths[n] ?? []) : []));
    const top = axisTop(Math.max(1, ...known));
    const floor = height - 4;
    const y = (length: number): number => floor - (length / top) * (floor - TOP);
    pen.clearRect(0, 0, width, height);
    pen.font = `11px ${palette.font}`;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const part of [0, 0.5, 1]) {
      pen.strokeStyle = palette.line;
      pen.beginPath();
      pen.moveTo(LEFT, Math.round(y(top * part)) + 0.5);
      pen.lineTo(width, Math.round(y(top * part)) + 0.5);
      pen.stroke();
      pen.fillStyle = palette.text3;
      pen.fillText(part ? duration(top * part) : "0", LEFT - 6, Math.max(7, y(top * part)));
    }
    runs.forEach((run, n) => {
      const length = lengths[n];
      if (length === null || length === undefined) return;
      const x = LEFT + n * step;
      const w = Math.max(1, step - Math.min(2, step * 0.25));
      if (hovered === n) {
        pen.fillStyle = palette.hover;
        pen.fillRect(x - 1, 0, w + 2, height);
      }
      drawBar(pen, stateOf(run.state), x, floor, w, Math.max(2, floor - y(length)), palette);
      if (marks[n]) {
        pen.fillStyle = palette.ink.up_for_retry;
        pen.beginPath();
        pen.moveTo(x + w / 2 - 4, y(length) - 9);
        pen.lineTo(x + w / 2 + 4, y(length) - 9);
        pen.lineTo(x + w / 2, y(length) - 3);
        pen.fill();
      }
    });
    for (const [part, name] of [[0.5, "p50"], [0.95, "p95"]] as const) {
      const value = quantile(ended, part);
      if (value === null) continue;
      pen.strokeStyle = palette.text2;
      pen.setLineDash([4, 3]);
      pen.beginPath();
      pen.moveTo(LEFT, y(value));
      pen.lineTo(width, y(value));
      pen.stroke();
      pen.setLineDash([]);
      pen.fillStyle = palette.text2;
      pen.fillText(name, width - 2, y(value) - 7);
    }
  }, [runs, lengths, marks, width, height, step, hovered, theme, contrast]);
  const at = (event: { clientX: number; currentTarget: Element }): number | null => {
    const n = Math.floor((event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT) / step);
    return n >= 0 && n < runs.length ? n : null;
  };
  const shown = hovered === null ? undefined : runs[hovered];
  const length = hovered === null ? null : lengths[hovered];
  return (
    <div ref={box} className="lengthchart" style={{ height }} onPointerMove={(event) => { setHovered(at(event)); }} onPointerLeave={() => { setHovered(null); }} onClick={(event) => { const n = at(event); const run = n === null ? undefined : runs[n]; if (run && choose) choose(run); }}>
      <canvas ref={canvas} role="img" aria-label={t("durations.chart", { count: runs.length })} />
      {shown && (
        <div className="tip" style={{ top: 4, ...(LEFT + (hovered ?? 0) * step < width / 2 ? { left: LEFT + ((hovered ?? 0) + 1) * step + 8 } : { right: width - LEFT - (hovered ?? 0) * step + 8 }) }}>
          {wholeTime(shown.logical_date ?? shown.run_after, clock)}<br />{t(`state.${stateOf(shown.state)}`)}{length !== null && length !== undefined && ` · ${duration(length)}`}
          {marks[hovered ?? -1] && <><br /><span className="warn">{t("durations.slow")}</span></>}
        </div>
      )}
    </div>
  );
};
