#include "seal.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { MAC_SIZE = 32, EMPTY = 0, WRITING, CLOSED };

struct seal {
	atomic_uint refs;
	atomic_int state; /* only the thread that moves it from EMPTY to WRITING writes `mac` */
	uint8_t key[MAC_SIZE], mac[MAC_SIZE];
};

struct seal *seal_new(const spore_host *host)
{
	struct seal *seal = calloc(1, sizeof *seal);

	if (!seal || host->random(seal->key, sizeof seal->key) != SPORE_OK) {
		free(seal);
		return NULL;
	}
	atomic_init(&seal->refs, 1);
	return seal;
}

struct seal *seal_ref(struct seal *seal)
{
	atomic_fetch_add_explicit(&seal->refs, 1, memory_order_relaxed);
	return seal;
}

void seal_unref(struct seal *seal)
{
	if (!seal || atomic_fetch_sub_explicit(&seal->refs, 1, memory_order_acq_rel) > 1)
		return;
	explicit_bzero(seal, sizeof *seal);
	free(seal);
}

void seal_close(struct seal *seal, const spore_host *host, spore_str password)
{
	int state = EMPTY;

	if (!atomic_compare_exchange_strong(&seal->state, &state, WRITING))
		return;
	state = host->hmac_sha256(seal->key, sizeof seal->key, password.ptr, password.len,
	                          seal->mac) == SPORE_OK
	                ? CLOSED
	                : EMPTY;
	atomic_store_explicit(&seal->state, state, memory_order_release);
}

enum seal_says seal_compare(const struct seal *seal, const spore_host *host, spore_str password)
{
	uint8_t mac[MAC_SIZE];

	if (atomic_load_explicit(&seal->state, memory_order_acquire) != CLOSED)
		return SEAL_EMPTY;
	if (host->hmac_sha256(seal->key, sizeof seal->key, password.ptr, password.len, mac) !=
	    SPORE_OK)
		return SEAL_EMPTY;
	return host->equal(mac, seal->mac, sizeof mac) ? SEAL_SAME : SEAL_OTHER;
}
