// The official OpenAI and Anthropic clients against hearth and a real
// llama-server with tiny models whose answers are known.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { Hearth, sleep } from './lib/hearth.mjs';

const SAY = {
  red: 'apple brick cherry ember flame garnet lava poppy rose ruby',
  green: 'basil clover fern grass jade lime mint moss olive pine',
  blue: 'azure cobalt denim indigo lake navy ocean river sapphire sky',
};
const words = (text) => text.trim().split(/\s+/);
let hearth, openai, anthropic;

before(async () => {
  hearth = await Hearth.start({
    models: Object.fromEntries(Object.entries(SAY).map(([name, say]) => [name, { say, name }])
      .concat([['endless', { say: 'tick tock', loop: true, ctx: 65536, dim: 512, layers: 12, ffn: 2048 }]])),
    config: [
      'models_max: 2', 'drain_after_ms: 200', 'profiles:',
      '  - name: crimson', '    model_path: $MODELS/red.gguf', '    aliases: [gpt-4o, claude-sonnet]',
      '    options: { parallel: 4 }',
      '  - name: vectors', '    model_path: $MODELS/green.gguf', '    options: { embeddings: true, pooling: mean }',
    ].join('\n'),
  });
  openai = new OpenAI({ baseURL: `${hearth.base}/v1`, apiKey: 'none', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: hearth.base, apiKey: 'none', maxRetries: 0 });
});
after(() => hearth?.stop());

const ask = (model, extra = {}) => ({ model, max_tokens: 64, messages: [{ role: 'user', content: 'hi' }], ...extra });

async function collect(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
  return words(text);
}

test('lists and retrieves models', async () => {
  const ids = (await openai.models.list()).data.map((model) => model.id);
  for (const id of ['red', 'green', 'blue', 'crimson', 'vectors']) assert.ok(ids.includes(id), `${id} in ${ids}`);
  assert.equal(new Set(ids).size, ids.length, 'no model is listed twice');
  assert.equal((await openai.models.retrieve('red')).id, 'red');
  await assert.rejects(openai.models.retrieve('nobody'), (error) => error.status === 404);
});

test('chats, and each model says its own words', async () => {
  for (const [model, say] of Object.entries(SAY)) {
    const answer = await openai.chat.completions.create(ask(model));
    assert.deepEqual(words(answer.choices[0].message.content), words(say), model);
    assert.ok(answer.usage.completion_tokens > 0);
  }
});

test('streams in order, and usage when asked for', async () => {
  const stream = await openai.chat.completions.create(
    ask('red', { stream: true, stream_options: { include_usage: true } }));
  let text = '', usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.deepEqual(words(text), words(SAY.red));
  assert.ok(usage.total_tokens > 0);
});

test('an alias and a profile name reach the engine', async () => {
  for (const name of ['gpt-4o', 'crimson']) {
    const answer = await openai.chat.completions.create(ask(name));
    assert.deepEqual(words(answer.choices[0].message.content), words(SAY.red), name);
  }
});

test('an abort frees the engine for the next request', async () => {
  const controller = new AbortController();
  const stream = await openai.chat.completions.create(
    ask('endless', { stream: true, max_tokens: 60000 }), { signal: controller.signal });
  let n = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) if (++n === 5) controller.abort();
    throw Object.assign(new Error('aborted'), { name: 'done' });
  });
  const begun = Date.now();
  const answer = await openai.chat.completions.create(ask('endless', { max_tokens: 2 }));
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.ok(Date.now() - begun < 5000, `the slot was free after ${Date.now() - begun} ms`);
});

test('tools pass through untouched', async () => {
  const answer = await openai.chat.completions.create(ask('red', {
    tools: [{ type: 'function', function: { name: 'weather', parameters: {
      type: 'object', properties: { city: { type: 'string' } } } } }],
    tool_choice: 'none' }));
  assert.ok(answer.choices[0].message.content.length > 0);
});

test('embeddings', async () => {
  const answer = await openai.embeddings.create({ model: 'vectors', input: ['hello', 'world'] });
  assert.equal(answer.data.length, 2);
  assert.equal(answer.data[0].embedding.length, 64);
});

test('responses', async () => {
  const answer = await openai.responses.create({ model: 'blue', input: 'hi', max_output_tokens: 64 });
  assert.deepEqual(words(answer.output_text), words(SAY.blue));
});

test('Anthropic messages, streamed and not, and token counts', async () => {
  const answer = await anthropic.messages.create(ask('blue'));
  assert.deepEqual(words(answer.content[0].text), words(SAY.blue));
  let text = '';
  const stream = anthropic.messages.stream(ask('claude-sonnet'));
  stream.on('text', (piece) => { text += piece; });
  await stream.finalMessage();
  assert.deepEqual(words(text), words(SAY.red));
  const count = await anthropic.messages.countTokens({ model: 'blue', messages: ask('blue').messages });
  assert.ok(count.input_tokens > 0);
});

test('an unknown model is 404 in each dialect', async () => {
  await assert.rejects(openai.chat.completions.create(ask('nobody')),
    (error) => error.status === 404 && /nobody/.test(error.message));
  await assert.rejects(anthropic.messages.create(ask('nobody')),
    (error) => error.status === 404 && error.error?.type === 'error');
});

test('what the engine does not serve is 501 before any load', async () => {
  const answer = await hearth.request('POST', '/v1/images/generations', { body: { model: 'green', prompt: 'x' } });
  assert.equal(answer.status, 501);
  assert.ok(answer.json().error.message.length > 0);
});

test('50 concurrent mixed streams carry their own words, two models loaded', async () => {
  const names = Object.keys(SAY);
  let most = 0, watching = true;
  const watcher = (async () => {
    while (watching) {
      const { data } = await hearth.api('GET', '/api/servers');
      most = Math.max(most, data.filter((row) =>
        ['starting', 'loading', 'ready', 'draining', 'stopping', 'unhealthy'].includes(row.state)).length);
      await sleep(50);
    }
  })();
  const results = await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const model = names[i % 3];
    return [model, await collect(await openai.chat.completions.create(ask(model, { stream: true })))];
  }));
  watching = false;
  await watcher;
  for (const [model, got] of results) assert.deepEqual(got, words(SAY[model]), model);
  assert.ok(most <= 2, `${most} engines at once with models_max 2`);
});
