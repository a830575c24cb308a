#include "config/settings.h"

/* Tables and their macros, aligned by hand. */
/* clang-format off */
#define TABLE(rows) { (rows), sizeof(rows) / sizeof *(rows), sizeof *(rows) }
#define ITEM(ctype, rows)                                                                          \
	{ SPORE_OPT_OBJECT, sizeof(ctype), (rows), sizeof(rows) / sizeof *(rows), sizeof *(rows) }

static const spore_option_item ports_item = { SPORE_OPT_PORTS, sizeof(spore_list), NULL, 0, 0 };
static const spore_option_item ip_item = { SPORE_OPT_IP, sizeof(spore_addr), NULL, 0, 0 };
static const spore_option_item sha256_item = { SPORE_OPT_SHA256, sizeof(spore_sha256), NULL, 0, 0 };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

#define WORKERS(st)                                                                                \
	SPORE_INT(st, workers, OPTIONF_RESTART, "0", 0, 256,                                       \
	          "worker threads, at most one per 32 descriptors that the process may open; "     \
	          "0: one per CPU of the process")
#define BUSY_POLL(st)                                                                              \
	SPORE_INT(st, busy_poll_us, OPTIONF_RESTART, "0", 0, 10000,                                \
	          "microseconds for which a worker polls for more work before it sleeps; lowers "  \
	          "latency if each worker has an idle CPU, and raises it otherwise")
#define IO(st)                                                                                     \
	SPORE_ENUM(st, io, OPTIONF_RESTART, "\"auto\"", "auto|epoll",                              \
	           "how small messages are moved while several connections are active: `auto`: "   \
	           "by io_uring, or by epoll where the system does not allow io_uring; `epoll`: "  \
	           "always by epoll")
#define SNDBUF(st)                                                                                 \
	SPORE_SIZE(st, sndbuf, OPTIONF_NEW_ONLY, "0", 0, 1 << 30,                                  \
	           "socket send buffer in bytes; 0: the system's default")
#define RECBUF(st)                                                                                 \
	SPORE_SIZE(st, recbuf, OPTIONF_NEW_ONLY, "0", 0, 1 << 30,                                  \
	           "socket receive buffer in bytes; 0: the system's default")
#define KEEPALIVE(st, field, what)                                                                 \
	SPORE_DURATION(st, field, OPTIONF_NEW_ONLY, "\"20s\"", 0, 7200000,                         \
	               "send a keepalive probe on a " what " that has carried nothing for this "   \
	               "long, so that no NAT on its way forgets it; in whole seconds; 0: never")
#define PEER_TIMEOUT(st, other)                                                                    \
	SPORE_DURATION(st, peer_timeout, 0, "\"120s\"", 1000, 86400000,                            \
	               "reset the connection of a visitor if the other end of its data connection "\
	               "or the " other " has acknowledged neither data nor probes for this long; " \
	               "an end that answers, but does not read, is left alone")
#define RELAY_BUFFER(st)                                                                           \
	SPORE_SIZE(st, relay_buffer, 0, "\"256k\"", 4096, 262144,                              \
	           "bytes that wait in this process, for each direction of a visitor's "           \
	           "connection, while the receiver does not read; more waits in the kernel's "     \
	           "buffers, which sndbuf and recbuf limit")
#define DRAIN_TIMEOUT(st)                                                                          \
	SPORE_DURATION(st, drain_timeout, 0, "\"10s\"", 0, 86400000,                               \
	               "how long open connections may continue after SIGTERM or SIGINT")

