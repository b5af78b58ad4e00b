import { type ClipboardEvent, type RefObject, useCallback, useEffect, useState } from "react";

interface End {
  /** Among the rows that are shown. */
  place: number;
  character: number;
}

/** What is selected in the log, by rows and characters: it may reach over more rows than exist on the page. */
export interface Chosen {
  start: End;
  end: End;
}

/** The rows in which a selection begins and ends stay on the page while it is there, wherever one scrolls meanwhile. */
export const useSelection = (
  element: RefObject<HTMLDivElement | null>,
  copy: (chosen: Chosen, event: ClipboardEvent) => void,
): { pins: readonly number[]; onCopy: (event: ClipboardEvent) => void } => {
  const [pins, setPins] = useState<readonly number[]>([]);
  useEffect(() => {
    const look = (): void => {
      const chosen = element.current ? chosenIn(element.current) : null;
      const places = chosen ? [chosen.start.place, chosen.end.place] : [];
      setPins((old) => (old.join() === places.join() ? old : places));
    };
    document.addEventListener("selectionchange", look);
    return () => { document.removeEventListener("selectionchange", look); };
  }, [element]);
  const onCopy = useCallback((event: ClipboardEvent) => {
    const chosen = element.current ? chosenIn(element.current) : null;
    if (chosen) copy(chosen, event);
  }, [element, copy]);
  return { pins, onCopy };
};

const chosenIn = (element: HTMLElement): Chosen | null => {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const start = endAt(element, range.startContainer, range.startOffset);
  const end = endAt(element, range.endContainer, range.endOffset);
  return start && end ? { start, end } : null;
};

const endAt = (element: HTMLElement, node: Node, offset: number): End | null => {
  const holder = node instanceof Element ? node : node.parentElement;
  const row = holder?.closest<HTMLElement>("[data-v]");
  if (!row || !element.contains(row)) return null;
  const text = row.querySelector(".x");
  if (!text) return null;
  const before = document.createRange();
  before.selectNodeContents(text);
  const place = Number(row.dataset.v);
  if (!text.contains(node)) {
    const isBefore = text.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_PRECEDING;
    return { place, character: isBefore ? 0 : before.toString().length };
  }
  before.setEnd(node, offset);
  return { place, character: before.toString().length };
};
