import { Dialog as Base } from "@base-ui/react/dialog";
import { type FormEvent, type ReactNode, type RefObject, useRef } from "react";
import { ApiError } from "../api/client";
import { useTexts } from "../app/settings";
import { refusalText } from "../lib/refusals";
import { messages } from "./dialog.text";
import { Icon } from "./Icon";
import "./dialog.css";

interface DialogProps {
  title: ReactNode;
  note?: ReactNode;
  wide?: boolean;
  close: () => void;
  footer?: ReactNode;
  /** What has the focus first; without it what has `data-first`, or the first control. */
  first?: RefObject<HTMLElement | null>;
  /** What Enter does, where the whole of it is one question. */
  submit?: () => void;
  children?: ReactNode;
}

/** What floats above the page until it is answered. The focus stays in it, Esc closes it, and the focus goes back. */
export const Dialog = ({ title, note, wide = false, close, footer, first, submit, children }: DialogProps) => {
  const t = useTexts(messages);
  const popup = useRef<HTMLDivElement>(null);
  const begin = (): HTMLElement | true => first?.current ?? popup.current?.querySelector<HTMLElement>("[data-first]") ?? true;
  const send = (event: FormEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    submit?.();
  };
  return (
    <Base.Root open onOpenChange={(open) => { if (!open) close(); }}>
      <Base.Portal>
        <Base.Backdrop className="scrim" />
        <Base.Popup ref={popup} className={`dialog floats${wide ? " wide" : ""}${submit ? " asks" : ""}`} initialFocus={begin} {...(submit ? { render: <form onSubmit={send} /> } : {})}>
          <header>
            <div className="grow">
              <Base.Title className="dialogtitle">{title}</Base.Title>
              {note !== undefined && <Base.Description className="small mute">{note}</Base.Description>}
            </div>
            <Base.Close className="btn quiet icon push" aria-label={t("dialog.close")}><Icon name="x" /></Base.Close>
          </header>
          <div className={submit ? "body" : "body form"}>{children}</div>
          {footer && <footer>{footer}</footer>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
};

interface FormProps extends Omit<DialogProps, "footer" | "submit"> {
  /** What the main button says: the act, with its count. */
  act: string;
  danger?: boolean;
  busy: boolean;
  error: Error | null;
  /** Names of fields that show their own errors: these are not said again at the foot. */
  shown?: readonly string[];
  blocked?: boolean;
  aside?: ReactNode;
  submit: () => void;
}

/** A dialog that is a form: Enter sends it once, and what the server refuses is said in it. */
export const FormDialog = ({ act, danger = false, busy, error, shown = [], blocked = false, aside, submit, children, ...rest }: FormProps) => {
  const t = useTexts(messages);
  const send = (event: FormEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    if (!busy && !blocked) submit();
  };
  return (
    <Dialog {...rest}>
      <form className="form" onSubmit={send}>
        {children}
        {error && <p className="bad small" role="alert">{said(error, shown, t)}</p>}
        <footer>
          {aside}
          <button type="button" className="btn push" onClick={rest.close}>{t("dialog.cancel")}</button>
          <button type="submit" className={danger ? "btn primary danger-fill" : "btn primary"} disabled={busy || blocked}>{act}</button>
        </footer>
      </form>
    </Dialog>
  );
};

const said = (error: Error, shown: readonly string[], t: Parameters<typeof refusalText>[1]): string => {
  if (!(error instanceof ApiError) || !Object.keys(error.fields).length) return refusalText(error, t);
  const others = Object.entries(error.fields).filter(([name]) => !shown.includes(name));
  return others.map(([name, text]) => `${name}: ${text}`).join(" ");
};

interface ConfirmProps {
  /** The question, with count and object. */
  title: ReactNode;
  note?: ReactNode;
  act: string;
  busy: boolean;
  error: Error | null;
  submit: () => void;
  close: () => void;
  children?: ReactNode;
}

/** Asks before what cannot be undone. The text names what is meant, and so does the button. */
export const ConfirmDialog = (props: ConfirmProps) => <FormDialog danger {...props} />;
