// Made of the daemon's /api/openapi.json: "./dev web types" writes it anew.

export type Error = {
  success: boolean;
  error: {
    code: "ok" | "bad_request" | "unauthorized" | "forbidden" | "not_found" | "method_not_allowed" | "timeout" | "conflict" | "pinned" | "too_large" | "uri_too_long" | "unsupported_media" | "invalid" | "upgrade_required" | "too_many_requests" | "headers_too_large" | "internal" | "no_memory" | "io_error" | "no_space" | "checksum" | "not_implemented" | "bad_gateway" | "redirect_loop" | "unavailable" | "queue_full" | "queue_timeout" | "load_failed" | "draining" | "gateway_timeout" | "version_not_supported" | "port_in_use" | "model_missing" | "model_bad" | "out_of_memory" | "unknown_option" | "binary_missing" | "gated_model" | "engine_exited" | "load_timeout" | "engine_unhealthy" | "engine_lost" | "request_cancelled" | "cancelled";
    message: string;
    details?: FieldError[];
    state?: "stopped" | "attaching" | "starting" | "loading" | "ready" | "unhealthy" | "draining" | "stopping" | "failed" | "backoff";
    exit_code?: number | null;
    exit_signal?: number | null;
    advice?: string;
    field?: string;
    log_tail?: string[];
  };
};

export type FieldError = {
  field: string;
  message: string;
};

export type Profile = {
  /** Minted once, never reused. */
  id: string;
  /** Where the profile is declared: database, file or library. */
  source: "database" | "file" | "library";
  /** Unique; clients may send it as `model`. */
  name: string;
  /** Free text. */
  description: string;
  /** Name of an engine manifest. */
  engine: string;
  /** The model file or folder, inside a model root. */
  model_path: string;
  /** Loopback address that the engine listens on. */
  host: string;
  /** Port that the engine listens on; 0: a free one at each start. */
  port: number;
  /** Other names that clients may send as `model`. */
  aliases: string[];
  /** Seconds without a request after which it unloads; 0: never. */
  ttl_s: number;
  /** Never evicted for another model and never unloaded when idle. */
  pinned: boolean;
  /** Started together with the daemon. */
  auto_start: boolean;
  /** When it is started again after it ended. */
  restart_policy: "never" | "on-failure" | "always";
  /** Requests in the engine at once; 0: as many as it has slots. */
  max_concurrency: number;
  /** Requests that may wait; more are refused. */
  queue_size: number;
  /** Seconds that a request may wait for a free slot. */
  queue_timeout_s: number;
  /** Seconds from start to ready, after which the start has failed. */
  load_timeout_s: number;
  /** Seconds the engine outlives a vanished daemon; -1: the setting's. */
  orphan_timeout_s: number;
  /** Environment variables added for the engine. */
  env: Record<string, unknown>;
  /** The engine's own options, by key. */
  options: Record<string, unknown>;
  /** The argv of engine `command`; ${port}, ${model}, ${name} are replaced. */
  command: string[];
  /** The machine; empty: this one. */
  node: string;
  /** Unix time in milliseconds. */
  created_at_ms: number;
  /** Unix time in milliseconds. */
  updated_at_ms: number;
  state: "stopped" | "attaching" | "starting" | "loading" | "ready" | "unhealthy" | "draining" | "stopping" | "failed" | "backoff";
  restart_required: boolean;
};

export type Cause = {
  code: "ok" | "bad_request" | "unauthorized" | "forbidden" | "not_found" | "method_not_allowed" | "timeout" | "conflict" | "pinned" | "too_large" | "uri_too_long" | "unsupported_media" | "invalid" | "upgrade_required" | "too_many_requests" | "headers_too_large" | "internal" | "no_memory" | "io_error" | "no_space" | "checksum" | "not_implemented" | "bad_gateway" | "redirect_loop" | "unavailable" | "queue_full" | "queue_timeout" | "load_failed" | "draining" | "gateway_timeout" | "version_not_supported" | "port_in_use" | "model_missing" | "model_bad" | "out_of_memory" | "unknown_option" | "binary_missing" | "gated_model" | "engine_exited" | "load_timeout" | "engine_unhealthy" | "engine_lost" | "request_cancelled" | "cancelled";
  message: string;
  advice: string;
  field?: string;
  log_tail: string[];
};

