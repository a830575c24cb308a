#include "tls_expiry.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

/* ---- a host whose days pass when the test says so ---- */

static void (*day)(void *arg);
static void *day_arg;
static int64_t day_ms;
static double gauges[8];
static unsigned n_warnings, index_of_worker;
static char warning[1024];

static spore_status timer_start(spore_worker *worker, int64_t after_ms, int64_t repeat_ms,
                                void (*on_timer)(void *arg), void *arg, spore_timer *out)
{
	(void)worker;
	ck_assert_int_eq(after_ms, repeat_ms);
	day = on_timer;
	day_arg = arg;
	day_ms = repeat_ms;
	out->id = 1;
	return SPORE_OK;
}

static spore_status timer_stop(spore_timer timer)
{
	ck_assert_uint_eq(timer.id, 1);
	return SPORE_OK;
}

static uint32_t worker_index(const spore_worker *worker)
{
	(void)worker;
	return index_of_worker;
}

static uint32_t log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	return level == SPORE_LOG_WARN;
}

static void log_line(const spore_ctx *ctx, int32_t level, spore_str text, const spore_kv *fields,
                     size_t n)
{
	(void)ctx;
	(void)level;
	(void)fields;
	(void)n;
	snprintf(warning, sizeof warning, "%.*s", (int)text.len, text.ptr);
	n_warnings++;
}

static uint32_t metric_family(spore_ctx *ctx, const spore_metric_spec *spec)
{
	(void)ctx;
	ck_assert_str_eq(spec->name, "certificate_expiry_timestamp_seconds");
	return 1;
}

/* Of the instance "up": 1 own, 2 chain, 3 authorities. */
static uint32_t metric_series(uint32_t family, const spore_str *values, size_t n)
{
	ck_assert_uint_eq(family, 1);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(values[0].ptr, "up");
	return values[1].ptr[0] == 'o' ? 1 : values[1].ptr[0] == 'c' ? 2 : 3;
}

static void metric_set(spore_worker *worker, uint32_t series, double value)
{
	(void)worker;
	gauges[series] = value;
}

static const spore_host host = {
	.struct_size = sizeof host,
	.log_enabled = log_enabled,
	.log = log_line,
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.worker_index = worker_index,
	.metric_family = metric_family,
	.metric_series = metric_series,
	.metric_set = metric_set,
};

/* ---- instances ---- */

static const struct tls_conf conf = { .certfile = "own.pem", .cacertfile = "all.pem" };

struct scene {
	struct tls tls;
	struct tls_worker worker;
};

static X509 *make_certificate(const char *name, long ends_in_s)
{
	X509 *cert = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
	                           0);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), ends_in_s);
	X509_set_pubkey(cert, key);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	EVP_PKEY_free(key);
	return cert;
}

static void trust(struct scene *scene, const char *name, long ends_in_s)
{
	X509 *cert = make_certificate(name, ends_in_s);

	X509_STORE_add_cert(SSL_CTX_get_cert_store(scene->tls.ctx), cert);
	X509_free(cert);
}

static struct scene *scene_new(long ends_in_s)
{
	struct scene *scene = calloc(1, sizeof *scene);
	X509 *cert = make_certificate("own", ends_in_s);

	scene->tls.host = &host;
	scene->tls.conf = &conf;
	scene->tls.ctx = SSL_CTX_new(TLS_method());
	scene->worker.tls = &scene->tls;
	scene->worker.handle = (spore_worker *)(void *)scene;
	ck_assert_int_eq(SSL_CTX_use_certificate(scene->tls.ctx, cert), 1);
	X509_free(cert);
	return scene;
}

static void set_up(struct scene *scene, const struct scene *previous)
{
	ck_assert(tls_expiry_set_up(&scene->tls, previous ? &previous->tls : NULL, "up"));
}

static void scene_free(struct scene *scene)
{
	tls_expiry_fini(&scene->tls);
	SSL_CTX_free(scene->tls.ctx);
	free(scene);
}

static void pass_a_day(const struct scene *scene)
{
	day((void *)(uintptr_t)&scene->worker);
}

static void ck_ends_in(unsigned series, long s)
{
	ck_assert_double_eq_tol(gauges[series], (double)(time(NULL) + s), 5);
}

enum { DAY_S = 86400 };

