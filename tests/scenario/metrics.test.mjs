// What is measured: an engine at work seen from outside, its history, the
// live view and the Prometheus text.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Hearth, until } from './lib/hearth.mjs';

const LLAMA = process.env.HEARTH_LLAMA_SERVER;
let hearth;

before(async () => {
  hearth = await Hearth.start({ models: { tiny: { say: 'apple brick cherry', name: 'tiny' } } });
});
after(async () => { await hearth?.stop(); });

const now = async () => (await hearth.api('GET', '/api/system/metrics')).data;
const history = async (query) => {
  const answer = await hearth.api('GET', `/api/system/metrics/history?${query}`);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer.data;
};
// A number of /proc/PID/status, in bytes where it has kB.
const proc = (pid, key) => {
  const [, n, unit] = new RegExp(`^${key}:\\s*(\\d+)( kB)?`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(n) * (unit ? 1024 : 1);
};
const near = (value, wanted, what) =>
  assert.ok(value > wanted / 2 && value < wanted * 2, `${what}: ${value}, about ${wanted} expected`);

test('the machine is measured', async () => {
  const sample = await until('a second sample', async () => {
    const { sample } = await now();
    return sample?.interval_ms ? sample : null;
  });
  const r = sample.readings;
  assert.ok(r.cpu_percent >= 0 && r.cpu_percent <= 100, `${r.cpu_percent}`);
  const total = Number(/MemTotal:\s*(\d+)/.exec(fs.readFileSync('/proc/meminfo', 'utf8'))[1]) * 1024;
  assert.equal(r.memory_total_bytes, total);
  assert.ok(r.memory_used_bytes > 0 && r.memory_used_bytes < total);
  const disk = fs.statfsSync(hearth.data);
  assert.equal(r.data_disk_total_bytes, disk.blocks * disk.bsize);
  assert.ok(r.data_disk_free_bytes <= r.data_disk_total_bytes);
  near(r.hearth_rss_bytes, proc(hearth.pid, 'VmRSS'), 'rss of hearth');
  for (const [name, value] of Object.entries(r)) assert.ok(value === null || value >= 0, `${name}: ${value}`);
  if (sample.gpus.length === 0) assert.ok(sample.unknown.gpus.length > 0);
});

test('a real engine at work', { skip: !LLAMA }, async () => {
  const add = await hearth.api('POST', '/api/profiles', {
    name: 'busy', engine: 'llama-server', model_path: `${hearth.models}/tiny.gguf`,
    options: { threads: 1, threads_batch: 1, ctx_size: 4096, metrics: true } });
  assert.equal(add.status, 201, JSON.stringify(add));
  const id = add.data.id;
  const watching = new AbortController();
  const stream = http.get(`${hearth.base}/api/events?types=metrics&metrics_interval_s=1`, { signal: watching.signal });
  const seen = [];
  stream.on('error', () => {});
  stream.on('response', (response) => {
    let text = '';
    response.setEncoding('utf8').on('error', () => {}).on('data', (piece) => {
      text += piece;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const data = /^event: metrics\ndata: (.*)$/m.exec(text.slice(0, end));
        if (data) seen.push(JSON.parse(data[1]).data);
      }
    });
  });
  let isDone = false;
  let answered = 0;
  const work = (async () => {
    while (!isDone) {
      const answer = await hearth.chat('busy', { max_tokens: 512, ignore_eos: true });
      assert.equal(answer.status, 200, answer.text);
      answered++;
    }
  })();
  const busy = await until('the engine to be seen at work', () => seen.find((sample) =>
    sample.servers.some((server) => server.profile_id === id && server.cpu_percent > 20)
      && sample.servers.some((server) => server.engine.completion_tokens_total > 0 && server.engine.slots_total > 0)
      && sample.readings.completion_tokens_per_s > 0), 60000);
  const [server] = busy.servers;
  assert.equal(server.profile_name, 'busy');
  near(server.rss_bytes, proc(server.pid, 'VmRSS'), 'rss of the engine');
  near(server.threads, proc(server.pid, 'Threads'), 'threads of the engine');
  assert.ok(busy.readings.cpu_percent > 0);
  assert.equal(server.engine.error, null);
  assert.ok(server.engine.slots_total >= 1 && server.engine.slots_busy >= 0 && server.engine.slots_busy <= server.engine.slots_total, JSON.stringify(server.engine));
  assert.ok(server.engine.requests_active >= 0 && server.engine.completion_tokens_per_s > 0, JSON.stringify(server.engine));
  const times = seen.map((sample) => sample.at_ms);
  assert.ok(times.at(-1) - times[0] < 5000 * times.length, `samples at ${times}`);
  isDone = true;
  await work;
  watching.abort();

  const names = ['cpu_percent', `server.${id}.rss_bytes`, 'no.such.series'];
  const found = await history(`series=${names.join()}&points=50`);
  assert.deepEqual(Object.keys(found.series), names);
  assert.ok(found.at_ms.length > 0 && found.at_ms.length <= 50);
  for (const values of Object.values(found.series)) assert.equal(values.length, found.at_ms.length);
  near(found.series[names[1]].filter((value) => value !== null).at(-1), server.rss_bytes, 'rss in the history');
  assert.ok(found.series['no.such.series'].every((value) => value === null));

  const { text } = await hearth.request('GET', '/metrics');
  const value = (line) => Number(text.split('\n').find((one) => one.startsWith(`${line} `))?.slice(line.length + 1));
  assert.ok(value('hearth_requests_total{code="2xx"}') >= answered);
  assert.ok(value('hearth_request_duration_seconds_count') >= answered);
  assert.ok(value('hearth_completion_tokens_total') >= answered * 512, `${value('hearth_completion_tokens_total')}`);
  assert.ok(value('hearth_loads_total') >= 1);
  assert.ok(value('hearth_server_resident_memory_bytes{model="busy"}') > 0);
});

