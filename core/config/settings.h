/* settings - the core's own options: one table a section, which is the source of parsing, checks,
 * defaults and help. Filled by option_fill; read-only afterwards. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <spore/option.h>

#include "option/option.h"

/* Tunnels of clients whom a new configuration would refuse. */
enum { ON_RELOAD_CLOSE, ON_RELOAD_KEEP };

struct server_settings {
	spore_addr bind_addr, bind_tunnels; /* bind_tunnels.family 0: as bind_addr */
	int64_t control_port, min_port, max_port;
	spore_list ports;          /* of spore_port_range; empty: min_port to max_port */
	spore_list reserved_ports; /* of int64_t */
	int64_t workers;           /* 0: one for each CPU of the process */
	int64_t busy_poll_us;      /* 0: workers sleep at once */
	int64_t sndbuf, recbuf;    /* bytes; 0: the system's */
	int64_t drain_timeout;     /* ms */
	int64_t on_reload;         /* ON_RELOAD_* */
	uint32_t watch;            /* the configuration's files: reload when they change */
};

struct client_settings {
	const char *to;
	int64_t control_port;
	int64_t workers, busy_poll_us;
	int64_t sndbuf, recbuf;
	int64_t max_dials;         /* connections being set up at once */
	int64_t ahead;             /* connections opened ahead for each tunnel */
	uint32_t reconnect, retry; /* after a loss; also when the first try fails */
	int64_t drain_timeout;     /* ms */
};

struct tunnel_settings {
	const char *name;
	const char *local; /* "HOST:PORT", or NULL: the next two */
	const char *local_host;
	int64_t local_port;
	int64_t port; /* public; 0: the server's choice */
};

struct limit_settings {
	int64_t max_conns_per_ip;       /* tunnels of one source; 0, here and below: no limit */
	int64_t max_tunnels;            /* in all */
	int64_t max_relays;             /* visitors waiting or carried, in all */
	int64_t max_pending;            /* visitors that wait for a client, in all */
	int64_t max_pending_per_tunnel; /* of them, one tunnel's */
	int64_t max_ahead_per_tunnel;   /* connections that its client may open ahead; 0: none */
	int64_t max_visitors_per_ip;    /* of one source, on all tunnels */
	int64_t visitor_rate, visitor_burst; /* new visitors of one source, a second and at once */
	int64_t relay_idle_timeout;          /* ms */
	int64_t max_unauthenticated;         /* connections on their way, in all; 0: a part of the
	                                        descriptors */
	int64_t max_unauthenticated_per_ip;  /* of one source, beside the data connections asked of
	                                        it */
	int64_t secret_rate,
		secret_burst;  /* checks of a secret for one source, a second and at once */
	int64_t ban_after;     /* wrong secrets; 0: never */
	int64_t ban_time;      /* ms */
	spore_list ban_exempt; /* of spore_cidr */
};

struct plugin_settings {
	spore_list path; /* of const char * */
	spore_map pin;   /* of const char *: "sha256:HEX" */
};

struct acl_settings {
	const spore_cfg *control, *public_ports;
};

struct admin_settings {
	const char *socket; /* path; "": none; NULL: see admin_socket_path */
};

struct log_settings {
	int64_t level, format; /* enum log_level, enum log_format */
};

struct instance_settings {
	const char *use, *name;
	int64_t on_error; /* 1: next */
};

/* The whole file of `spore server` or `spore local`. Instances stay trees: what they may hold is
 * their plugin's to say. */
struct settings {
	struct server_settings server;
	struct client_settings client;
	struct limit_settings limits;
	spore_list tunnels; /* of struct tunnel_settings */
	struct plugin_settings plugins;
	struct acl_settings acl;
	const spore_cfg *transport, *auth, *metrics;
	struct log_settings log;
	struct admin_settings admin;
};

extern const struct option_table settings_server, settings_client;
/* Keys of an instance that are not its plugin's. Told of by this table, but read by the section's
 * reader, which needs them before the plugin is known. */
extern const struct option_table settings_instance;

#endif
