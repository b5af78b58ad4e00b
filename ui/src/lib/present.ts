/** The server's present, between its answers: what it said last and the browser's time since. Stands still while nothing
 *  is heard of the server, for then nobody knows whether what ran still runs. Times in microseconds. */

export class Present {
  /** The server's clock before the browser's, by the answer that was quickest. */
  private ahead: number | null = null;
  private stopped: number | null = null;

  /** An answer says that it is `at` there. */
  hear(at: number, now: number): void {
    if (this.ahead === null || at - now > this.ahead) this.ahead = at - now;
  }

  at(now: number): number {
    return this.stopped ?? now + (this.ahead ?? 0);
  }

  stop(now: number): void {
    this.stopped ??= this.at(now);
  }

  go(): void {
    this.stopped = null;
  }

  get isStopped(): boolean {
    return this.stopped !== null;
  }
}
