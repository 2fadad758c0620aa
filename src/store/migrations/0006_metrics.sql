-- Measured values. A row holds many of them, so that a month is a few hundred
-- rows for each series; docs/decisions/0021-metrics-history.md has the layout.
CREATE TABLE metric_series (
    id   INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE UNIQUE INDEX metric_series_name ON metric_series (name);

-- id: series * 2^32 + number of the block since 1970; of ten minutes.
CREATE TABLE metric_samples (
    id     INTEGER NOT NULL PRIMARY KEY,
    packed BLOB NOT NULL
);
-- The same, of an hour: an average for each minute.
CREATE TABLE metric_minutes (
    id     INTEGER NOT NULL PRIMARY KEY,
    packed BLOB NOT NULL
);
