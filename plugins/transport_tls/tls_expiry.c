#include "tls_expiry.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

#include "config/tls_names.h"
#include "tls_cert.h"

enum { SOON_S = 14 * 86400, DAY_MS = 86400 * 1000 };

/* How messages name a kind, and whether one valid certificate makes up for expired ones. */
static const struct {
	const char *label, *text;
	bool one_is_enough;
} kinds[TLS_KINDS] = {
	[TLS_OWN] = { "own", "the certificate", false },
	[TLS_CHAIN] = { "chain", "an intermediate certificate", false },
	[TLS_AUTHORITIES] = { "authorities", "an authority's certificate", true },
};

struct tls_certificate {
	X509 *cert; /* ref */
	int64_t ends_s;
	enum tls_kind kind;
	const char *path;
};

/* Shared by the instances of one name. References are counted on main; the rest belongs to worker
 * 0. */
struct tls_succession {
	unsigned refs;
	const struct tls *reporter; /* NULL: none */
};

/* ---- collecting ---- */

static bool add_certificate(struct tls_expiry *expiry, X509 *cert, enum tls_kind kind,
                            const char *path)
{
	struct tls_certificate *all = realloc(expiry->all, (expiry->n + 1) * sizeof *all);

	if (!all)
		return false;
	X509_up_ref(cert);
	expiry->all = all;
	all[expiry->n++] = (struct tls_certificate){ cert,
		                                     tls_cert_seconds(X509_get0_notAfter(cert)),
		                                     kind, path };
	return true;
}

static bool add_all(struct tls_expiry *expiry, STACK_OF(X509) * certs, enum tls_kind kind,
                    const char *path)
{
	bool good = true;

	for (int i = 0; good && i < sk_X509_num(certs); i++)
		good = add_certificate(expiry, sk_X509_value(certs, i), kind, path);
	return good;
}

/* Adds the certificate of a context, and its chain. */
static bool add_own(struct tls_expiry *expiry, SSL_CTX *ctx, const char *path)
{
	X509 *own = SSL_CTX_get0_certificate(ctx);
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(ctx, &chain);
	return (!own || add_certificate(expiry, own, TLS_OWN, path)) &&
	       add_all(expiry, chain, TLS_CHAIN, path);
}

static bool collect_certificates(struct tls *tls)
{
	const struct tls_pair *pairs = tls->conf->certificates.items;
	struct tls_expiry *expiry = &tls->expiry;
	bool good = add_own(expiry, tls->ctx, tls->conf->certfile);
	STACK_OF(X509) * certs;

	for (size_t i = 0; good && i < tls->n_named; i++)
		good = add_own(expiry, tls->named[i], pairs[i].certfile);
	if (!good || !tls->conf->cacertfile)
		return good;
	certs = X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(tls->ctx));
	good = certs && add_all(expiry, certs, TLS_AUTHORITIES, tls->conf->cacertfile);
	sk_X509_pop_free(certs, X509_free);
	return good;
}

/* ---- reporting ---- */

static bool matters_more(const struct tls_certificate *one, const struct tls_certificate *other,
                         int64_t now_s)
{
	bool past = one->ends_s < now_s, other_past = other->ends_s < now_s;

	if (kinds[one->kind].one_is_enough && past != other_past)
		return other_past;
	return one->ends_s < other->ends_s;
}

/* Returns the certificate of a kind whose end matters: the earliest end or, where one valid
 * certificate is enough, the next one in the future. NULL: no certificate of this kind. */
static const struct tls_certificate *select_next(const struct tls_expiry *expiry,
                                                 enum tls_kind kind, int64_t now_s)
{
	const struct tls_certificate *next = NULL;

	for (size_t i = 0; i < expiry->n; i++) {
		const struct tls_certificate *each = &expiry->all[i];

		if (each->kind == kind && (!next || matters_more(each, next, now_s)))
			next = each;
	}
	return next;
}

static void warn_of_one(const struct tls *tls, const struct tls_certificate *one, int64_t now_s)
{
	bool past = one->ends_s < now_s;
	char date[TLS_DATE_SIZE], name[160];

	if (one->ends_s - now_s >= SOON_S)
		return;
	spore_logf(tls->host, tls->log, SPORE_LOG_WARN, "%s in %s %s %s (%s)",
	           kinds[one->kind].text, one->path, past ? "expired on" : "expires on",
	           tls_cert_date(X509_get0_notAfter(one->cert), date),
	           tls_cert_subject(one->cert, name, sizeof name));
}

static void warn_of_all(const struct tls *tls)
{
	int64_t now_s = time(NULL);

	for (enum tls_kind kind = 0; kind < TLS_KINDS; kind++) {
		const struct tls_certificate *next = select_next(&tls->expiry, kind, now_s);

		if (next)
			warn_of_one(tls, next, now_s);
	}
}

static void set_gauges(const struct tls_worker *worker, bool in_use)
{
	const struct tls *tls = worker->tls;

	for (enum tls_kind kind = 0; kind < TLS_KINDS; kind++) {
		const struct tls_certificate *next = select_next(&tls->expiry, kind, time(NULL));

		if (tls->expiry.series[kind])
			tls->host->metric_set(worker->handle, tls->expiry.series[kind],
			                      in_use && next ? (double)next->ends_s : 0);
	}
}

