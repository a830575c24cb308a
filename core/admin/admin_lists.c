#include "admin/admin_lists.h"

#include <stdlib.h>
#include <string.h>

#include "admin/admin_query.h"
#include "base/clock.h"
#include "chain/retirer.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "net/addr.h"
#include "plugin/kind.h"
#include "process/runtime.h"
#include "server/census.h"
#include "json/pointer.h"

/* ---- rows of all workers ---- */

/* Rows of one type, struct census_tunnel or struct census_relay. Both begin with their id. */
struct rows {
	const uint64_t **items; /* owned; points to the ids, in ascending order */
	size_t n;
	size_t all; /* counts rows that the workers did not list, too */
};

static int by_id(const void *a, const void *b)
{
	const uint64_t *one = *(const uint64_t *const *)a, *other = *(const uint64_t *const *)b;

	return *one < *other ? -1 : *one > *other;
}

/* The rows of one worker. */
struct listed {
	const char *first; /* `shown` rows of `size` bytes, each of which begins with its id */
	size_t size, shown;
	size_t all; /* counts rows that the worker did not list, too */
};

/* census: of the worker; NULL: it has not answered. */
static struct listed rows_of_worker(const struct census *census, bool tunnels)
{
	if (!census)
		return (struct listed){ .first = NULL };
	if (tunnels)
		return (struct listed){ (const char *)census->tunnels, sizeof *census->tunnels,
			                census->tunnels_shown, census->n_tunnels };
	return (struct listed){ (const char *)census->relays, sizeof *census->relays,
		                census->relays_shown, census->n_relays };
}

static struct rows gather_rows(const struct admin_query *query, bool tunnels)
{
	unsigned n_workers = query->host->runtime->n_workers;
	struct rows rows = { 0 };
	struct listed listed;
	size_t room = 0;

	for (unsigned i = 0; i < n_workers; i++) {
		listed = rows_of_worker(survey_answer(query->survey, i), tunnels);
		room += listed.shown;
		rows.all += listed.all;
	}
	rows.items = calloc(room + 1, sizeof *rows.items);
	for (unsigned i = 0; rows.items && i < n_workers; i++) {
		listed = rows_of_worker(survey_answer(query->survey, i), tunnels);
		for (size_t k = 0; k < listed.shown; k++)
			rows.items[rows.n++] = (const void *)(listed.first + k * listed.size);
	}
	if (rows.n > 1)
		qsort(rows.items, rows.n, sizeof *rows.items, by_id);
	return rows;
}

/* Returns how many rows to write. */
static size_t begin_rows(const struct rows *rows, const char *key, struct jsonout *json)
{
	jsonout_int(json, "all", (int64_t)rows->all);
	jsonout_begin(json, key, '[');
	return rows->n < ADMIN_MAX_ROWS ? rows->n : ADMIN_MAX_ROWS;
}

static void end_rows(struct rows *rows, struct jsonout *json)
{
	jsonout_end(json, ']');
	free(rows->items);
}

/* The texts of the view end with NUL, except the keys of tags. */
static void write_about(const struct about *about, struct jsonout *json)
{
	char key[ABOUT_LABEL_MAX + 1];
	struct about_view view;

	about_look(about, &view);
	jsonout_text(json, "name", view.info.name.ptr);
	jsonout_text(json, "version", view.info.version.ptr);
	jsonout_begin(json, "hosts", '[');
	for (size_t i = 0; i < view.info.n_hosts; i++)
		jsonout_text(json, NULL, view.hosts[i].ptr);
	jsonout_end(json, ']');
	jsonout_begin(json, "tags", '{');
	for (size_t i = 0; i < view.info.n_tags; i++) {
		snprintf(key, sizeof key, "%.*s", (int)view.tags[i].key.len, view.tags[i].key.ptr);
		jsonout_text(json, key, view.tags[i].value.ptr);
	}
	jsonout_end(json, '}');
}

