import { Menu } from "@base-ui/react/menu";
import type { ReactNode } from "react";
import { Icon } from "./Icon";
import "./menu.css";

export interface Action {
  label: ReactNode;
  act: () => void;
  /** Something is lost by it. */
  danger?: boolean;
  key: string;
}

/** Further things to do, behind a button with three dots. */
export const ActionMenu = ({ label, actions }: { label: string; actions: readonly Action[] }) => (
  <Menu.Root>
    <Menu.Trigger className="btn icon" aria-label={label}><Icon name="more" /></Menu.Trigger>
    <Menu.Portal>
      <Menu.Positioner className="menuplace" sideOffset={4} align="end">
        <Menu.Popup className="menu">
          {actions.map((action) => <Menu.Item key={action.key} className={action.danger ? "bad" : ""} onClick={action.act}>{action.label}</Menu.Item>)}
        </Menu.Popup>
      </Menu.Positioner>
    </Menu.Portal>
  </Menu.Root>
);
