/** Light, dark, or as the system has it. app.html sets the stored one before the first paint. */
export type Theme = 'light' | 'dark' | 'system';

const KEY = 'hearth.theme';
const themes: readonly Theme[] = ['light', 'dark', 'system'];

class ThemeState {
  #choice = $state<Theme>('system');

  get choice(): Theme {
    return this.#choice;
  }

  load(): void {
    this.#show(document.documentElement.dataset.theme);
    addEventListener('storage', ({ key, newValue }) => {
      if (key === KEY) this.#show(newValue); // chosen in another tab
    });
  }

  #show(stored: string | null | undefined): void {
    this.#choice = themes.find((one) => one === stored) ?? 'system';
    document.documentElement.dataset.theme = this.#choice;
  }

  choose(theme: Theme): void {
    this.#show(theme);
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  }

  /** The next of the three. */
  turn(): void {
    this.choose(themes[(themes.indexOf(this.#choice) + 1) % themes.length] ?? 'system');
  }
}

export const theme = new ThemeState();
