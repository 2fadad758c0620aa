// Hugging Face as a client sees it: searching, a repository's commit, its tree
// in pages, files that lead to storage, and the ways to say no.
//
// A repository: { files: {path: Buffer | {bytes, isText, sha256, oid}},
//   gated: false | 'auto' | 'manual', isPrivate, renamedTo, commit, tags,
//   downloads, likes, library, lastModified, safetensors, gguf, usedStorage,
//   isUnlisted: no search finds it }
// A token: { name, sees: [ids of private or gated repositories] }
import { Server, gitSha1, reply, serveText, sha256 } from './storage.mjs';

export class HuggingFace {
  static async start(storage, { repos = {}, tokens = {}, pageSize = 1000 } = {}) {
    const hub = new HuggingFace();
    Object.assign(hub, { storage, repos, tokens, pageSize, n_limited: 0, limitHeaders: {} });
    for (const [id, repo] of Object.entries(repos))
      hub.complete(id, repo);
    hub.server = await Server.start((req, res, url) => hub.answer(req, res, url));
    hub.url = hub.server.url;
    return hub;
  }

  complete(id, repo) {
    repo.id = id;
    repo.commit ??= sha256(id).slice(0, 40);
    repo.files ??= {};
    for (const [path, file] of Object.entries(repo.files)) {
      const own = Buffer.isBuffer(file) ? { bytes: file } : { ...file };
      own.isText ??= /\.(json|txt|md|jinja)$/.test(path);
      own.oid ??= gitSha1(own.bytes);
      if (!own.isText) own.sha256 ??= sha256(own.bytes);
      repo.files[path] = own;
    }
  }

  // The next `n` requests are too many.
  limit(n, headers = { 'Retry-After': '7' }) {
    this.n_limited = n;
    this.limitHeaders = headers;
  }

  // Who asks: a token's row, null for nobody, undefined for a bad token.
  who(req) {
    const given = /^Bearer (.*)$/.exec(req.headers.authorization ?? '');
    return given ? this.tokens[given[1]] : null;
  }

  refuse(res, status, code, message) {
    reply(res, status, { error: message },
          { ...(code ? { 'X-Error-Code': code } : {}), 'X-Error-Message': message });
  }

  answer(req, res, url) {
    const who = this.who(req);
    const parts = this.parts(url);
    if (this.n_limited > 0) {
      this.n_limited -= 1;
      reply(res, 429, { error: 'We had to rate limit your IP' }, this.limitHeaders);
    } else if (who === undefined) {
      this.refuse(res, 401, null, 'Invalid credentials in Authorization header');
    } else if (url.pathname === '/api/whoami-v2') {
      if (who) reply(res, 200, { type: 'user', name: who.name, auth: { accessToken: { role: 'read' } } });
      else this.refuse(res, 401, null, 'Invalid username or password.');
    } else if (url.pathname === '/api/models') {
      this.search(res, url.searchParams);
    } else if (parts[0] === 'api' && parts[1] === 'models') {
      this.repository(res, url, who, parts.slice(2));
    } else {
      this.resolve(req, res, url, who, parts);
    }
  }

  // Of the path; what has one name is "/NAME" in its place of two.
  parts(url) {
    const parts = url.pathname.slice(1).split('/').map(decodeURIComponent);
    const at = parts[0] === 'api' ? 2 : 0;
    if (['revision', 'tree', 'resolve'].includes(parts[at + 1])) parts.splice(at, 0, '');
    return parts;
  }

  // Finds it, or says why not.
  find(res, url, who, id) {
    const repo = this.repos[id];
    if (repo?.renamedTo) {
      res.writeHead(307, { Location: url.pathname.replace(`/${id}/`, `/${repo.renamedTo}/`) + url.search,
                           'Content-Length': 0 }).end();
      return null;
    }
    if (repo && (!repo.isPrivate || who?.sees.includes(id))) return repo;
    if (who) this.refuse(res, 404, 'RepoNotFound', 'Repository not found');
    else this.refuse(res, 401, 'RepoNotFound', 'Repository not found');
    return null;
  }

  row(repo, names) {
    const all = { downloads: repo.downloads ?? 0, likes: repo.likes ?? 0, tags: repo.tags ?? [],
                  gated: repo.gated ?? false, library_name: repo.library, pipeline_tag: 'text-generation',
                  lastModified: repo.lastModified ?? '2026-01-02T03:04:05.000Z',
                  safetensors: repo.safetensors, gguf: repo.gguf, usedStorage: repo.usedStorage };
    const picked = names.length === 0 ? all : Object.fromEntries(names.map((name) => [name, all[name]]));
    return { _id: sha256(repo.id).slice(0, 24), id: repo.id, ...picked };
  }