export type NewProfile = {
  /** Unique; clients may send it as `model`. */
  name: string;
  /** Free text. */
  description?: string;
  /** Name of an engine manifest. */
  engine?: string;
  /** The model file or folder, inside a model root. */
  model_path?: string;
  /** Loopback address that the engine listens on. */
  host?: string;
  /** Port that the engine listens on; 0: a free one at each start. */
  port?: number;
  /** Other names that clients may send as `model`. */
  aliases?: string[];
  /** Seconds without a request after which it unloads; 0: never. */
  ttl_s?: number;
  /** Never evicted for another model and never unloaded when idle. */
  pinned?: boolean;
  /** Started together with the daemon. */
  auto_start?: boolean;
  /** When it is started again after it ended. */
  restart_policy?: "never" | "on-failure" | "always";
  /** Requests in the engine at once; 0: as many as it has slots. */
  max_concurrency?: number;
  /** Requests that may wait; more are refused. */
  queue_size?: number;
  /** Seconds that a request may wait for a free slot. */
  queue_timeout_s?: number;
  /** Seconds from start to ready, after which the start has failed. */
  load_timeout_s?: number;
  /** Seconds the engine outlives a vanished daemon; -1: the setting's. */
  orphan_timeout_s?: number;
  /** Environment variables added for the engine. */
  env?: Record<string, unknown>;
  /** The engine's own options, by key. */
  options?: Record<string, unknown>;
  /** The argv of engine `command`; ${port}, ${model}, ${name} are replaced. */
  command?: string[];
  [member: string]: unknown;
};

export type ProfilePatch = {
  /** Unique; clients may send it as `model`. */
  name?: string;
  /** Free text. */
  description?: string;
  /** Name of an engine manifest. */
  engine?: string;
  /** The model file or folder, inside a model root. */
  model_path?: string;
  /** Loopback address that the engine listens on. */
  host?: string;
  /** Port that the engine listens on; 0: a free one at each start. */
  port?: number;
  /** Other names that clients may send as `model`. */
  aliases?: string[];
  /** Seconds without a request after which it unloads; 0: never. */
  ttl_s?: number;
  /** Never evicted for another model and never unloaded when idle. */
  pinned?: boolean;
  /** Started together with the daemon. */
  auto_start?: boolean;
  /** When it is started again after it ended. */
  restart_policy?: "never" | "on-failure" | "always";
  /** Requests in the engine at once; 0: as many as it has slots. */
  max_concurrency?: number;
  /** Requests that may wait; more are refused. */
  queue_size?: number;
  /** Seconds that a request may wait for a free slot. */
  queue_timeout_s?: number;
  /** Seconds from start to ready, after which the start has failed. */
  load_timeout_s?: number;
  /** Seconds the engine outlives a vanished daemon; -1: the setting's. */
  orphan_timeout_s?: number;
  /** Environment variables added for the engine. */
  env?: Record<string, unknown>;
  /** The engine's own options, by key. */
  options?: Record<string, unknown>;
  /** The argv of engine `command`; ${port}, ${model}, ${name} are replaced. */
  command?: string[];
  [member: string]: unknown;
};

export type ProfileDraft = {
  /** Unique; clients may send it as `model`. */
  name?: string;
  /** Free text. */
  description?: string;
  /** Name of an engine manifest. */
  engine?: string;
  /** The model file or folder, inside a model root. */
  model_path?: string;
  /** Loopback address that the engine listens on. */
  host?: string;
  /** Port that the engine listens on; 0: a free one at each start. */
  port?: number;
  /** Other names that clients may send as `model`. */
  aliases?: string[];
  /** Seconds without a request after which it unloads; 0: never. */
  ttl_s?: number;
  /** Never evicted for another model and never unloaded when idle. */
  pinned?: boolean;
  /** Started together with the daemon. */
  auto_start?: boolean;
  /** When it is started again after it ended. */
  restart_policy?: "never" | "on-failure" | "always";
  /** Requests in the engine at once; 0: as many as it has slots. */
  max_concurrency?: number;
  /** Requests that may wait; more are refused. */
  queue_size?: number;
  /** Seconds that a request may wait for a free slot. */
  queue_timeout_s?: number;
  /** Seconds from start to ready, after which the start has failed. */
  load_timeout_s?: number;
  /** Seconds the engine outlives a vanished daemon; -1: the setting's. */
  orphan_timeout_s?: number;
  /** Environment variables added for the engine. */
  env?: Record<string, unknown>;
  /** The engine's own options, by key. */
  options?: Record<string, unknown>;
  /** The argv of engine `command`; ${port}, ${model}, ${name} are replaced. */
  command?: string[];
  id?: string;
  [member: string]: unknown;
};

