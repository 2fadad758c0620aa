/* API keys: digests, never secrets. */
#include "store/sqlite/sqlite_internal.h"

struct api_key_job {
    struct job job;
    struct api_key key;
};

static void
digest_to_hex(const uint8_t digest[KEY_DIGEST_BYTES],
              char ret_hex[2 * KEY_DIGEST_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < KEY_DIGEST_BYTES; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[2 * KEY_DIGEST_BYTES] = '\0';
}

static int
digest_from_hex(struct str hex, uint8_t ret_digest[KEY_DIGEST_BYTES])
{
    const struct str digits = STR("0123456789abcdef");
    if (hex.n != 2 * (size_t)KEY_DIGEST_BYTES)
        return -1;
    for (size_t i = 0; i < KEY_DIGEST_BYTES; i++) {
        ptrdiff_t high = str_find(digits, hex.p[2 * i]);
        ptrdiff_t low = str_find(digits, hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        ret_digest[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int
put_api_key(struct db *db, struct job *job, struct error *error)
{
    const struct api_key *key = &((struct api_key_job *)job)->key;
    char hex[2 * KEY_DIGEST_BYTES + 1];
    digest_to_hex(key->digest, hex);
    struct sql sql;
    sql_init(&sql, db,
             "INSERT INTO api_keys (id, name, scope, digest, created_at_ms, "
             "revoked_at_ms) VALUES (?, ?, ?, ?, ?, ?) "
             "ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
             "scope = excluded.scope, digest = excluded.digest, "
             "created_at_ms = excluded.created_at_ms, "
             "revoked_at_ms = excluded.revoked_at_ms");
    sql_bind_text(&sql, key->id);
    sql_bind_text(&sql, key->name);
    sql_bind_text(&sql, key_scope_name(key->scope));
    sql_bind_text(&sql, hex);
    sql_bind_int(&sql, key->created_at_ms);
    sql_bind_int(&sql, key->revoked_at_ms);
    return sql_run(&sql, error);
}

void
store_put_api_key(struct store *store, const struct api_key *key,
                  store_done_fn *on_done, void *ctx)
{
    struct api_key_job *change =
        job_new(sizeof *change, put_api_key, on_done, ctx);
    if (change == NULL)
        return;
    change->key = *key;
    store_submit(store, &change->job);
}

static int
read_api_key(struct sql *sql, struct api_key *key, struct error *error)
{
    *key = (struct api_key){ 0 };
    if (sql_copy_text(sql, key->id, sizeof key->id, error) < 0 ||
        sql_copy_text(sql, key->name, sizeof key->name, error) < 0)
        return -1;
    if (key_scope_from(sql_text(sql), &key->scope) < 0)
        return db_row_error(sql->db, error, "api_keys", key->id,
                            "unknown scope");
    if (digest_from_hex(sql_text(sql), key->digest) < 0)
        return db_row_error(sql->db, error, "api_keys", key->id,
                            "the digest is none");
    key->created_at_ms = sql_int(sql);
    key->revoked_at_ms = sql_int(sql);
    return 0;
}

int
store_load_api_keys(struct store *store,
                    int (*fn)(void *ctx, const struct api_key *key), void *ctx,
                    struct error *error)
{
    struct api_key key;
    struct rows rows;
    rows_begin(&rows, store, "api keys",
               "SELECT id, name, scope, digest, created_at_ms, revoked_at_ms "
               "FROM api_keys ORDER BY id");
    while (rows_next(&rows)) {
        rows.result = read_api_key(&rows.sql, &key, error);
        rows.is_stopped = rows.result == 0 && fn(ctx, &key) != 0;
    }
    return rows_end(&rows, error);
}