/* ---- set-up, start and stop ---- */

static uint32_t find_series(const struct tls *tls, enum tls_kind kind, const char *instance)
{
	static const char *const labels[] = { "plugin", "certificate" };
	static const spore_metric_spec spec = {
		.struct_size = sizeof spec,
		.type = SPORE_METRIC_GAUGE,
		.name = "certificate_expiry_timestamp_seconds",
		.help = "When the next certificate of this kind expires, in seconds since 1970; 0: "
			"no such "
			"certificate.",
		.unit = "seconds",
		.labels = labels,
		.n_labels = 2,
	};
	spore_str values[] = { spore_cstr(instance), spore_cstr(kinds[kind].label) };

	return tls->host->metric_series(tls->host->metric_family(tls->log, &spec), values, 2);
}

/* Includes kinds that only the previous instance had: their gauges must fall to 0. */
static void find_all_series(struct tls *tls, const struct tls *previous, const char *instance)
{
	for (enum tls_kind kind = 0; kind < TLS_KINDS; kind++) {
		if ((previous && previous->expiry.series[kind]) ||
		    select_next(&tls->expiry, kind, 0))
			tls->expiry.series[kind] = find_series(tls, kind, instance);
	}
}

/* Clients that ask for a name that is gone get another certificate, and refuse it. */
static void log_names(const struct tls *tls, const char *path, X509 *own, X509 *old)
{
	char added[512], gone[512];

	tls_cert_extra_names(own, old, added, sizeof added);
	tls_cert_extra_names(old, own, gone, sizeof gone);
	if (*added)
		spore_logf(tls->host, tls->log, SPORE_LOG_INFO,
		           "names that are new in the certificate in %s: %s", path, added);
	if (*gone)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "names that are gone from the certificate in %s: %s", path, gone);
}

/* A renewed certificate has the same path, so no other log line shows that a reload took it. */
static void log_renewal_of(const struct tls *tls, const char *path, SSL_CTX *now, SSL_CTX *before)
{
	X509 *own = SSL_CTX_get0_certificate(now),
	     *old = before ? SSL_CTX_get0_certificate(before) : NULL;
	char date[TLS_DATE_SIZE], name[160];

	if (!own || (old && X509_cmp(own, old) == 0))
		return;
	spore_logf(tls->host, tls->log, SPORE_LOG_INFO,
	           "the certificate in %s has changed: valid until %s (%s)", path,
	           tls_cert_date(X509_get0_notAfter(own), date),
	           tls_cert_subject(own, name, sizeof name));
	if (old)
		log_names(tls, path, own, old);
}

static void log_renewals(const struct tls *tls, const struct tls *previous)
{
	const struct tls_pair *pairs = tls->conf->certificates.items;

	log_renewal_of(tls, tls->conf->certfile, tls->ctx, previous->ctx);
	for (size_t i = 0; i < tls->n_named; i++) {
		SSL_CTX *before = tls_names_before(tls, previous, i);

		if (before)
			log_renewal_of(tls, pairs[i].certfile, tls->named[i], before);
	}
}

bool tls_expiry_set_up(struct tls *tls, const struct tls *previous, const char *instance)
{
	struct tls_succession *succession = previous ? previous->expiry.succession
	                                             : calloc(1, sizeof *succession);

	if (!succession)
		return false;
	succession->refs++;
	tls->expiry.succession = succession;
	if (!collect_certificates(tls))
		return false;
	find_all_series(tls, previous, instance);
	if (previous)
		log_renewals(tls, previous);
	warn_of_all(tls);
	return true;
}

void tls_expiry_fini(struct tls *tls)
{
	struct tls_expiry *expiry = &tls->expiry;

	for (size_t i = 0; i < expiry->n; i++)
		X509_free(expiry->all[i].cert);
	free(expiry->all);
	if (expiry->succession && --expiry->succession->refs == 0)
		free(expiry->succession);
}

/* If the replacing instance did not start, no instance reports. This one then resumes. */
static void on_day(void *arg)
{
	struct tls_worker *worker = arg;
	struct tls_succession *succession = worker->tls->expiry.succession;

	if (!succession->reporter)
		succession->reporter = worker->tls;
	if (succession->reporter != worker->tls)
		return;
	warn_of_all(worker->tls);
	set_gauges(worker, true);
}

bool tls_expiry_start(struct tls_worker *worker)
{
	const struct tls *tls = worker->tls;

	if (tls->host->worker_index(worker->handle) != 0)
		return true;
	if (tls->host->timer_start(worker->handle, DAY_MS, DAY_MS, on_day, worker,
	                           &worker->daily) != SPORE_OK)
		return false;
	tls->expiry.succession->reporter = tls;
	set_gauges(worker, true);
	return true;
}

void tls_expiry_stop(struct tls_worker *worker)
{
	struct tls_succession *succession = worker->tls->expiry.succession;

	if (!worker->daily.id)
		return;
	worker->tls->host->timer_stop(worker->daily);
	if (succession->reporter != worker->tls)
		return;
	set_gauges(worker, false);
	succession->reporter = NULL;
}
