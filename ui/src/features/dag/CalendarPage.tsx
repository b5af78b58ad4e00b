import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, useLayoutEffect, useMemo, useRef } from "react";
import { answered, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { boundsOf, byDay, type Day, type DayCounts, daysOf, failedPart } from "../../lib/calendar";
import { type State, stateOf } from "../../lib/states";
import { type Clock, dayKey } from "../../lib/time";
import { Trouble } from "../../parts/Trouble";
import type { CalendarSearch } from "./routes";
import { messages } from "./text";

const CELL = 15;
const PITCH = 18;
const [LEFT, TOP] = [34, 20];
const WEEKS_AHEAD = 8;

/** A year of days by how their runs went, and those that the schedule has ahead. Days are those of the reader's zone. */
export const CalendarPage = () => {
  const t = useTexts(messages);
  const { dagId } = useParams({ from: "/shell/dags/$dagId/calendar" });
  const search = useSearch({ from: "/shell/dags/$dagId/calendar" });
  const navigate = useNavigate({ from: "/dags/$dagId/calendar" });
  const clock = useClock();
  const today = dayKey(clock.now, clock);
  const last = search.until ?? new Date(Date.parse(today) + WEEKS_AHEAD * 7 * 86_400_000).toISOString().slice(0, 10);
  const days = useMemo(() => daysOf(last), [last]);
  const [since] = boundsOf(days[0]?.key ?? last, clock);
  const [, until] = boundsOf(days.at(-1)?.key ?? last, clock);
  const { data, error, refetch } = useQuery({
    queryKey: ["dag", dagId, "calendar", since, until],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/calendar", { params: { path: { dag_id: dagId }, query: { since, until } } })),
    placeholderData: keepPreviousData,
  });
  const counts = useMemo(() => (data ? byDay(data.slices, data.planned, clock) : new Map<string, DayCounts>()), [data, clock]);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const open = (day: string): void => { void navigate({ to: "/dags/$dagId/runs", params: { dagId }, search: { from: day, to: day } }); };
  const shift = (years: number): void => {
    const moved = new Date(Date.parse(last) + years * 364 * 86_400_000).toISOString().slice(0, 10);
    void navigate({ search: said({ ...search, until: years > 0 && moved >= today ? undefined : moved }) as CalendarSearch, replace: true });
  };
  return (
    <>
      <div className="bar">
        <button type="button" className="btn" onClick={() => { shift(-1); }}>{t("calendar.before")}</button>
        <button type="button" className="btn" disabled={search.until === undefined} onClick={() => { shift(1); }}>{t("calendar.after")}</button>
        <span className="small mute">{days[0]?.key} – {days.at(-1)?.key} · {clock.zone}</span>
        <span className="push" />
        <button type="button" className="btn quiet" onClick={() => { void navigate({ search: said({ ...search, table: !search.table }), replace: true }); }}>{search.table ? t("calendar.asCalendar") : t("dag.asTable")}</button>
      </div>
      <div className="sheetscroll">
        {search.table ? <DayTable days={days} counts={counts} open={open} /> : <Year days={days} counts={counts} today={today} clock={clock} open={open} />}
        {data && !data.is_whole && !search.table && <p className="pad small mute">{t("calendar.notWhole")}</p>}
      </div>
    </>
  );
};

interface YearProps {
  days: readonly Day[];
  counts: ReadonlyMap<string, DayCounts>;
  today: string;
  clock: Clock;
  open: (day: string) => void;
}

const Year = ({ days, counts, today, clock, open }: YearProps) => {
  const t = useTexts(messages);
  const { language } = useSettings();
  const svg = useRef<SVGSVGElement>(null);
  const present = days.find((day) => day.key === today)?.week;
  useLayoutEffect(() => {
    // Where a screen cannot show the year, the present weeks are what a reader comes for.
    const frame = svg.current?.parentElement;
    if (frame && present !== undefined) frame.scrollLeft = LEFT + (present + 3) * PITCH - frame.clientWidth;
  }, [present]);
  const weeks = Math.ceil(days.length / 7);
  const name = (format: Intl.DateTimeFormatOptions, key: string): string => new Intl.DateTimeFormat(language, { ...format, timeZone: "UTC" }).format(Date.parse(key));
  const keys = (event: KeyboardEvent<SVGElement>, n: number): void => {
    const step = { ArrowLeft: -7, ArrowRight: 7, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Enter") open(days[n]?.key ?? today);
    else if (step !== undefined) (svg.current?.querySelector(`[data-n="${String(n + step)}"]`) as SVGElement | null)?.focus();
    else return;
    event.preventDefault();
  };
  const words = (day: Day): string => {
    const own = counts.get(day.key);
    const parts = own ? [...Object.entries(own.states).map(([state, count]) => `${t(`state.${stateOf(state)}`)} ${String(count)}`), own.planned ? t("calendar.planned", { count: own.planned }) : ""] : [];
    return [`${day.key}`, ...parts.filter(Boolean), ...(parts.length ? [] : [t("calendar.nothing")])].join(" · ");
  };
  return (
    <div className="year">
      <svg ref={svg} width={LEFT + weeks * PITCH + 4} height={TOP + 7 * PITCH} role="group" aria-label={t("calendar.label", { zone: clock.zone })}>
        {days.filter((day) => day.weekday === 0 && Number(day.key.slice(8)) <= 7).map((day) => <text key={day.key} x={LEFT + day.week * PITCH} y={12}>{name({ month: "short" }, day.key)}</text>)}
        {days.slice(0, 7).map((day) => (day.weekday % 2 ? null : <text key={day.key} x={0} y={TOP + day.weekday * PITCH + 12}>{name({ weekday: "short" }, day.key)}</text>))}
        {days.map((day, n) => (
          <g
            key={day.key} data-n={n} className="day" transform={`translate(${String(LEFT + day.week * PITCH)} ${String(TOP + day.weekday * PITCH)})`}
            role="link" tabIndex={day.key === today || (n === 0 && !days.some((each) => each.key === today)) ? 0 : -1} aria-label={words(day)} onKeyDown={(event) => { keys(event, n); }} onClick={() => { open(day.key); }}
          >
            <title>{words(day)}</title>
            <Cell own={counts.get(day.key)} isToday={day.key === today} />
          </g>
        ))}
      </svg>
      <div className="legend pad">
        <span className="state"><svg width="14" height="14"><Cell own={{ states: { success: 1 }, total: 1, planned: 0 }} isToday={false} /></svg>{t("calendar.allGood")}</span>
        <span className="state"><svg width="14" height="14"><Cell own={{ states: { success: 1, failed: 1 }, total: 2, planned: 0 }} isToday={false} /></svg>{t("calendar.someFailed")}</span>
        <span className="state"><svg width="14" height="14"><Cell own={{ states: { failed: 1 }, total: 1, planned: 0 }} isToday={false} /></svg>{t("calendar.allFailed")}</span>
        <span className="state"><svg width="14" height="14"><Cell own={{ states: { running: 1 }, total: 1, planned: 0 }} isToday={false} /></svg>{t("calendar.open")}</span>
        <span className="state"><svg width="14" height="14"><Cell own={{ states: {}, total: 0, planned: 1 }} isToday={false} /></svg>{t("calendar.plannedName")}</span>
      </div>
    </div>
  );
};

/** A day: as high in failure's colour as part of its runs failed, with a cross where any did; open and planned runs are outlines. */
const Cell = ({ own, isToday }: { own: DayCounts | undefined; isToday: boolean }) => {
  const failed = own ? failedPart(own) : null;
  const isOpen = Boolean(own && ((own.states.running ?? 0) || (own.states.queued ?? 0)));
  const share = failed === null || failed === 0 ? 0 : Math.max(4, Math.round(failed * CELL));
  return (
    <>
      <rect width={CELL} height={CELL} rx="2" fill={failed === null ? "var(--sunken)" : "var(--s-success)"} />
      {share > 0 && <rect y={CELL - share} width={CELL} height={share} rx="2" fill="var(--s-failed)" />}
      {share > 0 && <path d="M4.5 4.5l6 6M10.5 4.5l-6 6" stroke="var(--mark)" strokeWidth="1.6" />}
      {isOpen && <rect x="1" y="1" width={CELL - 2} height={CELL - 2} rx="2" fill="none" stroke="var(--s-running-ink)" strokeWidth="2" />}
      {own && own.planned > 0 && !own.total && <rect x=".75" y=".75" width={CELL - 1.5} height={CELL - 1.5} rx="2" fill="none" stroke="var(--s-scheduled-ink)" strokeWidth="1.25" strokeDasharray="2 2" />}
      {isToday && <rect x="-1.5" y="-1.5" width={CELL + 3} height={CELL + 3} rx="3" fill="none" stroke="var(--text)" strokeWidth="1.25" />}
    </>
  );
};

const COLUMNS: readonly State[] = ["success", "failed", "running", "queued"];

const DayTable = ({ days, counts, open }: Pick<YearProps, "days" | "counts" | "open">) => {
  const t = useTexts(messages);
  const rows = [...days].reverse().flatMap((day) => {
    const own = counts.get(day.key);
    return own ? [{ key: day.key, own }] : [];
  });
  return (
    <table className="dense">
      <thead><tr><th scope="col">{t("calendar.day")}</th>{COLUMNS.map((state) => <th key={state} scope="col" className="num">{t(`state.${state}`)}</th>)}<th scope="col" className="num">{t("calendar.plannedName")}</th></tr></thead>
      <tbody>
        {rows.map(({ key, own }) => (
          <tr key={key}>
            <th scope="row"><button type="button" className="btn quiet" onClick={() => { open(key); }}>{key}</button></th>
            {COLUMNS.map((state) => <td key={state} className="num">{own.states[state] ?? "–"}</td>)}
            <td className="num">{own.planned || "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
