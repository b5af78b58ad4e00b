/** What can wait until a page is on the screen: before, it would delay the page's first frame. */
import { useEffect, useState } from "react";

/** Milliseconds after which what was drawn is on the screen. Not a frame: a window that nobody sees draws none. */
export const SHOWN_MS = 100;

/** Whether what was drawn first has been on the screen for a while. */
export const useHasStood = (): boolean => {
  const [has, setHas] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => { setHas(true); }, SHOWN_MS);
    return () => { clearTimeout(timer); };
  }, []);
  return has;
};
