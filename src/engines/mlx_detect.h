/* What the name of an MLX model tells about it: its family, the parsers that
 * fit it, how large it will be. Pure functions over text; the lists are those
 * of mlx-openai-server, and the manifest offers the same ones. */
#ifndef ENGINES_MLX_DETECT_H
#define ENGINES_MLX_DETECT_H

#include "base/str.h"

enum mlx_parser { MLX_TOOL_CALL, MLX_REASONING, MLX_CONVERTER };

/* The known parsers of a kind, sorted, NULL-terminated. */
const char *const *mlx_parsers(enum mlx_parser kind);

/* The parser of a kind that fits the model ("org/name" or a path; its last
 * part counts), or NULL when none does. */
const char *mlx_match_parser(enum mlx_parser kind, struct str model);

/* The family of a model: from the `model_type` of its config.json, else from
 * its `architectures`, else from its name. NULL when unknown. */
const char *mlx_family(struct str model_type, const struct str *architectures,
                       size_t n_architectures, struct str model);

/* The oldest mlx-lm that can load a family, or NULL when each can; of NULL,
 * an unknown family, too. */
const char *mlx_required_version(const char *family);

/* Whether a version ("0.28.4", "0.28.4rc1") is that one or a later one; one
 * that is being prepared comes before the one it will be. */
bool mlx_version_reaches(struct str version, struct str required);

/* Bytes of the weights as the name tells them ("30B", "4bit"), overhead
 * included; 0 when the name tells no size. */
uint64_t mlx_estimated_bytes(struct str model);

#endif
