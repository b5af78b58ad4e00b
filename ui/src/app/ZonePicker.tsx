import { Combobox } from "@base-ui/react/combobox";
import { useMemo } from "react";
import { Icon } from "../parts/Icon";
import { useSettings, useTexts } from "./settings";
import { messages } from "./text";

/** The zone of every time on screen, found by typing a part of its name. */
export const ZonePicker = ({ defaultOpen = false, className = "zone btn quiet hide-narrow" }: { defaultOpen?: boolean; className?: string }) => {
  const t = useTexts(messages);
  const { zone, home, choose } = useSettings();
  const shown = zone || home;
  const zones = useMemo(() => {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return [...new Set([home, "UTC", own, shown, ...Intl.supportedValuesOf("timeZone")])];
  }, [home, shown]);
  return (
    <Combobox.Root defaultOpen={defaultOpen} items={zones} value={shown} onValueChange={(chosen) => { if (chosen) choose({ zone: chosen === home ? "" : chosen }); }}>
      <Combobox.Trigger className={className} aria-label={`${t("top.zone")}: ${shown}`} title={t("top.zone")}>
        <Icon name="clock" small /><Combobox.Value />
      </Combobox.Trigger>
      <Combobox.Portal>
        <Combobox.Positioner className="floating" align="end" sideOffset={4}>
          <Combobox.Popup className="picker" aria-label={t("set.zone")}>
            <div className="input search"><Icon name="search" small /><Combobox.Input placeholder={t("set.zone")} /></div>
            <Combobox.Empty className="none small mute">{t("set.zoneNone")}</Combobox.Empty>
            <Combobox.List className="picklist">
              {(name: string) => (
                <Combobox.Item key={name} value={name} className="pick">
                  <span>{name === home ? t("set.zoneHome", { zone: name }) : name}</span>
                  <span className="dim small">{offsetOf(name)}</span>
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
};

const offsets = new Map<string, string>();
const offsetOf = (zone: string): string => {
  let found = offsets.get(zone);
  if (found === undefined) {
    found = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts().find(({ type }) => type === "timeZoneName")?.value ?? "";
    offsets.set(zone, found);
  }
  return found;
};
