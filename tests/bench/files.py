"""Benchmarks of files: scanning trees of models, downloading them.  See run."""
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import time

import trees

COMMIT = 'c0ffee' * 6 + 'beef'
CHUNK = 1 << 20


def measure(begin, is_done, process, common, pause=0.005, seconds=600):
    """Wall time, processor time of `process` and its largest resident memory."""
    cpu, peak, begun = common.cpu_ns(process.pid), 0, time.monotonic()
    begin()
    while not is_done():
        peak = max(peak, common.rss_kib(process.pid))
        if time.monotonic() - begun > seconds:
            raise SystemExit('bench: it does not end')
        time.sleep(pause)
    return time.monotonic() - begun, (common.cpu_ns(process.pid) - cpu) / 1e9, peak


# ---- scan ----

def bench_scan(args, folder, common):
    print(f'Machine: {common.machine()}; each run a new process with an empty database, files in '
          'the page cache; medians.\n')
    print('| files | exec to every record complete, s | of it processor, s | resident, KiB '
          '| rescan, nothing changed, s |')
    print('|--:|--:|--:|--:|--:|')
    for n in (1_000, 10_000):
        tree = f'{folder}/tree{n}'
        trees.write(tree, n)
        rows = []
        for _ in range(args.rounds + 1):  # the first one warms the cache
            shutil.rmtree(f'{folder}/hearth', ignore_errors=True)
            config = f'models_dirs: ["{tree}"]\nlibrary:\n  sources: []\n  hashes: false\n'
            begun = time.monotonic()
            hearth = common.Hearth(f'{folder}/hearth', config, pinned=False)
            try:
                common.wait_for(hearth.base + '/health', pause=0.001)  # listens after its scan
                took = time.monotonic() - begun
                check(hearth, common, n)
                scan(hearth, common)  # what follows the first one is over, too
                rows.append((took, common.cpu_ns(hearth.pid) / 1e9, common.rss_kib(hearth.pid),
                             again(hearth, common)))
            finally:
                hearth.stop()
        took, cpu, rss, rescan = map(statistics.median, zip(*rows[1:]))
        print(f'| {n} | {took:.2f} | {cpu:.2f} | {rss:.0f} | {rescan:.3f} |')
        if n < 10_000:
            shutil.rmtree(tree)
    hearth = common.Hearth(f'{folder}/hearth', config, pinned=False)
    try:
        common.wait_for(hearth.base + '/health', pause=0.001)
        ask(hearth, common)
    finally:
        hearth.stop()


QUESTIONS = ('?limit=50', '?limit=50&sort=size_bytes&order=desc', '?limit=50&q=004&arch=llama',
             '?limit=50&quant=Q4_K_M&kind=llm', '?limit=1000')


def ask(hearth, common, seconds=2.0):
    """p50 and p99 in ms of each question, one client, one connection each time."""
    print('\n| question, 10,000 models known | p50, ms | p99, ms | asked |\n|---|--:|--:|--:|')
    for question in QUESTIONS:
        took, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            begun = time.monotonic()
            common.get(hearth.base + '/api/models' + question, 60)
            took.append((time.monotonic() - begun) * 1e3)
        took.sort()
        print(f'| `{question}` | {took[len(took) // 2]:.2f} | {took[len(took) * 99 // 100]:.2f} '
              f'| {len(took)} |')


def scan(hearth, common):
    common.get(hearth.base + '/api/models/scan', 120, b'', {'Content-Type': 'application/json'})


def again(hearth, common):
    begun = time.monotonic()
    scan(hearth, common)
    return time.monotonic() - begun


def check(hearth, common, n):
    rows = json.loads(common.get(hearth.base + '/api/models?limit=1000', 60))['data']
    rows = rows if isinstance(rows, list) else rows['models']
    bad = [r for r in rows if r['architecture'] != 'llama' or r['context_length'] != 131072]
    if len(rows) != min(n, 1000) or bad:
        raise SystemExit(f'bench: {len(rows)} records, {len(bad)} of them wrong')


# ---- download ----

def origin(folder, path, digest, common):
    """nginx as a hub that serves one repository with one file."""
    port, slow = common.free_port(), common.free_port()
    size = os.path.getsize(path)
    tree = json.dumps([{'type': 'file', 'oid': '0' * 40, 'size': size, 'path': 'model.gguf',
                        'lfs': {'oid': digest, 'size': size, 'pointerSize': 135}}])
    info = json.dumps({'id': 'bench/model', 'sha': COMMIT, 'private': False, 'gated': False,
                       'siblings': [{'rfilename': 'model.gguf'}]})

    def place(name, limit):
        file = f'''
            alias {path}; {limit}
            add_header X-Linked-ETag '"{digest}"'; add_header X-Linked-Size {size};
            add_header X-Repo-Commit {COMMIT};'''
        return f'''
        default_type application/json;
        location ~ ^/api/models/{name}/model/tree/ {{ return 200 '{tree}'; }}
        location ~ ^/api/models/{name}/model {{ return 200 '{info}'; }}
        location ~ ^/{name}/model/resolve/ {{ default_type application/octet-stream; {file} }}'''
    common.write(f'{folder}/origin.conf', f'''
    master_process off; daemon off; pid {folder}/origin.pid; error_log {folder}/origin.log;
    events {{ worker_connections 256; }}
    http {{
      access_log off; sendfile on; keepalive_requests 100000;
      client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
      fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
      server {{
        listen 127.0.0.1:{port};
        {place('bench', '')}
      }}
      server {{
        listen 127.0.0.1:{slow};
        {place('bench', 'limit_rate 40m;')}
      }}
    }}''')
    process = common.Process(['nginx', '-e', f'{folder}/origin.log', '-p', folder,
                              '-c', f'{folder}/origin.conf'], pinned=False)
    common.wait_for(f'http://127.0.0.1:{port}/api/models/bench/model')
    return process, port, slow


