/** Short words about what the user cannot see happen; at most three. */
import { Problem } from '$lib/api/problem';

export interface Toast {
  id: number;
  /** A second of the same kind takes the place of the first. */
  kind: string;
  tone: 'ok' | 'info' | 'warn' | 'bad';
  title: string;
  text?: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MAX = 3;
const LIFE_MS = 5000;

export class Toasts {
  #all = $state<Toast[]>([]);
  #nextId = 1;

  get all(): readonly Toast[] {
    return this.#all;
  }

  show(toast: Omit<Toast, 'id'>): void {
    const id = this.#nextId++;
    const others = this.#all.filter((other) => other.kind !== toast.kind);
    this.#all = [...others, { ...toast, id }].slice(-SHOWN_MAX);
    if (toast.tone !== 'bad') setTimeout(() => this.dismiss(id), LIFE_MS);
  }

  /** What was tried did not work: `title` is what, the problem why. */
  fail(title: string, error: unknown): void {
    const problem = Problem.of(error);
    const text = problem.advice ? `${problem.message} ${problem.advice}` : problem.message;
    this.show({ kind: title, tone: 'bad', title, text });
  }

  dismiss(id: number): void {
    this.#all = this.#all.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
