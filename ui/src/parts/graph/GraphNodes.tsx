import { memo } from "react";
import { useText } from "../../app/settings";
import { type State, tokenOf } from "../../lib/states";
import { Icon } from "../Icon";
import { edgeLook } from "./looks";
import { labelSpot, trace } from "./paint";
import type { Box, Change, Picture, Route, States } from "./types";

interface Props {
  picture: Picture;
  labels: ReadonlyMap<string, string>;
  kinds: ReadonlyMap<string, string>;
  mapped: ReadonlySet<string>;
  states: States | undefined;
  changes: ReadonlyMap<string, Change> | undefined;
  found: ReadonlySet<string>;
  chosen: string | null;
}

/** The picture of a graph as elements: text is text, and as sharp as the page. */
export const GraphNodes = memo(({ picture, labels, kinds, mapped, states, changes, found, chosen }: Props) => (
  <>
    {picture.groups.map((box) => (
      <div key={box.id} className={`grp${chosen === box.id ? " sel" : ""}`} style={placeOf(box)}><span><Icon name="down" />{labels.get(box.id)}</span></div>
    ))}
    <svg className="edges" width={picture.width} height={picture.height} aria-hidden="true">
      <defs>
        <marker id="graph-tip" viewBox="0 0 8 8" refX="6.5" refY="4" markerWidth="7" markerHeight="7" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 1 7 4 0 7Z" /></marker>
      </defs>
      {picture.routes.map((route) => <Edge key={`${route.from} ${route.to}`} route={route} isDown={picture.direction === "down"} states={states} isMarked={chosen !== null && (route.from === chosen || route.to === chosen)} />)}
    </svg>
    {[...picture.nodes, ...picture.closed].map((box, n) => (
      <Node
        key={box.id} box={box} label={labels.get(box.id) ?? box.id} kind={kinds.get(box.id) ?? ""} isGroup={n >= picture.nodes.length}
        isMapped={mapped.has(box.id)} own={states?.get(box.id)} change={changes?.get(box.id)} isFound={found.has(box.id)} isChosen={chosen === box.id}
      />
    ))}
  </>
));
GraphNodes.displayName = "GraphNodes";

const placeOf = (box: Box) => ({ left: box.x, top: box.y, width: box.width, height: box.height });

const Edge = memo(({ route, isDown, states, isMarked }: { route: Route; isDown: boolean; states: States | undefined; isMarked: boolean }) => {
  const look = states ? edgeLook(states.get(route.from)?.state, states.get(route.to)?.state) : "plain";
  const at = route.label ? labelSpot(route) : null;
  return (
    <>
      <path className={isMarked ? `${look} marked` : look} d={pathOf(route, isDown)} markerEnd="url(#graph-tip)" />
      {at && <text x={at.x} y={at.y} textAnchor="middle" dominantBaseline="middle">{route.label}</text>}
    </>
  );
});
Edge.displayName = "Edge";

const pathOf = (route: Route, isDown: boolean): string => {
  const parts: string[] = [];
  trace(
    {
      moveTo: (x, y) => { parts.push(`M${short(x)} ${short(y)}`); },
      lineTo: (x, y) => { parts.push(`L${short(x)} ${short(y)}`); },
      bezierCurveTo: (...at) => { parts.push(`C${at.map(short).join(" ")}`); },
    },
    route, isDown,
  );
  return parts.join("");
};

const short = (value: number): string => String(Math.round(value * 10) / 10);

interface NodeProps {
  box: Box;
  label: string;
  kind: string;
  isGroup: boolean;
  isMapped: boolean;
  own: { state: State; note?: string; side?: string; counts?: Readonly<Partial<Record<State, number>>> } | undefined;
  change: Change | undefined;
  isFound: boolean;
  isChosen: boolean;
}

const Node = memo(({ box, label, kind, isGroup, isMapped, own, change, isFound, isChosen }: NodeProps) => {
  const t = useText();
  const classes = ["node", isMapped || isGroup ? "map" : "", isChosen ? "sel" : "", isFound ? "found" : "", change ?? ""].filter(Boolean).join(" ");
  const counts = Object.entries(own?.counts ?? {}) as [State, number][];
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <div className={classes} data-s={own?.state} data-node={box.id} style={placeOf(box)} title={own ? `${box.id} · ${t(`state.${own.state}`)}` : box.id}>
      <b>{isGroup && <Icon name="right" small />}<span className="cut">{label}</span>{own && <i className="st" data-s={own.state} role="img" aria-label={t(`state.${own.state}`)} />}</b>
      <span className="m"><span className="cut">{own?.note ?? kind}</span><span>{own?.side}</span></span>
      {counts.length > 1 && <span className="mini">{counts.map(([state, count]) => <i key={state} style={{ width: `${String((100 * count) / total)}%`, background: `var(--s-${tokenOf(state)})` }} />)}</span>}
    </div>
  );
});
Node.displayName = "Node";
