/** The chat of this page: it goes on while other pages of the dashboard are shown. */
import { session } from '$lib/state/session.svelte';
import { Chat } from './chat.svelte';
import { Conversations } from './conversations.svelte';

export const kept = new Conversations();
export const chat = new Chat(kept);

addEventListener('pagehide', () => kept.leave());
// Who has signed out asks for nothing more.
$effect.root(() => {
  $effect(() => {
    if (session.needsSignIn) kept.leave();
  });
});
