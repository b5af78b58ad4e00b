import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { answered, type Schemas, send, server } from "../../api/client";
import { useChange } from "../../app/change";
import { useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { useMay } from "../../app/session";
import { useClock, useTexts } from "../../app/settings";
import type { Clock } from "../../lib/time";
import { wholeTime } from "../../lib/time";
import { ago } from "../../lib/words";
import { Page } from "../../parts/Page";
import { Refusal } from "../../parts/Refusal";
import { Trouble } from "../../parts/Trouble";
import { CheckDialog } from "./CheckDialog";
import { SeverityName, SilentUntil, Tabs } from "./Parts";
import { Problems } from "./Problems";
import { RuleDialog } from "./RuleDialog";
import { lengthText, ruleText, type T } from "./sentences";
import { messages } from "./text";
import "../../parts/table.css";
import "./alerts.css";

type Rules = Schemas["AlertRules"];
type Rule = Schemas["AlertRule"];
type Channel = Schemas["AlertChannel"];

/** The rules that are written, who they tell, and what is wrong with others. */
export const RulesPage = () => {
  const t = useTexts(messages);
  const may = useMay();
  const [isChecking, setChecking] = useState(false);
  const [edited, setEdited] = useState<{ name?: string; text?: string; isShipped?: boolean } | null>(null);
  const remove = useChange((name: string) => send("DELETE", `/ui/alerts/rules/${encodeURIComponent(name)}`), [["alerts"]]);
  const { data, error, refetch } = useQuery({ queryKey: ["alerts", "rules"], queryFn: () => answered(server.GET("/ui/alerts/rules")), meta: useSome("alert", "owner") });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  // What somebody wrote stands above what ships.
  const rules = ["own", "file", "shipped"].flatMap((source) => data?.rules.filter((rule) => rule.source === source) ?? []);
  const unused = data?.own.filter((own) => !rules.some((rule) => rule.source === "own" && rule.name === own.name)) ?? [];
  return (
    <Page title={t("alerts.rules")}>
      <Tabs seesRules />
      {data && (
        <>
          <div className="bar wraps">
            <h2>{t("rules.count", { count: data.rules.length })}</h2>
            {data.may_edit && <button type="button" className="btn push" onClick={() => { setEdited({}); }}>{t("own.new")}</button>}
            {may("edit", "config") && <button type="button" className={data.may_edit ? "btn quiet" : "btn push"} onClick={() => { setChecking(true); }}>{t("rules.check")}</button>}
          </div>
          <p className="told"><code className="wraps">{data.file}</code><br />{t("rules.where")}</p>
          {!data.channels.length && <p className="told warn">{t("rules.noChannel")}</p>}
          <Refusal error={remove.error} className="told bad" />
          {data.problems.length > 0 && <div className="told"><b className="bad med">{t("rules.problems", { count: data.problems.length })}</b><Problems problems={data.problems} /></div>}
          <ul className="rulelist">{rules.map((rule) => <RuleRow key={rule.name} rule={rule} rules={data} change={() => { setEdited({ name: rule.name, text: rule.text ?? "", isShipped: rule.source === "shipped" }); }} remove={() => { remove.mutate(rule.name); }} />)}</ul>
          {unused.length > 0 && (
            <section aria-labelledby="unused">
              <header className="bar"><h2 id="unused">{t("own.off")}</h2></header>
              <ul>
                {unused.map(({ name, text }) => (
                  <li key={name} className="alert silent">
                    <p className="row who"><b className="med id">{name}</b></p>
                    {data.may_edit && <OwnActs change={() => { setEdited({ name, text }); }} remove={() => { remove.mutate(name); }} />}
                  </li>
                ))}
              </ul>
            </section>
          )}
          {data.channels.length > 0 && <Channels rules={data} />}
        </>
      )}
      {edited && <RuleDialog {...edited} close={() => { setEdited(null); }} />}
      {isChecking && <CheckDialog close={() => { setChecking(false); }} />}
    </Page>
  );
};

const OwnActs = ({ change, remove }: { change: () => void; remove?: (() => void) | undefined }) => {
  const t = useTexts(messages);
  return (
    <span className="row">
      <button type="button" className="btn quiet small" onClick={change}>{t("own.edit")}</button>
      {remove && <button type="button" className="btn quiet danger small" onClick={remove}>{t("own.remove")}</button>}
    </span>
  );
};

const RuleRow = ({ rule, rules, change, remove }: { rule: Rule; rules: Rules; change: () => void; remove: () => void }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(rules.now, true, 10));
  const joined = (names: readonly string[]): string => names.join(", ");
  const facts = [
    rule.dags.length > 0 && t("rules.dags", { names: joined(rule.dags) }),
    rule.tags.length > 0 && t("rules.tags", { names: joined(rule.tags) }),
    rule.tasks.length > 0 && t("rules.tasks", { names: joined(rule.tasks) }),
    rules.channels.length > 0 && (rule.channels.length ? t("rules.tells", { names: joined(rule.channels) }) : t("rules.tellsNobody")),
    rule.dedupe > 0 ? t("rules.again", { span: lengthText(rule.dedupe, t) }) : t("rules.once"),
    rule.recover_after > 0 && t("rules.recover", { span: lengthText(rule.recover_after, t) }),
    !rule.notify_recovery && t("rules.noEnd"),
    ...rule.silences.map((silence) => `${t("rules.silence")} ${silenceText(silence, t, clock)}`),
    rule.source === "file" ? t("rules.fromLine", { line: rule.line ?? 0 }) : rule.source === "own" ? t("own.here", { user: rules.own.find((each) => each.name === rule.name)?.updated_by ?? "" }) : t("rules.shipped"),
  ].filter(Boolean);
  return (
    <li className="alert rule">
      <div className="sevcell"><SeverityName severity={rule.severity} /></div>
      <div className="alertwhat">
        <p className="row who"><b className="med id">{rule.name}</b>{rule.description && rule.source !== "shipped" && <span className="small mute wraps">{rule.description}</span>}</p>
        <p className="wraps">{ruleText(rule, t)}</p>
        <p className="small mute wraps">{facts.join(" · ")}</p>
      </div>
      <div className="small when">
        {rule.firing > 0 && <Link to="/alerts" className="link">{t("rules.fires", { count: rule.firing })}</Link>}
        <SilentUntil until={rule.silent_until} clock={clock} />
        {!rule.is_watched && <span className="warn">{t("rules.pending")}</span>}
        {rules.may_edit && rule.text !== null && <OwnActs change={change} remove={rule.source === "own" ? remove : undefined} />}
      </div>
    </li>
  );
};