static const spore_option server_rows[] = {
	{ "bind_addr", SPORE_OPT_LIST, SPORE_OPTF_NOT_EMPTY | OPTIONF_LONE,
	  offsetof(struct server_settings, bind_addr), 0, "[\"0.0.0.0\"]", 1, 0, NULL, &ip_item,
	  "address of the control port, or a list such as `[\"0.0.0.0\", \"::\"]`" },
	SPORE_PORT(struct server_settings, control_port, 0, "7835", 1, 65535,
	           "port that clients connect to"),
	SPORE_LIST(struct server_settings, bind_tunnels,
	           SPORE_OPTF_NOT_EMPTY | OPTIONF_LONE | OPTIONF_NEW_ONLY, &ip_item,
	           "address of the tunnels' public ports, or a list of addresses, each with all "
	           "public ports; default: the value of bind_addr"),
	SPORE_PORT(struct server_settings, min_port, OPTIONF_NEW_ONLY, "1024", 1, 65535,
	           "lowest public port"),
	SPORE_PORT(struct server_settings, max_port, OPTIONF_NEW_ONLY, "65535", 1, 65535,
	           "highest public port"),
	SPORE_PORTS(struct server_settings, ports, OPTIONF_NEW_ONLY, NULL,
	            "public ports; replaces min_port and max_port"),
	SPORE_LIST(struct server_settings, reserved_ports, OPTIONF_NEW_ONLY, &ports_item,
	           "ports that no tunnel gets, in addition to the control port, such as "
	           "`[20022, \"20500-20599\"]`"),
	SPORE_LIST(struct server_settings, send_proxy_ports, OPTIONF_NEW_ONLY, &ports_item,
	           "public ports whose visitors are announced to the service with a header of the "
	           "PROXY protocol, version 2, ahead of their bytes, for the services of bore "
	           "clients, such as `[20080, \"20500-20599\"]`; a Spore client has send_proxy"),
	SPORE_BOOL(struct server_settings, share, OPTIONF_NEW_ONLY, "false",
	           "several clients of one identity may share a public port, if their "
	           "configurations ask for it; the policy of an identity may say otherwise"),
	WORKERS(struct server_settings),
	BUSY_POLL(struct server_settings),
	IO(struct server_settings),
	SNDBUF(struct server_settings),
	RECBUF(struct server_settings),
	KEEPALIVE(struct server_settings, keepalive_data, "data connection"),
	KEEPALIVE(struct server_settings, keepalive_visitors, "visitor's connection"),
	PEER_TIMEOUT(struct server_settings, "visitor"),
	RELAY_BUFFER(struct server_settings),
	DRAIN_TIMEOUT(struct server_settings),
	SPORE_DURATION(struct server_settings, drain_grace, 0, "\"1s\"", 0, 3600000,
	               "how long the public ports of Spore clients stay open after SIGTERM or "
	               "SIGINT, unless they have all moved to another server before"),
	SPORE_DURATION(struct server_settings, auth_timeout, OPTIONF_NEW_ONLY, "\"3s\"", 100, 60000,
	               "how long the auth plugins may take for a verdict; then the client is "
	               "refused. bore's client gives up after 3s, Spore's after its "
	               "answer_timeout, 5s by default, and a visitor after 10s. With a longer "
	               "time, raise answer_timeout, too: a client that gives up first does not "
	               "learn the reason"),
	SPORE_ENUM(struct server_settings, on_reload, 0, "\"close\"", "close|keep",
	           "what a reload does with tunnels of clients that the new configuration would "
	           "refuse"),
	SPORE_BOOL(struct server_settings, watch, 0, "false",
	           "reload when a file of the configuration changes"),
	SPORE_BOOL(struct server_settings, watch_files, 0, "true",
	           "when a file that a plugin reads changes, such as a file of keys, passwords, "
	           "addresses or certificates, use it without a reload"),
	SPORE_STRING(struct server_settings, usage_file,
	             SPORE_OPTF_PATH | SPORE_OPTF_NOT_EMPTY | OPTIONF_RESTART, NULL,
	             "file that keeps over restarts what identities use of bytes_per_day and "
	             "bytes_per_month; written every 10s and at the end; each server needs one of "
	             "its own. Default: none, and a restart begins at 0"),
};
static const spore_option client_rows[] = {
	SPORE_LIST(struct client_settings, to,
	           SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY | OPTIONF_LONE | OPTIONF_RESTART,
	           &text_item,
	           "the server's name or address, or a list of servers: the first that answers "
	           "is used"),
	SPORE_PORT(struct client_settings, control_port, OPTIONF_RESTART, "7835", 1, 65535,
	           "the server's control port, which may also follow its name: `to` may be "
	           "`HOST:PORT` or `[::1]:PORT`"),
	SPORE_BOOL(struct client_settings, prefer_first, OPTIONF_RESTART, "false",
	           "of several servers: look every 5s whether the first one answers, and return "
	           "to it; visitors that are there stay"),
	SPORE_STRING(struct client_settings, proxy, OPTIONF_MOVED, NULL,
	             "the proxy on the way to the server: http://, socks5:// or socks5h://, then "
	             "[USER@]HOST[:PORT]; becomes the first entry of `transport`; \"\": none; "
	             "default: the variable all_proxy or ALL_PROXY"),
	SPORE_SECRET(struct client_settings, proxy_password, OPTIONF_MOVED,
	             "the secret of the user in `proxy`"),
	SPORE_STRING(struct client_settings, no_proxy, OPTIONF_MOVED, NULL,
	             "servers that are reached without the proxy: names, which stand for all names "
	             "below them, too, addresses and prefixes, with commas between them; or *; "
	             "default: the variable no_proxy or NO_PROXY"),
	WORKERS(struct client_settings),
	BUSY_POLL(struct client_settings),
	IO(struct client_settings),
	SNDBUF(struct client_settings),
	RECBUF(struct client_settings),
	KEEPALIVE(struct client_settings, keepalive_data, "data connection"),
	KEEPALIVE(struct client_settings, keepalive_services, "connection to a service"),
	PEER_TIMEOUT(struct client_settings, "service"),
	RELAY_BUFFER(struct client_settings),
	SPORE_DURATION(struct client_settings, connect_timeout, 0, "\"3s\"", 10, 60000,
	               "how long a connection to the server or to a service may take: the look-up "
	               "of the name and all of its addresses together. The client tries the next "
	               "address 250ms after the one before it, or as soon as all earlier ones "
	               "have failed. A visitor waits at most 10s"),
	SPORE_DURATION(struct client_settings, answer_timeout, 0, "\"5s\"", 100, 120000,
	               "how long to wait for each answer of the server: its TLS handshake, its "
	               "Challenge, and the tunnel's port, before which the server waits for its "
	               "auth plugins; keep it longer than the server's auth_timeout, which is 3s "
	               "by default"),
	SPORE_INT(struct client_settings, max_dials, 0, "256", 1, 65536,
	          "connections that are being set up at once; each worker queues up to 4096 more"),
	SPORE_INT(struct client_settings, ahead, OPTIONF_NEW_ONLY, "0", 0, 1024,
	          "connections that each tunnel keeps open to a Spore server for its next "
	          "visitors, which then need not wait for a dial, a TLS handshake or the "
	          "Challenge"),
	SPORE_BOOL(struct client_settings, reconnect, 0, "true",
	           "keep reconnecting when the connection to the server is lost"),
	SPORE_BOOL(struct client_settings, retry, 0, "false",
	           "keep trying until the first connection stands; --no-reconnect is about "
	           "later losses"),
	SPORE_BOOL(struct client_settings, screen, OPTIONF_RESTART, "true",
	           "on a terminal, show the tunnels on a screen (by spore-screen); --plain prints "
	           "lines instead"),
	DRAIN_TIMEOUT(struct client_settings),
};
static const spore_option check_rows[] = {
	SPORE_STRING(struct check_settings, use, SPORE_OPTF_NOT_EMPTY, NULL,
	             "the instance in `checks` that judges the service, by its name; default: "
	             "none, so the service is up if it accepts a connection"),
	SPORE_DURATION(struct check_settings, interval, 0, "\"2s\"", 100, 86400000,
	               "pause between two checks"),
	SPORE_DURATION(struct check_settings, timeout, 0, "\"2s\"", 10, 60000,
	               "how long a check may take, with its connection"),
	SPORE_INT(struct check_settings, rise, 0, "2", 1, 1000,
	          "after so many successes in a row a service that was down is up"),
	SPORE_INT(struct check_settings, fall, 0, "3", 1, 1000,
	          "after so many failures in a row a service that was up is down; until a check "
	          "has succeeded, one failure is enough"),
	SPORE_ENUM(struct check_settings, when_down, 0, "\"close\"", "close|leave",
	           "while the service is down: close the public port; or leave it open, and only "
	           "tell the server, which shows it. At a shared port visitors go to the other "
	           "clients in both cases"),
};
static const spore_option_item check_item = ITEM(struct check_settings, check_rows);
static const spore_option tunnel_rows[] = {
	SPORE_STRING(struct tunnel_settings, name, 0, NULL,
	             "name of the tunnel, in logs, in metrics and for a Spore server; no two "
	             "tunnels of a client have the same one. Default: the service as in local, "
	             "with a number if that is not unique; a server does not see this default"),
	SPORE_STRING(struct tunnel_settings, local, 0, NULL,
	             "the service as \"HOST:PORT\", or as \"unix:PATH\" with an absolute path; "
	             "replaces local_host and local_port"),
	SPORE_STRING(struct tunnel_settings, local_host, SPORE_OPTF_NOT_EMPTY, "\"localhost\"",
	             "host of the service"),
	SPORE_PORT(struct tunnel_settings, local_port, 0, NULL, 1, 65535, "port of the service"),
	SPORE_PORT(struct tunnel_settings, port, 0, "0", 0, 65535,
	           "public port; 0: the server chooses"),
	SPORE_ENUM(struct tunnel_settings, send_proxy, 0, "\"none\"", "none|v1|v2",
	           "tell the service each visitor's address with a header of the PROXY protocol "
	           "ahead of the visitor's bytes: a line of text (v1), or binary (v2)"),
	SPORE_BOOL(struct tunnel_settings, share, 0, "false",
	           "share the public port with other clients of the same identity that have the "
	           "same port and this key; needs a Spore server that sends a Challenge and "
	           "allows it"),
	SPORE_ENUM(struct tunnel_settings, share_by, 0, "\"load\"", "load|source",
	           "which of these clients gets a visitor: the one with the fewest visitors "
	           "(load), or always the same one for a source, which is an IPv4 address or an "
	           "IPv6 /64, as long as this client is there (source); one client that says "
	           "source suffices"),
	SPORE_IP(struct tunnel_settings, source, 0, NULL,
	         "address of this host from which the client connects to the service, IPv4 or "
	         "IPv6; of a name's addresses, those of the same family are tried"),
	SPORE_DURATION(struct tunnel_settings, connect_timeout, 0, NULL, 10, 60000,
	               "how long a connection to the service may take; default: the value of "
	               "client.connect_timeout"),
	SPORE_OBJECT(struct tunnel_settings, check, struct check_settings, 0, &check_item,
	             "check whether the service works; `{}`: whether it accepts connections"),
	SPORE_SIZE(struct tunnel_settings, rate_up, 0, "0", 0, INT64_C(1) << 40,
	           "bytes per second from visitors to the service, for all visitors of the tunnel "
	           "together, at least 1k; 0: no limit of the client's own"),
	SPORE_SIZE(struct tunnel_settings, rate_down, 0, "0", 0, INT64_C(1) << 40,
	           "bytes per second from the service to visitors, for all visitors of the tunnel "
	           "together, at least 1k; 0: no limit of the client's own"),
	SPORE_LIST(struct tunnel_settings, hosts, 0, &text_item,
	           "host names that the tunnel asks for, such as \"app.example.com\" or, for all "
	           "names below, \"*.example.com\". A Spore server passes them to its "
	           "authentication plugins. The tunnel gets exactly these names, or it is "
	           "refused if the client's policy there (`hosts`) does not allow all of them"),
	SPORE_MAP(struct tunnel_settings, tags, 0, &text_item,
	          "labels of the tunnel, such as {\"env\": \"test\"}, for the authentication "
	          "plugins and the operator of a Spore server"),
};
static const spore_option_item cidr_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };
static const spore_option limit_rows[] = {
	SPORE_INT(struct limit_settings, max_conns_per_ip, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "most tunnels of one source; 0: no limit; data connections do not count"),
	SPORE_INT(struct limit_settings, max_tunnels, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "tunnels in total"),
	SPORE_INT(struct limit_settings, max_relays, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "visitors in total; 0: as many as the descriptors allow"),
	SPORE_INT(struct limit_settings, max_pending, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "visitors that wait for a client, in total; more wait in the kernel's queue"),
	SPORE_INT(struct limit_settings, max_pending_per_tunnel, OPTIONF_NEW_ONLY, "1024", 0,
	          1000000,
	          "visitors that wait for a client, on one tunnel; more wait in the kernel's "
	          "queue"),
	SPORE_INT(struct limit_settings, max_ahead_per_tunnel, OPTIONF_NEW_ONLY, "256", 0, 1024,
	          "connections of a tunnel that wait for visitors: its client has opened them "
	          "ahead (`client.ahead`), or keeps them when their visitor has gone; one source "
	          "may use at most 1/128 of the descriptors for them, "
	          "all sources 1/64; 0: none"),
	SPORE_INT(struct limit_settings, max_visitors_per_ip, OPTIONF_NEW_ONLY, "0", 0, 1000000,
	          "visitors of one source at once, on all tunnels"),
	SPORE_INT(struct limit_settings, visitor_rate, 0, "0", 0, 1000000,
	          "new visitors of one source per second"),
	SPORE_INT(struct limit_settings, visitor_burst, 0, "100", 1, 1000000,
	          "new visitors of one source at once, if visitor_rate is set"),
	SPORE_INT(struct limit_settings, max_handshakes, 0, "0", 0, 1000000,
	          "visitors whose handshakes with the transports of `public` have not ended, in "
	          "total, of which one proxy may have half; 0: a quarter of the visitors that the "
	          "descriptors allow"),
	SPORE_INT(struct limit_settings, max_handshakes_per_ip, 0, "256", 1, 1000000,
	          "visitors of one source whose handshakes with the transports of `public` have "
	          "not ended"),
	SPORE_DURATION(struct limit_settings, relay_idle_timeout, 0, "0", 0, 86400000,
	               "reset a visitor's connection that has carried no data for this long; "
	               "checked once a second; 0: never"),
	SPORE_INT(struct limit_settings, max_unauthenticated, 0, "0", 0, 1000000,
	          "connections that are authenticating, in total; when full, the server closes the "
	          "oldest one of the source that has the most; 0: 3/64 of the process's "
	          "descriptors"),
	SPORE_INT(struct limit_settings, max_unauthenticated_per_ip, 0, "256", 1, 1000000,
	          "connections of one source that are authenticating; when full, the server closes "
	          "that source's oldest one"),
	SPORE_INT(struct limit_settings, secret_rate, 0, "10", 1, 1000000,
	          "secrets that one source may try per second"),
	SPORE_INT(struct limit_settings, secret_burst, 0, "100", 1, 1000000,
	          "secrets that one source may try at once"),
	SPORE_INT(struct limit_settings, ban_after, 0, "20", 0, 1000000,
	          "number of wrong secrets that bans a source; it decreases by one in each tenth "
	          "of ban_time, and a right secret resets it; 0: never"),
	SPORE_DURATION(struct limit_settings, ban_time, 0, "\"60s\"", 1000, 86400000,
	               "how long a source is banned"),
	{ "ban_exempt", SPORE_OPT_LIST, 0, offsetof(struct limit_settings, ban_exempt), 0,
	  "[\"127.0.0.0/8\", \"::1\"]", 1, 0, NULL, &cidr_item,
	  "prefixes that are never banned or slowed down; by default loopback, where proxies run" },
	SPORE_SIZE(struct limit_settings, rate_up, 0, "0", 0, INT64_C(1) << 40,
	           "bytes per second from visitors to services, for all tunnels of one identity "
	           "together, at least 1k; this and the next four hold for identities whose policy "
	           "sets no such limit, and 0 means no limit. Without authentication, all clients "
	           "are one identity"),
	SPORE_SIZE(struct limit_settings, rate_down, 0, "0", 0, INT64_C(1) << 40,
	           "bytes per second from services to visitors, for all tunnels of one identity "
	           "together, at least 1k"),
	SPORE_SIZE(struct limit_settings, bytes_per_day, 0, "0", 0, INT64_C(1) << 50,
	           "bytes of one identity in a day (UTC), in both directions together; see "
	           "server.usage_file"),
	SPORE_SIZE(struct limit_settings, bytes_per_month, 0, "0", 0, INT64_C(1) << 50,
	           "bytes of one identity in a month (UTC), in both directions together; see "
	           "server.usage_file"),
	SPORE_INT(struct limit_settings, visitors_per_second, 0, "0", 0, 1000000,
	          "new visitors of one identity per second, and as many at once"),
};
static const spore_option plugin_rows[] = {
	SPORE_LIST(struct plugin_settings, path, SPORE_OPTF_PATH, &text_item,
	           "folders that are searched for plugins, in order, before the one beside the "
	           "executable"),
	SPORE_MAP(struct plugin_settings, pin, 0, &sha256_item,
	          "by file name: the digest \"sha256:HEX\" that the plugin's file must have"),
	SPORE_DURATION(struct plugin_settings, start_timeout, 0, "\"10s\"", 100, 300000,
	               "how long all plugins together may take to load and to become ready before "
	               "a start, a check or a reload is given up"),
	SPORE_DURATION(struct plugin_settings, slow_after, 0, "\"100ms\"", 0, 86400000,
	               "how long a call into a plugin may block a worker before the log warns of "
	               "it and `spore_plugin_slow_calls_total` counts it; 0: for ever"),
	SPORE_DURATION(struct plugin_settings, unready_after, 0, "\"5s\"", 0, 86400000,
	               "how long a worker may hang, in a plugin or elsewhere, before the process "
	               "reports that it is not ready (`/readyz`); 0: for ever"),
};
static const spore_option admin_rows[] = {
	SPORE_STRING(struct admin_settings, socket, SPORE_OPTF_PATH | OPTIONF_RESTART, NULL,
	             "unix socket for `spore ctl`; \"\": no socket; default: "
	             "$RUNTIME_DIRECTORY/admin.sock if that variable is set"),
};
static const spore_option log_rows[] = {
	SPORE_ENUM(struct log_settings, level, 0, "\"info\"", "trace|debug|info|warn|error",
	           "lowest severity that is logged"),
	SPORE_ENUM(struct log_settings, format, OPTIONF_RESTART, "\"text\"", "text|json",
	           "format of the log lines"),
	SPORE_BOOL(struct log_settings, visitors, 0, "false",
	           "log a line for each visitor that was refused or has ended, at the level info: "
	           "its address, its tunnel, the identity of its client, the bytes in both "
	           "directions, the duration and the reason"),
};

