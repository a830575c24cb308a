#include "host/last_good.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "metrics/families.h"
#include "suite.h"

enum { HOUR = 3600000 };

static struct last_good *store;
static struct revisions revisions;

static struct grant *make_grant(const char *identity, uint64_t hint, const char *verifier,
                                int64_t life_ms)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.fields = SPORE_AUTH_F_MAX_CONNS,
		.identity = spore_cstr(identity),
		.session = strlen(identity),
		.max_conns = 5,
		.verifier = spore_cstr(verifier),
		.verifier_hint = hint,
		.verifier_life_ms = life_ms,
	};

	return grant_new(&result);
}

static struct good_entry *put_for(const char *identity, uint64_t hint, const char *verifier,
                                  int64_t now_ms, int64_t life_ms)
{
	struct grant *grant = make_grant(identity, hint, verifier, life_ms);
	struct revision_stamp asked = revisions_stamp(&revisions);
	struct good_entry *entry = last_good_put(store, grant, &asked, now_ms);

	ck_assert_ptr_null(grant->verifier);
	grant_free(grant);
	return entry;
}

static struct good_entry *put(const char *identity, uint64_t hint, const char *verifier,
                              int64_t now_ms)
{
	return put_for(identity, hint, verifier, now_ms, 0);
}

/* One whose tunnel has ended at once. */
static void put_ended(const char *identity, uint64_t hint, const char *verifier, int64_t now_ms)
{
	last_good_release(store, put(identity, hint, verifier, now_ms), now_ms);
}

/* The verifiers with this hint, such as "a,b,". */
static const char *list_of(uint64_t hint, int64_t now_ms, const uint64_t *session)
{
	struct good_search search = {
		.store = store, .now_ms = now_ms, .for_ms = HOUR, .session = session
	};
	static char text[256];
	const spore_verifier *verifier;
	size_t len = 0;

	text[0] = '\0';
	while ((verifier = good_search_next(&search, hint)) != NULL)
		len += (size_t)snprintf(text + len, sizeof text - len, "%.*s,",
		                        (int)verifier->bytes.len, verifier->bytes.ptr);
	ck_assert_ptr_null(good_search_next(&search, hint));
	ck_assert(!good_search_has_shown(&search));
	good_search_fini(&search);
	return text;
}

static void open_store(void)
{
	store = last_good_new(NULL, 0);
	ck_assert_ptr_nonnull(store);
	ck_assert(last_good_is_empty(store));
}

static void close_store(void)
{
	last_good_unref(store);
	last_good_unref(NULL);
}

START_TEST(an_entry_is_good_for_a_time)
{
	open_store();
	put_ended("alice", 7, "a", 1000);
	ck_assert_str_eq(list_of(7, 1000, NULL), "a,");
	ck_assert_str_eq(list_of(8, 1000, NULL), "");
	ck_assert_str_eq(list_of(7, 1000 + HOUR - 1, NULL), "a,");
	ck_assert_str_eq(list_of(7, 1000 + HOUR, NULL), "");
	ck_assert(!last_good_is_empty(store)); /* not removed by looking */
	last_good_expire(store, 1000 + HOUR - 1, HOUR);
	ck_assert(!last_good_is_empty(store));
	last_good_expire(store, 1000 + HOUR, HOUR);
	ck_assert(last_good_is_empty(store));
	close_store();
}
END_TEST

/* Its time begins when the last tunnel ends. */
START_TEST(an_entry_is_good_while_its_tunnel_is_open)
{
	struct good_entry *first, *second;

	open_store();
	first = put("alice", 7, "a", 0);
	second = put("alice", 7, "a", 1000);
	ck_assert_ptr_eq(first, second);
	last_good_expire(store, 9 * HOUR, HOUR);
	ck_assert_str_eq(list_of(7, 9 * HOUR, NULL), "a,");
	last_good_release(store, first, 5 * HOUR);
	ck_assert_str_eq(list_of(7, 9 * HOUR, NULL), "a,");
	last_good_release(store, second, 9 * HOUR);
	ck_assert_str_eq(list_of(7, 10 * HOUR - 1, NULL), "a,");
	ck_assert_str_eq(list_of(7, 10 * HOUR, NULL), "");
	close_store();
}
END_TEST

