// Both hubs and the storage that their files lie in, on ports of their own,
// and how a daemon is told of them. See huggingface.mjs and civitai.mjs for
// what goes in.
import { Civitai } from './civitai.mjs';
import { HuggingFace } from './huggingface.mjs';
import { Storage } from './storage.mjs';

export class Hub {
  // { repos, tokens, pageSize } for Hugging Face, { civitai: {models, keys} }.
  static async open({ civitai = {}, ...huggingface } = {}) {
    const hub = new Hub();
    hub.storage = await Storage.start();
    hub.huggingface = await HuggingFace.start(hub.storage, huggingface);
    hub.civitai = await Civitai.start(hub.storage, civitai);
    hub.places = [hub.huggingface, hub.civitai, hub.storage].map(({ server }) => server.place);
    return hub;
  }

  // For Hearth.start({env}).
  get env() {
    return { HEARTH_HUGGINGFACE_ENDPOINT: this.huggingface.url, HEARTH_CIVITAI_ENDPOINT: this.civitai.url,
             HEARTH_DOWNLOADS_ALLOW_HTTP: this.places.join(','), HEARTH_DOWNLOADS_HEADROOM_BYTES: '0' };
  }

  async close() {
    for (const server of [this.huggingface, this.civitai, this.storage])
      await server.close();
  }
}
