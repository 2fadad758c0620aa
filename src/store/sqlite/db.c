/* The connection and statements: see sqlite_internal.h. */
#include <errno.h>
#include <stdio.h>

#include "store/sqlite/sqlite_internal.h"

enum { BUSY_TIMEOUT_MS = 5000 };

/* Defensive: no statement may write the file's own structures, and views or
 * triggers in a file that somebody else made must not call functions. The
 * page cache is small: the program keeps what it works with in memory. */
static const char opening_pragmas[] = "PRAGMA journal_mode = WAL;"
                                      "PRAGMA synchronous = FULL;"
                                      "PRAGMA foreign_keys = ON;"
                                      "PRAGMA trusted_schema = OFF;"
                                      "PRAGMA cache_size = -1024;"
                                      "PRAGMA journal_size_limit = 4194304;";

/* SQLite names what is taken as "UNIQUE constraint failed: table.column",
 * several columns with commas: the last one is the caller's field. */
static int
conflict_error(struct db *db, struct error *error)
{
    const char *said = sqlite3_errmsg(db->handle);
    const char *dot = strrchr(said, '.');
    const char *field = dot == NULL ? "id" : dot + 1;
    error_field(error, field, "this %s is already taken", field);
    if (error != NULL)
        error->code = ERR_CONFLICT;
    return -1;
}

/* Turns the last failure into an error: what, where, and what to do. */
static int
db_error(struct db *db, struct error *error)
{
    int rc = db->handle == NULL ? SQLITE_NOMEM
                                : sqlite3_extended_errcode(db->handle);
    const char *said =
        db->handle == NULL ? "out of memory" : sqlite3_errmsg(db->handle);
    int errnum = db->handle == NULL ? 0 : sqlite3_system_errno(db->handle);
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        return conflict_error(db, error);
    if (rc == SQLITE_IOERR_NOMEM)
        rc = SQLITE_NOMEM;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return error_set(error, ERR_NO_MEMORY, "out of memory in the database");
    case SQLITE_FULL:
        return error_set(error, ERR_IO, "no room on the disk of %s", db->path);
    case SQLITE_READONLY:
        return error_set(error, ERR_IO, "cannot write %s: %s", db->path, said);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(error, ERR_IO,
                         "the database %s is damaged (%s); move it away, or "
                         "put a good copy in its place",
                         db->path, said);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(error, ERR_UNAVAILABLE,
                         "the database %s is locked by another program",
                         db->path);
    case SQLITE_CONSTRAINT:
        return error_set(error, ERR_INVALID, "refused by the database: %s",
                         said);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (errnum != 0)
            return error_errno(error, errnum, "the database %s: %s", db->path,
                               said);
        break;
    default: break;
    }
    return error_set(error, ERR_IO, "the database %s: %s", db->path, said);
}

/* The whole file is read once; some milliseconds for what we keep in it. */
static int
check_file(struct db *db, struct error *error)
{
    struct sql sql;
    char said[256] = "";
    sql_init(&sql, db, "PRAGMA quick_check(1)");
    if (sql_next(&sql))
        snprintf(said, sizeof said, "%s", sql_text(&sql).p);
    if (sql_end(&sql, error) < 0)
        return -1;
    if (strcmp(said, "ok") == 0)
        return 0;
    return error_set(error, ERR_IO,
                     "the database %s is damaged (%s); move it away, or "
                     "put a good copy in its place",
                     db->path, said);
}

int
db_open(struct db *db, const char *path, struct error *error)
{
    *db = (struct db){ 0 };
    if (strlen(path) >= sizeof db->path)
        return error_errno(error, ENAMETOOLONG, "cannot open %.64s...", path);
    snprintf(db->path, sizeof db->path, "%s", path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        db_error(db, error);
        db_close(db);
        return -1;
    }
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (db_exec(db, opening_pragmas, error) == 0 &&
        check_file(db, error) == 0 && db_migrate(db, error) == 0 &&
        logs_open(db, error) == 0)
        return 0;
    db_close(db);
    return -1;
}

void
db_close(struct db *db)
{
    /* Every statement has been finalised: closing cannot be refused. */
    sqlite3_close(db->handle);
    db->handle = NULL;
}

int64_t
db_n_changed(const struct db *db)
{
    return sqlite3_changes(db->handle);
}

int
db_exec(struct db *db, const char *sql, struct error *error)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return db_error(db, error);
}

int
db_row_error(struct db *db, struct error *error, const char *table,
             const char *id, const char *what)
{
    return error_set(error, ERR_IO,
                     "the database %s is damaged: table %s, row '%.64s': %s",
                     db->path, table, id, what);
}

