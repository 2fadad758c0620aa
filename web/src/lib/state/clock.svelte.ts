/** Now, by the server's clock, once a second: for what is drawn between events. */
import { createSubscriber } from 'svelte/reactivity';
import { live } from './live.svelte';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

export const clock = {
  /** Unix time of the server; what reads it in markup is drawn anew each second. */
  get now(): number {
    subscribe();
    return Date.now() + live.skewMs;
  },
};
