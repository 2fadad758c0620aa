import { base } from '$app/paths';

/** Whether the address is that page or one below it. */
export function isCurrent(path: string, pathname: string): boolean {
  const here = pathname.slice(base.length) || '/';
  return path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`);
}