export type ProfilePreview = {
  /** The file that runs; null where there is none. */
  program: string | null;
  argv: string[];
  fields: string[];
  env: Record<string, string>;
  problems: FieldError[];
};

export type Server = {
  profile_id: string;
  profile_name: string;
  source: string;
  engine: string;
  model_path: string;
  state: "stopped" | "attaching" | "starting" | "loading" | "ready" | "unhealthy" | "draining" | "stopping" | "failed" | "backoff";
  reason: string;
  /** Unix time. */
  state_since_ms: number | null;
  running: boolean;
  failed: boolean;
  health: "healthy" | "unhealthy" | "starting" | "stopped";
  pid: number | null;
  host: string | null;
  port: number | null;
  /** Unix time. */
  started_at_ms: number | null;
  /** Unix time. */
  ready_at_ms: number | null;
  uptime_s: number | null;
  /** Of the process group. */
  rss_bytes: number | null;
  /** Of one core. */
  cpu_percent: number | null;
  /** Requests it takes at once. */
  slots: number | null;
  queue: {
    active: number;
    waiting: number;
  };
  /** Of the last process. */
  exit_code: number | null;
  /** Of the last process. */
  exit_signal: number | null;
  /** How the last stop went. */
  stop: "graceful" | "forced" | null;
  /** Why it failed. */
  error: Cause | null;
  n_restarts: number;
  /** Unix time of the next try. */
  backoff_until_ms: number | null;
  restart_required: boolean;
};

export type ServerChange = {
  profile_id: string;
  state: "stopped" | "attaching" | "starting" | "loading" | "ready" | "unhealthy" | "draining" | "stopping" | "failed" | "backoff";
  pid?: number;
  port?: number;
  stop?: "graceful" | "forced";
  exit_code?: number;
  exit_signal?: number;
  model?: string;
};

export type Health = {
  status: string;
  version: string;
  uptime_s: number;
};

export type SystemInfo = {
  version: string;
  hostname: string | null;
  os_version: string | null;
  /** The processor's name. */
  chip: string | null;
  processors: number;
  memory_bytes: number | null;
  /** GiB. */
  memory_gb: number | null;
  pid: number;
  data_dir: string;
  started_at_ms: number;
  uptime_s: number;
};

export type Memory = {
  total_bytes: number | null;
  available_bytes: number | null;
  used_bytes: number | null;
  /** GiB. */
  total_gb: number | null;
  /** GiB. */
  available_gb: number | null;
  /** GiB. */
  used_gb: number | null;
  percent_used: number | null;
  /** Why a reading could not be had. */
  error: string | null;
};

export type Metrics = {
  at_ms: number;
  uptime_s: number;
  /** Of the whole machine. */
  load_1m: number | null;
  memory: Memory;
  hearth_rss_bytes: number | null;
  engines_rss_bytes: number;
  engines_cpu_percent: number;
  servers_running: number;
  servers_ready: number;
  requests_active: number;
  requests_waiting: number;
  /** What the collector measured last. */
  sample: Sample | null;
};

