#include "services/host.h"

#include <string.h>

#include "host/readiness.h"
#include "host/ticket.h"
#include "log/mistake.h"
#include "services/basics.h"
#include "services/completions.h"
#include "services/connections.h"
#include "services/keepsakes.h"
#include "services/lend.h"
#include "services/plugin_log.h"
#include "services/plugin_metrics.h"
#include "services/revalidate.h"
#include "services/tree.h"
#include "version.h"

const void *host_get_extension(const char *id)
{
	if (!id) {
		mistake(NULL, "get_extension", "id is NULL");
		return NULL;
	}
	if (strcmp(id, SPORE_EXT_METRICS) == 0)
		return &plugin_metrics_extension;
	if (strcmp(id, SPORE_EXT_READY) == 0)
		return &readiness_extension;
	return NULL;
}

static const spore_host table = {
	.struct_size = sizeof table,
	.abi_major = SPORE_ABI_MAJOR,
	.abi_minor = SPORE_ABI_MINOR,
	.name = "spore",
	.version = SPORE_VERSION,
	.get_extension = host_get_extension,
	.log_enabled = host_log_enabled,
	.log = host_log,
	.now_ms = host_now_ms,
	.random = host_random,
	.wall_ms = host_wall_ms,
	.sha256 = host_sha256,
	.hmac_sha256 = host_hmac_sha256,
	.equal = host_equal,
	.timer_start = lend_timer_start,
	.timer_update = lend_timer_update,
	.timer_stop = lend_timer_stop,
	.io_start = lend_io_start,
	.io_update = lend_io_update,
	.io_stop = lend_io_stop,
	.worker_index = host_worker_index,
	.post = lend_post,
	.offload = lend_offload,
	.resolve = lend_resolve,
	.resolve_stop = lend_resolve_stop,
	.complete_verify = host_complete_verify,
	.complete_answer = host_complete_answer,
	.complete_handshake = host_complete_handshake,
	.complete_start = host_complete_start,
	.auth_revalidate = host_auth_revalidate,
	.conn_attr = host_conn_attr,
	.conn_set_peer = host_conn_set_peer,
	.conn_wake = host_conn_wake,
	.listener_get = host_listener_get,
	.cfg_type = host_cfg_type,
	.cfg_get = host_cfg_get,
	.cfg_at = host_cfg_at,
	.cfg_count = host_cfg_count,
	.cfg_string = host_cfg_string,
	.cfg_number = host_cfg_number,
	.cfg_bool = host_cfg_bool,
	.cfg_parse = host_cfg_parse,
	.cfg_free = host_cfg_free,
	.state_put = host_state_put,
	.state_get = host_state_get,
	.metric_family = host_metric_family,
	.metric_series = host_metric_series,
	.metric_add = host_metric_add,
	.metric_set = host_metric_set,
	.metric_observe = host_metric_observe,
	.file_watch = host_file_watch,
	.state_show = host_state_show,
	.auth_revalidate_session = host_auth_revalidate_session,
};

struct metrics *host_metrics(void)
{
	return backing()->metrics;
}

struct resolver *host_resolver(void)
{
	return backing()->resolver;
}

const spore_host *host_table(void)
{
	return &table;
}

bool host_init(const struct host_services *services)
{
	backing_set(services);
	return ticket_tables_new(services->loops, services->n_workers) &&
	       lend_tables_new(services->loops, services->n_workers);
}

void host_fini(void)
{
	lend_tables_free();
	ticket_tables_free();
}
