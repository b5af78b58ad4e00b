import { Link, Outlet, useNavigate, useRouter, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { send } from "../api/client";
import { Icon } from "../parts/Icon";
import { Connection } from "./Connection";
import { LiveProvider } from "./live";
import { nameOf, navigation } from "./nav";
import { isPage } from "./pages";
import { Rail } from "./Rail";
import { mayOf } from "../lib/rights";
import { useSession } from "./session";
import { MOD } from "./mod";
import { useSettings, useTexts } from "./settings";
import { useShortcuts, useWayToList } from "./shortcuts";
import { messages } from "./text";
import "./shell.css";

const HeldToasts = lazy(async () => ({ default: (await import("../parts/HeldToasts")).HeldToasts }));
// Fetched once the first page is there, so that it opens at once when its key is pressed.
const importPalette = () => import("../features/palette/Palette");
const Palette = lazy(async () => ({ default: (await importPalette()).Palette }));
// What floats is no part of the entry: a menu is fetched when it is pointed at, and opens when it is pressed.
const importZones = () => import("./ZonePicker");
const ZonePicker = lazy(async () => ({ default: (await importZones()).ZonePicker }));
const importSettings = () => import("./SettingsMenu");
const SettingsMenu = lazy(async () => ({ default: (await importSettings()).SettingsMenu }));
const KeysHelp = lazy(async () => ({ default: (await import("./KeysHelp")).KeysHelp }));

/** Rail, bar and the page. Work pages (a Dag, a run, a task) have the slim rail. */
export const Shell = () => {
  const t = useTexts(messages);
  const { session } = useSession();
  const { letters } = useSettings();
  const router = useRouter();
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [open, setOpen] = useState<"" | "palette" | "keys">("");
  const isWork = /\/dags\/[^/]/.test(path);
  const groups = useMemo(() => navigation(mayOf(session), (to) => isPage(router, to)), [session, router]);
  const signOut = async (): Promise<void> => {
    await send("POST", "/auth/logout");
    await navigate({ to: "/login" });
  };
  const shortcuts = useMemo(() => {
    const going = groups.flatMap(({ places }) => places.flatMap(({ key, to }) => (key ? [[`g ${key}`, () => void navigate({ to: to as string })] as const] : [])));
    return { "mod+k": () => { setOpen((now) => (now === "palette" ? "" : "palette")); }, "?": () => { setOpen("keys"); }, ...Object.fromEntries(going) };
  }, [groups, navigate]);
  useShortcuts(shortcuts, letters);
  useWayToList(letters);
  useEffect(() => {
    const timer = window.setTimeout(() => void importPalette(), 1_000);
    return () => { window.clearTimeout(timer); };
  }, []);
  const page = (
    <div className={isWork ? "app slim fixed" : "app"}>
      <a href="#content" className="skip">{t("top.skip")}</a>
      <Rail session={session} groups={groups} more={() => { setOpen("palette"); }} />
      <Top
        name={session?.name ?? ""} find={() => { setOpen("palette"); }}
        showKeys={() => { setOpen("keys"); }} signOut={() => void signOut()}
      />
      <main id="content" tabIndex={-1}>{session && <Outlet />}</main>
      <Suspense><HeldToasts /></Suspense>
      {open === "keys" && <Suspense><KeysHelp groups={groups} close={() => { setOpen(""); }} /></Suspense>}
      {open === "palette" && <Suspense><Palette groups={groups} close={() => { setOpen(""); }} showKeys={() => { setOpen("keys"); }} signOut={() => void signOut()} /></Suspense>}
    </div>
  );
  return session ? <LiveProvider>{page}</LiveProvider> : page;
};

interface TopProps {
  name: string;
  find: () => void;
  showKeys: () => void;
  signOut: () => void;
}

const Top = ({ name, find, showKeys, signOut }: TopProps) => {
  const t = useTexts(messages);
  const crumbs = useCrumbs();
  return (
    <header className="top">
      <div className="crumbs">{crumbs}</div>
      <div className="push" />
      <button type="button" className="find" onClick={find} title={t("top.find")} aria-keyshortcuts="Control+K Meta+K">
        <Icon name="search" small /><span>{t("top.find")}</span><kbd aria-hidden="true">{MOD}K</kbd>
      </button>
      <Connection />
      <Zone />
      <Settings name={name} showKeys={showKeys} signOut={signOut} />
    </header>
  );
};

const Zone = () => {
  const t = useTexts(messages);
  const { zone, home } = useSettings();
  const [isWanted, setWanted] = useState(false);
  const shown = zone || home;
  const button = (
    <button type="button" className="zone btn quiet hide-narrow" aria-haspopup="listbox" aria-label={`${t("top.zone")}: ${shown}`} title={t("top.zone")} onPointerEnter={() => void importZones()} onClick={() => { setWanted(true); }}>
      <Icon name="clock" small />{shown}
    </button>
  );
  return isWanted ? <Suspense fallback={button}><ZonePicker defaultOpen /></Suspense> : button;
};

const Settings = (props: Omit<TopProps, "find">) => {
  const t = useTexts(messages);
  const [isWanted, setWanted] = useState(false);
  const button = (
    <button type="button" className="btn quiet icon" aria-haspopup="dialog" aria-label={t("top.settings")} title={t("top.settings")} onPointerEnter={() => void importSettings()} onClick={() => { setWanted(true); }}>
      <Icon name="settings" />
    </button>
  );
  return isWanted ? <Suspense fallback={button}><SettingsMenu {...props} defaultOpen /></Suspense> : button;
};

/** The way to this page. */
const useCrumbs = () => {
  const t = useTexts(messages);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const dag = /\/dags\/([^/]+)/.exec(path)?.[1];
  if (!dag) {
    const name = nameOf(path);
    return name ? <span>{t(name)}</span> : null;
  }
  const [dagId, run] = [decodeURIComponent(dag), /\/dags\/[^/]+\/runs\/([^/]+)/.exec(path)?.[1]];
  return (
    <>
      <Link to="/dags">{t("nav.dags")}</Link>
      <i>/</i>
      {run === undefined ? <span className="id">{dagId}</span> : (
        <>
          <Link to="/dags/$dagId" params={{ dagId }} className="id">{dagId}</Link>
          <i>/</i>
          <span className="id">{decodeURIComponent(run)}</span>
        </>
      )}
    </>
  );
};
