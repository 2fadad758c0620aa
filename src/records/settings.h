/* Every setting as a row: its key on the wire and in hearth.yaml, its type,
 * bounds, default and whether it acts at once. The environment variable is
 * HEARTH_ and the key in capitals, dots as underscores. */
#ifndef RECORDS_SETTINGS_H
#define RECORDS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/strbuf.h"

enum setting_type {
    SETTING_BOOL,
    SETTING_INT,
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_CHOICE,
    SETTING_LIST,  /* of texts; environment: separated by commas */
    SETTING_PATHS, /* of paths; environment: separated by colons */
    SETTING_HOURS  /* of the day: "08:00-22:30" */
};

enum setting_flag_bit {
    SETTING_SECRET = 1 << 0,
    SETTING_EXECUTES = 1 << 1, /* decides what is executed or read */
    SETTING_RESTART = 1 << 2,  /* acts only after a restart of the daemon */
    SETTING_FILE_ONLY = 1 << 3 /* cannot be stored in the database */
};

/*    id                    key                      type   min  max
 *    default (text)        flags, choices ("a|b")   help */
#define SETTINGS(X)                                                            \
    X(HOST, "host", SETTING_TEXT, 0, 255, "127.0.0.1",                         \
      SETTING_RESTART | SETTING_FILE_ONLY, "",                                 \
      "Address to listen on; beyond loopback a key is needed.")                \
    X(PORT, "port", SETTING_INT, 0, 65535, "7117",                             \
      SETTING_RESTART | SETTING_FILE_ONLY, "",                                 \
      "Port to listen on; 0: a free one.")                                     \
    X(DATA_DIR, "data_dir", SETTING_PATH, 0, 4096, "",                         \
      SETTING_RESTART | SETTING_FILE_ONLY | SETTING_EXECUTES, "",              \
      "Folder of the database, sockets and logs.")                             \
    X(MODELS_DIRS, "models_dirs", SETTING_PATHS, 0, 64, "", SETTING_EXECUTES,  \
      "", "Folders that are searched for models.")                             \
    X(LOG_LEVEL, "log_level", SETTING_CHOICE, 0, 0, "info", 0,                 \
      "debug|info|warn|error", "The least level that is logged.")              \
    X(LOGS_CONSOLE, "logs.console", SETTING_BOOL, 0, 1, "true", 0, "",         \
      "Write the log to standard error.")                                      \
    X(LOGS_FILES, "logs.files", SETTING_BOOL, 0, 1, "true", 0, "",             \
      "Write the log to files in logs/ of the data folder.")                   \
    X(LOGS_MAX_FILE_BYTES, "logs.max_file_bytes", SETTING_INT, 4096,           \
      1073741824, "10485760", 0, "",                                           \
      "How long a file of the log gets before the next is begun.")             \
    X(LOGS_MAX_FILES, "logs.max_files", SETTING_INT, 1, 30, "7", 0, "",        \
      "Files of the log that are kept, the newest counted.")                   \
    X(LOGS_DATABASE, "logs.database", SETTING_BOOL, 0, 1, "true", 0, "",       \
      "Keep the log in the database, over restarts.")                          \
    X(LOGS_MAX_STORED, "logs.max_stored", SETTING_INT, 100, 100000, "10000",   \
      0, "", "Entries of the log that the database keeps.")                    \
    X(LOGS_MEMORY, "logs.memory", SETTING_INT, 0, 10000, "1000", 0, "",        \
      "Entries of the log that are kept in memory; 0: none.")                  \
    X(ACTIVITY_MAX_STORED, "activity.max_stored", SETTING_INT, 0, 1000000,     \
      "10000", 0, "",                                                          \
      "Inference requests that the database remembers; 0: none.")              \
    X(ACTIVITY_KEEP_DAYS, "activity.keep_days", SETTING_INT, 0, 3650, "30", 0, \
      "", "Days after which they are forgotten; 0: never.")                    \
    X(ACTIVITY_CAPTURE, "activity.capture", SETTING_BOOL, 0, 1, "false", 0,    \
      "", "Keep what is asked and answered in memory, for looking at it.")     \
    X(ACTIVITY_CAPTURE_BYTES, "activity.capture_bytes", SETTING_INT, 65536,    \
      1073741824, "16777216", 0, "",                                           \
      "Memory for all of that; the oldest makes room for the newest.")         \
    X(KEEP_ENGINES, "keep_engines", SETTING_BOOL, 0, 1, "false", 0, "",        \
      "Leave engines running when the daemon ends.")                           \
    X(MODELS_MAX, "models_max", SETTING_INT, 0, 1000, "4", 0, "",              \
      "Models loaded at once; 0: no limit.")                                   \
    X(DRAIN_AFTER_MS, "drain_after_ms", SETTING_INT, 0, 3600000, "5000", 0,    \
      "", "How long a waiter waits before a busy victim is drained.")          \
    X(DRAIN_TIMEOUT_MS, "drain_timeout_ms", SETTING_INT, 0, 86400000,          \
      "120000", 0, "", "How long a drained model may finish its requests.")    \
    X(ORPHAN_TIMEOUT_S, "orphan_timeout_s", SETTING_INT, 0, 31536000, "600",   \
      0, "", "How long engines outlive a vanished daemon; 0: not.")            \
    X(PORT_START, "port_start", SETTING_INT, 1024, 65000, "10240",             \
      SETTING_RESTART, "", "The first port that profiles are offered.")        \
    X(BASE_PATH, "base_path", SETTING_TEXT, 0, 255, "",                        \
      SETTING_RESTART | SETTING_FILE_ONLY, "",                                 \
      "Path prefix behind a reverse proxy, e.g. /hearth.")                     \
    X(TRUSTED_PROXIES, "trusted_proxies", SETTING_LIST, 0, 64, "",             \
      SETTING_RESTART | SETTING_FILE_ONLY, "",                                 \
      "Addresses or CIDR blocks whose X-Forwarded-For is believed.")           \
    X(ALLOWED_HOSTS, "allowed_hosts", SETTING_LIST, 0, 64, "",                 \
      SETTING_FILE_ONLY, "",                                                   \
      "Host names that clients may use beside localhost.")                     \
    X(CORS_ORIGINS, "cors_origins", SETTING_LIST, 0, 64, "",                   \
      SETTING_FILE_ONLY, "", "Foreign origins that are let in.")               \
    X(RATE_LIMIT_PER_S, "rate_limit_per_s", SETTING_INT, 0, 1000000, "0",      \
      SETTING_RESTART, "", "Requests per second and client; 0: no limit.")     \
    X(MAX_BODY_BYTES, "max_body_bytes", SETTING_INT, 1024, 17179869184,        \
      "67108864", SETTING_RESTART, "",                                         \
      "Largest body of an inference request.")                                 \
    X(PRELOAD, "preload", SETTING_LIST, 0, 64, "", SETTING_RESTART, "",        \
      "Models that are loaded at start.")                                      \
    X(DEFAULT_TTL_S, "default_ttl_s", SETTING_INT, 0, 31536000, "0", 0, "",    \
      "Idle unload for library models; 0: never.")                             \
    X(HEALTH_INTERVAL_MS, "health_interval_ms", SETTING_INT, 100, 3600000,     \
      "10000", 0, "", "How often a ready engine is probed.")                   \
    X(ENGINE_THREADS, "engine_threads", SETTING_INT, 0, 1024, "0", 0, "",      \
      "Threads for engines whose profile names none; 0: the engine's own.")    \
    X(LIBRARY_SOURCES, "library.sources", SETTING_LIST, 0, 16,                 \
      "huggingface,llama.cpp,lmstudio,ollama", SETTING_EXECUTES, "",           \
      "Other programs' model stores that are searched in place.")              \
    X(LIBRARY_COMFYUI_DIRS, "library.comfyui_dirs", SETTING_PATHS, 0, 16, "",  \
      SETTING_EXECUTES, "",                                                    \
      "ComfyUI folders; their extra_model_paths.yaml is read.")                \
    X(LIBRARY_ARCHIVE_DIR, "library.archive_dir", SETTING_PATH, 0, 4096, "",   \
      SETTING_EXECUTES, "",                                                    \
      "Where archived models go; empty: archive in each root.")                \
    X(LIBRARY_HASHES, "library.hashes", SETTING_BOOL, 0, 1, "true", 0, "",     \
      "Compute digests of model files in the background.")                     \
    X(LIBRARY_RESCAN_S, "library.rescan_s", SETTING_INT, 10, 86400, "900", 0,  \
      "", "Seconds between the rescans behind the watcher.")                   \
    X(HUGGINGFACE_ENDPOINT, "huggingface.endpoint", SETTING_TEXT, 0, 1024,     \
      "https://huggingface.co", SETTING_EXECUTES, "",                          \
      "Address of the Hugging Face hub.")                                      \
    X(HUGGINGFACE_TOKEN, "huggingface.token", SETTING_TEXT, 0, 512, "",        \
      SETTING_SECRET | SETTING_EXECUTES, "",                                   \
      "Access token for gated and private repositories.")                      \
    X(HUGGINGFACE_CACHE_DIR, "huggingface.cache_dir", SETTING_PATH, 0, 4096,   \
      "", SETTING_EXECUTES, "",                                                \
      "The hub's cache folder; empty: the one of its own tools.")              \
    X(HUGGINGFACE_OFFLINE, "huggingface.offline", SETTING_BOOL, 0, 1, "false", \
      0, "", "Ask no hub for anything.")                                       \
    X(HUGGINGFACE_ORGANIZATIONS, "huggingface.organizations", SETTING_LIST, 0, \
      256, "", SETTING_EXECUTES, "",                                           \
      "Organisations that may be downloaded from; none: all.")                 \
    X(CIVITAI_ENDPOINT, "civitai.endpoint", SETTING_TEXT, 0, 1024,             \
      "https://civitai.com", SETTING_EXECUTES, "", "Address of Civitai.")      \
    X(CIVITAI_TOKEN, "civitai.token", SETTING_TEXT, 0, 512, "",                \
      SETTING_SECRET | SETTING_EXECUTES, "", "API key for Civitai.")           \
    X(DOWNLOADS_DIR, "downloads.dir", SETTING_PATH, 0, 4096, "",               \
      SETTING_EXECUTES, "",                                                    \
      "Folder of downloads from URLs and Civitai; empty: the first of "        \
      "models_dirs.")                                                          \
    X(DOWNLOADS_MAX_CONCURRENT, "downloads.max_concurrent", SETTING_INT, 1,    \
      32, "3", 0, "", "Downloads that run at once.")                           \
    X(DOWNLOADS_CONNECTIONS, "downloads.connections", SETTING_INT, 1, 16, "4", \
      0, "", "Connections for each file.")                                     \
    X(DOWNLOADS_LIMIT_BYTES_PER_S, "downloads.limit_bytes_per_s", SETTING_INT, \
      0, 1000000000000, "0", 0, "",                                            \
      "Bandwidth of all downloads together; 0: no limit.")                     \
    X(DOWNLOADS_LIMIT_HOURS, "downloads.limit_hours", SETTING_HOURS, 0, 64,    \
      "", 0, "",                                                               \
      "When that limit holds, local time: 08:00-22:30; empty: always.")        \
    X(DOWNLOADS_STALL_TIMEOUT_S, "downloads.stall_timeout_s", SETTING_INT, 1,  \
      86400, "30", 0, "",                                                      \
      "A connection that brings no byte for so long is given up.")             \
    X(DOWNLOADS_MAX_FILE_BYTES, "downloads.max_file_bytes", SETTING_INT, 0,    \
      1000000000000000, "0", 0, "",                                            \
      "Largest file that is downloaded; 0: no limit.")                         \
    X(DOWNLOADS_HEADROOM_BYTES, "downloads.headroom_bytes", SETTING_INT, 0,    \
      1000000000000000, "1073741824", 0, "",                                   \
      "Disk space that downloads leave free.")                                 \
    X(DOWNLOADS_ALLOW_HTTP, "downloads.allow_http", SETTING_LIST, 0, 64, "",   \
      SETTING_FILE_ONLY, "",                                                   \
      "Addresses (HOST or HOST:PORT) that may be private and speak plain "     \
      "http.")                                                                 \
    X(CONFORMANCE, "conformance", SETTING_BOOL, 0, 1, "false",                 \
      SETTING_RESTART | SETTING_FILE_ONLY, "",                                 \
      "Serve what public test suites of the protocols talk to.")               \
    X(SOCKETIO_PING_INTERVAL_MS, "socketio.ping_interval_ms", SETTING_INT, 50, \
      3600000, "25000", SETTING_RESTART, "",                                   \
      "How often a Socket.IO client is asked whether it is there.")            \
    X(SOCKETIO_PING_TIMEOUT_MS, "socketio.ping_timeout_ms", SETTING_INT, 50,   \
      3600000, "60000", SETTING_RESTART, "",                                   \
      "How long it may take to answer.")                                       \
    X(SOCKETIO_MAX_PAYLOAD_BYTES, "socketio.max_payload_bytes", SETTING_INT,   \
      1024, 104857600, "1048576", SETTING_RESTART, "",                         \
      "Largest message of a Socket.IO client.")                                \
    X(SOCKETIO_CONNECT_TIMEOUT_MS, "socketio.connect_timeout_ms", SETTING_INT, \
      50, 3600000, "45000", SETTING_RESTART, "",                               \
      "How long a connection may wait before it joins.")                       \
    X(SOCKETIO_RECOVERY_MS, "socketio.recovery_ms", SETTING_INT, 0, 3600000,   \
      "120000", SETTING_RESTART, "",                                           \
      "For how long a client that was cut off is sent what it missed; 0: "     \
      "not.")

