-- What people call the thing that a series is of; '': nobody said.
ALTER TABLE metric_series ADD COLUMN label TEXT NOT NULL DEFAULT '';
