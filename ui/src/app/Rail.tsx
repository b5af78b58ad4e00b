import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../api/client";
import { Barb, Icon } from "../parts/Icon";
import { useSome } from "./live";
import type { Group, Place } from "./nav";
import type { Session } from "./session";
import { useTexts } from "./settings";
import { messages } from "./text";

type Counts = Schemas["Counts"];

/** What the navigation counts. */
const useCounts = (isKnown: boolean): Counts | undefined =>
  useQuery({ queryKey: ["counts"], queryFn: () => answered(server.GET("/ui/counts")), meta: useSome("dags", "question", "alert"), enabled: isKnown }).data;

interface Props {
  session: Session | undefined;
  groups: readonly Group[];
  more: () => void;
}

export const Rail = ({ session, groups, more }: Props) => {
  const t = useTexts(messages);
  const counts = useCounts(Boolean(session?.may.dag));
  return (
    <nav className="rail" aria-label={t("nav.main")}>
      <Link to="/" className="brand" aria-label="Tradewind"><Barb /><span>Tradewind</span></Link>
      {groups.map(({ title, places }) => (
        <div key={title} className="places" role={title ? "group" : undefined} aria-label={title ? t(title) : undefined}>
          {title && <div className="group" aria-hidden="true"><span>{t(title)}</span></div>}
          {places.map((place) => <Item key={place.to} place={place} counts={counts} />)}
        </div>
      ))}
      <button type="button" className="item only-narrow" onClick={more}><Icon name="menu" /><span className="label">{t("nav.more")}</span></button>
      <div className="foot">
        <span className="label">{session?.instance_name || session?.name}<br /><span className="dim">{[session?.roles.join(", "), session?.version].filter(Boolean).join(" · ")}</span></span>
      </div>
    </nav>
  );
};

const Item = ({ place, counts }: { place: Place; counts: Counts | undefined }) => {
  const t = useTexts(messages);
  const { to, text, icon, tab } = place;
  const { count, alarm } = counted(to, counts);
  return (
    <Link
      to={to as string} className="item" title={t(text)} activeOptions={{ exact: to === "/", includeSearch: false }} activeProps={{ "aria-current": "page" }}
      {...(tab ? { "data-tab": true } : {})} {...(alarm ? { "data-alarm": true } : {})}
    >
      <Icon name={icon} /><span className="label">{t(text)}</span>
      {count > 0 && <span className={alarm ? "count alarm" : "count"}>{count}</span>}
    </Link>
  );
};

const counted = (to: string, counts: Counts | undefined): { count: number; alarm: boolean } => {
  switch (to) {
    case "/": return { count: counts?.failing ?? 0, alarm: Boolean(counts?.failing) };
    case "/dags": return { count: counts?.dags ?? 0, alarm: false };
    case "/inbox": return { count: counts?.questions ?? 0, alarm: false };
    case "/alerts": return { count: counts?.alerts ?? 0, alarm: Boolean(counts?.alerts) };
    case "/runs": return { count: counts?.running ?? 0, alarm: false };
    case "/import-errors": return { count: counts?.broken_files ?? 0, alarm: Boolean(counts?.broken_files) };
    default: return { count: 0, alarm: false };
  }
};