static const spore_option instance_rows[] = {
	SPORE_STRING(struct instance_settings, use, SPORE_OPTF_REQUIRED, NULL,
	             "the plugin: \"NAME\" is the component NAME of KIND_NAME.so, where KIND is "
	             "auth, transport, acl, metrics, events, check or route; "
	             "\"FILE:NAME\" is the component NAME of FILE.so"),
	SPORE_STRING(struct instance_settings, name, 0, NULL,
	             "name of the instance in logs and metrics; default: the value of use; if an "
	             "instance before it has that name, with a number, such as NAME#2"),
	SPORE_ENUM(struct instance_settings, on_error, 0, "\"deny\"", "deny|next|last_good",
	           "auth: what to do if the plugin cannot decide: refuse the client, ask the next "
	           "instance, or admit a client that this instance admitted before with the same "
	           "proof"),
	SPORE_DURATION(struct instance_settings, last_good_for, 0, "\"1h\"", LAST_GOOD_MIN_MS,
	               LAST_GOOD_MAX_MS,
	               "auth: how long after the end of a client's last tunnel `last_good` still "
	               "admits it"),
	SPORE_INT(struct instance_settings, queue, 0, "4096", QUEUE_MIN, QUEUE_MAX,
	          "events: how many events may wait for the instance; while it is too slow and the "
	          "queue is full, new events are dropped and counted"),
};

