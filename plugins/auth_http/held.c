#include "held.h"

#include <pthread.h>
#include <stdlib.h>

enum { N_BUCKETS = 1024 };

struct session {
	struct session *next;
	uint64_t number;
	size_t n_allows; /* ALLOWs that have begun and not ended */
	bool has_key;
	uint8_t key[CLAIM_KEY_SIZE];
};

struct held {
	pthread_mutex_t lock;
	struct session *buckets[N_BUCKETS];
};

struct held *held_new(void)
{
	struct held *held = calloc(1, sizeof *held);

	if (held)
		pthread_mutex_init(&held->lock, NULL);
	return held;
}

static void free_session(struct session *session)
{
	explicit_bzero(session, sizeof *session);
	free(session);
}

void held_free(struct held *held)
{
	if (!held)
		return;
	for (size_t i = 0; i < N_BUCKETS; i++) {
		for (struct session *session = held->buckets[i], *next; session; session = next) {
			next = session->next;
			free_session(session);
		}
	}
	pthread_mutex_destroy(&held->lock);
	free(held);
}

/* The pointer to the session, or to the NULL where it would be. */
static struct session **find(struct held *held, uint64_t number)
{
	struct session **at = &held->buckets[number % N_BUCKETS];

	while (*at && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

void held_begin(struct held *held, uint64_t number, const uint8_t *key)
{
	struct session **at, *session;

	pthread_mutex_lock(&held->lock);
	at = find(held, number);
	if (!*at)
		*at = calloc(1, sizeof **at);
	session = *at;
	if (session) {
		session->number = number;
		session->n_allows++;
		session->has_key = key != NULL;
		if (key)
			memcpy(session->key, key, sizeof session->key);
		else
			explicit_bzero(session->key, sizeof session->key);
	}
	pthread_mutex_unlock(&held->lock);
}

void held_end(struct held *held, uint64_t number)
{
	struct session **at, *session;

	pthread_mutex_lock(&held->lock);
	at = find(held, number);
	session = *at;
	if (session && --session->n_allows == 0)
		*at = session->next;
	else
		session = NULL;
	pthread_mutex_unlock(&held->lock);
	if (session)
		free_session(session);
}

bool held_find(struct held *held, uint64_t number, uint8_t key_out[CLAIM_KEY_SIZE])
{
	struct session *session;
	bool has_key;

	pthread_mutex_lock(&held->lock);
	session = *find(held, number);
	has_key = session && session->has_key;
	if (has_key)
		memcpy(key_out, session->key, CLAIM_KEY_SIZE);
	pthread_mutex_unlock(&held->lock);
	return has_key;
}
