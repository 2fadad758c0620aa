-- What a model was downloaded by, or what its store calls it.
ALTER TABLE models ADD COLUMN origins TEXT NOT NULL DEFAULT '[]';
