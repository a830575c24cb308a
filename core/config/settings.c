#include "config/settings.h"

/* Tables and their macros, aligned by hand. */
/* clang-format off */
#define TABLE(rows) { (rows), sizeof(rows) / sizeof *(rows), sizeof *(rows) }
#define ITEM(ctype, rows)                                                                          \
	{ SPORE_OPT_OBJECT, sizeof(ctype), (rows), sizeof(rows) / sizeof *(rows), sizeof *(rows) }

static const spore_option_item port_item = { SPORE_OPT_PORT, sizeof(int64_t), NULL, 0, 0 };
static const spore_option_item path_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

#define WORKERS(st)                                                                                \
	SPORE_INT(st, workers, OPTIONF_RESTART, "0", 0, 256,                                                     \
	          "worker threads, at most one for every 32 descriptors that the process may have; "       \
	          "0: one for each CPU of the process")
#define BUSY_POLL(st)                                                                              \
	SPORE_INT(st, busy_poll_us, OPTIONF_RESTART, "0", 0, 10000,                                \
	          "microseconds for which a worker that has had work looks for more before it sleeps: sooner " \
	          "answers where a CPU is idle for each, later ones where none is")
#define SNDBUF(st)                                                                                 \
	SPORE_SIZE(st, sndbuf, OPTIONF_NEW_ONLY, "0", 0, 1 << 30,                             \
	           "socket send buffer in bytes; 0: the system's")
#define RECBUF(st)                                                                                 \
	SPORE_SIZE(st, recbuf, OPTIONF_NEW_ONLY, "0", 0, 1 << 30,                             \
	           "socket receive buffer in bytes; 0: the system's")
#define DRAIN_TIMEOUT(st)                                                                          \
	SPORE_DURATION(st, drain_timeout, 0, "\"10s\"", 0, 86400000,                               \
	               "how long running connections may go on after TERM or INT")

