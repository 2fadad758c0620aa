/* hearth.yaml from anywhere: read, then written as JSON, and read as a
 * configuration. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "formats/config.h"
#include "formats/yaml.h"

static struct str input;

static int
read_input(const char *path, struct strbuf *out, struct error *error)
{
    strbuf_add_str(out, input);
    return strbuf_failed(out) ? error_set(error, ERR_TOO_LARGE, "too large")
                              : 0;
}

static int
folder(char *ret_path, size_t size, struct error *error)
{
    snprintf(ret_path, size, "/f");
    return 0;
}

static void
as_yaml(void)
{
    struct error error;
    struct yaml_doc *doc = yaml_parse(input, &error);
    if (doc == NULL)
        return;
    if (yaml_root(doc) != NULL) {
        struct strbuf out = STRBUF_INIT(1 * MIB);
        struct json_writer writer;
        json_writer_init(&writer, &out);
        yaml_to_json(yaml_root(doc), &writer);
        struct json_doc *json =
            strbuf_failed(&out) ? NULL : json_parse(strbuf_view(&out), &error);
        if (json == NULL && !strbuf_failed(&out))
            abort(); /* what we write, we can read */
        json_doc_free(json);
        strbuf_release(&out);
    }
    yaml_doc_free(doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_machine machine = { read_input, folder, folder };
    const struct config_sources sources = { .machine = &machine,
                                            .file_path = "/f/hearth.yaml",
                                            .working_folder = "/" };
    struct config *config;
    struct error error;
    input = (struct str){ (const char *)data, size };
    as_yaml();
    if (config_load(&sources, &config, &error) == 0)
        config_free(config);
    else if (error.message[0] == '\0')
        abort(); /* every refusal says why */
    return 0;
}