void
sql_init(struct sql *sql, struct db *db, const char *text)
{
    *sql = (struct sql){ .db = db };
    sql->rc = sqlite3_prepare_v2(db->handle, text, -1, &sql->statement, NULL);
}

void
sql_bind_int(struct sql *sql, int64_t value)
{
    if (sql->rc == SQLITE_OK)
        sql->rc = sqlite3_bind_int64(sql->statement, ++sql->n_bound, value);
}

void
sql_bind_real(struct sql *sql, double value)
{
    if (sql->rc == SQLITE_OK)
        sql->rc = sqlite3_bind_double(sql->statement, ++sql->n_bound, value);
}

void
sql_bind_str(struct sql *sql, struct str text)
{
    if (sql->rc == SQLITE_OK)
        sql->rc = sqlite3_bind_text64(sql->statement, ++sql->n_bound,
                                      text.p == NULL ? "" : text.p, text.n,
                                      SQLITE_TRANSIENT, SQLITE_UTF8);
}

void
sql_bind_text(struct sql *sql, const char *text)
{
    sql_bind_str(sql, str_from(text));
}

void
sql_bind_lent(struct sql *sql, const char *text)
{
    if (sql->rc == SQLITE_OK)
        sql->rc = sqlite3_bind_text64(sql->statement, ++sql->n_bound, text,
                                      strlen(text), SQLITE_STATIC, SQLITE_UTF8);
}

void
sql_bind_bytes(struct sql *sql, const void *bytes, size_t n)
{
    if (sql->rc == SQLITE_OK)
        sql->rc = sqlite3_bind_blob64(sql->statement, ++sql->n_bound, bytes, n,
                                      SQLITE_TRANSIENT);
}

bool
sql_next(struct sql *sql)
{
    if (sql->rc != SQLITE_OK)
        return false;
    sql->column = 0;
    int rc = sqlite3_step(sql->statement);
    if (rc == SQLITE_ROW)
        return true;
    sql->rc = rc;
    return false;
}

int64_t
sql_int(struct sql *sql)
{
    return sqlite3_column_int64(sql->statement, sql->column++);
}

double
sql_real(struct sql *sql)
{
    return sqlite3_column_double(sql->statement, sql->column++);
}

struct str
sql_text(struct sql *sql)
{
    int column = sql->column++;
    const unsigned char *text = sqlite3_column_text(sql->statement, column);
    if (text == NULL)
        return STR("");
    return (struct str){ (const char *)text,
                         (size_t)sqlite3_column_bytes(sql->statement, column) };
}

struct str
sql_bytes(struct sql *sql)
{
    int column = sql->column++;
    const char *bytes = sqlite3_column_blob(sql->statement, column);
    int n = sqlite3_column_bytes(sql->statement, column);
    return (struct str){ bytes, bytes == NULL ? 0 : (size_t)n };
}

int
sql_copy_text(struct sql *sql, char *to, size_t n_bytes, struct error *error)
{
    const char *name = sqlite3_column_name(sql->statement, sql->column);
    struct str text = sql_text(sql);
    if (text.n < n_bytes) {
        memcpy(to, text.p, text.n);
        to[text.n] = '\0';
        return 0;
    }
    return error_set(error, ERR_IO,
                     "the database %s is damaged: column %s holds %zu bytes, "
                     "at most %zu can be",
                     sql->db->path, name == NULL ? "?" : name, text.n,
                     n_bytes - 1);
}

int
sql_end(struct sql *sql, struct error *error)
{
    int result = 0;
    if (sql->rc != SQLITE_OK && sql->rc != SQLITE_DONE)
        result = db_error(sql->db, error);
    sqlite3_finalize(sql->statement);
    sql->statement = NULL;
    return result;
}

int
sql_run(struct sql *sql, struct error *error)
{
    while (sql_next(sql))
        continue;
    return sql_end(sql, error);
}

void
sql_again(struct sql *sql)
{
    while (sql_next(sql))
        continue;
    if (sql->rc != SQLITE_DONE)
        return;
    sql->rc = sqlite3_reset(sql->statement);
    sql->n_bound = 0;
}

void
sql_add_pattern(struct strbuf *out, const char *text)
{
    strbuf_add_byte(out, '%');
    for (; *text != '\0'; text++) {
        if (*text == '%' || *text == '_' || *text == '!')
            strbuf_add_byte(out, '!');
        strbuf_add_byte(out, *text);
    }
    strbuf_add_byte(out, '%');
}
