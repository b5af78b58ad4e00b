import { useEffect, useRef } from "react";
import { useSettings } from "../../app/settings";
import { sharp } from "../../lib/draw";
import { isobarsOf } from "../../lib/isobars";

/** The weather beside the form; drawn anew when its size or the theme changes. */
export const Sea = () => {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { theme, contrast } = useSettings();
  useEffect(() => {
    const [sheet, frame] = [canvas.current, canvas.current?.parentElement];
    if (!sheet || !frame) return undefined;
    const draw = (): void => {
      const { clientWidth: width, clientHeight: height } = frame;
      const pen = sharp(sheet, width, height);
      if (!pen) return;
      pen.clearRect(0, 0, width, height);
      pen.lineCap = "round";
      pen.strokeStyle = getComputedStyle(frame).getPropertyValue("--accent").trim();
      for (const { isMain, pieces } of isobarsOf(width, height)) {
        pen.globalAlpha = isMain ? 0.42 : 0.17;
        pen.lineWidth = isMain ? 1.3 : 1;
        pen.beginPath();
        for (let n = 0; n < pieces.length; n += 4) {
          pen.moveTo(pieces[n] ?? 0, pieces[n + 1] ?? 0);
          pen.lineTo(pieces[n + 2] ?? 0, pieces[n + 3] ?? 0);
        }
        pen.stroke();
      }
    };
    const watch = new ResizeObserver(draw);
    watch.observe(frame);
    return () => { watch.disconnect(); };
  }, [theme, contrast]);
  return <canvas ref={canvas} aria-hidden="true" />;
};