export type Sample = {
  at_ms: number;
  /** Since the sample before. */
  interval_ms: number | null;
  readings: {
    cpu_percent: number | null;
    load_1m: number | null;
    load_5m: number | null;
    load_15m: number | null;
    memory_total_bytes: number | null;
    memory_used_bytes: number | null;
    swap_total_bytes: number | null;
    swap_used_bytes: number | null;
    models_disk_total_bytes: number | null;
    models_disk_free_bytes: number | null;
    data_disk_total_bytes: number | null;
    data_disk_free_bytes: number | null;
    network_received_bytes_per_s: number | null;
    network_sent_bytes_per_s: number | null;
    hearth_rss_bytes: number | null;
    hearth_cpu_percent: number | null;
    hearth_threads: number | null;
    requests_per_s: number | null;
    prompt_tokens_per_s: number | null;
    completion_tokens_per_s: number | null;
  };
  gpus: ({
    name: string;
    memory_total_bytes: number;
    memory_used_bytes: number | null;
    /** Of the time since it was last told. */
    busy_percent: number | null;
    temperature_c: number | null;
    power_w: number | null;
  })[];
  servers: ({
    profile_id: string;
    profile_name: string;
    pid: number;
    /** Of the process group. */
    rss_bytes: number | null;
    /** Of one core. */
    cpu_percent: number | null;
    threads: number | null;
    gpu_memory_bytes: number | null;
    engine: {
      requests_active: number | null;
      requests_waiting: number | null;
      prompt_tokens_per_s: number | null;
      completion_tokens_per_s: number | null;
      busy_slots_per_decode: number | null;
      decodes_total: number | null;
      tokens_max: number | null;
      prompt_tokens_total: number | null;
      completion_tokens_total: number | null;
      prompt_seconds_total: number | null;
      completion_seconds_total: number | null;
      slots_total: number | null;
      slots_busy: number | null;
      /** Why nothing is known. */
      error: string | null;
    };
  })[];
  unknown: Record<string, string>;
};

export type MetricsHistory = {
  step_ms: number;
  at_ms: number[];
  series: Record<string, unknown[]>;
};

export type Engine = {
  name: string;
  manifest: Record<string, unknown>;
  /** What is installed. */
  binary: {
    path: string;
    version: string | null;
    /** Keys of the manifest's options whose flag it does not have, as it says itself; null when it does not say. */
    lacks: string[] | null;
  } | null;
  /** Why no binary is known. */
  error: string | null;
};

export type Settings = Record<string, Record<string, unknown>>;

export type SettingsPatch = Record<string, unknown>;

export type LogEntry = {
  id: number;
  at_ms: number;
  level: "debug" | "info" | "warn" | "error";
  source: string;
  message: string;
};

export type LogExport = {
  version: string;
  exported_at_ms: number;
  entries: LogEntry[];
};

export type LogFile = {
  name: string;
  size_bytes: number;
  modified_at_ms: number;
};

export type LogLine = {
  /** Unix time; null: the line has none. */
  at_ms: number | null;
  level: "debug" | "info" | "warn" | "error";
  source: string;
  message: string;
};

export type Key = {
  id: string;
  name: string;
  scope: "admin" | "inference" | "read";
  created_at_ms: number;
  /** Unix time. */
  revoked_at_ms: number | null;
};

export type Model = {
  id: string;
  /** What clients call it by. */
  name: string;
  path: string;
  /** Where it was found. */
  source: "folder" | "huggingface" | "llama.cpp" | "lmstudio" | "ollama" | "comfyui" | "downloads";
  format: "gguf" | "safetensors" | "mlx" | "transformers" | "pickle";
  kind: "unknown" | "llm" | "embedding" | "vision" | "audio" | "checkpoint" | "lora" | "vae" | "text-encoder" | "controlnet" | "upscaler" | "embedding-sd";
  category: "active" | "archive";
  /** Of all parts. */
  size_bytes: number;
  /** Unix time. */
  modified_at_ms: number;
  /** Further names of the same file. */
  other_paths: string[];
  /** The parts after the first. */
  shards: string[];
  /** Its projector. */
  mmproj_path: string;
  /** Where it comes from. */
  origins: string[];
  architecture: string;
  /** What the file calls itself. */
  title: string;
  quantization: string;
  /** Of image files. */
  base_model: string;
  n_parameters: number;
  /** Tokens, as trained. */
  context_length: number;
  n_layers: number;
  n_heads: number;
  n_kv_heads: number;
  embedding_length: number;
  /** Tokens. */
  vocabulary: number;
  /** A chat template is in it. */
  has_template: boolean;
  /** Fields that are guesses from the name. */
  guessed: string[];
  /** Why it could not be read; empty: it could. */
  error: string;
  /** Empty until it is known. */
  sha256: string;
  /** The first ten digits of it. */
  autov2: string;
  /** Of its sidecar. */
  creator: string;
  /** Of its sidecar. */
  version_name: string;
  /** HTML, from outside. */
  description?: string;
  /** Of its sidecar. */
  image_urls?: string[];
  tags: string[];
  trigger_words: string[];
  /** An image beside it. */
  preview_path: string;
  civitai_url: string;
  civitai_model_id: number;
  civitai_version_id: number;
  is_favourite: boolean;
  /** First seen; Unix time. */
  created_at_ms: number;
  n_locations: number;
  locations?: ({
    id: string;
    name: string;
    path: string;
    source: "folder" | "huggingface" | "llama.cpp" | "lmstudio" | "ollama" | "comfyui" | "downloads";
    category: "active" | "archive";
    modified_at_ms: number;
    other_paths: string[];
  })[];
  state: "stopped" | "attaching" | "starting" | "loading" | "ready" | "unhealthy" | "draining" | "stopping" | "failed" | "backoff";
};