/* The plugin's limit holds also for an open tunnel, and begins anew with each ALLOW. */
START_TEST(a_verifier_may_have_a_shorter_life)
{
	struct good_entry *entry;

	open_store();
	entry = put_for("alice", 7, "a", 0, 100);
	ck_assert_str_eq(list_of(7, 99, NULL), "a,");
	ck_assert_str_eq(list_of(7, 100, NULL), "");
	last_good_release(store, put_for("alice", 7, "a", 50, 100), 50);
	ck_assert_str_eq(list_of(7, 149, NULL), "a,");
	last_good_expire(store, 150, HOUR);
	ck_assert(last_good_is_empty(store));
	last_good_release(store, entry, 200); /* its entry is gone */
	ck_assert(last_good_is_empty(store));
	close_store();
}
END_TEST

/* After a change of the secret the old one counts no more. */
START_TEST(another_proof_replaces_the_old_one)
{
	struct good_entry *old;

	open_store();
	old = put("alice", 7, "old", 0);
	put_ended("bob", 7, "bob's", 1);
	put_ended("alice", 7, "new", 2);
	put_ended("alice", 8, "other", 3);
	ck_assert_str_eq(list_of(7, 3, NULL), "new,bob's,");
	ck_assert_str_eq(list_of(8, 3, NULL), "other,");
	last_good_release(store, old, 4);
	ck_assert_str_eq(list_of(7, 4, NULL), "new,bob's,");
	close_store();
}
END_TEST

START_TEST(a_data_connection_sees_its_session_only)
{
	const uint64_t alice = strlen("alice");

	open_store();
	put_ended("alice", 0, "a", 0);
	put_ended("bob", 0, "b", 0);
	ck_assert_str_eq(list_of(0, 0, NULL), "b,a,");
	ck_assert_str_eq(list_of(0, 0, &alice), "a,");
	close_store();
}
END_TEST

/* The grant comes back, and the age of what the back-end said. */
START_TEST(a_search_gives_the_grant)
{
	struct good_search search = { .now_ms = 50, .for_ms = HOUR };
	struct grant *grant;
	int64_t age_ms;

	open_store();
	put_ended("alice", 7, "a", 20);
	search.store = store;
	ck_assert(!good_search_has_shown(&search));
	ck_assert_uint_eq(good_search_next(&search, 7)->session, 5);
	ck_assert(good_search_has_shown(&search));
	last_good_forget(store, spore_cstr("alice"), NULL); /* what was shown stays valid */
	grant = good_search_take(&search, &age_ms);
	ck_assert_str_eq(grant->identity, "alice");
	ck_assert_uint_eq(grant->max_conns, 5);
	ck_assert_ptr_null(grant->verifier);
	ck_assert_int_eq(age_ms, 30);
	grant_free(grant);
	good_search_remove(&search); /* gone already */
	good_search_fini(&search);
	close_store();
}
END_TEST

START_TEST(a_search_removes_what_it_has_shown)
{
	struct good_search search = { .now_ms = 5, .for_ms = HOUR };

	open_store();
	put_ended("alice", 0, "a", 0);
	put_ended("bob", 0, "b", 0);
	search.store = store;
	good_search_next(&search, 0);
	good_search_next(&search, 0);
	good_search_remove(&search);
	good_search_fini(&search);
	ck_assert_str_eq(list_of(0, 5, NULL), "b,");
	close_store();
}
END_TEST

START_TEST(a_revocation_removes_all_entries_of_the_identity)
{
	open_store();
	put_ended("alice", 7, "a", 0);
	put_ended("alice", 0, "b", 0);
	put_ended("alic", 7, "c", 0);
	last_good_forget(store, spore_cstr("alice"), NULL);
	ck_assert_str_eq(list_of(7, 0, NULL), "c,");
	ck_assert_str_eq(list_of(0, 0, NULL), "");
	close_store();
}
END_TEST

