import { Dialog } from "@base-ui/react/dialog";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { answered, send, server } from "../../api/client";
import type { Group } from "../../app/nav";
import { isPage } from "../../app/pages";
import { useMay } from "../../app/session";
import { useSettings, useTexts } from "../../app/settings";
import { messages as frame } from "../../app/text";
import { newKey } from "../../lib/keys";
import { best, wishOf } from "../../lib/match";
import { refusalText } from "../../lib/refusals";
import { Icon } from "../../parts/Icon";
import { dagEntries, type Entry, type EntryGroup, matching } from "./entries";
import { messages } from "./text";
import "./palette.css";

interface Props {
  groups: readonly Group[];
  close: () => void;
  showKeys: () => void;
  signOut: () => void;
}

/** Objects by a part of their name, pages, and commands: all by keyboard. */
export const Palette = ({ groups, close, showKeys, signOut }: Props) => {
  const t = useTexts(messages);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [note, setNote] = useState<{ text: string; isBad: boolean } | null>(null);
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const found = useEntries(useDeferredValue(text), { groups, close, showKeys, signOut, setNote });
  const flat = found.flatMap(({ entries }) => entries);
  const chosen = flat[Math.min(at, flat.length - 1)];
  useEffect(() => { list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }); }, [chosen?.id]);
  const keys = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, flat.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") chosen?.act();
    else return;
    event.preventDefault();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => { if (!open) close(); }}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog float palette" initialFocus={() => document.getElementById(`${listId}-box`)}>
          <Dialog.Title className="sr">{t("palette.title")}</Dialog.Title>
          <label className="box">
            <Icon name="search" />
            <input
              id={`${listId}-box`} value={text} placeholder={t("palette.type")} aria-label={t("palette.type")} autoComplete="off" spellCheck={false}
              role="combobox" aria-expanded aria-controls={listId} aria-activedescendant={chosen ? `${listId}-${chosen.id}` : undefined}
              onChange={(event) => { setText(event.target.value); setAt(0); setNote(null); }} onKeyDown={keys}
            />
            <kbd>Esc</kbd>
          </label>
          <div id={listId} ref={list} role="listbox" className="found" aria-label={t("palette.title")}>
            {found.map(({ title, entries }) => (
              <div key={title} role="group" aria-label={title}>
                <div className="head" aria-hidden="true">{title}</div>
                {entries.map((entry) => (
                  <Row key={entry.id} entry={entry} id={`${listId}-${entry.id}`} isChosen={entry === chosen} point={() => { setAt(flat.indexOf(entry)); }} />
                ))}
              </div>
            ))}
            {flat.length === 0 && <p className="none mute">{t("palette.none")}</p>}
          </div>
          <p className={note?.isBad ? "foot bad" : "foot"} role="status">{note?.text ?? t("palette.foot")}</p>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
};

const Row = ({ entry, id, isChosen, point }: { entry: Entry; id: string; isChosen: boolean; point: () => void }) => (
  <div id={id} role="option" tabIndex={-1} aria-selected={isChosen} className="entry" onPointerMove={point} onClick={entry.act}>
    <Icon name={entry.icon} small />
    <span className={entry.mono ? "id cut" : "cut"}>{entry.text}</span>
    {entry.aside && <span className="dim small cut">{entry.aside}</span>}
  </div>
);

interface Means extends Props {
  setNote: (note: { text: string; isBad: boolean }) => void;
}

