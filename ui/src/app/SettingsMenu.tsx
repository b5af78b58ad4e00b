import { Popover } from "@base-ui/react/popover";
import { Link, useRouter } from "@tanstack/react-router";
import { BASE } from "../api/client";
import { LANGUAGES, type Language } from "../i18n/text";
import { Icon } from "../parts/Icon";
import { Switch } from "../parts/Switch";
import { type ThemeChoice, useSettings, useTexts } from "./settings";
import { messages } from "./text";
import { isPage } from "./pages";
import { ZonePicker } from "./ZonePicker";

const THEMES: readonly ThemeChoice[] = ["light", "dark", "system"];
const NAMES: Record<Language, string> = { en: "English", ko: "한국어" };

interface Props {
  name: string;
  /** Open from the first. */
  defaultOpen?: boolean;
  showKeys: () => void;
  signOut: () => void;
}

/** How pages look and behave for this reader, and the way out. */
export const SettingsMenu = ({ name, defaultOpen = false, showKeys, signOut }: Props) => {
  const t = useTexts(messages);
  const router = useRouter();
  const { language, themeChoice, contrast, letters, choose } = useSettings();
  return (
    <Popover.Root defaultOpen={defaultOpen}>
      <Popover.Trigger className="btn quiet icon" aria-label={t("top.settings")} title={t("top.settings")}><Icon name="settings" /></Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner className="floating" align="end" sideOffset={6}>
          <Popover.Popup className="settings">
            <Popover.Title className="sr">{t("top.settings")}</Popover.Title>
            <fieldset>
              <legend>{t("set.theme")}</legend>
              <span className="seg">
                {THEMES.map((each) => (
                  <button key={each} type="button" aria-pressed={themeChoice === each} onClick={() => { choose({ themeChoice: each }); }}>{t(`set.${each}`)}</button>
                ))}
              </span>
            </fieldset>
            <fieldset>
              <legend>{t("set.language")}</legend>
              <span className="seg">
                {(Object.keys(LANGUAGES) as Language[]).map((each) => (
                  <button key={each} type="button" lang={each} aria-pressed={language === each} onClick={() => { choose({ language: each }); }}>{NAMES[each]}</button>
                ))}
              </span>
            </fieldset>
            <div className="line"><span>{t("set.contrast")}</span><Switch on={contrast === "more"} label={t("set.contrast")} onChange={(on) => { choose({ contrast: on ? "more" : "" }); }} /></div>
            <div className="line"><span>{t("set.letters")}</span><Switch on={letters} label={t("set.letters")} onChange={(on) => { choose({ letters: on }); }} /></div>
            <div className="line only-narrow"><span>{t("set.zone")}</span><ZonePicker className="zone btn" /></div>
            <p className="small dim">{t("set.kept")}</p>
            <hr />
            <Popover.Close className="act" onClick={showKeys}>{t("set.keys")}<kbd>?</kbd></Popover.Close>
            <a className="act" href={`${BASE}/docs`} target="_blank" rel="noreferrer">{t("set.api")}<Icon name="link" small /></a>
            {name && isPage(router, "/account") && <Popover.Close className="act" render={<Link to={"/account" as string} />}>{t("set.account")}<span className="dim">{name}</span></Popover.Close>}
            {name && <Popover.Close className="act" onClick={signOut}>{t("top.signOut")}<Icon name="out" small /></Popover.Close>}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
};