/* What the client says about its service. */
static void write_readiness(const struct tunnel_readiness *readiness, struct jsonout *json)
{
	jsonout_text(json, "service",
	             !readiness->is_down  ? "up"
	             : readiness->is_shut ? "down, port closed"
	                                  : "down");
	jsonout_int(json, "service_age_ms", clock_ms() - readiness->since_ms);
	if (!readiness->failed_ms) {
		jsonout_text(json, "service_error", NULL);
		return;
	}
	jsonout_begin(json, "service_error", '{');
	jsonout_text(json, "error", readiness->why);
	jsonout_int(json, "age_ms", clock_ms() - readiness->failed_ms);
	jsonout_end(json, '}');
}

/* The bytes of the identity, if they are limited. */
static void write_use(const struct census_tunnel *tunnel, enum use_period period, const char *key,
                      struct jsonout *json)
{
	if (tunnel->allowed[period] == USE_UNLIMITED) {
		jsonout_text(json, key, NULL);
		return;
	}
	jsonout_begin(json, key, '{');
	jsonout_int(json, "used", (int64_t)tunnel->used[period]);
	jsonout_int(json, "allowed", (int64_t)tunnel->allowed[period]);
	jsonout_end(json, '}');
}

/* The host names that it holds. */
static void write_names(const char *names, struct jsonout *json)
{
	jsonout_begin(json, "hosts_held", '[');
	for (; *names; names += strlen(names) + 1)
		jsonout_text(json, NULL, names);
	jsonout_end(json, ']');
}

static void write_tunnel(const struct census_tunnel *tunnel, struct jsonout *json)
{
	char text[ADDR_TEXT_SIZE];

	jsonout_begin(json, NULL, '{');
	jsonout_int(json, "id", (int64_t)tunnel->id);
	jsonout_int(json, "port", tunnel->port);
	jsonout_text(json, "entry", *tunnel->entry ? tunnel->entry : NULL);
	jsonout_text(json, "identity", tunnel->identity);
	jsonout_text(json, "client", addr_format(&tunnel->client, text));
	write_about(&tunnel->about, json);
	write_names(tunnel->names, json);
	jsonout_bool(json, "heartbeats", tunnel->beats);
	jsonout_bool(json, "shared", tunnel->shared);
	jsonout_int(json, "age_ms", tunnel->age_ms);
	jsonout_int(json, "visitors", tunnel->visitors);
	jsonout_int(json, "waiting", tunnel->pending);
	jsonout_int(json, "visitors_all", (int64_t)tunnel->visitors_all);
	jsonout_int(json, "bytes_up", (int64_t)tunnel->bytes_up);
	jsonout_int(json, "bytes_down", (int64_t)tunnel->bytes_down);
	write_use(tunnel, USE_DAY, "identity_day", json);
	write_use(tunnel, USE_MONTH, "identity_month", json);
	write_readiness(&tunnel->readiness, json);
	jsonout_text(json, "denied", *tunnel->denial ? tunnel->denial : NULL);
	jsonout_text(json, "refusing", tunnel->refusing);
	jsonout_end(json, '}');
}

void admin_tunnels_write(const struct admin_query *query, struct jsonout *json)
{
	struct rows rows = gather_rows(query, true);
	size_t n = begin_rows(&rows, "tunnels", json);

	for (size_t i = 0; i < n; i++)
		write_tunnel((const void *)rows.items[i], json);
	end_rows(&rows, json);
	admin_silent_write(query->survey, query->host->runtime->n_workers, json);
}

static void write_relay(const struct census_relay *relay, struct jsonout *json)
{
	char text[ADDR_TEXT_SIZE];

	jsonout_begin(json, NULL, '{');
	jsonout_int(json, "id", (int64_t)relay->id);
	jsonout_int(json, "tunnel", (int64_t)relay->tunnel);
	jsonout_int(json, "port", relay->port);
	jsonout_text(json, "identity", relay->identity);
	jsonout_text(json, "visitor", addr_format(&relay->visitor, text));
	jsonout_int(json, "age_ms", relay->age_ms);
	jsonout_int(json, "idle_ms", relay->idle_ms);
	jsonout_int(json, "bytes_up", (int64_t)relay->bytes_up);
	jsonout_int(json, "bytes_down", (int64_t)relay->bytes_down);
	jsonout_end(json, '}');
}

