/* revalidate - of spore_host: an auth plugin changes or ends what it has allowed. [any] */
#ifndef CORE_REVALIDATE_H
#define CORE_REVALIDATE_H

#include <spore/auth.h>
#include <spore/host.h>

spore_status host_auth_revalidate(spore_ctx *ctx, spore_str identity, int32_t verdict,
                                  const spore_auth_result *result);
spore_status host_auth_revalidate_session(spore_ctx *ctx, spore_str identity, uint64_t session,
                                          int32_t verdict, const spore_auth_result *result);

#endif
