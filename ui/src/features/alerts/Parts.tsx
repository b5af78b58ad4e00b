/** What both pages of alerts show: severities, what a notice is about, and whether it arrived. */
import { Link } from "@tanstack/react-router";
import type { Schemas } from "../../api/client";
import { usePresent } from "../../app/present";
import { useMay } from "../../app/session";
import { useClock, useTexts } from "../../app/settings";
import { type Clock, shortTime, wholeTime } from "../../lib/time";
import { DagLink, RunLink, TaskLink } from "../../parts/Places";
import { SEVERITIES, type Severity } from "./search";
import { runIn } from "./sentences";
import { messages } from "./text";

export type Notice = Schemas["AlertNotice"];
export type Firing = Schemas["AlertFiring"];
type Delivery = Schemas["AlertDelivery"];

export const Tabs = ({ seesRules }: { seesRules: boolean }) => {
  const t = useTexts(messages);
  const here = { activeOptions: { exact: true, includeSearch: false }, activeProps: { "aria-current": "page" as const } };
  return (
    <nav className="tabs" aria-label={t("alerts.views")}>
      <Link to="/alerts" {...here}>{t("alerts.now")}</Link>
      {seesRules && <Link to="/alerts/rules" {...here}>{t("alerts.rules")}</Link>}
    </nav>
  );
};

export const severityOf = (text: string): Severity => SEVERITIES.find((severity) => severity === text) ?? "info";

/** A glyph of its own shape, and the word. */
export const SeverityName = ({ severity }: { severity: string }) => {
  const t = useTexts(messages);
  const known = severityOf(severity);
  return <span className="state sev" data-sev={known}><i className="st" data-sev={known} aria-hidden="true" />{t(`sev.${known}`)}</span>;
};

/** Nothing where people are told (0); null is for ever. */
export const SilentUntil = ({ until, clock }: { until: number | null; clock: Clock }) => {
  const t = useTexts(messages);
  if (until === 0) return null;
  if (until === null) return <span className="small warn">{t("rules.silentForEver")}</span>;
  return <span className="small warn" title={wholeTime(until, clock)}>{t("rules.silentUntil", { time: shortTime(until, clock) })}</span>;
};

/** How bad it is; or that it is over. */
export const What = ({ notice }: { notice: Notice }) => {
  const t = useTexts(messages);
  if (notice.status !== "recovered") return <SeverityName severity={notice.severity} />;
  return <span className="state"><i className="st" data-s="success" aria-hidden="true" />{t("status.recovered")}</span>;
};

/** A run that is due is told apart by the moment: that stands in the sentence. */
const isMoment = (text: string): boolean => /^\d{4}-\d\d-\d\dT/.test(text);

/** The Dag, run and task as links; a worker, an asset, labels as they are called. */
export const About = ({ notice }: { notice: Notice }) => {
  const t = useTexts(messages);
  const { dag_id: dagId, task_id: taskId, name } = notice;
  const runId = notice.run_id || (dagId && runIn(notice.sentence));
  const own = name && !isMoment(name) ? name : "";
  if (!dagId) return <span className={own ? "id" : undefined}>{own || t("alerts.all")}</span>;
  return (
    <span className="aboutwhat">
      <DagLink dagId={dagId} className="id med link" />
      {taskId && (runId ? <TaskLink dagId={dagId} runId={runId} taskId={taskId} className="id link" /> : <span className="id">{taskId}</span>)}
      {runId && <RunLink dagId={dagId} runId={runId} className="id link dimmer" />}
      {own && <span className="id dim">{own}</span>}
    </span>
  );
};

/** The same as text, for export. */
export const aboutText = ({ dag_id: dagId, run_id: runId, task_id: taskId, name }: Notice): string => [dagId, runId, taskId, name].filter(Boolean).join(" ");

const GLYPH: Record<string, string> = { waiting: "up_for_retry", delivered: "success", given_up: "failed", kept: "none" };

/** Channels in short: whom it reached, and whom not yet. */
export const Sent = ({ notice }: { notice: Notice }) => {
  const t = useTexts(messages);
  return (
    <span className="sent">
      {notice.deliveries.map(({ channel, state }) => (
        <span key={channel} className="state" title={sentState(state, t)}>
          <i className="st" data-s={GLYPH[state] ?? "none"} role="img" aria-label={sentState(state, t)} />{channel ? <span className="id">{channel}</span> : t("sent.kept")}
        </span>
      ))}
    </span>
  );
};

type T = ReturnType<typeof useTexts<keyof typeof messages.en>>;
const sentState = (state: string, t: T): string => (`sent.${state}` in messages.en ? t(`sent.${state}` as keyof typeof messages.en) : state);

export const sentText = (notice: Notice, t: T): string => notice.deliveries.map(({ channel, state }) => `${channel} ${sentState(state, t)}`.trim()).join(", ");

/** Each channel with when it was told, or when and why it will be. */
export const Deliveries = ({ notice, now }: { notice: Notice; now: number }) => (
  <ul className="small deliveries">{notice.deliveries.map((delivery) => <DeliveryLine key={delivery.channel} delivery={delivery} now={now} />)}</ul>
);

const DeliveryLine = ({ delivery, now }: { delivery: Delivery; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now, delivery.state === "waiting"));
  const { channel, state, ended_at: ended, next_try: next, error } = delivery;
  const waits = delivery.is_behind ? t("sent.behind") : next === null ? t("sent.first") : next <= clock.now ? t("sent.againSoon") : t("sent.again", { time: shortTime(next, clock) });
  const at = ended ?? next;
  return (
    <li>
      <span className="state" title={at === null ? undefined : wholeTime(at, clock)}>
        <i className="st" data-s={GLYPH[state] ?? "none"} aria-hidden="true" />
        {channel && <span className="id">{channel}</span>}
        <span className="mute">{state === "waiting" ? waits : state === "kept" ? t("sent.kept") : t(state === "delivered" ? "sent.deliveredAt" : "sent.givenUpAt", { time: ended === null ? "" : shortTime(ended, clock) })}</span>
      </span>
      {error && <span className="wraps bad">{error}</span>}
    </li>
  );
};

/** Who may write rules is told how. */
export const HowToBegin = () => {
  const t = useTexts(messages);
  const may = useMay();
  return <p className="told"><b className="med">{t("alerts.unwatched")}</b>{may("read", "system") && ` ${t("alerts.howToBegin")}`}</p>;
};
