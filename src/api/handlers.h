/* The handlers that the rows name, by resource; and what resources share. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include <inttypes.h>

#include "api/call.h"
#include "api/web_files.h"

struct preset;

/* profiles.c */
void profiles_list(struct call *call);
void profiles_show_next_port(struct call *call);
void profiles_show(struct call *call);
void profiles_add(struct call *call);
void profiles_change(struct call *call);
void profiles_remove(struct call *call);
void profiles_copy(struct call *call);
void profiles_show_defaults(struct call *call);

/* profile_preview.c */
void profiles_do_preview(struct call *call);

/* servers.c */
void servers_list(struct call *call);
/* Every profile's server, and the running ones of library models. */
void servers_write(struct api *api, bool only_running, struct json_writer *out);
void servers_show(struct call *call);
void servers_probe(struct call *call);
void servers_start(struct call *call);
void servers_stop(struct call *call);
void servers_restart(struct call *call);

/* server_logs.c */
void servers_follow_log(struct call *call);

/* system.c */
void system_health(struct call *call);
void system_info(struct call *call);
void system_memory(struct call *call);
void system_metrics(struct call *call);
void system_parsers(struct call *call);

/* samples.c */
void system_metrics_history(struct call *call);
void system_metrics_servers(struct call *call);
void sample_write(const struct metrics_sample *sample, struct json_writer *out);

/* engines.c */
void system_engines(struct call *call);

/* settings.c */
void settings_show(struct call *call);
void settings_change(struct call *call);

/* presets.c */
void presets_list(struct call *call);
void presets_show(struct call *call);
void presets_show_file(struct call *call);
void presets_show_options(struct call *call);
void presets_do_check(struct call *call);
void presets_create(struct call *call);
void presets_put(struct call *call);
void presets_remove(struct call *call);
void presets_put_section(struct call *call);
void presets_remove_section(struct call *call);
void presets_write(struct api *api, struct json_writer *w); /* all of them */

/* llama.c */
void llama_show_config(struct call *call);
void llama_change_config(struct call *call);
void llama_reset_config(struct call *call);
void llama_show_status(struct call *call);
void llama_start(struct call *call);
void llama_stop(struct call *call);
void llama_restart(struct call *call);
void llama_do_rescan(struct call *call);
void llama_config_write(struct api *api, struct json_writer *w);
void llama_status_write(struct api *api, struct json_writer *w);

/* model_loads.c */
void models_load(struct call *call);
void models_unload(struct call *call);
void models_show_profile(struct call *call);
void models_change_profile(struct call *call);
void models_remove_profile(struct call *call);

/* config_export.c, config_import.c */
enum { CONFIG_DOCUMENT_VERSION = 1, CONFIG_LEFT_OUT_BYTES = 512 };
/* What `left_out` of such a document calls a member of a profile's `env` or
 * `options`. */
void config_left_out_name(char ret_name[CONFIG_LEFT_OUT_BYTES],
                          const char *profile, const char *field,
                          struct str key);
void config_export(struct call *call);
void config_import(struct call *call);

/* logs.c */
void logs_list(struct call *call);
void logs_forget(struct call *call);
void logs_write(struct call *call);
void logs_show_llama_server(struct call *call);
void log_files_list(struct call *call);
void log_files_read(struct call *call);
void log_files_clear(struct call *call);

/* log_views.c */
void logs_follow(struct call *call);
void logs_export(struct call *call);

/* activity.c */
void activity_list(struct call *call);
void activity_forget(struct call *call);
void activity_list_active(struct call *call);
void activity_show(struct call *call);
void activity_show_capture(struct call *call);
void activity_do_cancel(struct call *call);
void activity_news_write(const struct activity_news *news,
                         struct json_writer *out);
void usage_list(struct call *call);

/* keys.c */
void keys_list(struct call *call);
void keys_create(struct call *call);
void keys_revoke(struct call *call);

/* session.c */
void session_show(struct call *call);
void session_open(struct call *call);
void session_close(struct call *call);
void session_link(struct call *call);

/* models.c */
void models_list(struct call *call);
void models_show(struct call *call);
void models_scan(struct call *call);
void models_scan_show(struct call *call);
void models_duplicates(struct call *call);
void models_update(struct call *call);

/* previews.c */
void models_show_preview(struct call *call);

