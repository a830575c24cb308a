/* completions - of spore_host: plugins end the operations that they have begun. [any] */
#ifndef CORE_COMPLETIONS_H
#define CORE_COMPLETIONS_H

#include <spore/auth.h>
#include <spore/host.h>

spore_status host_complete_verify(spore_ticket ticket, int32_t verdict,
                                  const spore_auth_result *result);
spore_status host_complete_answer(spore_ticket ticket, spore_status status, spore_str answer);
spore_status host_complete_handshake(spore_ticket ticket, spore_status status);
spore_status host_complete_start(spore_ticket ticket, spore_status status);

#endif
