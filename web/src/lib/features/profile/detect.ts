/** What suits a model: from its own record, and for MLX from what the server knows of its family. */
import { read } from '$lib/state/rest';
import type { DetectedOptions, Model } from '$lib/api/schema';
import type { Manifest } from '$lib/state/engines.svelte';
import type { Fields } from './draft.svelte';

const parsers = ['tool_call_parser', 'reasoning_parser', 'message_converter'] as const;

const has = (manifest: Manifest, key: string): boolean =>
  manifest.options.some((option) => option.key === key);

/** A name that nothing has yet: "tiny", "tiny-2". */
export function freeName(name: string, taken: readonly string[]): string {
  let free = name;
  for (let n = 2; taken.includes(free); n += 1) free = `${name}-${n}`;
  return free;
}

/** What the record of the model tells. */
export function factsOf(model: Model, manifest: Manifest): Fields {
  const fields: Record<string, unknown> = {};
  if (model.mmproj_path && has(manifest, 'mmproj')) fields['options.mmproj'] = model.mmproj_path;
  if (model.kind === 'embedding' && has(manifest, 'embeddings'))
    fields['options.embeddings'] = true;
  return fields;
}

/** The name on the hub, "org/name": as it was typed, or where the model came from. */
export function hubName(path: string, model: Model | undefined): string | null {
  const name = model ? (model.origins[0]?.split('@')[0] ?? model.name) : path;
  return /^[\w.-]+\/[\w.-]+$/.test(name) ? name : null;
}

export const asksHub = (manifest: Manifest): boolean => parsers.some((key) => has(manifest, key));

export interface Detected {
  family: string | null;
  fields: Fields;
  /** Why the installed engine cannot run it. */
  trouble: { message: string; advice: string | null } | null;
}

export async function askHub(
  name: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Detected> {
  const path = name.split('/').map(encodeURIComponent).join('/');
  const answer = await read<DetectedOptions>(`/api/models/detect-options/${path}`, signal);
  const fields: Record<string, unknown> = {};
  for (const key of parsers) {
    const value = answer.recommended_options[key];
    if (value !== null && has(manifest, key)) fields[`options.${key}`] = value;
  }
  const { supported, error, upgrade_command } = answer.version_support;
  return {
    family: answer.model_family,
    fields,
    trouble: supported || error === null ? null : { message: error, advice: upgrade_command },
  };
}
