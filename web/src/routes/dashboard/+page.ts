import { redirect } from '@sveltejs/kit';
import { resolve } from '$app/paths';

/** The dashboard's other address. */
export function load(): never {
  redirect(307, resolve('/'));
}
