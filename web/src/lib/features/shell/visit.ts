/** Goes to an address that may have a query; `path` is resolved. */
import { goto } from '$app/navigation';

export function visit(path: string, query: Readonly<Record<string, string>> = {}): void {
  const search = new URLSearchParams(query).toString();
  // eslint-disable-next-line svelte/no-navigation-without-resolve -- callers resolve
  void goto(search ? `${path}?${search}` : path);
}
