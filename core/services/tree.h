/* tree - of spore_host: the configuration, or a reply in JSON, as a tree. [any] */
#ifndef CORE_TREE_H
#define CORE_TREE_H

#include <spore/host.h>

uint32_t host_cfg_type(const spore_cfg *cfg);
const spore_cfg *host_cfg_get(const spore_cfg *object, const char *key);
const spore_cfg *host_cfg_at(const spore_cfg *container, size_t index, const char **key_out);
size_t host_cfg_count(const spore_cfg *container);
const char *host_cfg_string(const spore_cfg *cfg);
double host_cfg_number(const spore_cfg *cfg);
uint32_t host_cfg_bool(const spore_cfg *cfg);
spore_status host_cfg_parse(spore_ctx *ctx, spore_str text, spore_cfg **out, char *error,
                            size_t error_size);
void host_cfg_free(spore_cfg *tree);

#endif
