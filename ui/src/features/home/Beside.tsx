/** How each part fares, the last day, the next hours, and pools. */
import { Link, useRouter } from "@tanstack/react-router";
import { isPage } from "../../app/pages";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import type { Say } from "../../i18n/texts";
import type { State } from "../../lib/states";
import { duration, shortTime, wholeTime } from "../../lib/time";
import { spanText } from "../../lib/words";
import { DagLink } from "../../parts/Places";
import type { Home } from "./HomePage";
import { messages } from "./text";

type Key = keyof typeof messages.en;
type Part = Home["components"][number];
const GLYPH: Record<string, State> = { healthy: "success", degraded: "up_for_retry", away: "failed" };
const PAGE: Record<string, string> = { scheduler: "/scheduler", workers: "/workers", triggerer: "/scheduler", dag_processor: "/scheduler" };

export const Components = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const parts = home.components;
  return (
    <section className="sheet" aria-labelledby="parts">
      <header><h2 id="parts">{t("part.title")}</h2><span className="aside">{t("part.well", { well: parts.filter(({ state }) => state === "healthy").length, all: parts.length })}</span></header>
      <table className="health">
        <tbody>
          {parts.map((part) => (
            <tr key={part.name}>
              <td>
                <span className="state" title={t(`part.state.${part.state}` as Key)}>
                  <i className="st" data-s={GLYPH[part.state] ?? "none"} role="img" aria-label={t(`part.state.${part.state}` as Key)} />
                  <PartName part={part} />
                </span>
              </td>
              <td className="mute">{factsOf(part, t)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
};

const PartName = ({ part }: { part: Part }) => {
  const t = useTexts(messages);
  const router = useRouter();
  const name = t(`part.${part.name}` as Key);
  const to = PAGE[part.name];
  return to && isPage(router, to) ? <Link to={to as string} className="med">{name}</Link> : <b className="med">{name}</b>;
};

const factsOf = ({ name, state, facts }: Part, t: Say<Key>): string => {
  if (state === "away") return t("part.state.away");
  const fact = (key: string): number => facts[key] ?? 0;
  const found: string[] = [];
  if (name === "scheduler") found.push(t("part.turn", { span: duration(Math.max(1, fact("turn_us"))) }), fact("set_aside") ? t("part.setAside", { count: fact("set_aside") }) : "");
  if (name === "workers") found.push(t("part.workersOf", { well: fact("well"), all: fact("all"), used: fact("used"), capacity: fact("capacity") }), fact("held_back") ? t("part.heldBack", { count: fact("held_back") }) : "");
  if (name === "triggerer") found.push(t("part.deferred", { count: fact("deferred") }));
  if (name === "dag_processor") found.push(t("part.files", { count: fact("files") }), fact("broken") ? t("part.broken", { count: fact("broken") }) : "");
  if (name === "database" || name === "api") found.push(t("part.answers"));
  return found.filter(Boolean).join(", ");
};

export const DayDigest = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const clock = useClock(home.now);
  const { digest } = home;
  const against = (now: number, before: number): string =>
    `, ${now === before ? t("digest.same") : t(now > before ? "digest.more" : "digest.less", { count: Math.abs(now - before) })}`;
  return (
    <section className="sheet" aria-labelledby="digest">
      <header><h2 id="digest">{t("digest.title")}</h2><span className="aside">{t("digest.aside")}</span></header>
      <ul className="digest">
        <li><b>{digest.runs}</b><span className="mute">{t("digest.runs", { count: digest.runs })}{against(digest.runs, digest.runs_before)}</span></li>
        <li><b className={digest.failed ? "bad" : ""}>{digest.failed}</b><span className="mute">{t("digest.failed")}{against(digest.failed, digest.failed_before)}</span></li>
        {digest.new_versions > 0 && <li><b>{digest.new_versions}</b><span className="mute">{t("digest.versions", { count: digest.new_versions })}</span></li>}
        {digest.questions > 0 && <li><b>{digest.questions}</b><Link to={"/inbox" as string} className="link">{t("digest.questions", { count: digest.questions, time: digest.asked_since === null ? "" : shortTime(digest.asked_since, clock) })}</Link></li>}
        {home.alerts > 0 && <li><b className="bad">{home.alerts}</b><Link to="/alerts" className="link">{t("digest.alerts", { count: home.alerts })}</Link></li>}
        {home.broken_files > 0 && <li><b className="bad">{home.broken_files}</b><Broken text={t("digest.broken", { count: home.broken_files })} /></li>}
      </ul>
    </section>
  );
};

const Broken = ({ text }: { text: string }) => {
  const router = useRouter();
  return <Link to={(isPage(router, "/import-errors") ? "/import-errors" : "/dags") as string} className="link">{text}</Link>;
};

export const NextRuns = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(home.now, true, 10));
  return (
    <section className="sheet" aria-labelledby="next">
      <header><h2 id="next">{t("next.title")}</h2></header>
      {home.next.length === 0 && <p className="pad mute">{t("next.none")}</p>}
      <ul className="digest">
        {home.next.map(({ dag_id: dagId, at }) => (
          <li key={dagId} title={wholeTime(at, clock)}>
            <span className="when dim">{shortTime(at, clock)}</span><DagLink dagId={dagId} className="id cut" /><span className="push dim nowrap">{t("next.in", { span: spanText(at - clock.now, t) })}</span>
          </li>
        ))}
      </ul>
    </section>
  );
};

export const Pools = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  return (
    <section className="sheet" aria-labelledby="pools">
      <header><h2 id="pools">{t("pool.title")}</h2><span className="aside">{t("pool.aside")}</span></header>
      <div className="pools">
        {home.pools.map(({ name, slots, used }) => {
          const isFull = slots >= 0 && used >= slots && used > 0;
          return (
            <div key={name} className="pool">
              <span className="id cut" title={name}>{name}</span>
              <div className="meter" role="img" aria-label={t("pool.use", { pool: name, used, slots: slots < 0 ? "∞" : slots })}>
                <i data-full={isFull} style={{ width: `${String(slots > 0 ? Math.min(100, (100 * used) / slots) : 0)}%` }} />
              </div>
              <span className={isFull ? "num strong" : "num mute"} title={slots < 0 ? t("pool.endless") : undefined}>{used} / {slots < 0 ? "∞" : slots}</span>
            </div>
          );
        })}
      </div>
    </section>
  );
};