test('the Prometheus text is well formed', async () => {
  const odd = await hearth.api('POST', '/api/profiles', { name: 'q"uo\\te', engine: 'command',
    command: [process.env.HEARTH_FAKE_ENGINE, '--port', '${port}'] });
  assert.equal(odd.status, 201, JSON.stringify(odd));
  const started = await hearth.api('POST', `/api/servers/${odd.data.id}/start?wait=1`);
  assert.equal(started.status, 200, JSON.stringify(started));
  // One that is deleted but does not end, and another one of that name.
  const same = [];
  for (let i = 0; i < 2; i++) {
    const made = await hearth.api('POST', '/api/profiles', { name: 'same', engine: 'command',
      command: [process.env.HEARTH_FAKE_ENGINE, '--port', '${port}', '--ignore-term', '1'] });
    assert.equal((await hearth.api('POST', `/api/servers/${made.data.id}/start?wait=1`)).status, 200);
    same.push(made.data.id);
    if (i === 0) assert.equal((await hearth.api('DELETE', `/api/profiles/${made.data.id}`)).status, 202);
  }
  const answer = await hearth.request('GET', '/metrics');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  assert.ok(answer.text.endsWith('\n'));
  const types = new Map();
  const series = new Set();
  for (const line of answer.text.trimEnd().split('\n')) {
    const type = /^# TYPE (hearth_[a-z0-9_]+) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      assert.ok(!types.has(type[1]), `${type[1]} twice`);
      assert.doesNotMatch(type[1], /_(s|ms|us|ns|sec|b|kb|mb|gb|tb|m|h|d)(_|$)/, 'units are written in full');
      types.set(type[1], type[2]);
    } else if (!/^# HELP hearth_[a-z0-9_]+ \S.*\.$/.test(line)) {
      const sample = /^(hearth_[a-z0-9_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (\S+)$/.exec(line);
      assert.ok(sample, `not understood: ${line}`);
      assert.ok(Number.isFinite(Number(sample[3])), line);
      const base = types.has(sample[1]) ? sample[1] : sample[1].replace(/_(bucket|sum|count)$/, '');
      assert.ok(types.has(base), `no TYPE before ${line}`);
      assert.ok(base.endsWith('_total') === (types.get(base) === 'counter'), `${line} is a ${types.get(base)}`);
      const key = `${sample[1]}${sample[2] ?? ''}`;
      assert.ok(!series.has(key), `${key} twice`);
      series.add(key);
    }
  }
  assert.ok(series.has('hearth_server_ready{model="q\\"uo\\\\te"}'), 'a name with a quote');
  assert.match(answer.text, /^hearth_server_ready\{model="same"\} 1$/m);
  assert.match(answer.text, new RegExp(`^hearth_server_ready\\{model="${same[0]}"\\} 0$`, 'm'));
  for (const [name, type] of types) {
    if (type !== 'histogram') continue;
    const buckets = [...answer.text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, 'gm'))];
    assert.equal(buckets.at(-1)[1], '+Inf');
    const counts = buckets.map((bucket) => Number(bucket[2]));
    assert.deepEqual(counts, [...counts].sort((a, b) => a - b));
    assert.ok(answer.text.includes(`\n${name}_count ${counts.at(-1)}\n`));
  }
});

test('the history outlives a restart and is bounded', async () => {
  const before = await history('series=memory_total_bytes');
  assert.ok(before.at_ms.length > 0);
  await hearth.stop({ keep: true });
  await hearth.spawn();
  const later = await history('series=memory_total_bytes');
  assert.ok(later.at_ms.length >= before.at_ms.length, `${before.at_ms.length} points, then ${later.at_ms.length}`);
  const [first] = later.series.memory_total_bytes;
  near(first, (await now()).memory.total_bytes, 'memory');
  assert.ok((await history('from=0&points=3')).at_ms.length <= 3);
  for (const range of ['from=0&to=9223372036854775807', 'from=0&points=600', `to=${Date.now() + 1e9}&from=0`]) {
    const { at_ms, series } = await history(`${range}&series=memory_total_bytes`);
    assert.ok(at_ms.length > 0 && at_ms.length <= 600 && series.memory_total_bytes.length === at_ms.length, range);
  }
  for (const bad of ['points=601', 'points=0', 'from=9&to=8', `series=${'x'.repeat(200)}`, 'series=a,a',
    `series=${Array.from({ length: 17 }, (_, i) => `s${i}`)}`]) {
    const answer = await hearth.api('GET', `/api/system/metrics/history?${bad}`);
    assert.equal(answer.status, 422, `${bad}: ${JSON.stringify(answer)}`);
  }
});
