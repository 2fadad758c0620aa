// The dashboard's types are those of the daemon's document.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { apiTypes } from '../../web/scripts/api-types.mjs';
import { Hearth } from './lib/hearth.mjs';

let hearth;
before(async () => { hearth = await Hearth.start(); });
after(() => hearth?.stop());

test('web/src/lib/api/schema.ts is what "./dev web types" writes', async () => {
  const document = (await hearth.request('GET', '/api/openapi.json')).json();
  const file = new URL('../../web/src/lib/api/schema.ts', import.meta.url);
  const is = fs.readFileSync(file, 'utf8').split('\n');
  const wanted = apiTypes(document).split('\n');
  const at = wanted.findIndex((line, i) => line !== is[i]);
  assert.deepEqual([at, is[at], is.length], [-1, undefined, wanted.length],
    `line ${at + 1} should be: ${wanted[at]}`);
});
