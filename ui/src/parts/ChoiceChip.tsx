import { Popover } from "@base-ui/react/popover";
import { useState } from "react";
import { Icon } from "./Icon";

interface Choice {
  name: string;
  count?: number;
}

interface Props {
  label: string;
  find: string;
  none: string;
  choices: readonly Choice[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}

const MOST = 200;

/** A filter of several names: a chip that opens a list to choose from, with a search. */
export const ChoiceChip = ({ label, find, none, choices, chosen, onChange }: Props) => {
  const [text, setText] = useState("");
  const known = [...chosen.filter((name) => !choices.some((choice) => choice.name === name)).map((name): Choice => ({ name })), ...choices];
  const shown = known.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase())).slice(0, MOST);
  const toggle = (name: string): void => { onChange(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name]); };
  return (
    <Popover.Root onOpenChange={() => { setText(""); }}>
      <Popover.Trigger className="chip" aria-pressed={chosen.length > 0}>{label}{chosen.length > 0 && <b className="cut chosen">{chosen.join(", ")}</b>}<Icon name="down" small /></Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner className="floating" align="start" sideOffset={4}>
          <Popover.Popup className="picker">
            <Popover.Title className="sr">{label}</Popover.Title>
            <label className="input search"><Icon name="search" small /><input value={text} placeholder={find} aria-label={find} onChange={(event) => { setText(event.target.value); }} /></label>
            <div className="picklist">
              {shown.map(({ name, count }) => (
                <label key={name} className="pick choice">
                  <input type="checkbox" checked={chosen.includes(name)} onChange={() => { toggle(name); }} />
                  <span className="cut grow">{name}</span>
                  {count !== undefined && <span className="dim small">{count}</span>}
                </label>
              ))}
              {shown.length === 0 && <p className="none small mute">{none}</p>}
            </div>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
};