const silenceText = ({ start, end, hours, days, zone }: Rule["silences"][number], t: T, clock: Clock): string => {
  const day = (at: number): string => wholeTime(at, clock).slice(0, 16);
  const once = start !== null && end !== null ? t("rules.silenceOnce", { from: day(start), to: day(end) }) : start !== null ? t("rules.silenceFrom", { from: day(start) }) : end !== null ? t("rules.silenceTo", { to: day(end) }) : "";
  if (!hours) return once;
  const names = days.length === 7 ? t("rules.everyDay") : days.map((each) => t(`rules.day.${each}` as "rules.day.0")).join(", ");
  return [t("rules.silenceDaily", { days: names, from: hours[0] ?? "", to: hours[1] ?? "", zone }), once].filter(Boolean).join(", ");
};

const Channels = ({ rules }: { rules: Rules }) => {
  const t = useTexts(messages);
  return (
    <section aria-labelledby="channels">
      <header className="bar"><h2 id="channels">{t("rules.channels")}</h2></header>
      <div className="tablewrap">
        <table className="data" aria-label={t("rules.channels")}>
          <thead><tr><th scope="col">{t("rules.channel")}</th><th scope="col">{t("rules.type")}</th><th scope="col">{t("rules.last")}</th><th scope="col" className="num">{t("rules.waiting")}</th></tr></thead>
          <tbody>{rules.channels.map((channel) => <ChannelRow key={channel.name} channel={channel} now={rules.now} />)}</tbody>
        </table>
      </div>
    </section>
  );
};

const ChannelRow = ({ channel, now }: { channel: Channel; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now, true, 10));
  const { last_at: at, last_state: state, waiting } = channel;
  return (
    <tr>
      <td className="id med">{channel.name}</td>
      <td className="mute">{channel.kind}</td>
      <td>
        {at === null ? <span className="dim">{t("rules.lastNone")}</span> : (
          <span className="state" title={wholeTime(at, clock)}><i className="st" data-s={state === "delivered" ? "success" : "failed"} aria-hidden="true" />{t(state === "delivered" ? "rules.lastDelivered" : "rules.lastGivenUp", { when: ago(at, clock, t) })}</span>
        )}
      </td>
      <td className="num">{waiting ? <Link to="/alerts" search={{ delivery: "waiting" }} className="link">{waiting}</Link> : <span className="dim">0</span>}</td>
    </tr>
  );
};
