import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useSettings, useTexts } from "../../app/settings";
import { paletteOf, sharp } from "../../lib/draw";
import { Icon } from "../Icon";
import { GraphNodes } from "./GraphNodes";
import { nodesByGroup, withGroups } from "./looks";
import { paint } from "./paint";
import { messages } from "./text";
import type { Change, Direction, Graph, States } from "./types";
import { useLayout } from "./useLayout";
import { anchored, boxesOf, fitted, hit, showing, stepped, type View, zoomed } from "./view";
import "./graph.css";

/** Above so many nodes elements are too slow, and the picture is painted. */
const MOST_ELEMENTS = 300;

interface Props {
  graph: Graph;
  /** Of the run that is shown. Without it, the graph alone. */
  states?: States | undefined;
  changes?: ReadonlyMap<string, Change> | undefined;
  /** Groups that are closed, and what closes and opens one. */
  closed: ReadonlySet<string>;
  toggle: (group: string) => void;
  direction?: Direction | undefined;
  turn?: ((direction: Direction) => void) | undefined;
  /** Nodes that a search has found. */
  found?: ReadonlySet<string>;
  chosen: string | null;
  onChoose: (id: string | null) => void;
}

const NOTHING: ReadonlySet<string> = new Set();

/** A graph to look at: drag moves it, the wheel zooms, arrow keys go from node to node, groups open and close. */
export const GraphView = ({ graph, states, changes, closed, toggle, direction, turn, found = NOTHING, chosen, onChoose }: Props) => {
  const t = useTexts(messages);
  const { theme, contrast } = useSettings();
  const picture = useLayout(graph, closed, direction);
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const plane = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [looked, setLooked] = useState<{ of: unknown; view: View } | null>(null);
  const [anchor, setAnchor] = useState<{ of: Graph; id: string; x: number; y: number; scale: number } | null>(null);
  const [hovered, setHovered] = useState<string | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const drag = useRef<Drag | null>(null);
  const inside = useMemo(() => nodesByGroup(graph), [graph]);
  const aroundOf = useMemo(() => new Map([...graph.nodes.map((node) => [node.id, node.group] as const), ...graph.groups.map((group) => [group.id, group.parent] as const)]), [graph]);
  const all = useMemo(() => withGroups(graph, states), [graph, states]);
  const labels = useMemo(() => new Map([...graph.nodes, ...graph.groups].map((each) => [each.id, each.label])), [graph]);
  const kinds = useMemo(
    () => new Map([...graph.nodes.map((node): [string, string] => [node.id, node.kind]), ...[...inside].map(([id, ids]): [string, string] => [id, t("graph.closed", { count: ids.length })])]),
    [graph, inside, t],
  );
  const mapped = useMemo(() => new Set(graph.nodes.filter((node) => node.isMapped).map((node) => node.id)), [graph]);
  const shown = cursor ?? chosen;
  const isPainted = (picture?.nodes.length ?? 0) > MOST_ELEMENTS;
  const fit = useMemo(() => (picture && size.width ? fitted(picture, size) : null), [picture, size]);
  // Another picture is looked at whole, the same one from wherever the reader has moved, and from there too when a group closes or opens.
  const view = looked && looked.of === picture ? looked.view : (picture && anchor && anchor.of === graph && anchored(picture, anchor)) || fit;
  const [shownFor, setShownFor] = useState<ReadonlySet<string>>(NOTHING);
  if (found !== shownFor && picture && view) {
    setShownFor(found);
    const box = boxesOf(picture).find((each) => found.has(each.id));
    if (box) setLooked({ of: picture, view: showing(view, box, size) });
  }
  const look = useCallback((next: View) => { setLooked({ of: picture, view: next }); }, [picture]);

  useLayoutEffect(() => {
    const element = stage.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(() => { setSize({ width: element.clientWidth, height: element.clientHeight }); });
    watch.observe(element);
    return () => { watch.disconnect(); };
  }, []);
  useEffect(() => {
    const element = canvas.current;
    const pen = element && size.width ? sharp(element, size.width, size.height) : null;
    if (!element || !pen || !picture || !view) return undefined;
    const frame = requestAnimationFrame(() => {
      paint(pen, { picture, view, stage: size, labels, kinds, states: all, changes, found, hovered, chosen: shown }, paletteOf(element));
    });
    return () => { cancelAnimationFrame(frame); };
  }, [picture, view, size, labels, kinds, all, changes, found, hovered, shown, theme, contrast, isPainted]);
  useEffect(() => {
    // React's own wheel listener may not hold the page back from scrolling.
    const element = stage.current;
    if (!element || !view || !fit) return undefined;
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      look(zoomed(view, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), { x: event.clientX - box.left, y: event.clientY - box.top }, fit.scale));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => { element.removeEventListener("wheel", wheel); };
  }, [view, fit, look]);
  const fold = (id: string): void => {
    const box = picture && [...picture.closed, ...picture.groups].find((each) => each.id === id);
    setAnchor(box && view && view !== fit ? { of: graph, id, x: view.x + box.x * view.scale, y: view.y + box.y * view.scale, scale: view.scale } : null);
    toggle(id);
  };
  const spot = (event: { clientX: number; clientY: number }): { x: number; y: number } => {
    const box = stage.current?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
  };
  const under = (event: PointerEvent) => (picture && view ? hit(picture, view, spot(event).x, spot(event).y) : null);
  const down = (event: PointerEvent): void => {
    if (!view || (event.target as Element).closest("button")) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const fingers = new Map(drag.current?.fingers);
    fingers.set(event.pointerId, spot(event));
    drag.current = { fingers, moved: fingers.size > 1 };
  };
  const move = (event: PointerEvent): void => {
    const held = drag.current;
    const before = held?.fingers.get(event.pointerId);
    if (!held || !before || !view || !fit) {
      setHovered(under(event)?.box.id ?? null);
      return;
    }
    const at = spot(event);
    if (!held.moved && Math.hypot(at.x - before.x, at.y - before.y) < 4) return;
    held.moved = true;
    const other = [...held.fingers].find(([id]) => id !== event.pointerId)?.[1];
    held.fingers.set(event.pointerId, at);
    if (other) look(zoomed(view, distance(at, other) / Math.max(1, distance(before, other)), other, fit.scale));
    else look({ ...view, x: view.x + at.x - before.x, y: view.y + at.y - before.y });
  };
  const up = (event: PointerEvent): void => {
    const held = drag.current;
    held?.fingers.delete(event.pointerId);
    if (held && held.fingers.size > 0) return;
    drag.current = null;
    if (!held || held.moved || (event.target as Element).closest("button")) return;
    const found = under(event);
    setCursor(null);
    if (found?.what === "node") onChoose(found.box.id === chosen ? null : found.box.id);
    else if (found) fold(found.box.id);
    else onChoose(null);
  };
  const keys = (event: KeyboardEvent): void => {
    if (!picture || !view || !fit || event.target !== event.currentTarget) return;
    const boxes = boxesOf(picture);
    const from = boxes.find((box) => box.id === shown);
    const next = stepped(boxes, from, event.key);
    if (next) {
      setCursor(next.id);
      look(showing(view, next, size));
    } else if (event.key === "Enter" && from) {
      if (closed.has(from.id)) unfold(from.id);
      else onChoose(from.id);
    } else if (event.key === " " && from) {
      const around = aroundOf.get(from.id);
      if (closed.has(from.id) && !event.shiftKey) unfold(from.id);
      else if (around) {
        fold(around);
        setCursor(around);
      }
    } else if (event.key === "Escape") {
      setCursor(null);
      onChoose(null);
    } else if (event.key === "+" || event.key === "=") zoomBy(1.25);
    else if (event.key === "-") zoomBy(0.8);
    else if (event.key === "0") look(fit);
    else return;
    event.preventDefault();
  };
  const unfold = (group: string): void => {
    fold(group);
    setCursor(inside.get(group)?.[0] ?? null);
  };
  const zoomBy = (factor: number): void => {
    if (view && fit) look(zoomed(view, factor, { x: size.width / 2, y: size.height / 2 }, fit.scale));
  };
  const words = (id: string | null): string => {
    const own = id === null ? undefined : all?.get(id);
    return id === null ? "" : [id, ...(!own || closed.has(id) ? [kinds.get(id) ?? ""] : []), ...(own ? [t(`state.${own.state}`)] : [])].filter(Boolean).join(", ");
  };
  return (
    <div
      ref={stage} className="stage" tabIndex={0} role="application" aria-label={t("graph.keys")} data-drawn={picture ? picture.nodes.length : undefined}
      onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={up} onPointerLeave={() => { setHovered(null); }} onKeyDown={keys}
    >
      {picture && view && !isPainted && (
        <div ref={plane} className="plane" style={{ width: picture.width, height: picture.height, transform: `translate(${String(view.x)}px, ${String(view.y)}px) scale(${String(view.scale)})` }}>
          <GraphNodes picture={picture} labels={labels} kinds={kinds} mapped={mapped} states={all} changes={changes} found={found} chosen={shown} />
        </div>
      )}
      {isPainted && <canvas ref={canvas} aria-hidden="true" />}
      <span className="sr" aria-live="polite">{words(cursor)}</span>
      {isPainted && hovered && <div className="graphtip">{words(hovered)}</div>}
      {all && <Legend />}
      <div className="controls">
        {turn && picture && <button type="button" className="btn icon" aria-label={t("graph.turn")} title={t("graph.turn")} onClick={() => { turn(picture.direction === "down" ? "right" : "down"); }}><Icon name="turn" /></button>}
        <button type="button" className="btn icon" aria-label={t("graph.in")} title={t("graph.in")} onClick={() => { zoomBy(1.25); }}><Icon name="plus" /></button>
        <button type="button" className="btn icon" aria-label={t("graph.out")} title={t("graph.out")} onClick={() => { zoomBy(0.8); }}><Icon name="minus" /></button>
        <button type="button" className="btn icon" aria-label={t("graph.fit")} title={t("graph.fit")} onClick={() => { if (fit) look(fit); }}><Icon name="fit" /></button>
      </div>
    </div>
  );
};

interface Drag {
  fingers: Map<number, { x: number; y: number }>;
  moved: boolean;
}

const distance = (a: { x: number; y: number }, b: { x: number; y: number }): number => Math.hypot(a.x - b.x, a.y - b.y);

const Legend = () => {
  const t = useTexts(messages);
  return (
    <div className="mini-legend legend">
      {(["done", "block", "wait", "off"] as const).map((look) => (
        <span key={look}><svg className="edges" width="30" height="6" aria-hidden="true"><path className={look} d="M0 3H30" /></svg>{t(`graph.edge.${look}`)}</span>
      ))}
    </div>
  );
};
