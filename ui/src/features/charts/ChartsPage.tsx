import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useId, useMemo, useState } from "react";
import { answered, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useFreshUntil, useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { shortTime } from "../../lib/time";
import { bytesText, spanText } from "../../lib/words";
import { Icon } from "../../parts/Icon";
import { DagLink } from "../../parts/Places";
import { Trouble } from "../../parts/Trouble";
import { Chart } from "./Chart";
import { type Answer, chartsOf, later } from "./lines";
import type { ChartsSearch } from "./routes";
import { type ChartName, SPANS } from "./spans";
import { messages } from "./text";
import "./charts.css";

/** How the installation fared in the last hours or days: small charts of one time axis, and what it uses now. */
export const ChartsPage = () => {
  const t = useTexts(messages);
  const [search, set] = useAddress<ChartsSearch>();
  const { window = "24h", dag, table = [] } = search;
  const key = ["charts", window, dag ?? ""];
  const { data, error, refetch } = useQuery({
    queryKey: key,
    queryFn: () => answered(server.GET("/ui/charts", { params: { query: { window, ...(dag && { dag_id: dag }) } } })),
    placeholderData: keepPreviousData,
    meta: useSome("task"),
  });
  useFreshUntil(key, data);
  useTitle(t("charts.title"));
  return (
    <>
      <div className="charthead">
        <h1>{t("charts.title")}</h1>
        <DagChoice key={dag} dag={dag} choose={(chosen) => { set({ dag: chosen }); }} />
        {data && <span className="small dim hide-narrow">{t("charts.step", { span: spanText(data.step, t) })}</span>}
        <div className="seg push" role="group" aria-label={t("charts.window")}>
          {SPANS.map((span) => <button key={span} type="button" aria-pressed={span === window} onClick={() => { set({ window: span === "24h" ? undefined : span }); }}>{t(`charts.window.${span}`)}</button>)}
        </div>
      </div>
      {error ? <Trouble error={error} retry={() => void refetch()} /> : data && <Sheets data={data} tables={table} setTables={(tables) => { set({ table: tables.length ? tables : undefined }); }} />}
    </>
  );
};

const Sheets = ({ data, tables, setTables }: { data: Answer; tables: ChartName[]; setTables: (tables: ChartName[]) => void }) => {
  const t = useTexts(messages);
  const present = usePresent(data.now, true, 60);
  const clock = useClock(present);
  const [cursor, point] = useState<number | null>(null);
  const steps = Math.floor(present / data.step) - Math.floor(data.now / data.step);
  const shown = useMemo(() => later(data, steps), [data, steps]);
  const charts = useMemo(() => chartsOf(shown, t), [shown, t]);
  const times = useMemo(() => ({ start: shown.start, step: shown.step, places: shown.places, skipped: shown.skipped }), [shown.start, shown.step, shown.places, shown.skipped]);
  return (
    <>
      {shown.skipped > 0 && <p className="why" role="status">{t("charts.skipped", { time: shortTime(shown.start + shown.skipped * shown.step, clock) })}</p>}
      <Now data={data} />
      <div className="chartgrid">
        {charts.map((chart) => (
          <Chart
            key={chart.id} chart={chart} times={times} now={present} cursor={cursor} point={point} isTable={tables.includes(chart.id)}
            turn={() => { setTables(tables.includes(chart.id) ? tables.filter((id) => id !== chart.id) : [...tables, chart.id]); }}
          />
        ))}
      </div>
    </>
  );
};

/** What is in use at this moment; nothing for whoever may not see the system. */
const Now = ({ data: { agents, machine } }: { data: Answer }) => {
  const t = useTexts(messages);
  const { language } = useClock();
  if (!machine) return null;
  const number = (value: number, digits = 0): string => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  const share = (part: number): string => `${number(100 * part)}%`;
  return (
    <section className="sheet resources" aria-label={t("now.title")}>
      <Figure name={t("now.slots")} value={agents ? `${number(agents.used)} / ${number(agents.capacity)}` : "–"} aside={agents ? t("now.workers", { count: agents.here }) : t("now.away")} part={agents?.capacity ? agents.used / agents.capacity : null} />
      <Figure name={t("now.tasks")} value={agents ? bytesText(agents.task_bytes) : "–"} aside="" part={agents && machine.memory_size ? agents.task_bytes / machine.memory_size : null} />
      <Figure name={t("now.load")} value={number(machine.load, 2)} aside={t("now.cpus", { count: machine.cpus })} part={machine.load / machine.cpus} note={t("now.machine")} />
      <Figure name={t("now.memory")} value={bytesText(machine.memory_used)} aside={`/ ${bytesText(machine.memory_size)}`} part={machine.memory_size ? machine.memory_used / machine.memory_size : null} note={t("now.machine")} />
      <Figure name={t("now.disk")} value={share(machine.disk_used)} aside="" part={machine.disk_used} note={t("now.machine")} />
    </section>
  );
};

const FULL = 0.9;

const Figure = ({ name, value, aside, part, note }: { name: string; value: ReactNode; aside: ReactNode; part: number | null; note?: string }) => (
  <div className="figure" title={note}>
    <span className="small mute">{name}</span>
    <span className="v">{value} <small>{aside}</small></span>
    <span className="meter" aria-hidden="true"><i data-full={part !== null && part >= FULL} style={{ width: `${String(Math.min(100, 100 * (part ?? 0)))}%` }} /></span>
  </div>
);

/** One Dag or all: its id is found as one types. */
const DagChoice = ({ dag, choose }: { dag: string | undefined; choose: (dag: string | undefined) => void }) => {
  const t = useTexts(messages);
  const [text, setText] = useState("");
  const list = useId();
  const found = useQuery({ queryKey: ["find", "dags", text], queryFn: () => answered(server.GET("/ui/find", { params: { query: { text } } })), enabled: text.length > 0 && !dag, placeholderData: keepPreviousData, staleTime: 60_000 }).data?.dags ?? [];
  if (dag) {
    return (
      <span className="chip">
        <DagLink dagId={dag} className="id" />
        <button type="button" className="btn quiet icon" aria-label={t("charts.anyDag")} onClick={() => { choose(undefined); }}><Icon name="x" small /></button>
      </span>
    );
  }
  return (
    <form className="input search" role="search" onSubmit={(event) => { event.preventDefault(); if (text.trim()) choose(text.trim()); }}>
      <Icon name="search" small />
      <input
        aria-label={t("charts.dag")} placeholder={t("charts.everyDag")} value={text} maxLength={250} list={list} autoComplete="off"
        onChange={(event) => {
          const chosen = event.target.value;
          setText(chosen);
          // A choice from the list comes at once; typing comes letter by letter.
          if (chosen.length > text.length + 1 && found.some(({ dag_id: id }) => id === chosen)) choose(chosen);
        }}
      />
      <datalist id={list}>{found.map(({ dag_id: id }) => <option key={id} value={id} />)}</datalist>
    </form>
  );
};