export type InferenceRequest = {
  model?: string;
  [member: string]: unknown;
};

export type InferenceModel = {
  id: string;
  object: string;
  type: string;
  created: number;
  created_at: string;
  owned_by: string;
  display_name: string;
  aliases: string[];
  tags: string[];
  status: {
    value: "unloaded" | "loading" | "loaded";
    failed?: boolean;
    exit_code?: number | null;
  };
};

export type InferenceModels = {
  object: string;
  data: InferenceModel[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
};

export type InferenceError = {
  error: {
    message: string;
    type: string;
    param?: string | null;
    code?: unknown;
    [member: string]: unknown;
  };
  [member: string]: unknown;
};

export type AnthropicError = {
  type?: string;
  error: {
    type: string;
    message: string;
    [member: string]: unknown;
  };
  [member: string]: unknown;
};

export type DownloadOrder = {
  source?: "huggingface" | "civitai" | "url";
  model_id?: unknown;
  files?: string[];
  variant?: string;
  revision?: string;
  version_id?: unknown;
  file_id?: unknown;
  type?: string;
  format?: string;
  url?: string;
  filename?: string;
  token?: string;
  target?: string;
  limit_bytes_per_s?: number;
  limit_hours?: string;
  priority?: number;
  dry_run?: boolean;
};

export type Download = {
  task_id?: string;
  status?: "queued" | "resolving" | "downloading" | "verifying" | "completed" | "paused" | "failed" | "cancelled";
  source: "huggingface" | "civitai" | "url";
  model_id: string;
  revision: string;
  ref: string;
  variant: string;
  name: string;
  kind: string;
  target: string;
  limit_bytes_per_s?: number;
  limit_hours?: string;
  priority?: number;
  progress?: number;
  downloaded_bytes?: number;
  total_bytes: number | null;
  bytes_per_s?: number | null;
  eta_s?: number | null;
  error?: {
    code: string;
    message: string;
  } | null;
  created_at_ms?: number;
  started_at_ms?: number | null;
  completed_at_ms?: number | null;
  /** When it was completed, failed or was cancelled. */
  ended_at_ms?: number | null;
  files: ({
    path: string;
    place?: string;
    size: number | null;
    sha256: string | null;
    downloaded_bytes?: number;
    status?: "queued" | "resolving" | "downloading" | "verifying" | "completed" | "paused" | "failed" | "cancelled";
    /** Civitai. */
    file_id?: string | null;
    type?: string;
    format?: string;
    precision?: string;
    is_primary?: boolean;
  })[];
};

export type HubSearch = {
  models: Record<string, unknown>[];
  /** For the next page. */
  next_cursor: string | null;
};

export type HubFiles = {
  source: "huggingface" | "civitai" | "url";
  model_id: string;
  revision: string;
  gated: boolean;
  name?: string;
  version?: string;
  kind?: string;
  base_model?: string;
  trigger_words?: string[];
  variants: ({
    name: string;
    files: ({
      path: string;
      place?: string;
      size: number | null;
      sha256: string | null;
      downloaded_bytes?: number;
      status?: "queued" | "resolving" | "downloading" | "verifying" | "completed" | "paused" | "failed" | "cancelled";
      /** Civitai. */
      file_id?: string | null;
      type?: string;
      format?: string;
      precision?: string;
      is_primary?: boolean;
    })[];
    size_bytes: number;
  })[];
  projectors: ({
    path: string;
    place?: string;
    size: number | null;
    sha256: string | null;
    downloaded_bytes?: number;
    status?: "queued" | "resolving" | "downloading" | "verifying" | "completed" | "paused" | "failed" | "cancelled";
    /** Civitai. */
    file_id?: string | null;
    type?: string;
    format?: string;
    precision?: string;
    is_primary?: boolean;
  })[];
  files: ({
    path: string;
    place?: string;
    size: number | null;
    sha256: string | null;
    downloaded_bytes?: number;
    status?: "queued" | "resolving" | "downloading" | "verifying" | "completed" | "paused" | "failed" | "cancelled";
    /** Civitai. */
    file_id?: string | null;
    type?: string;
    format?: string;
    precision?: string;
    is_primary?: boolean;
  })[];
};

export type DetectedOptions = {
  model_family: string | null;
  recommended_options: {
    tool_call_parser: string | null;
    reasoning_parser: string | null;
    message_converter: string | null;
  };
  is_downloaded: boolean;
  version_support: {
    supported: boolean;
    /** Of the mlx-lm that mlx-openai-server would use, where it tells. */
    installed_version: string | null;
    /** Of mlx-lm, where the family needs a newer one than the first. */
    required_version: string | null;
    error: string | null;
    upgrade_command: string | null;
  };
};

export type Fit = {
  model_id: string;
  architecture: string | null;
  is_guess: boolean;
  is_weights_only: boolean;
  /** That it was trained for. */
  context_length: number | null;
  /** As the engine rounds it. */
  ctx: number | null;
  ctx_per_slot: number | null;
  slots: number | null;
  is_ctx_shared: boolean;
  gpu_layers: number | null;
  parts: ({
    name: "weights" | "repack" | "kv_attention" | "kv_window" | "recurrent" | "compute" | "output" | "projector";
    /** On all devices. */
    bytes: number | null;
    explanation: string;
  })[];
  total_bytes: number;
  fits: "unknown" | "yes" | "tight" | "no";
  /** The largest that fits now; 0: none. */
  max_ctx: number | null;
  devices: ({
    name: string;
    total_bytes: number | null;
    /** Now. */
    available_bytes: number | null;
    needed_bytes: number;
    fits: "unknown" | "yes" | "tight" | "no";
    parts: Record<string, number>;
  })[];
  notes: string[];
  /** Of a model on a hub. */
  remote: {
    source: string;
    revision: string;
    variant: string;
    /** The first part; null of safetensors. */
    file: string | null;
    n_files: number;
    size_bytes: number;
    read_bytes: number;
  } | null;
};

export type Preset = {
  name: string;
  path: string;
  is_builtin: boolean;
  size_bytes: number;
  line_count: number;
  modified_at_ms: number;
  is_valid: boolean;
  problems: ({
    /** From 1; null: of the whole. */
    line: number | null;
    key: string | null;
    message: string;
  })[];
  models: string[];
  parameters: Record<string, Record<string, string>>;
  text: string;
};

export type NewPreset = {
  name: string;
  text?: string;
  description?: string;
  template?: "fast-chatbot" | "creative-writing" | "code-generation" | "minimal-ram";
};

export type Configuration = {
  hearth_config: number;
  version: string;
  exported_at_ms: number;
  has_secrets: boolean;
  settings: Record<string, unknown>;
  profiles: Record<string, unknown>[];
  presets: Record<string, string>;
  left_out: string[];
};

export type LlamaConfig = {
  /** Folder with the models. */
  models_dir: string | null;
  /** A loopback address. */
  host: string | null;
  /** 0: a free one at each start. */
  port: number | null;
  /** With Hearth. */
  auto_start: boolean | null;
  /** Options for all and for each. */
  preset: string | null;
  /** Loaded at once; 0: no limit. */
  models_max: number | null;
  /** Slots of each model. */
  parallel: number | null;
  ctx_size: number | null;
  /** A number, auto or all. */
  n_gpu_layers: unknown | null;
  threads: number | null;
  threads_http: number | null;
  batch_size: number | null;
  temp: number | null;
  repeat_penalty: number | null;
  /** Serve its own /metrics. */
  metrics: boolean | null;
  /** Of one that runs already. */
  api_key: string | null;
  attach: boolean;
  /** The program: the setting engines.llama-server-router.path. */
  server_path: string | null;
  /** That keeps all this. */
  profile_id: string | null;
};

export type LlamaConfigPatch = {
  /** Folder with the models. */
  models_dir?: string | null;
  /** A loopback address. */
  host?: string | null;
  /** 0: a free one at each start. */
  port?: number | null;
  /** With Hearth. */
  auto_start?: boolean | null;
  /** Options for all and for each. */
  preset?: string | null;
  /** Loaded at once; 0: no limit. */
  models_max?: number | null;
  /** Slots of each model. */
  parallel?: number | null;
  ctx_size?: number | null;
  /** A number, auto or all. */
  n_gpu_layers?: unknown | null;
  threads?: number | null;
  threads_http?: number | null;
  batch_size?: number | null;
  temp?: number | null;
  repeat_penalty?: number | null;
  /** Serve its own /metrics. */
  metrics?: boolean | null;
  /** Of one that runs already. */
  api_key?: string | null;
  attach?: boolean;
  /** As it is: it is a setting. */
  server_path?: string | null;
};

export type LlamaStatus = {
  status: string;
  state: string;
  mode: string;
  profile_id: string | null;
  is_attached: boolean;
  is_running: boolean;
  url: string | null;
  port: number | null;
  /** Of a process of ours. */
  pid: number | null;
  restart_required: boolean;
  rescan_required: boolean;
  error: string | null;
  advice: string | null;
  models: ({
    name: string;
    status: string;
    /** 0 to 1, while it loads. */
    progress: number | null;
    exit_code: number | null;
    context_length: number | null;
    path: string | null;
    aliases: string[];
  })[];
};

export type Activity = {
  id: number;
  at_ms: number;
  /** As the client named it. */
  model: string | null;
  /** Of the server that took it. */
  profile_id: string | null;
  method: string;
  path: string;
  /** Its address. */
  client: string | null;
  key_id: string | null;
  /** The key's name, or dashboard, loopback, socket. */
  caller: string | null;
  is_stream: boolean;
  /** Spent waiting for a place. */
  queue_ms: number | null;
  /** Spent waiting for the engine. */
  load_ms: number | null;
  /** From the beginning to the first bytes of a streamed answer. */
  first_token_ms: number | null;
  answer_bytes: number;
  outcome: "completed" | "failed" | "client_gone" | "cancelled";
  /** null: no answer was begun. */
  status: number | null;
  /** Why Hearth ended it. */
  error: string | null;
  duration_ms: number;
  request_bytes: number;
  /** As the engine counted. */
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** Of the prompt. */
  cached_tokens: number | null;
  /** As the engine told. */
  prompt_tokens_per_s: number | null;
  /** The same, or from count and times. */
  completion_tokens_per_s: number | null;
  is_captured?: boolean;
};

export type ActiveRequest = {
  id: number;
  at_ms: number;
  /** As the client named it. */
  model: string | null;
  /** Of the server that took it. */
  profile_id: string | null;
  method: string;
  path: string;
  /** Its address. */
  client: string | null;
  key_id: string | null;
  /** The key's name, or dashboard, loopback, socket. */
  caller: string | null;
  is_stream: boolean;
  /** Spent waiting for a place. */
  queue_ms: number | null;
  /** Spent waiting for the engine. */
  load_ms: number | null;
  /** From the beginning to the first bytes of a streamed answer. */
  first_token_ms: number | null;
  answer_bytes: number;
  phase: "receiving" | "queued" | "loading" | "working" | "answering" | "finishing";
  phase_at_ms: number;
};

export type Capture = {
  id: number;
  request: CapturedBody;
  answer: CapturedBody;
};

export type CapturedBody = {
  content_type: string | null;
  /** null: it is no text. */
  text: string | null;
  n_bytes: number;
  is_cut: boolean;
};
