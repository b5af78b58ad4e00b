import { Popover } from "@base-ui/react/popover";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTexts } from "../../app/settings";
import { type View, viewOf, viewsIn, withView } from "../../lib/views";
import { Icon } from "../../parts/Icon";
import type { DagsSearch } from "./routes";
import { messages } from "./text";

const KEY = "tradewind.views.dags";

const kept = (): View[] => {
  try {
    return viewsIn(localStorage.getItem(KEY));
  } catch {
    return [];
  }
};

/** Views of the list that the reader has named. */
export const Views = ({ search }: { search: DagsSearch }) => {
  const t = useTexts(messages);
  const [views, setViews] = useState(kept);
  const [name, setName] = useState("");
  const current = viewOf(views, search);
  const keep = (changed: View[]): void => {
    setViews(changed);
    try {
      localStorage.setItem(KEY, JSON.stringify(changed));
    } catch {
      // A browser that keeps nothing has its views until the page is left.
    }
  };
  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim()) keep(withView(views, { name: name.trim(), search: { ...search } }));
    setName("");
  };
  return (
    <Popover.Root>
      <Popover.Trigger className="chip" aria-pressed={Boolean(current)}>{current?.name ?? t("views.title")}<Icon name="down" small /></Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner className="floating" align="end" sideOffset={4}>
          <Popover.Popup className="picker views">
            <Popover.Title className="sr">{t("views.title")}</Popover.Title>
            <div className="picklist">
              <div className="pick"><Popover.Close render={<Link to="/dags" search={{}} />}>{t("views.all")}</Popover.Close></div>
              {views.map((view) => (
                <div key={view.name} className="pick">
                  <Popover.Close className="cut" render={<Link to="/dags" search={view.search} />}>{view.name}</Popover.Close>
                  <button type="button" className="star" aria-label={t("views.remove", { name: view.name })} onClick={() => { keep(views.filter((each) => each !== view)); }}><Icon name="x" small /></button>
                </div>
              ))}
            </div>
            <form onSubmit={save}>
              <input className="input" value={name} placeholder={t("views.name")} aria-label={t("views.name")} maxLength={60} onChange={(event) => { setName(event.target.value); }} />
              <button type="submit" className="btn" disabled={!name.trim()}>{t("views.save")}</button>
            </form>
            <p className="small dim">{t("views.kept")}</p>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
};
