/** What a key may not do is shown with the reason, and not tried. */
import type { Command } from '$lib/state/commands.svelte';
import { session } from '$lib/state/session.svelte';
import { toasts } from '$lib/state/toasts.svelte';

const reasons = {
  control: 'needs an admin key',
  inference: 'needs a key that uses models',
} as const;

const isAllowed = ({ needs }: Command): boolean => needs === undefined || session.may(needs);

/** By its key it says why; in the palette its row does. */
function refuse(command: Command): Command {
  const refused = reasons[command.needs ?? 'control'];
  const tell = () =>
    toasts.show({
      kind: 'refused',
      tone: 'warn',
      title: `${command.title}: not done`,
      text: `It ${refused}; the scope of this one is ${session.who?.scope}.`,
    });
  const shown: Command = { ...command, refused, run: tell };
  delete shown.choices;
  return shown;
}

/** A row with several actions is the first of them that may be done. */
function guard(command: Command): Command {
  const { more, id, words = '' } = command;
  const all = more && (() => more().map(guard));
  if (all && !isAllowed(command)) {
    const first = all().find(({ refused }) => !refused);
    if (first) return { ...command, ...first, id, words, more: all };
  }
  const shown = isAllowed(command) ? command : refuse(command);
  return all ? { ...shown, more: all } : shown;
}

export const allowed = (all: readonly Command[]): readonly Command[] =>
  session.may('control') ? all : all.map(guard);
