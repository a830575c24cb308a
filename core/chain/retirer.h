/* retirer - ends the plugin instances that nothing uses any more: stops, destroys and frees them on
 * the control thread when their work in flight is done. Keeps a list of all instances. */
#ifndef CORE_RETIRER_H
#define CORE_RETIRER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct instance;
struct loop;
struct retirer;

/* `loop`: of the control thread; borrowed; must live until retirer_free. NULL: out of memory.
 * [any] */
struct retirer *retirer_new(struct loop *loop);
/* Takes the instance, which ends when its last reference is given back, and keeps a reference of
 * the configuration until then. False: out of memory, and the instance was not taken. [control] */
bool retirer_adopt(struct retirer *retirer, struct instance *instance, struct config *config);
/* The number of instances that are not freed yet. [any] */
unsigned retirer_alive(const struct retirer *retirer);
/* Sets the generation of the instances that are adopted from now on; 1 at first. Each configuration
 * makes a generation. [control] */
void retirer_set_generation(struct retirer *retirer, unsigned generation);
/* The number of generations that have an instance left. [any] */
unsigned retirer_generations(const struct retirer *retirer);
/* Calls `look` for each instance that is not freed yet, the oldest first. `look` must not block and
 * not use the retirer. [any] */
void retirer_each(struct retirer *retirer,
                  void (*look)(const struct instance *instance, unsigned generation, void *arg),
                  void *arg);
/* Waits until all instances have ended; for work in flight, for at most wait_ms. Call it when the
 * control thread's loop has stopped and the loops of the workers still run. False: some instances
 * are still busy, and what they use must not be freed. [control] */
bool retirer_finish(struct retirer *retirer, int64_t wait_ms);
/* All instances must have ended. NULL is fine. [any] */
void retirer_free(struct retirer *retirer);

#endif
