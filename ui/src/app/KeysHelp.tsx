import { Dialog } from "@base-ui/react/dialog";
import { Icon } from "../parts/Icon";
import { MOD } from "./mod";
import type { Group } from "./nav";
import { useSettings, useTexts } from "./settings";
import { messages } from "./text";

/** Every shortcut that there is. */
export const KeysHelp = ({ groups, close }: { groups: readonly Group[]; close: () => void }) => {
  const t = useTexts(messages);
  const { letters } = useSettings();
  const own: [string[], string][] = [
    [[`${MOD}K`], t("keys.palette")],
    [["?"], t("keys.help")],
    [["/"], t("keys.search")],
    [["j", "k"], t("keys.move")],
    [["Enter"], t("keys.open")],
    [["p"], t("keys.pause")],
    [["r"], t("keys.run")],
    [["s"], t("keys.star")],
    [["Esc"], t("keys.close")],
  ];
  const going = groups.flatMap(({ places }) => places.flatMap(({ key, text }): [string[], string][] => (key ? [[["g", key], t("keys.go", { page: t(text) })]] : [])));
  return (
    <Dialog.Root open onOpenChange={(open) => { if (!open) close(); }}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog float keyshelp">
          <header>
            <Dialog.Title render={<h2 />}>{t("keys.title")}</Dialog.Title>
            <Dialog.Close className="btn quiet icon push" aria-label={t("keys.close")}><Icon name="x" /></Dialog.Close>
          </header>
          <div className="body">
            {!letters && <p className="warn">{t("keys.off")}</p>}
            <div className="keycols">
              {[own, going].map((list, n) => (
                <dl key={n}>
                  {list.map(([keys, text]) => (
                    <div key={text}>
                      <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
                      <dd>{text}</dd>
                    </div>
                  ))}
                </dl>
              ))}
            </div>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
};