enum setting_id {
#define X(id, key, type, min, max, def, flags, choices, help) SETTING_ID_##id,
    SETTINGS(X)
#undef X
        SETTING_COUNT
};

struct setting_row {
    const char *key;
    enum setting_type type;
    int64_t min, max; /* numbers: bounds; text: bytes; list: items */
    const char *default_text;
    unsigned flags;
    const char *choices;
    const char *help;
};

extern const struct setting_row setting_rows[SETTING_COUNT];

/* Where a value comes from; a later one wins over an earlier. */
enum setting_origin {
    ORIGIN_DEFAULT,
    ORIGIN_DATABASE,
    ORIGIN_FILE,
    ORIGIN_ENVIRONMENT,
    ORIGIN_FLAG
};
const char *setting_origin_name(enum setting_origin origin);

/* The id of a key ("models_max"), or SETTING_COUNT. */
enum setting_id setting_find(struct str key);
/* What may have been meant by an unknown key: the nearest known one, or
 * NULL when none is near. */
const char *setting_nearest(struct str key);
/* "HEARTH_MODELS_MAX", "--models-max". */
enum { SETTING_NAME_BYTES = 80 };
void setting_environment_name(const char *key,
                              char ret_name[SETTING_NAME_BYTES]);
void setting_flag_name(const char *key, char ret_name[SETTING_NAME_BYTES]);
/* Appends what a value has to be: "a number from 0 to 65535". */
void setting_expectation(const struct setting_row *row, struct strbuf *out);

/* How many single-byte edits lie between two texts of at most 63 bytes;
 * 64 for longer ones. */
unsigned text_distance(struct str a, struct str b);

struct setting_flag { /* one of the command line */
    const char *key;  /* "port"; repeated for lists */
    const char *value;
};

#endif
