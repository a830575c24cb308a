#include "admin/admin_status.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin_client.h"
#include "admin/admin_dates.h"
#include "admin/admin_lists.h"
#include "admin/admin_query.h"
#include "base/clock.h"
#include "chain/retirer.h"
#include "host/instance.h"
#include "host/readiness.h"
#include "log/log.h"
#include "log/logline.h"
#include "loop/survey.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "plugin/kind.h"
#include "process/drain.h"
#include "process/runtime.h"
#include "reload/reload.h"
#include "server/census.h"
#include "server/server.h"
#include "thread/guest.h"
#include "version.h"

/* ---- sums of metric families ---- */

/* Who has it. */
enum whose { BOTH, SERVER, CLIENT };

struct figure {
	const char *key, *family;
	enum whose of;
	double value;
};

struct figures {
	struct figure *items;
	size_t n;
	struct figure *current; /* sums the visited family; NULL: the family is not wanted */
};

static void begin_figure(void *arg, const spore_metric_spec *family)
{
	struct figures *figures = arg;

	figures->current = NULL;
	for (size_t i = 0; i < figures->n; i++) {
		if (strcmp(figures->items[i].family, family->name) == 0)
			figures->current = &figures->items[i];
	}
}

static void add_to_figure(void *arg, const spore_kv *labels, size_t n_labels, double value)
{
	struct figures *figures = arg;

	(void)labels;
	(void)n_labels;
	if (figures->current)
		figures->current->value += value;
}

static void write_figures(struct metrics *metrics, bool is_client, struct jsonout *json)
{
	static const spore_metric_visitor visitor = {
		.struct_size = sizeof visitor,
		.begin = begin_figure,
		.value = add_to_figure,
	};
	struct figure items[] = {
		{ "tunnels", "spore_tunnels", BOTH, 0 },
		{ "tunnels_outdated", "spore_tunnels_outdated", SERVER, 0 },
		{ "relays", "spore_relays", BOTH, 0 },
		{ "waiting", "spore_connections_pending", SERVER, 0 },
		{ "visitors_all", "spore_connections_incoming_total", SERVER, 0 },
		{ "bytes", "spore_bytes_proxied_total", SERVER, 0 },
		{ "refusals", "spore_refusals_total", SERVER, 0 },
		{ "visitors_all", "spore_client_visitors_total", CLIENT, 0 },
		{ "losses", "spore_client_losses_total", CLIENT, 0 },
		{ "memory", "spore_resident_memory_bytes", BOTH, 0 },
		{ "descriptors", "spore_open_descriptors", BOTH, 0 },
		{ "max_descriptors", "spore_max_descriptors", BOTH, 0 },
		{ "log_lines_dropped", "spore_log_dropped_lines_total", BOTH, 0 },
	};
	struct figures figures = { items, sizeof items / sizeof *items, NULL };

	metrics_visit(metrics, &visitor, &figures);
	for (size_t i = 0; i < figures.n; i++) {
		if (items[i].of == BOTH || items[i].of == (is_client ? CLIENT : SERVER))
			jsonout_int(json, items[i].key, (int64_t)items[i].value);
	}
}

/* ---- workers ---- */

static void write_workers(const struct survey *survey, unsigned n_workers, struct jsonout *json)
{
	unsigned strangers = 0, denied = 0, refusing = 0;

	for (unsigned i = 0; i < n_workers; i++) {
		const struct census *census = survey_answer(survey, i);

		strangers += census ? census->n_strangers : 0;
		denied += census ? census->n_denied : 0;
		refusing += census ? census->n_refusing : 0;
	}
	jsonout_int(json, "strangers", strangers);
	jsonout_int(json, "tunnels_denied", denied);
	jsonout_int(json, "tunnels_refusing", refusing);
}

/* ---- visitors ---- */

static void write_room(const struct server_room *room, struct jsonout *json)
{
	jsonout_int(json, "visitors", room->visitors);
	jsonout_int(json, "max_visitors", room->most);
	jsonout_text(json, "max_visitors_from", room->from);
}

/* ---- what hangs ---- */

