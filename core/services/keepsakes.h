/* keepsakes - of spore_host: what an instance asks the host to keep: listening sockets, the list of
 * its files, the line that describes it, and the state that its successor gets. */
#ifndef CORE_KEEPSAKES_H
#define CORE_KEEPSAKES_H

#include <spore/host.h>

spore_status host_listener_get(spore_ctx *ctx, const spore_addr *address, int *fd_out);
spore_status host_file_watch(spore_ctx *ctx, const char *path);
spore_status host_state_show(spore_ctx *ctx, spore_str text);
spore_status host_state_put(spore_ctx *ctx, const char *key, spore_str bytes);
uint32_t host_state_get(spore_ctx *ctx, const char *key, spore_str *out);

#endif