/* The field of a chain's section, and its row in an object that begins at `from`. */
#define FIELD(id) ((uint32_t)offsetof(struct settings, chains[id]))
#define CHAIN(id, from, name, flags, doc)                                                          \
	{ name, SPORE_OPT_NODE, flags, FIELD(id) - (from), 0, NULL, 1, 0, NULL, NULL, doc }

/* The section "acl" lies over the two chains of access lists. */
static const spore_option acl_rows[] = {
	CHAIN(CHAIN_ACL_CONTROL, FIELD(CHAIN_ACL_CONTROL), "control", 0,
	      "access lists of the control port"),
	CHAIN(CHAIN_ACL_PUBLIC, FIELD(CHAIN_ACL_CONTROL), "public", 0,
	      "access lists of the public ports"),
};

#define PUBLIC_CHAIN(id, name, doc)                                                                \
	{ name, SPORE_OPT_NODE, 0, offsetof(struct public_settings, chains[id]), 0, NULL, 1, 0,    \
	  NULL, NULL, doc }

static const spore_option public_rows[] = {
	SPORE_STRING(struct public_settings, name, SPORE_OPTF_NOT_EMPTY, NULL,
	             "name of the entry, for the log, metrics and `spore ctl tunnels`"),
	SPORE_PORTS(struct public_settings, ports, 0, NULL,
	            "the ports that the entry is about, such as \"8000-8099,8443\"; of several "
	            "entries with a port, the first one counts"),
	SPORE_PORT(struct public_settings, listen_port, 0, NULL, 1, 65535,
	           "in place of `ports`: a port that several tunnels share, each with host names; "
	           "`route` decides which of them gets a visitor"),
	SPORE_LIST(struct public_settings, listen_addr,
	           SPORE_OPTF_NOT_EMPTY | OPTIONF_LONE, &ip_item,
	           "address of listen_port, or a list of addresses; default: the value of "
	           "server.bind_tunnels"),
	PUBLIC_CHAIN(PUBLIC_ROUTE, "route",
	             "for listen_port: what tells the host name that a visitor wants, by the first "
	             "bytes; asked in order"),
	SPORE_DURATION(struct public_settings, route_timeout, 0, "\"5s\"", 10, 60000,
	               "how long a visitor of listen_port may take until `route` has decided, from "
	               "the time when the transports are open"),
	SPORE_STRING(struct public_settings, unknown_host, SPORE_OPTF_NOT_EMPTY, NULL,
	             "host name whose tunnel gets the visitors of listen_port who want no name, or "
	             "a name that no tunnel has; default: they are reset, unless `route` has a "
	             "page for them"),
	PUBLIC_CHAIN(PUBLIC_TRANSPORT, "transport",
	             "transports between visitors and the server; the first one is nearest to the "
	             "socket"),
	PUBLIC_CHAIN(PUBLIC_ACL, "acl",
	             "access lists of these ports, in place of `acl.public`; an empty list allows "
	             "all; default: `acl.public`"),
};

