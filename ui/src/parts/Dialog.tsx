import { type ReactNode, useEffect, useId, useRef } from "react";
import { useText } from "../app/settings";
import { Icon } from "./Icon";
import "./dialog.css";

interface Props {
  title: ReactNode;
  /** Below the title: of what this is. */
  under?: ReactNode;
  close: () => void;
  /** What Enter does. */
  submit: () => void;
  footer: ReactNode;
  children: ReactNode;
}

/** A question above the page. Escape closes it, Enter answers it; focus stays inside and goes back where it was. */
export const Dialog = ({ title, under, close, submit, footer, children }: Props) => {
  const t = useText();
  const box = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => { dialog?.close(); };
  }, []);
  return (
    <dialog ref={box} className="modal" aria-labelledby={name} onCancel={(event) => { event.preventDefault(); close(); }}>
      <form className="dialog" method="dialog" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <header>
          <div className="grow"><h2 id={name}>{title}</h2>{under && <div className="small mute">{under}</div>}</div>
          <button type="button" className="btn quiet icon" aria-label={t("close")} onClick={close}><Icon name="x" /></button>
        </header>
        <div className="body">{children}</div>
        <footer>{footer}</footer>
      </form>
    </dialog>
  );
};
