import { useText } from "../app/settings";
import { refusalText } from "../lib/refusals";

interface Props {
  error: Error | null | undefined;
  className?: string;
  /** In the middle of a line rather than below it. */
  inline?: boolean;
}

/** Why something was not done, told at once to who cannot see it; nothing where there is no error. */
export const Refusal = ({ error, className = "bad small", inline = false }: Props) => {
  const t = useText();
  if (!error) return null;
  const Tag = inline ? "span" : "p";
  return <Tag className={className} role="alert">{refusalText(error, t)}</Tag>;
};
