import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { useFreshUntil, useLive, useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import type { State } from "../../lib/states";
import { totals } from "../../lib/tide";
import { spanText } from "../../lib/words";
import { Trouble } from "../../parts/Trouble";
import { Failing, Late, Running, Waiting } from "./Now";
import { Components, DayDigest, NextRuns, Pools } from "./Beside";
import type { Hours } from "./routes";
import { messages } from "./text";
import { TideSheet } from "./TideSheet";
import "./home.css";

export type Home = Schemas["Home"];
const TOPICS = ["dags", "health"];
const SPANS: readonly Hours[] = [6, 24, 168];

/** What fails, is late, runs and waits; how each part fares; the last day and the next hours. */
export const HomePage = () => {
  const t = useTexts(messages);
  const { hours = 24 } = useSearch({ from: "/shell/" });
  const navigate = useNavigate({ from: "/" });
  const { data, error, refetch } = useQuery({
    queryKey: ["home", hours],
    queryFn: () => answered(server.GET("/ui/home", { params: { query: { hours } } })),
    placeholderData: keepPreviousData,
    meta: useSome("task", "pool", "alert"),
  });
  useLive(TOPICS);
  useFreshUntil(["home", hours], data);
  const failing = data?.failing ?? 0;
  useTitle(failing ? `${t("home.failing", { count: failing })} · ${t("home.title")}` : t("home.title"), !data ? null : failing ? "failed" : data.late_count ? "up_for_retry" : "success");
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <>
      <div className="headline">
        <Headline home={data} />
        <div className="seg push" role="group" aria-label={t("home.span")}>
          {SPANS.map((span) => (
            <button key={span} type="button" aria-pressed={hours === span} onClick={() => void navigate({ search: said({ hours: span === 24 ? undefined : span }) as { hours?: 6 | 168 }, replace: true })}>{t(`home.hours.${span}`)}</button>
          ))}
        </div>
      </div>
      <Strip home={data} />
      <TideSheet home={data} hours={hours} />
      <div className="cols">
        <div className="stack">
          <Failing home={data} />
          {data.late.length > 0 && <Late home={data} />}
          <Running home={data} />
          <Waiting home={data} />
        </div>
        <div className="stack">
          {data.components.length > 0 && <Components home={data} />}
          <DayDigest home={data} />
          <NextRuns home={data} />
          {data.pools.length > 0 && <Pools home={data} />}
        </div>
      </div>
    </>
  );
};

/** One sentence: how it stands. */
const Headline = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const { failing, late_count: late } = home;
  // What is off is on no course.
  const dags = home.dags - home.paused;
  if (!home.dags) return <h1>{t("home.none")}</h1>;
  if (!failing && !late) return <h1>{dags > 0 ? t("home.allWell", { count: dags }) : t("home.allOff")}</h1>;
  const others = Math.max(0, dags - failing - late);
  return (
    <h1>
      {failing > 0 && <b className="bad">{t("home.failing", { count: failing })}</b>}
      {failing > 0 && t(late > 0 ? "home.and" : "home.failingAlone")}
      {late > 0 && <b>{t("home.isLate", { count: late })}</b>}
      {others ? t("home.others", { count: others }) : t("home.end")}
    </h1>
  );
};

const Strip = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(home.now));
  const { success, failed } = totals(home.chart);
  const ended = success + failed;
  const rate = ended ? (100 * success) / ended : null;
  const cells: { name: string; state: State; value: string; note: string; search: object; isBad?: boolean }[] = [
    { name: t("strip.failing"), state: "failed", value: String(home.failing), note: home.group_count ? t("strip.errors", { count: home.group_count }) : "", search: { show: "failing" }, isBad: home.failing > 0 },
    { name: t("strip.late"), state: "scheduled", value: String(home.late_count), note: "", search: { show: "late" } },
    { name: t("strip.running"), state: "running", value: String(home.running_count), note: "", search: { show: "running" } },
    { name: t("strip.queued"), state: "queued", value: String(home.queued_count), note: home.queued_since === null ? "" : t("strip.oldest", { span: spanText(clock.now - home.queued_since, t) }), search: { show: "running" } },
    { name: t("strip.succeeded"), state: "success", value: rate === null ? "–" : `${rate.toFixed(rate > 99.9 && rate < 100 ? 2 : 1)}%`, note: t("strip.ofRuns", { count: ended }), search: {} },
    { name: t("strip.paused"), state: "none", value: String(home.paused), note: t("strip.ofDags", { count: home.dags }), search: { sort: "dag_id" } },
  ];
  return (
    <div className="strip">
      {cells.map(({ name, state, value, note, search, isBad }) => (
        <Link key={name} to="/dags" search={search}>
          <div className="k"><i className="st" data-s={state} aria-hidden="true" />{name}</div>
          <div className={isBad ? "v bad" : "v"}>{value}<small>{note}</small></div>
        </Link>
      ))}
    </div>
  );
};
