'use strict';
(() => {
  const base = document.documentElement.dataset.base;
  const origin = location.origin + base;
  const $ = (id) => document.getElementById(id);
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const tints = {
    ready: 'ok', starting: 'info', loading: 'info', attaching: 'info', draining: 'info',
    failed: 'bad', unhealthy: 'warn', backoff: 'warn',
  };
  const rows = new Map(); // by profile id: {name, size, server}

  const call = async (method, path, body) => {
    const answer = await fetch(base + path, {
      method,
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
    if (answer.status === 204) return null;
    const message = await answer.json();
    if (!message.success) throw new Error(message.error.message);
    return message.data;
  };

  const add = (parent, tag, className, text) => {
    const child = document.createElement(tag);
    child.className = className;
    if (text) child.textContent = text;
    parent.append(child);
    return child;
  };

  const addAmount = (line, className, bytes) => {
    const cell = add(line, 'td', `number ${className}`);
    if (bytes === null || bytes === undefined) {
      cell.textContent = '\u2013';
      return;
    }
    let rank = 0;
    let figure = bytes;
    while (figure >= 102.4 && rank + 1 < units.length) {
      figure /= 1024;
      rank += 1;
    }
    cell.textContent = rank === 0 ? `${figure}` : figure.toFixed(1);
    add(cell, 'span', 'unit', ` ${units[rank]}`);
    cell.title = `${bytes} bytes`;
  };

  const stateOf = (row) => (row.server ? row.server.state : 'stopped');

  const lines = (row) => {
    const state = stateOf(row);
    const line = document.createElement('tr');
    add(line, 'td', 'name', row.name).title = row.name;
    add(add(line, 'td', ''), 'span', `chip ${tints[state] || 'idle'}`,
      state === 'backoff' ? 'retrying' : state);
    addAmount(line, 'wide', row.size);
    addAmount(line, '', row.server ? row.server.rss_bytes : null);
    if (!row.server || !row.server.error) return [line];
    const cause = document.createElement('tr');
    cause.className = 'cause';
    const cell = add(cause, 'td', '');
    cell.colSpan = 4;
    const notice = add(cell, 'p', 'notice bad');
    add(notice, 'strong', '', row.server.error.advice);
    notice.append(row.server.error.message);
    return [line, cause];
  };

  const drawExample = (list) => {
    const best = list.find((row) => stateOf(row) === 'ready')
      || list.find((row) => stateOf(row) !== 'failed') || list[0];
    const body = JSON.stringify({
      model: best.name,
      messages: [{ role: 'user', content: 'Hello' }],
    });
    $('curl').textContent = `curl ${origin}/v1/chat/completions \\\n`
      + "  -H 'Content-Type: application/json' \\\n"
      + `  -d '${body.replaceAll("'", "'\\''")}'`;
  };

  const draw = () => {
    const list = [...rows.values()].sort((a, b) => a.name.localeCompare(b.name));
    const ready = list.filter((row) => stateOf(row) === 'ready').length;
    $('rows').replaceChildren(...list.flatMap(lines));
    $('table').hidden = list.length === 0;
    $('empty').hidden = list.length > 0;
    $('models').hidden = false;
    $('try').hidden = list.length === 0;
    if (list.length > 0) drawExample(list);
    $('facts').textContent = list.length === 0 ? 'No models yet'
      : `${list.length} ${list.length === 1 ? 'model' : 'models'}, ${ready} ready`;
  };

  const connect = () => {
    const events = new EventSource(`${base}/api/events`);
    const setLink = (tint, word) => {
      $('link').className = `chip ${tint}`;
      $('link').textContent = word;
    };
    events.addEventListener('snapshot', (event) => {
      const data = JSON.parse(event.data);
      rows.clear();
      for (const model of data.models) {
        rows.set(model.id, { name: model.name, size: model.size_bytes });
      }
      for (const profile of data.profiles) rows.set(profile.id, { name: profile.name });
      for (const server of data.servers) {
        const row = rows.get(server.profile_id);
        if (row) row.server = server;
      }
      setLink('ok', 'connected');
      draw();
    });
    events.addEventListener('resumed', () => setLink('ok', 'connected')); // nothing was missed
    events.addEventListener('instance.state', (event) => {
      const server = JSON.parse(event.data).data.server;
      const row = server && rows.get(server.profile_id);
      if (row) { row.server = server; draw(); }
    });
    const again = () => { events.close(); connect(); };
    const kinds = ['profile.created', 'profile.updated', 'profile.deleted', 'model.changed'];
    for (const kind of kinds) events.addEventListener(kind, again);
    events.addEventListener('end', () => {
      events.close();
      setLink('idle', 'offline');
      setTimeout(connect, 2000);
    });
    events.onerror = () => {
      setLink('idle', 'offline');
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
  };

  const tell = (message) => {
    $('problem').textContent = message;
    $('problem').hidden = message === '';
  };

  /* Whether it could be done; what went wrong is on the page then. */
  const attempt = async (path, body) => {
    tell('');
    try {
      await call('POST', path, body);
      return true;
    } catch (error) {
      tell(error.message);
      return false;
    }
  };

  const begin = async () => {
    const link = new URLSearchParams(location.search).get('link');
    if (link) {
      history.replaceState(null, '', location.pathname);
      await attempt('/api/session', { link });
    }
    let session;
    try {
      session = await call('GET', '/api/session');
    } catch (error) {
      tell(error.message);
      session = { who: 'nobody' };
    }
    if (session.who === 'nobody') {
      $('facts').textContent = 'A key is needed';
      $('link').textContent = 'not signed in';
      $('sign-in').hidden = false;
      $('key').focus();
      return;
    }
    connect();
  };

  $('openai').textContent = `${origin}/v1`;
  $('anthropic').textContent = origin;
  $('openapi').href = `${base}/api/openapi.json`;
  $('scan').addEventListener('click', () => attempt('/api/models/scan', {}));
  $('key-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!(await attempt('/api/session', { key: $('key').value }))) return;
    $('key').value = '';
    $('sign-in').hidden = true;
    connect();
  });
  begin();
})();