START_TEST(a_revocation_may_mean_one_session)
{
	const uint64_t session = strlen("alice"), other = session + 1;

	open_store();
	put_ended("alice", 7, "a", 0);
	last_good_forget(store, spore_cstr("alice"), &other);
	ck_assert_str_eq(list_of(7, 0, NULL), "a,");
	last_good_forget(store, spore_cstr("alice"), &session);
	ck_assert_str_eq(list_of(7, 0, NULL), "");
	close_store();
}
END_TEST

/* What the back-end has said before does not come after the revocation. */
START_TEST(an_old_allow_begins_no_entry)
{
	struct grant *grant = make_grant("alice", 7, "a", 0);
	struct revision_stamp asked = revisions_stamp(&revisions);

	open_store();
	revisions_add(&revisions, spore_cstr("alice"));
	ck_assert_ptr_null(last_good_put(store, grant, &asked, 0));
	ck_assert_ptr_null(grant->verifier); /* wiped in any case */
	ck_assert(last_good_is_empty(store));
	grant_free(grant);
	put_ended("alice", 7, "a", 0); /* asked again */
	ck_assert_str_eq(list_of(7, 0, NULL), "a,");
	close_store();
}
END_TEST

START_TEST(a_change_of_rights_changes_the_entries)
{
	const spore_auth_result result = { .struct_size = sizeof result,
		                           .fields = SPORE_AUTH_F_MAX_TUNNELS,
		                           .identity = spore_cstr("who?"),
		                           .session = 99,
		                           .max_tunnels = 3 };
	struct good_search search = { .for_ms = HOUR };
	struct grant *policy = grant_new(&result), *grant;
	int64_t age_ms;

	open_store();
	put_ended("alice", 7, "a", 0);
	last_good_change(store, spore_cstr("alice"), NULL, policy);
	grant_free(policy);
	search.store = store;
	good_search_next(&search, 7);
	grant = good_search_take(&search, &age_ms);
	ck_assert_str_eq(grant->identity, "alice");
	ck_assert_uint_eq(grant->session, 5);
	ck_assert_uint_eq(grant->fields, SPORE_AUTH_F_MAX_TUNNELS);
	ck_assert_uint_eq(grant->max_tunnels, 3);
	grant_free(grant);
	good_search_fini(&search);
	close_store();
}
END_TEST

START_TEST(without_a_verifier_nothing_is_kept)
{
	struct grant *grant = make_grant("alice", 7, "secret", 0);

	open_store();
	ck_assert_ptr_null(put("alice", 7, "", 0));
	last_good_release(store, NULL, 0);
	ck_assert(last_good_is_empty(store));
	ck_assert_ptr_null(last_good_put(NULL, grant, NULL, 0)); /* no store: only wiped */
	ck_assert_ptr_null(grant->verifier);
	grant_free(grant);
	close_store();
}
END_TEST

/* The oldest without a tunnel goes first. */
START_TEST(the_number_of_entries_is_limited)
{
	struct good_search search = { .for_ms = HOUR };
	struct good_entry *used;
	size_t n = 0;
	char name[32];

	open_store();
	used = put("used", 0, "used", 0);
	for (int i = 0; i < LAST_GOOD_MAX_UNHINTED + 5; i++) {
		snprintf(name, sizeof name, "%d", i);
		put_ended(name, 0, name, i + 1);
	}
	for (int i = 0; i < 10 + LAST_GOOD_MAX_HINTED; i++) {
		snprintf(name, sizeof name, "n%d", i);
		put_ended(name, 100 + (uint64_t)i, name, i);
	}
	ck_assert_str_eq(list_of(100, HOUR - 1, NULL), "");
	ck_assert_str_eq(list_of(109, HOUR - 1, NULL), "");
	ck_assert_str_eq(list_of(110, HOUR - 1, NULL), "n10,");
	last_good_forget(store, spore_cstr("used"), NULL);
	search.store = store;
	while (good_search_next(&search, 0))
		n++;
	ck_assert_uint_eq(n, LAST_GOOD_MAX_UNHINTED - 1);
	good_search_fini(&search);
	last_good_release(store, used, 9);
	close_store();
}
END_TEST