  search(res, query) {
    const author = query.get('author');
    const words = (query.get('search') ?? '').toLowerCase().split(' ').filter((word) => word);
    const found = Object.values(this.repos).filter((repo) =>
      !repo.isPrivate && !repo.isUnlisted && !repo.renamedTo && words.every((word) => repo.id.toLowerCase().includes(word))
      && (!author || repo.id.startsWith(`${author}/`))
      && query.getAll('filter').every((tag) => (repo.tags ?? []).includes(tag)));
    const sort = query.get('sort') ?? 'downloads';
    const order = sort === 'trendingScore' ? 'downloads' : sort;
    found.sort((a, b) => ((a[order] ?? 0) < (b[order] ?? 0) ? 1 : -1));
    const at = query.has('cursor') ? Number(Buffer.from(query.get('cursor'), 'base64')) : 0;
    const limit = Number(query.get('limit') ?? 30);
    const next = new URLSearchParams(query);
    next.set('cursor', Buffer.from(String(at + limit)).toString('base64'));
    reply(res, 200, found.slice(at, at + limit).map((repo) => this.row(repo, query.getAll('expand'))),
          at + limit < found.length ? { Link: `<${this.url}/api/models?${next}>; rel="next"` } : {});
  }

  repository(res, url, who, [org, name, verb, revision]) {
    const repo = this.find(res, url, who, org ? `${org}/${name}` : name);
    if (!repo) return;
    if (revision !== undefined && !['main', repo.commit].includes(revision)) {
      this.refuse(res, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    } else if (verb === 'tree') {
      this.tree(res, url, repo);
    } else {
      reply(res, 200, { id: repo.id, sha: repo.commit, gated: repo.gated ?? false,
                        private: repo.isPrivate ?? false,
                        siblings: Object.keys(repo.files).map((rfilename) => ({ rfilename })) });
    }
  }

  tree(res, url, repo) {
    const at = Number(url.searchParams.get('cursor') ?? 0);
    const entries = Object.entries(repo.files).map(([path, file]) => ({
      type: 'file', oid: file.oid, size: file.size ?? file.bytes.length, path,
      ...(file.isText ? {} : { lfs: { oid: file.sha256, size: file.bytes.length, pointerSize: 135 },
                               xetHash: sha256(file.sha256) }) }));
    const folders = new Set(Object.keys(repo.files).filter((path) => path.includes('/'))
      .map((path) => path.slice(0, path.lastIndexOf('/'))));
    for (const path of folders)
      entries.unshift({ type: 'directory', oid: sha256(path).slice(0, 40), size: 0, path });
    const end = at + this.pageSize;
    reply(res, 200, entries.slice(at, end), end < entries.length
      ? { Link: `<${this.url}${url.pathname}?recursive=1&cursor=${end}>; rel="next"` } : {});
  }

  resolve(req, res, url, who, [org, name, verb, revision, ...rest]) {
    const repo = verb === 'resolve' ? this.find(res, url, who, org ? `${org}/${name}` : name) : undefined;
    const file = repo?.files[rest.join('/')];
    if (repo === null) return;
    if (!repo) {
      reply(res, 404, '<!doctype html><title>404</title>', { 'Content-Type': 'text/html' });
    } else if (repo.gated && !who) {
      this.refuse(res, 401, 'GatedRepo', `Access to model ${repo.id} is restricted.`);
    } else if (repo.gated && !who.sees.includes(repo.id)) {
      this.refuse(res, 403, 'GatedRepo', `Access to model ${repo.id} is restricted and you are not in `
        + 'the authorized list.');
    } else if (!['main', repo.commit].includes(revision)) {
      this.refuse(res, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    } else if (!file) {
      this.refuse(res, 404, 'EntryNotFound', 'Entry not found');
    } else if (file.isText) {
      res.setHeader('X-Repo-Commit', repo.commit);
      serveText(req, res, file.bytes, file.oid);
    } else {
      this.redirect(res, repo, file);
    }
  }

  // What the file really is, is said here and not by the storage.
  redirect(res, repo, file) {
    const text = 'Found. Redirecting to storage';
    res.writeHead(302, {
      Location: this.storage.put(file.bytes), 'Content-Length': text.length, 'Content-Type': 'text/plain',
      'X-Repo-Commit': repo.commit, 'X-Linked-Size': file.bytes.length,
      'X-Linked-ETag': `"${file.sha256}"`, ETag: `"${file.sha256}"`, 'X-Xet-Hash': sha256(file.sha256),
      Link: `<${this.url}/api/xet-auth>; rel="xet-auth"` });
    res.end(text);
  }

  close() {
    return this.server.close();
  }
}