static const spore_option server_rows[] = {
	SPORE_IP(struct server_settings, bind_addr, 0, "\"0.0.0.0\"", "address of the control port"),
	SPORE_PORT(struct server_settings, control_port, 0, "7835", 1, 65535, "port that clients connect to"),
	SPORE_IP(struct server_settings, bind_tunnels, OPTIONF_NEW_ONLY, NULL,
	         "address of the tunnels' public ports; default: as bind_addr"),
	SPORE_PORT(struct server_settings, min_port, OPTIONF_NEW_ONLY, "1024", 1, 65535, "lowest public port"),
	SPORE_PORT(struct server_settings, max_port, OPTIONF_NEW_ONLY, "65535", 1, 65535, "highest public port"),
	SPORE_PORTS(struct server_settings, ports, OPTIONF_NEW_ONLY, NULL,
	            "public ports, in place of min_port and max_port"),
	SPORE_LIST(struct server_settings, reserved_ports, OPTIONF_NEW_ONLY, &port_item,
	           "ports that no tunnel gets, beside the control port"),
	WORKERS(struct server_settings),
	BUSY_POLL(struct server_settings),
	SNDBUF(struct server_settings),
	RECBUF(struct server_settings),
	DRAIN_TIMEOUT(struct server_settings),
	SPORE_ENUM(struct server_settings, on_reload, 0, "\"close\"", "close|keep",
	           "tunnels of clients whom a new configuration would refuse"),
	SPORE_BOOL(struct server_settings, watch, 0, "false", "reload when the configuration's files change"),
};
static const spore_option client_rows[] = {
	SPORE_STRING(struct client_settings, to, SPORE_OPTF_REQUIRED, NULL, "the server's name or address"),
	SPORE_PORT(struct client_settings, control_port, 0, "7835", 1, 65535, "the server's control port"),
	WORKERS(struct client_settings),
	BUSY_POLL(struct client_settings),
	SNDBUF(struct client_settings),
	RECBUF(struct client_settings),
	SPORE_INT(struct client_settings, max_dials, 0, "256", 1, 65536,
	          "connections being set up at once; up to 4096 more wait for each worker"),
	SPORE_INT(struct client_settings, ahead, 0, "0", 0, 1024,
	          "connections to a Spore server kept open for the next visitors of each tunnel, which then wait for "
	          "no dial, TLS or secret"),
	SPORE_BOOL(struct client_settings, reconnect, 0, "true",
	           "connect again, for ever, when the server goes away"),
	SPORE_BOOL(struct client_settings, retry, 0, "false", "try again when the first connection fails, too"),
	DRAIN_TIMEOUT(struct client_settings),
};
static const spore_option tunnel_rows[] = {
	SPORE_STRING(struct tunnel_settings, name, 0, NULL,
	             "its name in logs; default: HOST:PORT of the service"),
	SPORE_STRING(struct tunnel_settings, local, 0, NULL,
	             "the service as \"HOST:PORT\", in place of local_host and local_port"),
	SPORE_STRING(struct tunnel_settings, local_host, 0, "\"localhost\"", "host of the service"),
	SPORE_PORT(struct tunnel_settings, local_port, 0, NULL, 1, 65535, "port of the service"),
	SPORE_PORT(struct tunnel_settings, port, 0, "0", 0, 65535, "public port; 0: the server's choice"),
};
static const spore_option_item cidr_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };
static const spore_option limit_rows[] = {
	SPORE_INT(struct limit_settings, max_conns_per_ip, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "tunnels of one source; data connections do not count; 0: no limit"),
	SPORE_INT(struct limit_settings, max_tunnels, OPTIONF_NEW_ONLY, "0", 0, 1000000, "tunnels in all"),
	SPORE_INT(struct limit_settings, max_relays, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "visitors in all; 0: as many as the descriptors allow"),
	SPORE_INT(struct limit_settings, max_pending, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "visitors that wait for their client at once, in all; more wait in the kernel's queue"),
	SPORE_INT(struct limit_settings, max_pending_per_tunnel, OPTIONF_NEW_ONLY, "1024", 0, 1000000,
	          "of them, on one tunnel; more wait in the kernel's queue"),
	SPORE_INT(struct limit_settings, max_ahead_per_tunnel, OPTIONF_NEW_ONLY, "64", 0, 1024,
	          "connections that a tunnel's client may open before visitors come (`client.ahead`); of one source at "
	          "most a 128th, in all a 64th of the descriptors; 0: none"),
	SPORE_INT(struct limit_settings, max_visitors_per_ip, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "visitors of one source at once, on all tunnels"),
	SPORE_INT(struct limit_settings, visitor_rate, 0, "0", 0, 1000000,
	          "new visitors of one source a second"),
	SPORE_INT(struct limit_settings, visitor_burst, 0, "100", 1, 1000000,
	          "new visitors of one source at once, where visitor_rate limits them"),
	SPORE_DURATION(struct limit_settings, relay_idle_timeout, 0, "0", 0, 86400000,
	               "a connection that carries nothing for so long is reset (looked at once a second); 0: never"),
	SPORE_INT(struct limit_settings, max_unauthenticated, 0, "0", 0, 1000000,
	          "connections that may be authenticating at once; when full, the oldest of the source that has "
	          "most goes. 0: a sixteenth of the process's descriptors"),
	SPORE_INT(struct limit_settings, max_unauthenticated_per_ip, 0, "256", 1, 1000000,
	          "of them, from one source; past it, that source's oldest goes"),
	SPORE_INT(struct limit_settings, secret_rate, 0, "10", 1, 1000000,
	          "secrets that one source may try a second"),
	SPORE_INT(struct limit_settings, secret_burst, 0, "100", 1, 1000000,
	          "secrets that one source may try at once"),
	SPORE_INT(struct limit_settings, ban_after, 0, "20", 0, 1000000,
	          "wrong secrets before a source is banned (they fade; a right one clears them); 0: never"),
	SPORE_DURATION(struct limit_settings, ban_time, 0, "\"60s\"", 1000, 86400000, "how long it is banned"),
	{ "ban_exempt", SPORE_OPT_LIST, 0, offsetof(struct limit_settings, ban_exempt), 0,
	  "[\"127.0.0.0/8\", \"::1\"]", 1, 0, NULL, &cidr_item,
	  "prefixes that are never banned or slowed down; by default loopback, where proxies are" },
};
static const spore_option plugin_rows[] = {
	SPORE_LIST(struct plugin_settings, path, 0, &path_item,
	           "folders where plugins are looked for, in order, before the one beside the executable"),
	SPORE_MAP(struct plugin_settings, pin, 0, &path_item,
	          "a plugin's file name to the \"sha256:HEX\" that it must have"),
};
static const spore_option acl_rows[] = {
	SPORE_NODE(struct acl_settings, control, 0, "of the control port"),
	{ "public", SPORE_OPT_NODE, 0, offsetof(struct acl_settings, public_ports), 0, NULL, 1, 0, NULL,
	  NULL, "of the tunnels' public ports" },
};
static const spore_option admin_rows[] = {
	SPORE_STRING(struct admin_settings, socket, SPORE_OPTF_PATH | OPTIONF_RESTART, NULL,
	             "unix socket for `spore ctl`; \"\": none; default: $RUNTIME_DIRECTORY/admin.sock, if that is set"),
};
static const spore_option log_rows[] = {
	SPORE_ENUM(struct log_settings, level, 0, "\"info\"", "trace|debug|info|warn|error",
	           "least severe level that is logged"),
	SPORE_ENUM(struct log_settings, format, OPTIONF_RESTART, "\"text\"", "text|json", "form of a log line"),
};

