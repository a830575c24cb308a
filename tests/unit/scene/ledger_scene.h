/* ledger_scene - the server's scene with the plugin auth_ledger, and the check that each ALLOW has
 * had its end. */
#ifndef UNIT_LEDGER_SCENE_H
#define UNIT_LEDGER_SCENE_H

#include "../sdk/plugins/ledger.h"
#include "scene/server_scene.h"
#include "verdict/allowance.h"

#define LEDGER(options) SCENE_AUTH("{\"use\": \"ledger\"" options "}")
/* Lets in everybody. */
#define LEDGER_OPEN LEDGER("")
/* Lets in who answers "alice", after the delay. */
#define LEDGER_LATER(verdict, delay)                                                               \
	LEDGER(", \"answer\": \"alice\", \"how\": \"work\", \"verdict\": \"" verdict               \
	       "\", \"delay\": \"" delay "\"")
/* Gives no verdict on the answer "alice". */
#define LEDGER_NEVER LEDGER(", \"answer\": \"alice\", \"how\": \"never\"")
/* An answer is good once. The verdict comes through the ticket. */
#define LEDGER_ONCE LEDGER(", \"once\": true, \"how\": \"ticket\"")
/* Likewise, and the host keeps no answer. */
#define LEDGER_SESSIONS                                                                            \
	"{\"auth\": [{\"use\": \"auth_ledger:sessions\", \"once\": true, \"how\": \"ticket\"}]}"

/* The counts of the ledger in the configuration; NULL: it was not used. */
static inline const struct ledger_counts *ledger_counts(const char *config)
{
	for (int i = 0; i < SCENE_SETS && scene.sets[i].set; i++) {
		if (strcmp(scene.sets[i].config, config) == 0)
			return scene.sets[i].set->chains[CHAIN_AUTH]->items[0]->self;
	}
	return NULL;
}

/* Each ALLOW of each ledger so far has had exactly one end. */
static inline void scene_check_ledgers(void)
{
	for (int i = 0; i < SCENE_SETS && scene.sets[i].set; i++) {
		const struct chain *chain = scene.sets[i].set->chains[CHAIN_AUTH];
		const struct ledger_counts *counts;

		if (chain->n == 0 || strcmp(chain->items[0]->component->name, "ledger") != 0)
			continue;
		counts = chain->items[0]->self;
		for (int turn = 0; turn < 1000 && counts->allows != counts->ends; turn++)
			run_for(scene.loops[0], 1); /* a thread of the pool may be about to count */
		ck_assert_uint_eq(counts->wrong, 0);
		ck_assert_uint_eq(counts->allows, counts->ends);
	}
}

#endif
