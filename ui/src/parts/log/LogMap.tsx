import { useEffect, useRef } from "react";
import { sharp } from "../../lib/draw";

interface Props {
  /** Rows by level of pieces of about the same length. */
  bands: readonly number[][];
  /** Rows of the log, and the numbers of those that were found. */
  rows: number;
  hits: readonly number[];
  /** Which part is on screen, from 0 to 1. */
  from: number;
  to: number;
  label: string;
  go: (share: number) => void;
  /** Changes with the theme. */
  theme: string;
}

/** The whole log at a glance: where its errors, warnings and hits are. */
export const LogMap = ({ bands, rows, hits, from, to, label, go, theme }: Props) => {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const frame = element?.parentElement;
    if (!element || !frame) return;
    const [width, height] = [frame.clientWidth, frame.clientHeight];
    const context = sharp(element, width, height);
    if (!context) return;
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(element);
    const ink = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    let before = 0;
    const most = Math.max(1, ...bands.map((band) => sum(band)));
    for (const band of bands) {
      const count = sum(band);
      const [y, tall] = [(before / Math.max(rows, 1)) * height, Math.max(1, (count / Math.max(rows, 1)) * height - 1)];
      const [warnings, errors] = [band[2] ?? 0, (band[3] ?? 0) + (band[4] ?? 0)];
      bar(context, ink("line-2"), y, Math.min(tall, 2), 14 + 30 * (count / most));
      if (warnings) bar(context, ink("s-up-for-retry"), y, Math.min(tall, 2), 6 + 44 * Math.sqrt(warnings / Math.max(count, 1)));
      if (errors) bar(context, ink("s-failed"), y, Math.max(2, Math.min(tall, 3)), Math.min(width - 18, 24 + 8 * Math.log2(1 + errors)));
      before += count;
    }
    context.fillStyle = ink("text");
    for (const hit of hits.length > 2000 ? hits.filter((_, n) => n % Math.ceil(hits.length / 2000) === 0) : hits) context.fillRect(width - 8, (hit / Math.max(rows, 1)) * height - 1, 8, 2);
    const [top, bottom] = [from * height, Math.max(to * height, from * height + 6)];
    context.fillStyle = context.strokeStyle = ink("accent");
    context.globalAlpha = 0.12;
    context.fillRect(0, top, width, bottom - top);
    context.globalAlpha = 1;
    context.strokeRect(0.5, top + 0.5, width - 1, bottom - top - 1);
  }, [bands, rows, hits, from, to, theme]);
  const point = (event: React.PointerEvent<HTMLDivElement>): void => {
    if (event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    go((event.clientY - box.top) / box.height);
  };
  return <div className="mini" title={label} aria-hidden="true" onPointerDown={point} onPointerMove={point}><canvas ref={canvas} /></div>;
};

const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);

const bar = (context: CanvasRenderingContext2D, colour: string, y: number, tall: number, width: number): void => {
  context.fillStyle = colour;
  context.fillRect(6, y, width, tall);
};
