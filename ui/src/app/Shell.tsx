import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { send } from "../api/client";
import { HeldToasts } from "../parts/HeldToasts";
import { Icon, Barb } from "../parts/Icon";
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
  return (
    <div className={isWork ? "app slim fixed" : "app"}>
      <a href="#content" className="skip">{t("top.skip")}</a>
      <nav className="rail" aria-label={t("nav.main")}>
        <Link to="/dags" className="brand"><Barb /><span>Tradewind</span></Link>
        <Link to="/dags" className="item" data-tab activeOptions={{ exact: false, includeSearch: false }} activeProps={{ "aria-current": "page" }} title={t("nav.dags")}>
          <Icon name="dags" /><span className="label">{t("nav.dags")}</span>
        </Link>
        <div className="foot">
          <span className="label">{session?.instance_name || session?.name}<br /><span className="dim">{session?.roles.join(", ")} · {session?.version}</span></span>
        </div>
      </nav>
      <Top signedIn={Boolean(session?.name)} />
      <main id="content" tabIndex={-1}>{session && <Outlet />}</main>
      <HeldToasts />
    </div>
  );
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
  if (!dag) return <span>{t("nav.dags")}</span>;
  return (
    <>
      <Link to="/dags">{t("nav.dags")}</Link>
      <i>/</i>
      <span className="id">{decodeURIComponent(dag)}</span>
    </>
  );
};
