-- Lines of one module, newest first, without looking at those of the others.
CREATE INDEX logs_source ON logs (source, id);
