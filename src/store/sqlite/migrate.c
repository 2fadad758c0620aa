/* The schema's versions. Each step and the row that says it was taken are one
 * transaction, so a file is always at exactly one version. */
#include "store/sqlite/sqlite_internal.h"

static const char migrations_table[] =
    "CREATE TABLE migrations ("
    "    version INTEGER NOT NULL PRIMARY KEY,"
    "    name TEXT NOT NULL,"
    "    applied_at_ms BIGINT NOT NULL)";

/* Is there a table of this name; of any name for "%"? */
static int
has_table(struct db *db, const char *like, bool *ret_has, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db,
             "SELECT 1 FROM sqlite_master WHERE type = 'table' AND "
             "name LIKE ? LIMIT 1");
    sql_bind_text(&sql, like);
    *ret_has = sql_next(&sql);
    return sql_end(&sql, error);
}

static int
read_version(struct db *db, int64_t *ret_version, struct error *error)
{
    bool is_ours;
    bool is_used;
    *ret_version = 0;
    if (has_table(db, "migrations", &is_ours, error) < 0 ||
        has_table(db, "%", &is_used, error) < 0)
        return -1;
    if (!is_ours && is_used)
        return error_set(error, ERR_CONFLICT,
                         "%s is a database of another program; choose "
                         "another data directory",
                         db->path);
    if (!is_ours)
        return db_exec(db, migrations_table, error);
    struct sql sql;
    sql_init(&sql, db, "SELECT max(version) FROM migrations");
    if (sql_next(&sql))
        *ret_version = sql_int(&sql);
    return sql_end(&sql, error);
}

static int
apply(struct db *db, const struct migration *migration, struct error *error)
{
    if (db_exec(db, "BEGIN IMMEDIATE", error) < 0)
        return -1;
    struct sql sql;
    if (db_exec(db, migration->sql, error) < 0)
        goto fail;
    sql_init(&sql, db, "INSERT INTO migrations VALUES (?, ?, ?)");
    sql_bind_int(&sql, migration->version);
    sql_bind_text(&sql, migration->name);
    sql_bind_int(&sql, loop_wall_ms());
    if (sql_run(&sql, error) < 0 || db_exec(db, "COMMIT", error) < 0)
        goto fail;
    return 0;
fail:
    /* Undone already if the failure was grave; the first error counts. */
    db_exec(db, "ROLLBACK", NULL);
    return -1;
}

int
db_migrate(struct db *db, struct error *error)
{
    int64_t version;
    if (read_version(db, &version, error) < 0)
        return -1;
    if (version > (int64_t)n_migrations)
        return error_set(error, ERR_CONFLICT,
                         "the database %s has schema version %lld, written "
                         "by a newer program; this one knows up to %zu",
                         db->path, (long long)version, n_migrations);
    for (size_t i = (size_t)version; i < n_migrations; i++)
        if (apply(db, &migrations[i], error) < 0)
            return -1;
    return 0;
}
