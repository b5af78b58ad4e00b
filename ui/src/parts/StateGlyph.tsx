import { useText } from "../app/settings";
import type { State } from "../lib/states";

/** A state as a glyph of its own shape, named for those who do not see it. */
export const StateGlyph = ({ state, large = false }: { state: State; large?: boolean }) => {
  const t = useText();
  return <i className={large ? "st l" : "st"} data-s={state} role="img" aria-label={t(`state.${state}`)} />;
};

/** Glyph and name. */
export const StateName = ({ state }: { state: State }) => {
  const t = useText();
  return (
    <span className="state">
      <i className="st" data-s={state} aria-hidden="true" />
      {t(`state.${state}`)}
    </span>
  );
};
