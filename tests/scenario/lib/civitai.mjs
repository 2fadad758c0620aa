// Civitai as a client sees it: models with versions and files, downloads that
// lead to storage, and the ways to say no.
//
// A model: { id, name, type, creator, tags, versions: [{ id, name, baseModel,
//   trainedWords, isEarlyAccess, needsLogin, isArchived, images: [Buffer],
//   files: [{ id, name, type, primary, format, size, fp, bytes, sha256 }] }] }
import { Server, reply, sha256 } from './storage.mjs';

export class Civitai {
  static async start(storage, { models = [], keys = {} } = {}) {
    const hub = new Civitai();
    Object.assign(hub, { storage, models, keys });
    for (const model of models)
      for (const version of model.versions)
        for (const file of version.files)
          file.sha256 ??= sha256(file.bytes);
    hub.server = await Server.start((req, res, url) => hub.answer(req, res, url));
    hub.url = hub.server.url;
    return hub;
  }

  who(req, url) {
    const given = /^Bearer (.*)$/.exec(req.headers.authorization ?? '')?.[1] ?? url.searchParams.get('token');
    return given ? this.keys[given] : undefined;
  }

  hashes(file) {
    return { AutoV2: file.sha256.slice(0, 10).toUpperCase(), SHA256: file.sha256.toUpperCase() };
  }

  file(version, file) {
    const { id, name, type = 'Model', primary = false, format = 'SafeTensor', size = 'full', fp = 'fp16' } = file;
    const query = new URLSearchParams(primary ? {} : { type, format, size, fp });
    return { id, name, type, primary, sizeKB: file.bytes.length / 1024, metadata: { format, size, fp },
             pickleScanResult: 'Success', virusScanResult: 'Success', hashes: this.hashes(file),
             downloadUrl: file.downloadUrl
               ?? `${this.url}/api/download/models/${version.id}${query.size ? `?${query}` : ''}` };
  }

  version(version) {
    return { id: version.id, name: version.name, baseModel: version.baseModel ?? 'SDXL 1.0',
             trainedWords: version.trainedWords ?? [],
             availability: version.isEarlyAccess ? 'EarlyAccess' : 'Public',
             publishedAt: '2026-02-03T04:05:06.000Z', description: null,
             files: version.files.map((file) => this.file(version, file)),
             images: (version.images ?? []).map((bytes) => ({ url: this.storage.put(bytes, {
               'Content-Type': 'image/png' }), type: 'image', nsfwLevel: 1, width: 1, height: 1 })) };
  }

  // Alone, a version says of which model it is.
  alone(model, version) {
    return { ...this.version(version), modelId: model.id,
             model: { name: model.name, type: model.type, nsfw: false, poi: false } };
  }

  model(model) {
    return { id: model.id, name: model.name, type: model.type, nsfw: false, tags: model.tags ?? [],
             creator: { username: model.creator ?? 'someone' },
             stats: { downloadCount: model.downloads ?? 0, thumbsUpCount: model.likes ?? 0 },
             modelVersions: model.versions.map((version) => this.version(version)) };
  }

  each() {
    return this.models.flatMap((model) => model.versions.map((version) => ({ model, version })));
  }

  answer(req, res, url) {
    const path = url.pathname;
    const number = Number(/\/(\d+)$/.exec(path)?.[1]);
    const found = this.each().find(({ version }) => version.id === number);
    if (path === '/api/v1/models') {
      this.search(res, url.searchParams);
    } else if (path === '/api/v1/me') {
      const who = this.who(req, url);
      if (who) reply(res, 200, { id: 1, username: who.name });
      else reply(res, 401, { error: 'Unauthorized' });
    } else if (/^\/api\/v1\/models\/\d+$/.test(path)) {
      const model = this.models.find((row) => row.id === number);
      if (model) reply(res, 200, this.model(model));
      else reply(res, 404, { error: `No model with id ${number}` });
    } else if (/^\/api\/v1\/model-versions\/\d+$/.test(path)) {
      if (found) reply(res, 200, this.alone(found.model, found.version));
      else reply(res, 404, { error: `No version with id ${number}` });
    } else if (path.startsWith('/api/v1/model-versions/by-hash/')) {
      this.byHash(res, path.split('/').at(-1).toUpperCase());
    } else if (/^\/api\/download\/models\/\d+$/.test(path)) {
      this.download(req, res, url, found?.version);
    } else {
      reply(res, 404, '<!doctype html><title>404</title>', { 'Content-Type': 'text/html' });
    }
  }

  search(res, query) {
    const words = (query.get('query') ?? '').toLowerCase();
    const found = this.models.filter((model) => model.name.toLowerCase().includes(words)
      && (!query.has('types') || query.getAll('types').includes(model.type))
      && (!query.has('username') || model.creator === query.get('username')));
    const at = Number(query.get('cursor') ?? 0);
    const end = at + Number(query.get('limit') ?? 100);
    reply(res, 200, { items: found.slice(at, end).map((model) => this.model(model)),
                      metadata: end < found.length ? { nextCursor: String(end), pageSize: end - at } : {} });
  }

  byHash(res, hash) {
    const found = this.each().find(({ version }) =>
      version.files.some((file) => Object.values(this.hashes(file)).includes(hash)));
    if (found) reply(res, 200, this.alone(found.model, found.version));
    else reply(res, 404, { error: 'Model not found' });
  }

  download(req, res, url, version) {
    const query = url.searchParams;
    const who = this.who(req, url);
    const wanted = (file) => {
      const { type = 'Model', format = 'SafeTensor', size = 'full', fp = 'fp16' } = file;
      const own = { type, format, size, fp };
      return Object.keys(own).every((key) => !query.has(key) || query.get(key) === own[key])
        && (!query.has('fileId') || Number(query.get('fileId')) === file.id);
    };
    const files = version?.files.filter(wanted) ?? [];
    const file = files.find((row) => row.primary) ?? files[0];
    if (!file) {
      reply(res, 404, { error: 'File not found' });
    } else if (version.isArchived) {
      reply(res, 410, { error: 'Gone', message: 'This model is archived.' });
    } else if (version.needsLogin && !who) {
      reply(res, 401, { error: 'Unauthorized',
        message: 'The creator of this asset requires you to be logged in to download it' });
    } else if (version.isEarlyAccess) {
      reply(res, 403, { error: 'Early Access', deadline: '2027-01-01T00:00:00.000Z',
        message: 'This asset is in Early Access until 2027-01-01. You can use Buzz to access it now!' });
    } else {
      res.writeHead(307, { 'Cache-Control': 'no-store', 'Content-Length': 0,
        Location: this.storage.put(file.bytes, {
          'Content-Disposition': 'attachment; filename="../../not-to-be-trusted.exe"' }) }).end();
    }
  }

  close() {
    return this.server.close();
  }
}
