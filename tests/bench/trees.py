"""Trees of model files for benchmarks: real GGUF heads (specification: docs/gguf.md
of ggml), tensor data left out as holes, so that 10,000 files of some gigabytes take
little of the disk.  Each file differs in name and size."""
import os
import struct

TEXT, U32, F32, ARRAY = 8, 4, 6, 9
Q4_K, F32_TYPE = 12, 0


def text(s):
    b = s.encode()
    return struct.pack('<Q', len(b)) + b


def pair(key, kind, value):
    head = text(key) + struct.pack('<I', kind)
    if kind == TEXT:
        return head + text(value)
    if kind == U32:
        return head + struct.pack('<I', value)
    if kind == F32:
        return head + struct.pack('<f', value)
    item, items = value
    body = (b''.join(text(i) for i in items) if item == TEXT
            else struct.pack(f'<{len(items)}f', *items))
    return head + struct.pack('<IQ', item, len(items)) + body


def head(name, layers=32, words=1000):
    """The head of a llama of 8 B parameters with `words` tokens, and the bytes of its data."""
    a = 'llama.'
    vocabulary = [f'<word {i}>' for i in range(words)]
    pairs = [
        pair('general.architecture', TEXT, 'llama'), pair('general.name', TEXT, name),
        pair('general.file_type', U32, 15), pair('general.quantization_version', U32, 2),
        pair(a + 'context_length', U32, 131072), pair(a + 'embedding_length', U32, 4096),
        pair(a + 'block_count', U32, layers), pair(a + 'feed_forward_length', U32, 14336),
        pair(a + 'attention.head_count', U32, 32), pair(a + 'attention.head_count_kv', U32, 8),
        pair(a + 'rope.freq_base', F32, 500000.0), pair(a + 'vocab_size', U32, words),
        pair('tokenizer.ggml.model', TEXT, 'gpt2'),
        pair('tokenizer.ggml.tokens', ARRAY, (TEXT, vocabulary)),
        pair('tokenizer.ggml.scores', ARRAY, (F32, [0.0] * words)),
        pair('tokenizer.chat_template', TEXT, '{% for m in messages %}{{ m }}{% endfor %}' * 20),
    ]
    tensors, offset = [], 0

    def tensor(label, *shape):
        nonlocal offset
        n = 1
        for d in shape:
            n *= d
        kind, size = (Q4_K, n // 256 * 144) if len(shape) == 2 else (F32_TYPE, n * 4)
        tensors.append(text(label) + struct.pack(f'<I{len(shape)}QIQ', len(shape), *shape, kind,
                                                 offset))
        offset += (size + 31) // 32 * 32

    tensor('token_embd.weight', 4096, words // 256 * 256 or 256)
    for i in range(layers):
        for label, *shape in (('attn_norm', 4096), ('attn_q', 4096, 4096),
                              ('attn_k', 4096, 1024), ('attn_v', 4096, 1024),
                              ('attn_output', 4096, 4096), ('ffn_norm', 4096),
                              ('ffn_gate', 4096, 14336), ('ffn_up', 4096, 14336),
                              ('ffn_down', 14336, 4096)):
            tensor(f'blk.{i}.{label}.weight', *shape)
    tensor('output_norm.weight', 4096)
    out = struct.pack('<4sIQQ', b'GGUF', 3, len(tensors), len(pairs))
    out += b''.join(pairs) + b''.join(tensors)
    return out + b'\0' * (-len(out) % 32), offset


def write(folder, n):
    """n files in folders of 100, as a collection has them."""
    blocks = {}
    for i in range(n):
        layers = 16 + i % 17
        if layers not in blocks:
            blocks[layers] = head('model-000000', layers)
        begin, data = blocks[layers]
        place = os.path.join(folder, f'author{i // 100:03}', f'repo{i % 100 // 10}')
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f'Model-{i:06}-8B-Q4_K_M.gguf'), 'wb') as f:
            f.write(begin.replace(b'model-000000', f'model-{i:06}'.encode(), 1))
            f.truncate(len(begin) + data)