const useEntries = (text: string, { groups, close, showKeys, signOut, setNote }: Means): EntryGroup[] => {
  const t = useTexts(messages);
  const f = useTexts(frame);
  const wish = wishOf(text);
  const router = useRouter();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const may = useMay();
  const settings = useSettings();
  const { data } = useQuery({
    queryKey: ["find", wish.rest],
    queryFn: ({ signal }) => answered(server.GET("/ui/find", { params: { query: { text: wish.rest } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    enabled: may("read", "dag"),
  });
  const go = (to: string, params?: object, search?: object): void => {
    close();
    void navigate({ to, params, search } as never);
  };
  const change = (what: Promise<unknown>, said: (value: unknown) => string): void => {
    what.then(
      (value) => { setNote({ text: said(value), isBad: false }); void queries.invalidateQueries(); },
      (error: unknown) => { setNote({ text: refusalText(error as Error, t), isBad: true }); },
    );
  };
  const dags = dagEntries(data?.dags ?? [], wish, {
    open: (dagId) => { go("/dags/$dagId", { dagId }); },
    run: (dagId) => {
      change(send("POST", `/api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`, { logical_date: null }, { key: newKey() }), (run) => t("palette.started", { run: (run as { dag_run_id: string }).dag_run_id }));
    },
    runWith: isPage(router, "/dags/$dagId/trigger") ? (dagId) => { go("/dags/$dagId/trigger", { dagId }); } : null,
    pause: (dagId, paused) => {
      change(send("PATCH", `/api/v2/dags/${encodeURIComponent(dagId)}`, { is_paused: paused }), () => t("palette.done", { what: t(paused ? "palette.pause" : "palette.unpause", { dag: dagId }) }));
    },
    say: (key, dag) => t(`palette.${key}`, { dag }),
    mayRun: may("create", "run"),
    mayEdit: may("edit", "dag"),
  });
  const pages = useMemo(() => groups.flatMap(({ places }) => places), [groups]);
  const pageEntries = best(text, pages, ({ text: key, to }) => [f(key), to.slice(1)]).map(({ text: key, to, icon, key: letter }): Entry => ({
    id: `page ${to}`, text: f(key), icon, act: () => { go(to); }, ...(letter ? { aside: `g ${letter}` } : {}),
  }));
  const commands = commandsOf({ settings, t, f, close, showKeys, signOut, zones: text.trim().length > 1 ? text : "" });
  const wanted = text.trim() ? matching(text, commands).slice(0, 8) : commands.slice(0, 3);
  const shown: EntryGroup[] = [
    ...(wish.verb ? [{ title: t("palette.actions"), entries: dags.commands }] : []),
    { title: t("palette.dags"), entries: dags.objects.slice(0, text ? 6 : 4) },
    { title: t("palette.tasks"), entries: (data?.tasks ?? []).map(({ dag_id: dagId, run_id: run, task_id: task }): Entry => ({ id: `task ${dagId} ${task}`, text: task, aside: dagId, icon: "tasks", mono: true, act: () => { go("/dags/$dagId", { dagId }, { run, task }); } })) },
    { title: t("palette.runs"), entries: (data?.runs ?? []).map(({ dag_id: dagId, run_id: run }): Entry => ({ id: `run ${dagId} ${run}`, text: run, aside: dagId, icon: "runs", mono: true, act: () => { go("/dags/$dagId", { dagId }, { run }); } })) },
    { title: t("palette.assets"), entries: (data?.assets ?? []).map(({ id, name, uri }): Entry => ({ id: `asset ${String(id)}`, text: name, aside: uri === name ? "" : uri, icon: "assets", mono: true, act: () => { go("/assets", undefined, { asset: id }); } })) },
    { title: t("palette.pages"), entries: text ? pageEntries : pageEntries.slice(0, 20) },
    { title: wish.verb ? `${t("palette.actions")} ` : t("palette.actions"), entries: [...(wish.verb || !text ? [] : dags.commands), ...wanted] },
  ];
  return shown.filter(({ entries }) => entries.length > 0);
};

interface CommandMeans {
  settings: ReturnType<typeof useSettings>;
  t: ReturnType<typeof useTexts<keyof typeof messages.en>>;
  f: ReturnType<typeof useTexts<keyof typeof frame.en>>;
  close: () => void;
  showKeys: () => void;
  signOut: () => void;
  /** What zones are looked for by; empty: none are offered. */
  zones: string;
}

const commandsOf = ({ settings, t, f, close, showKeys, signOut, zones }: CommandMeans): Entry[] => {
  const { choose, language, contrast, letters, themeChoice } = settings;
  const also = (id: string, text: string, icon: Entry["icon"], act: () => void): Entry => ({ id, text, icon, act: () => { act(); close(); } });
  const other = themeChoice === "dark" ? "light" : "dark";
  const names = zones ? ["UTC", ...Intl.supportedValuesOf("timeZone")].filter((zone) => zone.toLowerCase().replaceAll("_", " ").includes(zones.toLowerCase())).slice(0, 5) : [];
  return [
    also("theme", t("palette.theme", { theme: f(`set.${other}`) }), other === "dark" ? "moon" : "sun", () => { choose({ themeChoice: other }); }),
    also("language", t("palette.language", { language: language === "ko" ? "English" : "한국어" }), "settings", () => { choose({ language: language === "ko" ? "en" : "ko" }); }),
    { id: "keys", text: f("set.keys"), icon: "settings", aside: "?", act: showKeys },
    also("system", t("palette.theme", { theme: f("set.system") }), "contrast", () => { choose({ themeChoice: "system" }); }),
    also("contrast", t("palette.contrast", { state: t(contrast ? "palette.off" : "palette.on") }), "contrast", () => { choose({ contrast: contrast ? "" : "more" }); }),
    also("letters", t("palette.letters", { state: t(letters ? "palette.off" : "palette.on") }), "settings", () => { choose({ letters: !letters }); }),
    ...names.map((zone) => also(`zone ${zone}`, t("palette.zone", { zone }), "clock", () => { choose({ zone }); })),
    also("out", f("top.signOut"), "out", signOut),
  ];
};
