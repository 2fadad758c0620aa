/** The kinds of models, and which of them a server of ours can be asked for. */
import type { Model } from '$lib/api/schema';

export type Family = 'language' | 'image' | 'audio' | 'other';

const kinds: Record<Model['kind'], { word: string; family: Family }> = {
  llm: { word: 'Language', family: 'language' },
  embedding: { word: 'Embedding', family: 'language' },
  vision: { word: 'Vision', family: 'language' },
  audio: { word: 'Audio', family: 'audio' },
  checkpoint: { word: 'Checkpoint', family: 'image' },
  lora: { word: 'LoRA', family: 'image' },
  vae: { word: 'VAE', family: 'image' },
  'text-encoder': { word: 'Text encoder', family: 'image' },
  controlnet: { word: 'ControlNet', family: 'image' },
  upscaler: { word: 'Upscaler', family: 'image' },
  'embedding-sd': { word: 'Image embedding', family: 'image' },
  unknown: { word: 'Unknown kind', family: 'other' },
};

export const families: readonly { value: Family; label: string }[] = [
  { value: 'language', label: 'Language' },
  { value: 'image', label: 'Image' },
  { value: 'audio', label: 'Audio' },
  { value: 'other', label: 'Other' },
];

const isKind = (kind: string): kind is Model['kind'] => Object.hasOwn(kinds, kind);

/** Of any text: an address may say anything. */
export const familyOf = (kind: string): Family => (isKind(kind) ? kinds[kind].family : 'other');
export const kindWord = (kind: string): string => (isKind(kind) ? kinds[kind].word : kind);
export const isImage = (kind: string): boolean => kind === 'image' || familyOf(kind) === 'image';

/** Whether a server of ours can be asked to load it: image models are for other programs. */
export const canServe = (model: Model): boolean =>
  model.error === '' && model.format !== 'pickle' && familyOf(model.kind) !== 'image';
