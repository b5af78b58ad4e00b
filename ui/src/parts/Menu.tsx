import { Menu as Base } from "@base-ui/react/menu";
import { Icon } from "./Icon";
import "./menu.css";

export interface MenuItem {
  text: string;
  run: () => void;
  danger?: boolean;
}

/** A button that opens a list of actions: arrow keys move, Enter does, Escape closes. */
export const Menu = ({ label, items }: { label: string; items: readonly MenuItem[] }) => (
  <Base.Root>
    <Base.Trigger className="btn">{label}<Icon name="down" small /></Base.Trigger>
    <Base.Portal>
      <Base.Positioner className="menuplace" align="end" sideOffset={4}>
        <Base.Popup className="menu">
          {items.map((item) => <Base.Item key={item.text} className={item.danger ? "menuitem danger" : "menuitem"} onClick={item.run}>{item.text}</Base.Item>)}
        </Base.Popup>
      </Base.Positioner>
    </Base.Portal>
  </Base.Root>
);
