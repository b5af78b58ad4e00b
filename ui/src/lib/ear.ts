/** What somebody waits with who reads a log to its end. */

export class Ear {
  private isNews = true;
  private how = { isTold: false, isOpen: true };
  private wake: () => void = () => undefined;

  /** There may be more. */
  tell(): void {
    this.isNews = true;
    this.wake();
  }

  /** `isTold`: a stream tells of more; else one has to ask. `isOpen`: somebody looks; else nothing is news. */
  set(how: { isTold: boolean; isOpen: boolean }): void {
    if (how.isTold !== this.how.isTold) this.isNews = true; // nobody knows what was missed
    this.how = how;
    this.wake();
  }

  get isTold(): boolean {
    return this.how.isTold;
  }

  /** Comes back when it is worth asking. */
  async next(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(this.how.isOpen && (this.isNews || !this.how.isTold))) {
      await new Promise<void>((done) => {
        this.wake = done;
        signal.addEventListener("abort", () => { done(); }, { once: true });
      });
    }
    this.isNews = false;
  }
}