enum { N_THREADS = 4, N_ROUNDS = 500 };

static void search_once(uint64_t hint, int64_t now_ms, bool remove)
{
	struct good_search search = { .store = store, .now_ms = now_ms, .for_ms = HOUR };
	struct grant *grant;
	int64_t age_ms;

	while (good_search_next(&search, hint))
		;
	good_search_fini(&search);
	search = (struct good_search){ .store = store, .now_ms = now_ms, .for_ms = HOUR };
	if (good_search_next(&search, hint)) {
		grant = good_search_take(&search, &age_ms);
		ck_assert_uint_ge(grant->session, 1);
		grant_free(grant);
		if (remove)
			good_search_remove(&search);
	}
	good_search_fini(&search);
}

static void *use_store(void *arg)
{
	const spore_auth_result result = { .struct_size = sizeof result };
	const char *names[] = { "a", "bb", "ccc" };
	unsigned seed = *(const unsigned *)arg;
	struct grant *policy = grant_new(&result);

	for (int i = 0; i < N_ROUNDS; i++) {
		const char *name = names[(seed + (unsigned)i) % 3];
		struct good_entry *entry = put(name, (uint64_t)i % 2, i % 5 ? "x" : "y", i);

		search_once((uint64_t)i % 2, i, i % 7 == 0);
		last_good_change(store, spore_cstr(name), NULL, policy);
		if (i % 11 == 0)
			last_good_forget(store, spore_cstr(name), NULL);
		last_good_expire(store, i, HOUR);
		last_good_release(store, entry, i);
	}
	grant_free(policy);
	return NULL;
}

START_TEST(threads_share_a_store)
{
	unsigned seeds[N_THREADS] = { 0, 1, 2, 3 };
	pthread_t threads[N_THREADS];

	open_store();
	for (size_t i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_store, &seeds[i]), 0);
	for (size_t i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	last_good_expire(store, INT64_MAX / 2, HOUR);
	ck_assert(last_good_is_empty(store));
	close_store();
}
END_TEST

static double held;

static void see_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	(void)arg;
	(void)labels;
	(void)n;
	held = value;
}

static void see_family(void *arg, const spore_metric_spec *spec)
{
	(void)arg;
	(void)spec;
}

START_TEST(a_gauge_counts_the_entries)
{
	static const spore_metric_visitor visitor = { .struct_size = sizeof visitor,
		                                      .begin = see_family,
		                                      .value = see_value };
	struct metrics *metrics = metrics_new(1);
	const char *plugin = "x";

	store = last_good_new(metrics,
	                      family_series(metrics, FAMILY_AUTH_LAST_GOOD_ENTRIES, &plugin));
	put_ended("alice", 7, "a", 0);
	put_ended("alice", 7, "b", 0);
	put_ended("bob", 0, "a", 0);
	metrics_visit(metrics, &visitor, NULL);
	ck_assert_double_eq(held, 2);
	last_good_unref(last_good_ref(store));
	metrics_visit(metrics, &visitor, NULL);
	ck_assert_double_eq(held, 2);
	close_store();
	metrics_visit(metrics, &visitor, NULL);
	ck_assert_double_eq(held, 0);
	metrics_free(metrics);
}
END_TEST

SUITE("last_good", an_entry_is_good_for_a_time, an_entry_is_good_while_its_tunnel_is_open,
      a_verifier_may_have_a_shorter_life, another_proof_replaces_the_old_one,
      a_data_connection_sees_its_session_only, a_search_gives_the_grant,
      a_search_removes_what_it_has_shown, a_revocation_removes_all_entries_of_the_identity,
      a_revocation_may_mean_one_session, an_old_allow_begins_no_entry,
      a_change_of_rights_changes_the_entries, without_a_verifier_nothing_is_kept,
      the_number_of_entries_is_limited, threads_share_a_store, a_gauge_counts_the_entries)
