/** The engines: what is known of each, and what is installed. */
import { read } from '$lib/state/rest';
import type { Engine } from '$lib/api/schema';
import { Collection } from './collection.svelte';

/** One option, as the manifest of an engine has it. */
export interface EngineOption {
  key: string;
  type: 'int' | 'real' | 'text' | 'bool' | 'choice' | 'path' | 'list';
  /** null: by the environment, or for Hearth itself. */
  flag: string | null;
  group: string | null;
  help: string | null;
  default: string | null;
  min?: number;
  max?: number;
  choices?: string[];
  secret?: boolean;
  executes?: boolean;
}

export interface Manifest {
  name: string;
  title: string;
  install_hint: string;
  /** None: the program is named by each profile. */
  binaries: string[];
  needs_model: boolean;
  is_external: boolean;
  options: EngineOption[];
}

export const manifestOf = (engine: Engine): Manifest => engine.manifest as unknown as Manifest;

export const engines = new Collection<Engine>({
  idOf: (engine) => engine.name,
  list: () => read<Engine[]>('/api/system/engines'),
  listen() {
    // what is installed is not told of: asked anew whenever a picture is
  },
});