/* How long something lasts that began then; 0: it does not run. */
static int64_t lasting_ns(int64_t began_ns)
{
	return began_ns ? clock_coarse_ns() - began_ns : 0;
}

static void write_hanging(const struct guest_view *view, void *arg)
{
	int64_t call_ns = lasting_ns(view->call_ns);
	int64_t turn_ns = view->kind == GUEST_WORKER ? lasting_ns(view->turn_ns) : 0;
	int64_t lasts_ns = turn_ns > call_ns ? turn_ns : call_ns;
	struct jsonout *json = arg;

	if (view->kind == GUEST_POOL || lasts_ns < GUEST_HANG_NS)
		return;
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "thread", view->thread);
	jsonout_text(json, "plugin", view->plugin);
	jsonout_text(json, "call", view->call);
	jsonout_int(json, "duration_ms", lasts_ns / 1000000);
	jsonout_end(json, '}');
}

static void write_readiness(struct jsonout *json)
{
	char why[256];
	bool ready = readiness_explain(why, sizeof why);

	jsonout_bool(json, "ready", ready);
	jsonout_text(json, "not_ready", ready ? NULL : why);
	jsonout_begin(json, "hanging", '[');
	guest_each(write_hanging, json);
	jsonout_end(json, ']');
}

/* ---- what instances say of themselves ---- */

struct state_writer {
	struct jsonout *json;
	const struct plugin_set *set; /* the running one */
};

static void write_state(const struct instance *instance, unsigned generation, void *arg)
{
	const struct state_writer *writer = arg;
	struct jsonout *json = writer->json;
	char text[SPORE_STATE_MAX + 1];

	instance_read_state(instance, text);
	if (!text[0])
		return;
	jsonout_begin(json, NULL, '{');
	jsonout_int(json, "generation", generation);
	jsonout_text(json, "kind", kind_name(instance->component->kind));
	jsonout_text(json, "name", instance->name);
	jsonout_bool(json, "running", plugin_set_has(writer->set, instance));
	jsonout_text(json, "state", text);
	jsonout_end(json, '}');
}

/* Writes the states of all instances: also of those that only open tunnels use, and of those that
 * are being prepared. */
static void write_states(const struct plugins *plugins, struct jsonout *json)
{
	struct state_writer writer = { json, plugins->set };

	jsonout_begin(json, "instance_states", '[');
	retirer_each(plugins->retirer, write_state, &writer);
	jsonout_end(json, ']');
}

/* ---- the last reload ---- */

static void write_reload(const struct reload_record *record, struct jsonout *json)
{
	if (record->at_ms == 0) {
		jsonout_text(json, "last_reload", NULL);
		return;
	}
	jsonout_begin(json, "last_reload", '{');
	jsonout_bool(json, "successful", !record->is_refused);
	jsonout_int(json, "age_ms", clock_ms() - record->at_ms);
	jsonout_text(json, "error", record->is_refused ? record->why : NULL);
	jsonout_end(json, '}');
}

/* ---- the answer ---- */

static void write_control_port(const struct server_settings *settings, struct jsonout *json)
{
	char text[ADDR_LIST_TEXT_SIZE];

	jsonout_text(
		json, "control_port",
		addr_format_list(&settings->bind_addr, (uint16_t)settings->control_port, text));
}

static void write_usage_file(const struct server *server, struct jsonout *json)
{
	const char *why;
	int64_t fails_ms = server_usage_fails(server, &why);

	if (!fails_ms) {
		jsonout_text(json, "usage_file_error", NULL);
		return;
	}
	jsonout_begin(json, "usage_file_error", '{');
	jsonout_text(json, "error", why);
	jsonout_int(json, "duration_ms", fails_ms);
	jsonout_end(json, '}');
}

/* ---- routed ports ---- */

static void write_routes(const struct chain *routes, struct jsonout *json)
{
	jsonout_begin(json, "routes", '[');
	for (size_t i = 0; i < routes->n; i++)
		jsonout_text(json, NULL, routes->items[i]->component->name);
	jsonout_end(json, ']');
}

