/** What the palette offers: objects that the server found, pages, and commands, in groups. */
import type { Schemas } from "../../api/client";
import type { IconName } from "../../parts/Icon";
import { best, type Wish } from "../../lib/match";

export interface Entry {
  id: string;
  text: string;
  /** Beside the text. */
  aside?: string;
  icon: IconName;
  mono?: boolean;
  act: () => void;
}

export interface EntryGroup {
  title: string;
  entries: Entry[];
}

/** Entries that answer the text, best first; all where nothing is typed. */
export const matching = (typed: string, entries: readonly Entry[], also: (entry: Entry) => readonly string[] = () => []): Entry[] =>
  best(typed, entries, (entry) => [entry.text, ...also(entry)]);

interface DagActs {
  open: (dagId: string) => void;
  run: (dagId: string) => void;
  runWith: ((dagId: string) => void) | null;
  pause: (dagId: string, paused: boolean) => void;
  say: (key: "run" | "runWith" | "pause" | "unpause" | "off", dagId: string) => string;
  mayRun: boolean;
  mayEdit: boolean;
}

/** The Dags that were found, and what can be done to the first of them. A verb turns the order round. */
export const dagEntries = (dags: readonly Schemas["FoundDag"][], wish: Wish, acts: DagActs): { objects: Entry[]; commands: Entry[] } => {
  const objects = dags.map(({ dag_id: dagId, is_paused: off }): Entry => ({
    id: `dag ${dagId}`, text: dagId, icon: "dags", mono: true, act: () => { acts.open(dagId); }, ...(off ? { aside: acts.say("off", dagId) } : {}),
  }));
  const commands = dags.slice(0, wish.verb ? 6 : 1).flatMap(({ dag_id: dagId, is_paused: off }): Entry[] => {
    const found: Entry[] = [];
    if (acts.mayRun && (wish.verb === "run" || !wish.verb)) {
      found.push({ id: `run ${dagId}`, text: acts.say("run", dagId), icon: "play", act: () => { acts.run(dagId); } });
      const { runWith } = acts;
      if (runWith) found.push({ id: `with ${dagId}`, text: acts.say("runWith", dagId), icon: "play", act: () => { runWith(dagId); } });
    }
    const turns = off ? "unpause" : "pause";
    if (acts.mayEdit && (wish.verb === turns || !wish.verb)) {
      found.push({ id: `${turns} ${dagId}`, text: acts.say(turns, dagId), icon: "clock", act: () => { acts.pause(dagId, !off); } });
    }
    return found;
  });
  return { objects, commands };
};
