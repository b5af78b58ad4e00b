import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { send } from "../api/client";
import { Barb, Icon } from "../parts/Icon";
import { Connection } from "./Connection";
import { LiveProvider } from "./live";
import { type Entry, entryOf, PLATFORM, WORK } from "./navigation";
import { useMay } from "./rights";
import { useSession } from "./session";
import { useSettings, useText } from "./settings";

/** Rail, bar and the page. Work pages (a Dag, a run, a task) have the slim rail. */
export const Shell = () => {
  const t = useText();
  const { session } = useSession();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const isWork = /\/dags\/[^/]/.test(path);
  useEffect(() => {
    document.title = "Tradewind";
  }, []);
  const page = (
    <div className={isWork ? "app slim fixed" : "app"}>
      <a href="#content" className="skip">{t("top.skip")}</a>
      <nav className="rail" aria-label={t("nav.main")}>
        <Link to="/dags" className="brand"><Barb /><span>Tradewind</span></Link>
        <Link to="/dags" className="item" data-tab activeOptions={{ exact: false, includeSearch: false }} activeProps={{ "aria-current": "page" }} title={t("nav.dags")}>
          <Icon name="dags" /><span className="label">{t("nav.dags")}</span>
        </Link>
        {WORK.map((entry) => <Item key={entry.to} {...entry} />)}
        <div className="group"><span>{t("nav.platform")}</span></div>
        {PLATFORM.map((entry) => <Item key={entry.to} {...entry} />)}
        <div className="foot">
          <span className="label">{session?.instance_name || session?.name}<br /><span className="dim">{session?.roles.join(", ")} · {session?.version}</span></span>
        </div>
      </nav>
      <Top signedIn={Boolean(session?.name)} />
      <main id="content" tabIndex={-1}>{session && <Outlet />}</main>
    </div>
  );
  return session ? <LiveProvider>{page}</LiveProvider> : page;
};

const Item = ({ to, also = [], text, icon, need }: Entry) => {
  const t = useText();
  const may = useMay();
  const path = useRouterState({ select: (state) => state.location.pathname });
  if (!may(need)) return null;
  const isHere = [to, ...also].some((each) => path.endsWith(each));
  return <Link to={to} className="item" aria-current={isHere ? "page" : undefined} title={t(text)}><Icon name={icon} /><span className="label">{t(text)}</span></Link>;
};

const Top = ({ signedIn }: { signedIn: boolean }) => {
  const t = useText();
  const { language, theme, contrast, zone, home, choose } = useSettings();
  const navigate = useNavigate();
  const crumbs = useCrumbs();
  const signOut = async (): Promise<void> => {
    await send("POST", "/auth/logout");
    await navigate({ to: "/login" });
  };
  return (
    <header className="top">
      <div className="crumbs">{crumbs}</div>
      <div className="push" />
      <Connection />
      <ZonePicker zone={zone || home} onChange={(chosen) => { choose({ zone: chosen === home ? "" : chosen }); }} />
      <button type="button" className="btn quiet" lang={language === "ko" ? "en" : "ko"} onClick={() => { choose({ language: language === "ko" ? "en" : "ko" }); }}>
        {language === "ko" ? "EN" : "한국어"}
      </button>
      <button type="button" className="btn quiet icon hide-narrow" aria-label={t("top.contrast")} aria-pressed={contrast === "more"} onClick={() => { choose({ contrast: contrast ? "" : "more" }); }}>
        <Icon name="contrast" />
      </button>
      <button type="button" className="btn quiet icon" aria-label={t("top.theme")} onClick={() => { choose({ theme: theme === "dark" ? "light" : "dark" }); }}>
        <Icon name={theme === "dark" ? "sun" : "moon"} />
      </button>
      {signedIn && <Link to="/account" className="btn quiet icon" aria-label={t("nav.account")} title={t("nav.account")}><Icon name="person" /></Link>}
      {signedIn && (
        <button type="button" className="btn quiet icon" aria-label={t("top.signOut")} title={t("top.signOut")} onClick={() => void signOut()}>
          <Icon name="out" />
        </button>
      )}
    </header>
  );
};

const ZonePicker = ({ zone, onChange }: { zone: string; onChange: (zone: string) => void }) => {
  const t = useText();
  const known = Intl.supportedValuesOf("timeZone");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const first = [...new Set(["UTC", own, zone])];
  return (
    <label className="zone hide-narrow" title={t("top.zone")}>
      <Icon name="clock" small />
      <span className="sr">{t("top.zone")}</span>
      <select value={zone} onChange={(event) => { onChange(event.target.value); }}>
        {first.map((name) => <option key={name}>{name}</option>)}
        <optgroup label="…">{known.filter((name) => !first.includes(name)).map((name) => <option key={name}>{name}</option>)}</optgroup>
      </select>
    </label>
  );
};

/** The way to this page. */
const useCrumbs = () => {
  const t = useText();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const dag = /\/dags\/([^/]+)/.exec(path)?.[1];
  if (!dag) return <span>{t(entryOf(path)?.text ?? "nav.dags")}</span>;
  return (
    <>
      <Link to="/dags">{t("nav.dags")}</Link>
      <i>/</i>
      <span className="id">{decodeURIComponent(dag)}</span>
    </>
  );
};