/* Its visitors, as far as the workers have answered. */
static void write_guests(const struct admin_query *query, uint16_t port, struct jsonout *json)
{
	uint64_t visitors = 0, guests = 0;

	for (unsigned i = 0; i < query->host->runtime->n_workers; i++) {
		const struct census *census = survey_answer(query->survey, i);

		for (size_t k = 0; census && k < census->n_choosers; k++) {
			bool is_it = census->choosers[k].port == port;

			visitors += is_it ? census->choosers[k].visitors : 0;
			guests += is_it ? census->choosers[k].guests : 0;
		}
	}
	jsonout_int(json, "visitors_all", (int64_t)visitors);
	jsonout_int(json, "without_tunnel", (int64_t)guests);
}

static void write_routed_port(const struct admin_query *query, size_t entry, struct jsonout *json)
{
	const struct plugin_set *set = query->host->runtime->plugins.set;
	const struct settings *settings = &set->config->settings;
	const struct public_settings *public = (const struct public_settings *)
	                                               settings->public.items +
	                                       entry;
	uint16_t port = (uint16_t) public->listen_port;
	char text[ADDR_LIST_TEXT_SIZE];

	jsonout_begin(json, NULL, '{');
	jsonout_int(json, "port", port);
	jsonout_text(json, "addresses",
	             addr_format_list(public->listen_addr.count ? &public->listen_addr
	                                                        : &settings->server.bind_tunnels,
	                              port, text));
	jsonout_text(json, "entry", public->name);
	write_routes(set->chains[chain_of_entry(entry, PUBLIC_ROUTE)], json);
	write_guests(query, port, json);
	jsonout_end(json, '}');
}

/* All of them lead to the same tunnels. */
static void write_routed_ports(const struct admin_query *query, struct jsonout *json)
{
	const struct settings *settings = &query->host->runtime->plugins.set->config->settings;
	const struct public_settings *entries = settings->public.items;
	struct names_number number = server_names(query->host->server);

	jsonout_begin(json, "routed_ports", '[');
	for (size_t i = 0; i < settings->public.count; i++) {
		if (entries[i].listen_port)
			write_routed_port(query, i, json);
	}
	jsonout_end(json, ']');
	jsonout_int(json, "host_names", (int64_t)number.names);
	jsonout_int(json, "tunnels_with_hosts", (int64_t)number.tunnels);
}

static void write_server(const struct admin_query *query, struct jsonout *json)
{
	struct server_room room = server_room(query->host->server);

	write_workers(query->survey, query->host->runtime->n_workers, json);
	write_room(&room, json);
	write_routed_ports(query, json);
	write_usage_file(query->host->server, json);
}

void admin_status_write(const struct admin_query *query, struct jsonout *json)
{
	const struct runtime *runtime = query->host->runtime;
	const struct plugins *plugins = &runtime->plugins;
	bool is_client = admin_host_is_client(query->host);

	jsonout_text(json, "version", SPORE_VERSION);
	jsonout_int(json, "pid", getpid());
	jsonout_text(json, "state", query->host->drain->begun ? "draining" : "serving");
	jsonout_text(json, "role", is_client ? "client" : "server");
	if (is_client)
		admin_client_servers_write(query, json);
	else
		write_control_port(&runtime->config->settings.server, json);
	jsonout_int(json, "up_ms", clock_ms() - runtime->started_ms);
	jsonout_int(json, "workers", runtime->n_workers);
	admin_silent_write(query->survey, runtime->n_workers, json);
	write_readiness(json);
	write_reload(&query->host->reload->record, json);
	jsonout_int(json, "generation", plugins->generation);
	jsonout_int(json, "generations_alive", retirer_generations(plugins->retirer));
	jsonout_int(json, "plugin_instances", retirer_alive(plugins->retirer));
	write_states(plugins, json);
	if (is_client)
		admin_client_status_write(query, json);
	else
		write_server(query, json);
	write_figures(runtime->metrics, is_client, json);
	jsonout_text(json, "log_level", logline_level_name(log_get_level()));
	admin_dates_write(runtime->metrics, (int64_t)time(NULL), json);
}
