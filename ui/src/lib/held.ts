/**
 * Commands that wait a moment before they are sent, so that they can be taken back.
 *
 * The engine has no way back from a clear or a mark: what a task was before is history, not something to return to, and
 * what it would run meanwhile cannot be unrun. So the way back lies before the command: it is kept here for a few
 * seconds, counted down where everybody sees it, and whoever leaves the page has it sent at once rather than lost.
 */
export interface Command {
  title: string;
  detail: string;
  /** Sends it. `leaving`: the page goes away, so nothing can be asked first, and the request must outlive it. */
  send: (leaving: boolean) => Promise<unknown>;
  /** What to look at again afterwards. */
  after?: (() => void) | undefined;
}

export interface Held {
  id: number;
  title: string;
  detail: string;
  phase: "waiting" | "sending" | "done" | "failed";
  /** When it is sent, in milliseconds of the clock. */
  until: number;
  /** The server's sentence, of one that failed. */
  problem: Error | null;
}

export const HOLD_MS = 5_000;
/** How long a command that was done stays in sight; one that failed stays until somebody has read it. */
export const SHOWN_MS = 4_000;

export class HeldCommands {
  private list: readonly Held[] = [];
  private readonly commands = new Map<number, { command: Command; timer: ReturnType<typeof setTimeout> }>();
  private readonly listeners = new Set<() => void>();
  private last = 0;
  private readonly clock: () => number;

  constructor(clock: () => number) {
    this.clock = clock;
  }

  /** Keep a command for a moment, then send it. */
  hold(command: Command, milliseconds = HOLD_MS): number {
    const id = ++this.last;
    const held: Held = { id, title: command.title, detail: command.detail, phase: "waiting", until: this.clock() + milliseconds, problem: null };
    this.commands.set(id, { command, timer: setTimeout(() => void this.send(id, false), milliseconds) });
    this.put([...this.list, held]);
    return id;
  }

  /** Take a command back; whether there was time left to. */
  undo(id: number): boolean {
    if (!this.forget(id)) return false;
    this.put(this.list.filter((held) => held.id !== id));
    return true;
  }

  /** Take the newest one back. */
  undoLast(): boolean {
    const newest = this.list.findLast((held) => held.phase === "waiting");
    return newest !== undefined && this.undo(newest.id);
  }

  /** Send a command now. */
  sendNow(id: number): void {
    void this.send(id, false);
  }

  /** The page goes away: everything that waits is sent now. */
  leave(): void {
    for (const id of [...this.commands.keys()]) void this.send(id, true);
  }

  /** Put away what somebody has read. */
  dismiss(id: number): void {
    this.put(this.list.filter((held) => held.id !== id || held.phase === "waiting" || held.phase === "sending"));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  };

  readonly snapshot = (): readonly Held[] => this.list;

  private forget(id: number): Command | null {
    const found = this.commands.get(id);
    if (!found) return null;
    clearTimeout(found.timer);
    this.commands.delete(id);
    return found.command;
  }

  private async send(id: number, leaving: boolean): Promise<void> {
    const command = this.forget(id);
    if (!command) return;
    this.change(id, { phase: "sending" });
    try {
      await command.send(leaving);
      this.change(id, { phase: "done" });
      setTimeout(() => { this.dismiss(id); }, SHOWN_MS);
    } catch (error) {
      this.change(id, { phase: "failed", problem: error instanceof Error ? error : new Error(String(error)) });
    }
    command.after?.();
  }

  private change(id: number, change: Partial<Held>): void {
    this.put(this.list.map((held) => (held.id === id ? { ...held, ...change } : held)));
  }

  private put(list: readonly Held[]): void {
    this.list = list;
    for (const listener of this.listeners) listener();
  }
}
