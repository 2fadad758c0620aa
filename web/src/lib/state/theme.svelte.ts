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
    const stored = document.documentElement.dataset.theme as Theme;
    this.#choice = themes.includes(stored) ? stored : 'system';
  }

  choose(theme: Theme): void {
    this.#choice = theme;
    document.documentElement.dataset.theme = theme;
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
