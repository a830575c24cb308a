/* plugin_log - spore_host.log: a line of a plugin. [any] */
#ifndef CORE_PLUGIN_LOG_H
#define CORE_PLUGIN_LOG_H

#include <spore/host.h>

uint32_t host_log_enabled(const spore_ctx *ctx, int32_t level);
void host_log(const spore_ctx *ctx, int32_t level, spore_str text, const spore_kv *fields,
              size_t n);

#endif
