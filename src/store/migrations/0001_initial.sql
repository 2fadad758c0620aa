-- Text ids made by the program, times in milliseconds of Unix time,
-- structured values as JSON text: the same statements run on PostgreSQL.

-- The columns are the rows of profile_fields in records/profile.c.
CREATE TABLE profiles (
    id               TEXT NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    engine           TEXT NOT NULL,
    model_path       TEXT NOT NULL,
    host             TEXT NOT NULL,
    port             INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
    aliases          TEXT NOT NULL,
    ttl_s            BIGINT NOT NULL,
    pinned           INTEGER NOT NULL,
    auto_start       INTEGER NOT NULL,
    restart_policy   TEXT NOT NULL,
    max_concurrency  INTEGER NOT NULL,
    queue_size       INTEGER NOT NULL,
    queue_timeout_s  BIGINT NOT NULL,
    load_timeout_s   BIGINT NOT NULL,
    orphan_timeout_s BIGINT NOT NULL,
    env              TEXT NOT NULL,
    options          TEXT NOT NULL,
    command          TEXT NOT NULL,
    node             TEXT NOT NULL,
    created_at_ms    BIGINT NOT NULL,
    updated_at_ms    BIGINT NOT NULL
);
CREATE UNIQUE INDEX profiles_name ON profiles (name);
CREATE UNIQUE INDEX profiles_port ON profiles (node, port) WHERE port > 0;

-- No foreign key: profiles of the file and of the library are not rows.
CREATE TABLE instances (
    id                 TEXT NOT NULL PRIMARY KEY,
    profile_id         TEXT NOT NULL,
    node               TEXT NOT NULL,
    state              TEXT NOT NULL,
    port               INTEGER NOT NULL,
    keeper_pid         BIGINT NOT NULL,
    keeper_start_ticks BIGINT NOT NULL,
    keeper_boot_id     TEXT NOT NULL,
    engine_pid         BIGINT NOT NULL,
    engine_start_ticks BIGINT NOT NULL,
    engine_boot_id     TEXT NOT NULL,
    socket_path        TEXT NOT NULL,
    api_key            TEXT NOT NULL,
    started_at_ms      BIGINT NOT NULL
);

CREATE TABLE settings (
    key           TEXT NOT NULL PRIMARY KEY,
    value         TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE TABLE metadata (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- digest: of the secret, in hexadecimal; the secret is not kept.
CREATE TABLE api_keys (
    id            TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    scope         TEXT NOT NULL,
    digest        TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);

-- level: 0 debug, 1 info, 2 warn, 3 error
CREATE TABLE logs (
    id      INTEGER NOT NULL PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    level   INTEGER NOT NULL,
    source  TEXT NOT NULL,
    message TEXT NOT NULL
);
