/** What a dialog does when it is told to: under way, refused with a reason, or done. */
export class Deed {
  #off = new AbortController();
  #isBusy = $state(false);
  #refusal = $state.raw<Error & { advice?: string | null }>();

  get isBusy(): boolean {
    return this.#isBusy;
  }
  get refusal(): (Error & { advice?: string | null }) | undefined {
    return this.#refusal;
  }

  /** `what` throws why it was refused; `done` follows if it was not. Once at a time. */
  async run(what: (signal: AbortSignal) => Promise<unknown>, done: () => void): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#refusal = undefined;
    const { signal } = this.#off;
    try {
      await what(signal);
      if (!signal.aborted) done();
    } catch (error) {
      if (!signal.aborted)
        this.#refusal = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#isBusy = false;
    }
  }

  /** The dialog is closed: what still waits is not done, and nothing more is said of it. */
  callOff(): void {
    this.#off.abort();
  }
}
