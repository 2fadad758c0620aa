// hearth inspect: what it reads is what the official package reads; what lies
// is refused with a reason; memory stays bounded whatever a file says.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { HEARTH, until, writeModel } from './lib/hearth.mjs';

const MIB = 1024 * 1024;
let dir;
before(() => { dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-inspect-')); });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

function inspect(...args) {
  return new Promise((resolve) => {
    execFile(HEARTH, ['inspect', ...args], { maxBuffer: 64 * MIB },
      (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
  });
}
function put(name, bytes) {
  const file = path.join(dir, name);
  fs.writeFileSync(file, bytes);
  return file;
}

// ---- GGUF in any version and byte order ----

const T = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, text: 8, array: 9,
            u64: 10, i64: 11, f64: 12 };

class Gguf {
  constructor({ version = 3, isBig = false } = {}) {
    Object.assign(this, { version, isBig, keys: [], tensors: [], nKeys: 0, nTensors: 0 });
  }
  uint(n, value) {
    const bytes = Buffer.alloc(n);
    const bits = BigInt.asUintN(8 * n, BigInt(value));
    for (let i = 0; i < n; i++)
      bytes[this.isBig ? n - 1 - i : i] = Number((bits >> BigInt(8 * i)) & 0xffn);
    return bytes;
  }
  length(n) { return this.uint(this.version === 1 ? 4 : 8, n); }
  text(s) { const bytes = Buffer.from(s); return Buffer.concat([this.length(bytes.length), bytes]); }
  real(n, value) {
    const bytes = Buffer.alloc(n);
    if (n === 4) this.isBig ? bytes.writeFloatBE(value) : bytes.writeFloatLE(value);
    else this.isBig ? bytes.writeDoubleBE(value) : bytes.writeDoubleLE(value);
    return bytes;
  }
  value(type, value) {
    switch (type) {
      case 'text': return this.text(value);
      case 'f32': return this.real(4, value);
      case 'f64': return this.real(8, value);
      case 'bool': return this.uint(1, value ? 1 : 0);
      case 'array': return Buffer.concat([this.uint(4, T[value.of]), this.length(value.items.length),
                                          ...value.items.map((item) => this.value(value.of, item))]);
      default: return this.uint(Number(type.slice(1)) / 8, value);
    }
  }
  key(name, type, value) {
    this.nKeys++;
    this.keys.push(this.text(name), this.uint(4, T[type]), this.value(type, value));
    return this;
  }
  tensor(name, shape, type, offset) {
    this.nTensors++;
    this.tensors.push(this.text(name), this.uint(4, shape.length), ...shape.map((n) => this.length(n)),
                      this.uint(4, type), this.uint(8, offset));
    return this;
  }
  head(nTensors = this.nTensors, nKeys = this.nKeys) {
    return Buffer.concat([Buffer.from('GGUF'), this.uint(4, this.version), this.length(nTensors),
                          this.length(nKeys), ...this.keys, ...this.tensors]);
  }
  file(dataBytes, alignment = 32) {
    const head = this.head();
    return Buffer.concat([head, Buffer.alloc((alignment - head.length % alignment) % alignment + dataBytes)]);
  }
}

function everything(options) {
  return new Gguf(options)
    .key('general.architecture', 'text', 'llama').key('general.name', 'text', 'Wörter "und" \\ 你好\n')
    .key('general.file_type', 'u32', 15).key('general.alignment', 'u32', 64)
    .key('general.license', 'text', 'mit')
    .key('general.tags', 'array', { of: 'text', items: ['chat', 'tiny', ''] })
    .key('llama.context_length', 'u32', 131072).key('llama.block_count', 'u16', 3)
    .key('llama.embedding_length', 'u64', 2048n).key('llama.attention.head_count', 'u32', 16)
    .key('llama.attention.head_count_kv', 'array', { of: 'i32', items: [4, 0, -1] })
    .key('k.u8', 'u8', 255).key('k.i8', 'i8', -128).key('k.u16', 'u16', 65535).key('k.i16', 'i16', -32768)
    .key('k.u32', 'u32', 4294967295).key('k.i32', 'i32', -2147483648).key('k.f32', 'f32', 1e-5)
    .key('k.true', 'bool', true).key('k.false', 'bool', false).key('k.u64', 'u64', 2n ** 53n)
    .key('k.i64', 'i64', -(2n ** 53n)).key('k.f64', 'f64', -1.0000000000000002).key('k.empty', 'text', '')
    .key('k.reals', 'array', { of: 'f32', items: [0.1, -2.5] })
    .key('k.bools', 'array', { of: 'bool', items: [true, false] })
    .key('k.none', 'array', { of: 'u8', items: [] })
    .key('k.deep', 'array', { of: 'array', items: [{ of: 'u8', items: [1, 2] }, { of: 'u8', items: [3] }] })
    .key('tokenizer.ggml.tokens', 'array', { of: 'text', items: Array.from({ length: 1000 }, (_, i) => `t${i}`) })
    .key('tokenizer.ggml.scores', 'array', { of: 'f32', items: Array.from({ length: 1000 }, (_, i) => i) })
    .key('tokenizer.chat_template', 'text', '{{ x }}'.repeat(400))
    .tensor('token_embd.weight', [256, 4], 12, 0)   // Q4_K: 4 blocks of 144 bytes
    .tensor('blk.0.attn_q.weight', [32, 2], 8, 576)  // Q8_0: 2 blocks of 34 bytes
    .tensor('output_norm.weight', [8], 0, 704)       // F32
    .tensor('scalar', [], 0, 768)
    .file(768 + 4, 64);
}

// ---- the judge ----

const plain = (value) => typeof value === 'bigint' ? Number(value)
  : Array.isArray(value) ? value.map(plain) : value;

function agree(ours, theirs, key) {
  if (Array.isArray(theirs) && !Array.isArray(ours))
    assert.equal(ours.n_items, theirs.length, key);
  else
    assert.deepEqual(ours, plain(theirs), key);
}

async function judge(file) {
  const done = await inspect(file, '--json');
  assert.equal(done.code, 0, done.err);
  const ours = JSON.parse(done.out);
  const theirs = await gguf(file, { allowLocalFile: true, computeParametersCount: true });
  const { version, tensor_count, kv_count, ...metadata } = theirs.metadata;
  assert.equal(ours.version, version);
  assert.equal(ours.n_tensors, Number(tensor_count));
  assert.equal(ours.n_keys, Number(kv_count));
  assert.equal(ours.is_big_endian, !theirs.littleEndian);
  assert.equal(ours.n_parameters, theirs.parameterCount);
  assert.equal(ours.data_offset, Number(theirs.tensorDataOffset));
  assert.deepEqual(Object.keys(ours.metadata).sort(), Object.keys(metadata).sort());
  for (const [key, value] of Object.entries(metadata)) agree(ours.metadata[key], value, key);
  const counts = {};
  for (const tensor of theirs.tensorInfos) {
    const name = GGMLQuantizationType[tensor.dtype];
    counts[name] = (counts[name] ?? 0) + 1;
  }
  assert.deepEqual(Object.fromEntries(ours.types.map((row) => [row.type, row.n_tensors])), counts);
  return ours;
}

test('demo models read as the official package reads them', async () => {
  for (const arch of ['llama', 'qwen2', 'qwen3']) {
    for (const type of ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0']) {
      const file = path.join(dir, `${arch}-${type}.gguf`);
      writeModel(file, { say: 'one two', arch, type, ctx: 512, layers: 3, heads: 4, 'kv-heads': 2 });
      const ours = await judge(file);
      assert.equal(ours.architecture, arch);
      assert.equal(ours.quantization, type);
      assert.equal(ours.context_length, 512);
      assert.equal(ours.n_layers, 3);
      assert.equal(ours.n_heads, 4);
      assert.equal(ours.n_kv_heads, 2);
      assert.equal(ours.has_template, true);
    }
  }
});

test('every version, byte order and kind of value', async () => {
  for (const version of [1, 2, 3]) {
    for (const isBig of [false, true]) {
      const file = put(`v${version}${isBig ? 'big' : ''}.gguf`, everything({ version, isBig }));
      const ours = await judge(file);
      assert.equal(ours.quantization, 'Q4_K_M');
      assert.deepEqual(ours.tags, ['chat', 'tiny', '']);
      assert.equal(ours.vocabulary, 1000);
      assert.deepEqual(ours.types.map((row) => row.n_bytes), [576, 68, 36]);
    }
  }
  const { out } = await inspect(path.join(dir, 'v3.gguf'));
  assert.match(out, /^quantization +Q4_K_M$/m);
  assert.match(out, /^context length +131072$/m);
  assert.match(out, /^name +Wörter "und" \\ 你好 $/m); // the line end is made harmless
});

test('numbers beyond those of JavaScript keep their digits', async () => {
  const file = put('big.gguf', new Gguf().key('k', 'u64', 2n ** 64n - 1n).key('l', 'i64', -(2n ** 63n)).file(0));
  const { out } = await inspect(file, '--json');
  assert.match(out, /"k":18446744073709551615,"l":-9223372036854775808/);
});

// ---- safetensors ----

function safetensors(head, nData = 0) {
  const json = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(nData)]);
}

test('a LoRA tells its base model and words', async () => {
  const block = 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k';
  const metadata = { ss_output_name: 'style', ss_tag_frequency: '{"3_a":{"sks":5,"red \\u001b[2Jhat":2}}' };
  const file = put('lora.safetensors', safetensors({
    __metadata__: metadata,
    [`${block}.lora_down.weight`]: { dtype: 'F16', shape: [4, 2048], data_offsets: [0, 16384] },
    [`${block}.lora_up.weight`]: { dtype: 'F16', shape: [640, 4], data_offsets: [16384, 21504] },
  }, 21504));
  const ours = JSON.parse((await inspect(file, '--json')).out);
  assert.equal(ours.kind, 'lora');
  assert.equal(ours.base_model, 'SDXL');
  assert.equal(ours.n_parameters, 4 * 2048 + 640 * 4);
  assert.deepEqual(ours.trigger_words, ['sks']);
  assert.deepEqual(ours.metadata, metadata);
  assert.deepEqual(ours.types, [{ type: 'F16', n_tensors: 2, n_bytes: 21504 }]);
  const { out } = await inspect(file);
  assert.match(out, /^tags +sks, red  \[2Jhat$/m);
  assert.ok(!out.includes('\u001b'));
});

// ---- folders ----

// A folder of the transformers layout: texts by name, weights by their heads.
function putFolder(name, texts, weights = {}) {
  const folder = path.join(dir, name);
  fs.mkdirSync(folder);
  for (const [file, text] of Object.entries(texts))
    fs.writeFileSync(path.join(folder, file), typeof text === 'string' ? text : JSON.stringify(text));
  for (const [file, head] of Object.entries(weights))
    fs.writeFileSync(path.join(folder, file), Buffer.isBuffer(head) ? head : safetensors(head, 64));
  return folder;
}
const tensor = (dtype, bytes = 2) => ({ dtype, shape: [64 / bytes], data_offsets: [0, 64] });
const shard = (i, n) => `model-0000${i}-of-0000${n}.safetensors`;
const qwen = { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], num_hidden_layers: 28,
               num_attention_heads: 16, num_key_value_heads: 8, hidden_size: 1024, vocab_size: 151936,
               max_position_embeddings: 40960, torch_dtype: 'bfloat16' };

test('a folder is described like a file', async () => {
  const folder = putFolder('mlx', {
    'config.json': { ...qwen, quantization: { bits: 4, group_size: 64 } },
    'tokenizer_config.json': { chat_template: '{{ messages }}' },
    'model.safetensors.index.json': {
      metadata: { total_size: 128, total_parameters: 77 },
      weight_map: { a: shard(2, 2), b: shard(1, 2), c: shard(2, 2) } },
  }, { [shard(1, 2)]: { __metadata__: { format: 'mlx' }, b: tensor('U32', 4) },
       [shard(2, 2)]: { __metadata__: { format: 'mlx' }, a: tensor('BF16') } });
  const done = await inspect(folder, '--json');
  assert.equal(done.code, 0, done.err);
  const size = fs.statSync(path.join(folder, shard(1, 2))).size;
  const other = fs.statSync(path.join(folder, shard(2, 2))).size;
  assert.deepEqual(JSON.parse(done.out), {
    path: folder, format: 'mlx', size_bytes: size + other, kind: 'llm', architecture: 'qwen3',
    class: 'Qwen3ForCausalLM', quantization: '4bit', n_parameters: 77, context_length: 40960,
    n_layers: 28, n_heads: 16, n_kv_heads: 8, embedding_length: 1024, vocabulary: 151936,
    has_template: true, ignored: null,
    shards: [{ name: shard(1, 2), size_bytes: size }, { name: shard(2, 2), size_bytes: other }],
    types: [{ type: 'U32', n_tensors: 1, n_bytes: 64 }, { type: 'BF16', n_tensors: 1, n_bytes: 64 }],
    error: null });
  const { out } = await inspect(`${folder}/`);
  assert.match(out, /^context length +40960$/m);
  assert.match(out, /^chat template +yes$/m);
  assert.match(out, new RegExp(`^  ${shard(1, 2)}: ${size} bytes$`, 'm'));
});

test('what was not quantized has the type of its tensors', async () => {
  const rows = [
    [{ model_type: 'llama' }, { __metadata__: { format: 'mlx' }, a: tensor('F16') }, {}, ['mlx', 'llm', 'F16']],
    [{ model_type: 'llama', dtype: 'bfloat16' }, { a: tensor('F16') }, {}, ['transformers', 'llm', 'BF16']],
    [{ model_type: 'qwen3' }, { a: tensor('F32', 4) }, { 'modules.json': '[]' }, ['transformers', 'embedding', 'F32']],
    [{ model_type: 'qwen2_vl', vision_config: {} }, { a: tensor('F16') }, {}, ['transformers', 'vision', 'F16']],
    [{ model_type: 'whisper' }, { a: tensor('F16') }, {}, ['transformers', 'audio', 'F16']],
  ];
  for (const [i, [config, head, texts, expected]] of rows.entries()) {
    const folder = putFolder(`plain${i}`, { 'config.json': config, ...texts }, { 'model.safetensors': head });
    const done = await inspect(folder, '--json');
    assert.equal(done.code, 0, done.err);
    const { format, kind, quantization } = JSON.parse(done.out);
    assert.deepEqual([format, kind, quantization], expected);
  }
});

test('a bad folder is exit code 1 and a reason', async () => {
  const config = { 'config.json': qwen };
  const index = (...names) => ({
    'model.safetensors.index.json': { weight_map: Object.fromEntries(names.map((name, i) => [`t${i}`, name])) } });
  const head = { a: tensor('BF16') };
  const silent = [ // nothing to describe
    [{}, {}, /no config\.json/],
    [{ 'config.json': '{' }, {}, /config\.json: line 1/],
    [{ 'config.json': '[]' }, {}, /config\.json: an object is expected/],
    [{ 'config.json': { _class_name: 'Pipeline' } }, { 'model.safetensors': head }, /neither model_type/],
    [config, {}, /no weights/],
    [{ ...config, ...index('../../../etc/passwd') }, {}, /cannot be/],
    [{ ...config, ...index('a\u001b[2Jb.safetensors') }, {}, /index\.json/],
    [{ ...config, 'model.safetensors.index.json': '{}' }, {}, /weight_map is missing/],
  ];
  const described = [
    [{ ...config, ...index(shard(1, 3), shard(2, 3), shard(3, 3)) }, { [shard(2, 3)]: head },
     /model-00001-of-00003\.safetensors: missing \(2 of 3 files\)/],
    [config, { [shard(1, 2)]: head }, /model-00002-of-00002\.safetensors: missing \(1 of 2 files\)/],
    [config, { 'model.safetensors': safetensors(head, 63) }, /model\.safetensors: .*cut short/],
    [config, { 'model.safetensors': Buffer.from('x') }, /model\.safetensors: /],
    [{ ...config, 'tokenizer_config.json': '{' }, { 'model.safetensors': head }, /tokenizer_config\.json: /],
  ];
  for (const [i, [texts, weights, reason]] of [...silent, ...described].entries()) {
    const done = await inspect(putFolder(`bad${i}`, texts, weights), '--json');
    assert.equal(done.code, 1, `${i}: ${done.out}`);
    assert.match(done.err, reason);
    assert.match(done.err, /^hearth: [^\n\u001b]*\n$/);
    if (i < silent.length)
      assert.equal(done.out, '');
    else
      assert.match(JSON.parse(done.out).error, reason);
  }
  const { out } = await inspect(path.join(dir, `bad${silent.length}`));
  assert.match(out, /^  model-00003-of-00003\.safetensors: missing$/m);
});

// ---- what is wrong ----

test('a bad file is exit code 1 and a reason', async () => {
  const huge = 2n ** 60n;
  const array = (of, n) => {
    const file = new Gguf();
    file.nKeys = 1;
    file.keys.push(file.text('k'), file.uint(4, T.array), file.uint(4, T[of]), file.length(n));
    return Buffer.concat([file.head(), Buffer.alloc(1000)]);
  };
  const nested = new Gguf();
  nested.nKeys = 1;
  nested.keys.push(nested.text('k'), nested.uint(4, T.array));
  for (let i = 0; i < 1000; i++) nested.keys.push(nested.uint(4, T.array), nested.length(1));
  const bad = {
    'empty.gguf': [Buffer.alloc(0), /no GGUF file/],
    'magic.gguf': [Buffer.from('GGML and more than that'), /no GGUF file/],
    'version.gguf': [new Gguf({ version: 4 }).head(), /version 4/],
    'keys.gguf': [new Gguf().head(0, huge), /more keys/],
    'tensors.gguf': [new Gguf().head(huge, 0), /more tensors/],
    'texts.gguf': [array('text', huge), /more texts/],
    'arrays.gguf': [array('array', huge), /more arrays/],
    'numbers.gguf': [array('f64', huge), /cut short|larger/],
    'overflow.gguf': [array('f64', 2n ** 61n), /larger than any file/],
    'nested.gguf': [nested.head(), /nested/],
    'alignment.gguf': [new Gguf().key('general.alignment', 'u32', 0).file(0), /alignment/],
    'shape.gguf': [new Gguf().tensor('t', [2n ** 40n, 2n ** 40n], 0, 0).file(64), /elements/],
    'offset.gguf': [new Gguf().tensor('t', [8], 0, 2n ** 64n - 32n).file(64), /larger|cut short/],
    'data.gguf': [new Gguf().tensor('t', [8], 0, 0).file(31), /cut short/],
    'length.safetensors': [Buffer.from('\xff\xff\xff\xff\xff\xff\xff\x7f{}', 'latin1'), /cut short/],
    'text.safetensors': [safetensors('{"\u001b[2J":}'), /no JSON/],
    'twice.safetensors': [safetensors('{"\\u001b":1,"\\u001b":2}'), /twice/],
    'hole.safetensors': [safetensors({ a: { dtype: 'U8', shape: [1], data_offsets: [1, 2] } }, 2), /hole/],
    'pickle.ckpt': [Buffer.from('\x80\x02}q\x00.', 'latin1'), /pickle.*never opened/],
    'zip.anything': [Buffer.from('PK\x03\x04and so on'), /pickle/],
    'other.txt': [Buffer.from('nothing of the kind'), /neither GGUF nor safetensors/],
  };
  for (const [name, [bytes, reason]] of Object.entries(bad)) {
    const done = await inspect(put(name, bytes), '--json');
    assert.equal(done.code, 1, `${name}: ${done.err}`);
    assert.equal(done.out, '', name);
    assert.match(done.err, reason);
    assert.match(done.err, /^hearth: [^\n\u001b]*\n$/, name);
  }
  for (const name of ['', 'not-there.gguf']) // a folder, nothing
    assert.equal((await inspect(path.join(dir, name))).code, 1);
});

test('no file that ends early is read', async () => {
  const whole = new Gguf().key('general.architecture', 'text', 'llama')
    .key('k', 'array', { of: 'text', items: ['a', 'bc'] }).tensor('t', [4], 0, 0).file(16);
  const { length } = whole;
  for (let n = 0; n < length; n += 7) {
    const done = await inspect(put('cut.gguf', whole.subarray(0, n)));
    assert.equal(done.code, 1, `${n} of ${length} bytes`);
    assert.match(done.err, /^hearth: .+\n$/);
  }
});

// ---- memory ----

// The program as users have it: a sanitizer's memory is not the program's.
const PLAIN = process.env.HEARTH_PLAIN_BIN;

// The most memory it took until it was stopped by a pipe that nobody reads:
// by then the file has been read whole. Its output is larger than a pipe.
async function peakBytes(file) {
  const child = spawn(PLAIN, ['inspect', '--json', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const status = () => fs.readFileSync(`/proc/${child.pid}/status`, 'latin1');
  await once(child.stdout, 'readable'); // it writes after it has read
  await until('it to wait for the pipe', () => /^State:\s+S/m.test(status()));
  const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status())[1]) * 1024;
  child.stdout.resume();
  assert.deepEqual(await ended, [0, null]);
  return peak;
}

test('memory stays below 64 MiB', { skip: !fs.existsSync('/proc/self/status') }, async (t) => {
  assert.ok(PLAIN && fs.existsSync(PLAIN), `${PLAIN} is not there: run ./dev build`);
  const long = 'x'.repeat(60000);
  const texts = new Gguf(); // what is kept of the keys reaches its limit
  for (let i = 0; i < 250; i++) texts.key(`k${i}`, 'text', long);
  texts.key('t', 'array', { of: 'text', items: Array.from({ length: 400000 }, () => 'word') });
  const tensors = {}; // as many values as a head may hold
  for (let i = 0; i < 70000; i++) tensors[`t${i}`] = { dtype: 'U8', shape: [0, 1, 1], data_offsets: [0, 0] };
  tensors.__metadata__ = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`m${i}`, long]));
  tensors.__metadata__.ss_tag_frequency = JSON.stringify({
    a: Object.fromEntries(Array.from({ length: 90000 }, (_, i) => [`${i}`, 1])) });
  // Of a folder each text as large as it may be, of as many values.
  const shards = Array.from({ length: 4000 }, (_, i) => `m-${i}-${'n'.repeat(62)}.safetensors`);
  const map = Array.from({ length: 240000 }, (_, i) => `"${i}":"${shards[i % 4000]}"`);
  const numbers = (n) => `${'0,'.repeat(n)}NaN`;
  const folder = putFolder('large', {
    'config.json': `{"model_type":"llama","architectures":["${'y'.repeat(100)}"],"x":[${numbers(490000)}],"y":"${'z'.repeat(2800000)}"}`,
    'tokenizer_config.json': `{"x":[${numbers(490000)}],"y":"${'NaN'.repeat(2300000)}"}`,
    'model.safetensors.index.json': `{"weight_map":{${map.join(',')}}}`,
  }, Object.fromEntries(shards.map((name) => [name, { a: tensor('F16') }])));
  fs.writeFileSync(path.join(folder, shards[0]), safetensors(tensors));
  const files = {
    'texts.gguf': put('texts.gguf', texts.file(0)),
    'tensors.safetensors': put('tensors.safetensors', safetensors(tensors)),
    'a folder': folder,
  };
  for (const [name, file] of Object.entries(files)) {
    const peak = await peakBytes(file);
    t.diagnostic(`${name}: ${(peak / MIB).toFixed(1)} MiB`);
    assert.ok(peak < 64 * MIB, `${name}: ${(peak / MIB).toFixed(1)} MiB`);
  }
});
