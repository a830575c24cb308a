/* lend - what the host lends to a plugin on one worker's loop: timers, watchers, posts, jobs and
 * look-ups. The slots of struct spore_host of the same names document the functions.
 *
 * A handle is the number of a loan in the worker's slab. So a handle that is stale, nonsense or of
 * another thread is detected before anything is touched. */
#ifndef CORE_LEND_H
#define CORE_LEND_H

#include <spore/host.h>
#include <stdbool.h>

struct loop;

/* Makes one table for each worker, before handles are used; n <= SLAB_MAX_TAG. False: out of
 * memory. [main] */
bool lend_tables_new(struct loop *const *loops, unsigned n);
/* After the loops have ended. [main] */
void lend_tables_free(void);

spore_status lend_timer_start(spore_worker *worker, int64_t after_ms, int64_t repeat_ms,
                              void (*on_timer)(void *arg), void *arg, spore_timer *out);
spore_status lend_timer_update(spore_timer timer, int64_t after_ms, int64_t repeat_ms);
spore_status lend_timer_stop(spore_timer timer);
spore_status lend_io_start(spore_worker *worker, int fd, uint32_t events,
                           void (*on_ready)(void *arg, uint32_t events), void *arg, spore_io *out);
spore_status lend_io_update(spore_io io, uint32_t events);
spore_status lend_io_stop(spore_io io);
spore_status lend_post(spore_worker *worker, void (*fn)(void *arg), void *arg);
spore_status lend_offload(spore_worker *worker, void (*work)(void *arg), void (*on_done)(void *arg),
                          void *arg);
spore_status lend_resolve(spore_worker *worker, const char *name, uint16_t port,
                          void (*on_done)(void *arg, spore_status, const spore_addr *, size_t n),
                          void *arg, spore_resolve *out);
spore_status lend_resolve_stop(spore_resolve resolve);

#endif
