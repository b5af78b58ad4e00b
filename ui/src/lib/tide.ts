/** Where the bars of a chart of runs lie: those that are over, the present, and those that are planned. */
export interface TideChart {
  start: number;
  step: number;
  until: number;
  bars: readonly { place: number; success: number; failed: number }[];
  /** [place after the present, runs] */
  planned: readonly (readonly number[])[];
}

export interface Mark {
  x: number;
  y: number;
  width: number;
  height: number;
  kind: "success" | "failed" | "planned";
}

export interface Tide {
  marks: Mark[];
  nowX: number;
  ticks: { x: number; at: number }[];
  base: number;
  most: number;
}

export const totals = (chart: TideChart): { success: number; failed: number; planned: number } => ({
  success: chart.bars.reduce((sum, bar) => sum + bar.success, 0),
  failed: chart.bars.reduce((sum, bar) => sum + bar.failed, 0),
  planned: chart.planned.reduce((sum, bar) => sum + (bar[1] ?? 0), 0),
});

/** The same chart after some time: what was moves to the left, and nothing has been added. */
export const movedOn = (chart: TideChart, micros: number): TideChart => {
  const steps = Math.floor(micros / chart.step);
  return steps <= 0 ? chart : {
    ...chart,
    start: chart.start + steps * chart.step,
    until: chart.until + steps * chart.step,
    bars: chart.bars.filter((bar) => bar.place >= steps).map((bar) => ({ ...bar, place: bar.place - steps })),
  };
};

/** Bars stand on `base`; the failed ones lie on top of the others, with two pixels between, and never less than two high. */
/** `answered`: the present when it was planned what comes. */
export const tideOf = (chart: TideChart, now: number, width: number, height: number, ticks: number, answered = now): Tide => {
  const base = height - 22;
  const xOf = (at: number): number => ((at - chart.start) / (chart.until - chart.start)) * width;
  const most = Math.max(1, ...chart.bars.map((bar) => bar.success + bar.failed), ...chart.planned.map((bar) => bar[1] ?? 0));
  const heightOf = (count: number): number => (count ? Math.max(2, (count / most) * (base - 14)) : 0);
  const barWidth = Math.max(1, xOf(chart.start + chart.step) * 0.78);
  const marks: Mark[] = [];
  for (const { place, success, failed } of chart.bars) {
    const x = xOf(chart.start + place * chart.step);
    const [good, bad] = [heightOf(success), heightOf(failed)];
    if (good) marks.push({ x, y: base - good, width: barWidth, height: good, kind: "success" });
    if (bad) marks.push({ x, y: base - good - bad - (good ? 2 : 0), width: barWidth, height: bad, kind: "failed" });
  }
  for (const [place = 0, count = 0] of chart.planned) {
    const tall = heightOf(count);
    marks.push({ x: xOf(answered + place * chart.step), y: base - tall, width: barWidth, height: tall, kind: "planned" });
  }
  const span = (chart.until - chart.start) / ticks;
  const round = [1, 2, 3, 6, 12, 24].map((hours) => hours * 3600e6).find((each) => each >= span) ?? 48 * 3600e6;
  const first = Math.ceil(chart.start / round) * round;
  const at = Array.from({ length: Math.max(0, Math.floor((chart.until - first) / round) + 1) }, (_, n) => first + n * round);
  return { marks, nowX: xOf(now), base, most, ticks: at.map((each) => ({ x: xOf(each), at: each })) };
};
