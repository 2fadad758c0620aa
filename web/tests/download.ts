/** A download in the queue, for tests; `more` makes it another. */
import type { Download } from '../src/lib/api/schema';

export const download = (more: Partial<Download> = {}): Download => ({
  task_id: 'task_1',
  status: 'downloading',
  source: 'huggingface',
  model_id: 'org/tiny-GGUF',
  revision: 'main',
  ref: 'main',
  variant: 'Q8_0',
  name: 'tiny',
  kind: 'llm',
  target: '/models/tiny',
  priority: 0,
  progress: 25,
  downloaded_bytes: 256 * 1024 ** 2,
  total_bytes: 1024 ** 3,
  bytes_per_s: 8 * 1024 ** 2,
  eta_s: 96,
  error: null,
  files: [],
  ...more,
});