static const spore_option_item public_item = ITEM(struct public_settings, public_rows);
static const spore_option_item server_item = ITEM(struct server_settings, server_rows);
static const spore_option_item client_item = ITEM(struct client_settings, client_rows);
static const spore_option_item tunnel_item = ITEM(struct tunnel_settings, tunnel_rows);
static const spore_option_item plugin_item = ITEM(struct plugin_settings, plugin_rows);
static const spore_option_item limit_item = ITEM(struct limit_settings, limit_rows);
static const spore_option_item acl_item = ITEM(const spore_cfg *[2], acl_rows);
static const spore_option_item admin_item = ITEM(struct admin_settings, admin_rows);
static const spore_option_item log_item = ITEM(struct log_settings, log_rows);

#define BOTH(auth_flags)                                                                           \
	SPORE_OBJECT(struct settings, admin, struct admin_settings, 0, &admin_item,                \
	             "the operator's access to the running server or client, which `spore ctl` "   \
	             "uses"),                                                                      \
	SPORE_OBJECT(struct settings, plugins, struct plugin_settings, 0, &plugin_item,            \
	             "where plugins are, and their checksums"),                                    \
	CHAIN(CHAIN_TRANSPORT, 0, "transport", OPTIONF_NEW_ONLY,                                   \
	      "transports; the first one is nearest to the socket"),                               \
	CHAIN(CHAIN_AUTH, 0, "auth", auth_flags, "authentication plugins, asked in order"),        \
	CHAIN(CHAIN_METRICS, 0, "metrics", 0, "metrics exporters"),                                \
	SPORE_OBJECT(struct settings, log, struct log_settings, 0, &log_item,                      \
	             "the log on standard error")