void admin_relays_write(const struct admin_query *query, struct jsonout *json)
{
	struct rows rows = gather_rows(query, false);
	size_t n = begin_rows(&rows, "relays", json);

	for (size_t i = 0; i < n; i++)
		write_relay((const void *)rows.items[i], json);
	end_rows(&rows, json);
	admin_silent_write(query->survey, query->host->runtime->n_workers, json);
}

void admin_silent_write(const struct survey *survey, unsigned n_workers, struct jsonout *json)
{
	jsonout_begin(json, "silent_workers", '[');
	for (unsigned i = 0; i < n_workers; i++) {
		if (!survey_answer(survey, i))
			jsonout_int(json, NULL, i);
	}
	jsonout_end(json, ']');
}

/* ---- loops ---- */

static void write_vitals(const struct loop_vitals *vitals, struct jsonout *json)
{
	jsonout_int(json, "turns", (int64_t)vitals->turns);
	jsonout_int(json, "busy_ms", vitals->busy_ns / 1000000);
	jsonout_int(json, "longest_us", vitals->longest_ns / 1000);
	jsonout_int(json, "recent_us", vitals->recent_ns / 1000);
}

static void write_worker(const struct survey *survey, unsigned index, struct jsonout *json)
{
	const struct census *census = survey_answer(survey, index);

	jsonout_begin(json, NULL, '{');
	jsonout_int(json, "worker", index);
	jsonout_bool(json, "answers", census != NULL);
	if (census) {
		jsonout_int(json, "waited_us", survey_waited_ns(survey, index) / 1000);
		write_vitals(&census->vitals, json);
		jsonout_int(json, "tunnels", census->n_tunnels);
		jsonout_int(json, "relays", census->n_relays);
		jsonout_int(json, "strangers", census->n_strangers);
	}
	jsonout_end(json, '}');
}

void admin_loops_write(const struct admin_query *query, struct jsonout *json)
{
	const struct runtime *runtime = query->host->runtime;
	struct loop_vitals vitals = loop_vitals(runtime->main_loop);

	jsonout_begin(json, "workers", '[');
	for (unsigned i = 0; i < runtime->n_workers; i++)
		write_worker(query->survey, i, json);
	jsonout_end(json, ']');
	jsonout_begin(json, "main", '{');
	write_vitals(&vitals, json);
	jsonout_end(json, '}');
}

/* ---- plugins ---- */

static void write_instance(const struct instance *instance, unsigned generation, void *arg)
{
	struct jsonout *json = arg;
	char option[256];

	json_pointer(instance->raw, option, sizeof option);
	jsonout_begin(json, NULL, '{');
	jsonout_int(json, "generation", generation);
	jsonout_text(json, "kind", kind_name(instance->component->kind));
	jsonout_text(json, "name", instance->name);
	jsonout_text(json, "option", option);
	jsonout_text(json, "component", instance->component->name);
	jsonout_text(json, "file", instance->plugin->path);
	jsonout_int(json, "users", atomic_load(&instance->refs));
	jsonout_end(json, '}');
}

static void write_file(const struct loaded *loaded, struct jsonout *json)
{
	char digest[LOADER_DIGEST_TEXT_SIZE], abi[16];

	snprintf(abi, sizeof abi, "%u.%u", loaded->note.abi_major, loaded->note.abi_minor);
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "file", loaded->path);
	jsonout_text(json, "plugin", loaded->note.plugin);
	jsonout_text(json, "version", loaded->note.version);
	jsonout_text(json, "abi", abi);
	jsonout_text(json, "digest", loader_digest_text(loaded->digest, digest));
	jsonout_end(json, '}');
}

void admin_plugins_write(const struct admin_query *query, struct jsonout *json)
{
	const struct plugins *plugins = &query->host->runtime->plugins;

	jsonout_int(json, "generation", plugins->generation);
	jsonout_int(json, "generations_alive", retirer_generations(plugins->retirer));
	jsonout_begin(json, "instances", '[');
	retirer_each(plugins->retirer, write_instance, json);
	jsonout_end(json, ']');
	jsonout_begin(json, "files", '[');
	for (const struct loaded *i = plugins->loader.first; i; i = i->next)
		write_file(i, json);
	jsonout_end(json, ']');
}
