/* retirer - the end of plugin instances that nothing uses any more: they are stopped, destroyed and
 * freed on main, once what they have in flight is over. Knows how many are alive. */
#ifndef CORE_RETIRER_H
#define CORE_RETIRER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct instance;
struct loop;
struct retirer;

/* main_loop: borrowed; runs until retirer_free. NULL: out of memory. [main] */
struct retirer *retirer_new(struct loop *main_loop);
/* The instance ends here when its last reference goes; until then the configuration stays. False:
 * out of memory, and nothing was taken. [main] */
bool retirer_adopt(struct retirer *retirer, struct instance *instance, struct config *config);
/* Instances that are not freed yet. [main] */
unsigned retirer_alive(const struct retirer *retirer);
/* Each configuration makes a generation of instances. Those that are adopted from now on are of
 * this one; before, of 1. [main] */
void retirer_set_generation(struct retirer *retirer, unsigned generation);
/* Of how many generations some instance is alive. [any] */
unsigned retirer_generations(const struct retirer *retirer);
/* Shows all that are alive, the oldest first. [main] */
void retirer_each(const struct retirer *retirer,
                  void (*look)(const struct instance *instance, unsigned generation, void *arg),
                  void *arg);
/* The main loop runs no more, the workers' still do: waits until all have ended, at most so long.
 * False: some hang, and nothing of them may be freed. [main] */
bool retirer_finish(struct retirer *retirer, int64_t wait_ms);
/* None is alive. NULL is fine. [main] */
void retirer_free(struct retirer *retirer);

#endif
