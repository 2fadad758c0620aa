-- What a sidecar tells besides, and which sidecars those were: files that have
-- some are read once more.
ALTER TABLE models ADD COLUMN creator TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN version_name TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN image_urls TEXT NOT NULL DEFAULT '[]';
ALTER TABLE models ADD COLUMN sidecar_stamp BIGINT NOT NULL DEFAULT 0;