static const spore_option instance_rows[] = {
	SPORE_STRING(struct instance_settings, use, SPORE_OPTF_REQUIRED, NULL,
	             "the plugin's name: \"NAME\" is KIND_NAME.so, \"FILE:NAME\" the component NAME of FILE.so"),
	SPORE_STRING(struct instance_settings, name, 0, NULL, "its name in logs and metrics; default: as use"),
	SPORE_ENUM(struct instance_settings, on_error, 0, "\"deny\"", "deny|next",
	           "what an authentication that could not decide means"),
};

static const spore_option_item server_item = ITEM(struct server_settings, server_rows);
static const spore_option_item client_item = ITEM(struct client_settings, client_rows);
static const spore_option_item tunnel_item = ITEM(struct tunnel_settings, tunnel_rows);
static const spore_option_item plugin_item = ITEM(struct plugin_settings, plugin_rows);
static const spore_option_item limit_item = ITEM(struct limit_settings, limit_rows);
static const spore_option_item acl_item = ITEM(struct acl_settings, acl_rows);
static const spore_option_item admin_item = ITEM(struct admin_settings, admin_rows);
static const spore_option_item log_item = ITEM(struct log_settings, log_rows);

#define BOTH                                                                                       \
	SPORE_OBJECT(struct settings, plugins, struct plugin_settings, 0, &plugin_item,               \
	             "where plugins are, and which bytes they must have"),                            \
	        SPORE_NODE(struct settings, transport, OPTIONF_NEW_ONLY,                              \
	                   "transports, nearest the socket first"),                                   \
	        SPORE_NODE(struct settings, auth, 0, "authentication, asked in order"),               \
	        SPORE_NODE(struct settings, metrics, 0, "metrics exporters"),                         \
	        SPORE_OBJECT(struct settings, log, struct log_settings, 0, &log_item,            \
	                     "what goes to standard error, and how")

static const spore_option server_root[] = {
	SPORE_OBJECT(struct settings, server, struct server_settings, 0, &server_item,
	             "where it listens, and how it runs"),
	SPORE_OBJECT(struct settings, acl, struct acl_settings, OPTIONF_NEW_ONLY, &acl_item,
	             "who may connect; where a list is empty, everybody"),
	SPORE_OBJECT(struct settings, limits, struct limit_settings, 0, &limit_item,
	             "limits on tunnels and visitors, and on strangers: connections to the control port that have "
	             "not authenticated. A source is an IPv4 address or an IPv6 /64; 0 means no limit, if nothing "
	             "else is said. Data connections that the server asked its clients for are beside all of "
	             "these"),
	SPORE_OBJECT(struct settings, admin, struct admin_settings, 0, &admin_item,
	             "the operator's access to the running server, which `spore ctl` uses"),
	BOTH,
};
static const spore_option client_root[] = {
	SPORE_OBJECT(struct settings, client, struct client_settings, SPORE_OPTF_REQUIRED, &client_item,
	             "the server to connect to, and how"),
	SPORE_LIST(struct settings, tunnels, SPORE_OPTF_REQUIRED, &tunnel_item, "what is made reachable"),
	BOTH,
};

const struct option_table settings_server = TABLE(server_root);
const struct option_table settings_client = TABLE(client_root);
const struct option_table settings_instance = TABLE(instance_rows);
