-- Downloads, those that have ended, too: they are the history. body: what was
-- asked for, the files with their digests, the error (never a token).
CREATE TABLE downloads (
    id            TEXT NOT NULL PRIMARY KEY,
    state         TEXT NOT NULL,
    priority      INTEGER NOT NULL,
    created_at_ms BIGINT NOT NULL,
    body          TEXT NOT NULL
);