/* fit.c */
void models_fit(struct call *call);
void hub_do_fit(struct call *call);

/* model_files.c */
void models_remove(struct call *call);
void models_move(struct call *call);
void models_bulk_move(struct call *call);

/* hub.c */
void hub_do_search(struct call *call);
void hub_do_files(struct call *call);
void hub_do_hash(struct call *call);
void hub_do_check_token(struct call *call);
/* Whether the library has a file of this repository (or, of Civitai, of this
 * model). */
bool hub_model_is_here(struct api *api, enum hub_source source, struct str id);

/* detect.c */
void hub_do_detect(struct call *call);

/* downloads.c */
void downloads_create(struct call *call);
void downloads_list(struct call *call);
void downloads_list_active(struct call *call);
void downloads_show(struct call *call);
void downloads_do_pause(struct call *call);
void downloads_do_resume(struct call *call);
void downloads_do_retry(struct call *call);
void downloads_do_cancel(struct call *call);
void downloads_do_priority(struct call *call);
void downloads_do_limit(struct call *call);
void history_list(struct call *call);
void history_remove(struct call *call);
void history_clear(struct call *call);
void history_again(struct call *call);

/* download_views.c */
void downloads_follow(struct call *call);
void downloads_follow_socket(struct call *call);
void scan_follow_socket(struct call *call);

/* events_stream.c */
void events_follow(struct call *call);

/* metrics.c */
void metrics_text(struct call *call);

/* openapi.c */
void openapi_show(struct call *call);
/* The document alone, for whoever has no call. */
void openapi_write(const char *version, struct json_writer *out);

/* page.c: GET of a browser; the shell, whatever the address. */
void page_send(struct api *api, struct http_exchange *exchange,
               const struct auth_answer *who);
/* True when the client wants a page: it navigates, or asks for HTML. */
bool page_is_wanted(const struct http_request *request);
/* Whether the client says that it has what this tag is of. `etag`: weak. */
bool etag_is_known(struct http_headers headers, const char *etag);
/* NULL: there is no such file in the dashboard. */
const struct web_file *web_file_find(struct str path);
void web_file_send(const struct web_file *file, struct http_exchange *exchange,
                   const struct auth_answer *who);

/* ---- shared ---- */

/* The profile that `{id}` of the path names: an id or a name, of a profile
 * or of a library model. NULL when it has answered 404. Borrowed. */
struct profile *call_profile(struct call *call);
/* What a server is now, also of a profile that never ran: then everything
 * but `profile` is at rest. */
void server_view(struct api *api, struct profile *profile,
                 struct instance_view *ret_view);
bool server_is_running(const struct instance_view *view);
void server_write(struct api *api, const struct instance_view *view,
                  struct json_writer *out);
/* Members code, message, advice, log_tail: why it failed. */
void cause_write(struct api *api, const struct instance_view *view,
                 struct json_writer *out);
/* The profile with its server's state, as every route shows it. */
void profile_write(struct api *api, struct profile *profile,
                   struct json_writer *out);
/* {profile_id, state, pid?, port?, stop?, exit_code?, exit_signal?} */
void change_write(const struct instance_view *view, struct json_writer *out);
void model_write(struct api *api, const struct model *model,
                 struct json_writer *out);
/* The model that `{id}` names, or NULL when it has answered 404. */
const struct model *call_model(struct call *call);
/* Tasks of scans, as they are named outside. */
#define SCAN_ID_PREFIX "scan-"
#define SCAN_ID_FORMAT SCAN_ID_PREFIX "%" PRId64
enum { SCAN_ID_BYTES = 32 };
/* As the scan of that number sees it: it may be still to come. */
void scan_write_of(int64_t number, const struct library_progress *progress,
                   struct json_writer *out);
void scan_write(const struct library_progress *progress,
                struct json_writer *out);
void log_entry_write(const struct log_entry *entry, struct json_writer *out);
/* key, value pairs of the commonest kinds */
void member_text(struct json_writer *out, const char *key, const char *text);
void member_int(struct json_writer *out, const char *key, int64_t value);
void member_bool(struct json_writer *out, const char *key, bool value);
/* null unless `is_known` */
void member_int_if(struct json_writer *out, const char *key, bool is_known,
                   int64_t value);
void member_real_if(struct json_writer *out, const char *key, bool is_known,
                    double value);

#endif
