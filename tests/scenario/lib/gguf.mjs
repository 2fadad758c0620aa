// Model files cut and mended: parsed into keys and tensors and written again
// with more keys, fewer tensors, or in parts.
import assert from 'node:assert/strict';

const ALIGNMENT = 32;
const WIDTHS = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]; // of value types; 8 text, 9 array
const padded = (n) => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  u32() { this.at += 4; return this.bytes.readUInt32LE(this.at - 4); }

  u64() { this.at += 8; return Number(this.bytes.readBigUInt64LE(this.at - 8)); }

  text() {
    const n = this.u64();
    this.at += n;
    return this.bytes.toString('utf8', this.at - n, this.at);
  }

  skip(type) {
    if (type === 8) {
      this.text();
    } else if (type === 9) {
      const of = this.u32();
      for (let n = this.u64(); n > 0; n -= 1) this.skip(of);
    } else {
      this.at += WIDTHS[type];
    }
  }
}

function u64(n) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(n));
  return bytes;
}
function u32(n) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
}
const text = (words) => Buffer.concat([u64(Buffer.byteLength(words)), Buffer.from(words)]);

export const textKey = (name, value) => Buffer.concat([text(name), u32(8), text(value)]);
export const u32Key = (name, n) => Buffer.concat([text(name), u32(4), u32(n)]);
const u16Key = (name, n) => Buffer.concat([text(name), u32(2), Buffer.from([n & 255, n >> 8])]);
const i32Key = (name, n) => Buffer.concat([text(name), u32(5), u32(n)]);

// { keys: [Buffer], tensors: [{name, dims, type, data}] }
export function parse(bytes) {
  const reader = new Reader(bytes);
  assert.equal(reader.u32(), 0x46554747);
  assert.equal(reader.u32(), 3);
  const n_tensors = reader.u64();
  const keys = Array.from({ length: reader.u64() }, () => {
    const from = reader.at;
    reader.text();
    reader.skip(reader.u32());
    return bytes.subarray(from, reader.at);
  });
  const tensors = Array.from({ length: n_tensors }, () => ({
    name: reader.text(), dims: Array.from({ length: reader.u32() }, () => reader.u64()),
    type: reader.u32(), offset: reader.u64() }));
  const start = padded(reader.at);
  tensors.forEach((tensor, i) => {
    const end = i + 1 < tensors.length ? tensors[i + 1].offset : bytes.length - start;
    tensor.data = bytes.subarray(start + tensor.offset, start + end);
  });
  return { keys, tensors };
}

export function write({ keys, tensors }) {
  const pieces = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys];
  let offset = 0;
  for (const { name, dims, type, data } of tensors) {
    pieces.push(text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset));
    offset += padded(data.length);
  }
  const head = Buffer.concat(pieces);
  return Buffer.concat([head, Buffer.alloc(padded(head.length) - head.length),
                        ...tensors.flatMap(({ data }) => [data, Buffer.alloc(padded(data.length) - data.length)])]);
}

// With more keys, so that its header is as long as that of a model with a
// large tokenizer.
export const withKeys = (bytes, ...more) => {
  const { keys, tensors } = parse(bytes);
  return write({ keys: [...keys, ...more], tensors });
};

export const without = (bytes, name) => {
  const { keys, tensors } = parse(bytes);
  const rest = tensors.filter((tensor) => tensor.name !== name);
  assert.equal(rest.length, tensors.length - 1);
  return write({ keys, tensors: rest });
};

// n files: "NAME-00001-of-0000N.gguf" and so on, as llama-gguf-split makes them.
export function split(bytes, n) {
  const { keys, tensors } = parse(bytes);
  const each = Math.ceil(tensors.length / n);
  return Array.from({ length: n }, (_, i) => write({
    keys: [...(i === 0 ? keys : []), u16Key('split.no', i), u16Key('split.count', n),
           i32Key('split.tensors.count', tensors.length)],
    tensors: tensors.slice(i * each, (i + 1) * each) }));
}
export const shardName = (name, i, n) =>
  `${name}-${String(i + 1).padStart(5, '0')}-of-${String(n).padStart(5, '0')}.gguf`;