START_TEST(it_warns_when_read_and_every_day)
{
	struct scene *scene = scene_new(3 * DAY_S);

	set_up(scene, NULL);
	ck_assert_uint_eq(n_warnings, 1);
	ck_assert(tls_expiry_start(&scene->worker));
	ck_assert_int_eq(day_ms, 86400 * 1000);
	ck_assert_ptr_eq(day_arg, &scene->worker);
	ck_assert_uint_eq(n_warnings, 1);
	ck_ends_in(1, 3 * DAY_S);
	gauges[1] = 0;
	pass_a_day(scene);
	ck_assert_uint_eq(n_warnings, 2);
	ck_assert_ptr_nonnull(strstr(warning, "the certificate in own.pem expires on 2"));
	ck_assert_ptr_nonnull(strstr(warning, " UTC (CN=own)"));
	ck_ends_in(1, 3 * DAY_S);
	tls_expiry_stop(&scene->worker);
	ck_assert_double_eq(gauges[1], 0);
	scene_free(scene);
}
END_TEST

START_TEST(two_weeks_are_soon)
{
	struct scene *later = scene_new(14 * DAY_S + 60), *soon = scene_new(14 * DAY_S - 60);

	set_up(later, NULL);
	ck_assert_uint_eq(n_warnings, 0);
	set_up(soon, NULL);
	ck_assert_uint_eq(n_warnings, 1);
	scene_free(later);
	scene_free(soon);
}
END_TEST

START_TEST(what_has_expired_is_told)
{
	struct scene *scene = scene_new(-60);

	set_up(scene, NULL);
	ck_assert_uint_eq(n_warnings, 1);
	ck_assert_ptr_nonnull(strstr(warning, "the certificate in own.pem expired on 2"));
	scene_free(scene);
}
END_TEST

START_TEST(an_authority_that_lives_does_for_those_that_do_not)
{
	struct scene *scene = scene_new(100 * DAY_S);

	trust(scene, "dead", -DAY_S);
	trust(scene, "later", 300 * DAY_S);
	trust(scene, "next", 200 * DAY_S);
	set_up(scene, NULL);
	ck_assert(tls_expiry_start(&scene->worker));
	ck_assert_uint_eq(n_warnings, 0);
	ck_ends_in(3, 200 * DAY_S);
	tls_expiry_stop(&scene->worker);
	scene_free(scene);
}
END_TEST

START_TEST(authorities_that_are_all_dead_are_told)
{
	struct scene *scene = scene_new(100 * DAY_S);

	trust(scene, "dead", -DAY_S);
	set_up(scene, NULL);
	ck_assert_ptr_nonnull(
		strstr(warning, "an authority's certificate in all.pem expired on 2"));
	ck_assert_ptr_nonnull(strstr(warning, "(CN=dead)"));
	scene_free(scene);
}
END_TEST

START_TEST(the_newest_speaks_alone)
{
	struct scene *old = scene_new(3 * DAY_S), *new = scene_new(30 * DAY_S);

	trust(old, "authority", 50 * DAY_S);
	set_up(old, NULL);
	ck_assert(tls_expiry_start(&old->worker));
	ck_ends_in(3, 50 * DAY_S);
	set_up(new, old);
	ck_assert(tls_expiry_start(&new->worker));
	ck_ends_in(1, 30 * DAY_S);
	ck_assert_double_eq(gauges[3], 0);
	n_warnings = 0;
	pass_a_day(old);
	tls_expiry_stop(&old->worker);
	scene_free(old);
	ck_assert_uint_eq(n_warnings, 0);
	ck_ends_in(1, 30 * DAY_S);
	tls_expiry_stop(&new->worker);
	ck_assert_double_eq(gauges[1], 0);
	scene_free(new);
}
END_TEST

START_TEST(one_that_could_not_replace_it_leaves_it_speaking)
{
	struct scene *old = scene_new(3 * DAY_S), *new = scene_new(30 * DAY_S);

	set_up(old, NULL);
	ck_assert(tls_expiry_start(&old->worker));
	set_up(new, old);
	ck_assert(tls_expiry_start(&new->worker));
	tls_expiry_stop(&new->worker);
	scene_free(new);
	pass_a_day(old);
	ck_ends_in(1, 3 * DAY_S);
	tls_expiry_stop(&old->worker);
	scene_free(old);
}
END_TEST

START_TEST(other_workers_say_nothing)
{
	struct scene *scene = scene_new(3 * DAY_S);

	index_of_worker = 1;
	set_up(scene, NULL);
	ck_assert(tls_expiry_start(&scene->worker));
	ck_assert_uint_eq(scene->worker.daily.id, 0);
	ck_assert_double_eq(gauges[1], 0);
	tls_expiry_stop(&scene->worker);
	scene_free(scene);
}
END_TEST

SUITE("tls_expiry", it_warns_when_read_and_every_day, two_weeks_are_soon, what_has_expired_is_told,
      an_authority_that_lives_does_for_those_that_do_not, authorities_that_are_all_dead_are_told,
      the_newest_speaks_alone, one_that_could_not_replace_it_leaves_it_speaking,
      other_workers_say_nothing)