def write_random(path, size):
    """Bytes that no file system can save on; returns their SHA-256."""
    block, digest = os.urandom(CHUNK), hashlib.sha256()
    with open(path, 'wb') as f:
        f.write(b'GGUF' + block[4:])
        digest.update(b'GGUF' + block[4:])
        for i in range(1, size // CHUNK):
            piece = i.to_bytes(8, 'big') + block[8:]
            f.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def by_tool(argv, target, common):
    for name in os.listdir(os.path.dirname(target)):
        os.unlink(os.path.join(os.path.dirname(target), name))
    os.sync()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while child.poll() is None:
        try:
            peak = max(peak, common.rss_kib(child.pid))
        except OSError:
            pass
        time.sleep(0.005)
    took = time.monotonic() - begun
    if child.returncode != 0:
        raise SystemExit(f'bench: {argv[0]} ends with {child.returncode}: '
                         f'{child.stderr.read().decode()[-300:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def by_hearth(hearth, target, common):
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    os.sync()
    task = {}

    def call(path, body=None):
        answer = common.get(hearth.base + path, 60, body, {'Content-Type': 'application/json'})
        return json.loads(answer)['data']

    def begin():
        body = {'source': 'huggingface', 'model_id': 'bench/model', 'target': target}
        task.update(call('/api/models/download', json.dumps(body).encode()))

    def is_done():
        task.update(call('/api/models/download/' + task['task_id']))
        if task['status'] in ('failed', 'cancelled'):
            raise SystemExit(f'bench: the download {task["status"]}: {task["error"]}')
        return task['status'] == 'completed'

    return measure(begin, is_done, hearth, common, 0.02)


def start_hearth(folder, port, common):
    config = (f'models_dirs: ["{folder}/models"]\nhuggingface:\n'
              f'  endpoint: http://127.0.0.1:{port}\n  cache_dir: {folder}/hub\n'
              f'library:\n  hashes: false\n  sources: []\n'
              f'downloads:\n  allow_http: ["127.0.0.1:{port}"]\n  headroom_bytes: 0\n')
    os.makedirs(f'{folder}/models')
    hearth = common.Hearth(f'{folder}/hearth', config, pinned=False)
    common.wait_for(hearth.base + '/health')
    return hearth


def rounds(args, folder, port, hearth, digest, common):
    url = f'http://127.0.0.1:{port}/bench/model/resolve/main/model.gguf'
    target = f'{folder}/tool/model.gguf'
    aria = ['aria2c', '-q', '-x', '4', '-s', '4', '--file-allocation=falloc',
            f'--checksum=sha-256={digest}', '-d', f'{folder}/tool', '-o', 'model.gguf', url]
    rows = {'curl': [], 'aria2c': [], 'hearth': []}
    for _ in range(args.rounds):
        for tool, argv in (('curl', ['curl', '-sSf', '-o', target, url]), ('aria2c', aria)):
            rows[tool].append(by_tool(argv, target, common))
        os.unlink(target)
        rows['hearth'].append(by_hearth(hearth, f'{folder}/{port}/models/bench', common))
    return rows


def bench_download(args, folder, common):
    size = args.mib * CHUNK
    os.makedirs(f'{folder}/served')
    os.makedirs(f'{folder}/tool')
    digest = write_random(f'{folder}/served/model.gguf', size)
    nginx, fast, slow = origin(folder, f'{folder}/served/model.gguf', digest, common)
    print(f'Machine: {common.machine()}; {args.mib} MiB from nginx on loopback to the same disk; '
          f'medians of {args.rounds} alternating rounds. Hearth and aria2c verify SHA-256, curl '
          'does not.\n')
    try:
        for port, title in ((fast, 'origin without a limit'),
                            (slow, 'origin gives 40 MB/s to a connection')):
            hearth = start_hearth(f'{folder}/{port}', port, common)
            try:
                rows = rounds(args, folder, port, hearth, digest, common)
            finally:
                hearth.stop()
            print(f'#### {title}\n\n| | s | MB/s | v curl | processor s | peak resident KiB |\n'
                  '|---|--:|--:|--:|--:|--:|')
            first = statistics.median(row[0] for row in rows['curl'])
            for tool, runs in rows.items():
                took, cpu, peak = map(statistics.median, zip(*runs))
                print(f'| {tool} | {took:.2f} | {size / took / 1e6:.0f} | {first / took:.2f} | '
                      f'{cpu:.2f} | {peak:.0f} |')
            print()
    finally:
        nginx.stop()
