'use strict';
(() => {
  const base = document.documentElement.dataset.base;
  const origin = location.origin + base;
  const $ = (id) => document.getElementById(id);
  const GIB = 1024 ** 3;
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

  const amount = (bytes) => {
    const cell = document.createElement('td');
    cell.className = 'number';
    if (bytes === null || bytes === undefined) {
      cell.textContent = '\u2013';
      return cell;
    }
    const isLarge = bytes >= GIB / 10;
    const unit = document.createElement('span');
    unit.className = 'unit';
    unit.textContent = isLarge ? ' GiB' : ' MiB';
    cell.append((bytes / (isLarge ? GIB : 1024 ** 2)).toFixed(1), unit);
    cell.title = `${bytes} bytes`;
    return cell;
  };

  const stateCell = (server) => {
    const cell = document.createElement('td');
    const chip = document.createElement('span');
    const state = server ? server.state : 'stopped';
    chip.className = `chip ${tints[state] || 'idle'}`;
    chip.textContent = state === 'backoff' ? 'retrying' : state;
    cell.append(chip);
    if (server && server.error) {
      cell.append(` ${server.error.message} ${server.error.advice}`);
    }
    return cell;
  };

  const draw = () => {
    const list = [...rows.values()].sort((a, b) => a.name.localeCompare(b.name));
    $('rows').replaceChildren(...list.map((row) => {
      const line = document.createElement('tr');
      const name = document.createElement('td');
      name.textContent = row.name;
      line.append(name, stateCell(row.server), amount(row.size),
        amount(row.server ? row.server.rss_bytes : null));
      return line;
    }));
    $('empty').hidden = list.length > 0;
    $('models').hidden = false;
    $('try').hidden = list.length === 0;
    if (list.length > 0) {
      const body = JSON.stringify({
        model: list[0].name,
        messages: [{ role: 'user', content: 'Hello' }],
      });
      $('curl').textContent = `curl ${origin}/v1/chat/completions \\\n`
        + "  -H 'Content-Type: application/json' \\\n"
        + `  -d '${body.replaceAll("'", "'\\''")}'`;
    }
    const ready = list.filter((row) => row.server && row.server.state === 'ready').length;
    $('facts').textContent = `${list.length} ${list.length === 1 ? 'model' : 'models'}, ${ready} ready`;
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

  const signIn = async (body) => {
    $('sign-in-error').hidden = true;
    try {
      await call('POST', '/api/session', body);
      return true;
    } catch (error) {
      $('sign-in-error').textContent = error.message;
      $('sign-in-error').hidden = false;
      return false;
    }
  };

  const begin = async () => {
    const link = new URLSearchParams(location.search).get('link');
    if (link) {
      history.replaceState(null, '', location.pathname);
      await signIn({ link });
    }
    let session;
    try {
      session = await call('GET', '/api/session');
    } catch (error) {
      $('facts').textContent = error.message;
      session = { who: 'nobody' };
    }
    if (session.who === 'nobody') {
      $('facts').textContent = 'A key is needed';
      $('sign-in').hidden = false;
      $('key').focus();
      return;
    }
    $('sign-in').hidden = $('sign-in-error').hidden;
    connect();
  };

  $('address').textContent = `${origin}/v1`;
  $('openapi').href = `${base}/api/openapi.json`;
  $('key-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!(await signIn({ key: $('key').value }))) return;
    $('key').value = '';
    $('sign-in').hidden = true;
    connect();
  });
  begin();
})();