static const spore_option server_root[] = {
	SPORE_OBJECT(struct settings, server, struct server_settings, 0, &server_item,
	             "addresses, ports and threads of the server"),
	{ "acl", SPORE_OPT_OBJECT, OPTIONF_NEW_ONLY, FIELD(CHAIN_ACL_CONTROL), 0, NULL, 1, 0, NULL,
	  &acl_item, "which addresses may connect; an empty list allows all" },
	SPORE_LIST(struct settings, public, OPTIONF_NEW_ONLY, &public_item,
	           "what visitors pass at certain public ports: where TLS ends, or where a proxy "
	           "tells their addresses"),
	CHAIN(CHAIN_EVENTS, 0, "events", 0,
	      "listeners that are told of tunnels, visitors, clients and reloads"),
	SPORE_OBJECT(struct settings, limits, struct limit_settings, 0, &limit_item,
	             "limits on tunnels, on visitors, and on connections to the control port that "
	             "have not authenticated. A source is an IPv4 address or an IPv6 /64. 0 means "
	             "no limit unless the option says otherwise. Data connections that the server "
	             "requested from its clients do not count"),
	BOTH(0),
};
static const spore_option client_root[] = {
	SPORE_OBJECT(struct settings, client, struct client_settings, SPORE_OPTF_REQUIRED,
	             &client_item, "the server to connect to, and how"),
	SPORE_LIST(struct settings, tunnels, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY,
	           &tunnel_item,
	           "the services that get a public port"),
	CHAIN(CHAIN_CHECKS, 0, "checks", 0,
	      "what judges services; `tunnels[].check.use` names an instance"),
	BOTH(OPTIONF_NEW_ONLY),
};

const struct option_table settings_server = TABLE(server_root);
const struct option_table settings_client = TABLE(client_root);
const struct option_table settings_instance = TABLE(instance_rows);
