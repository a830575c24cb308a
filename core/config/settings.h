/* settings - the core's own options. Each section has one table of rows, from which parsing,
 * checks, defaults, help and reference are made. option_fill fills the structs; they are read-only
 * afterwards. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <spore/option.h>

#include "config/chains.h"
#include "option/option.h"

/* After a reload: tunnels of clients that the new configuration would refuse. */
enum { ON_RELOAD_CLOSE, ON_RELOAD_KEEP };
enum { IO_AUTO, IO_EPOLL };

struct server_settings {
	spore_list bind_addr, bind_tunnels; /* of spore_addr; bind_tunnels: as bind_addr if empty */
	int64_t control_port, min_port, max_port;
	spore_list ports;            /* of spore_port_range; empty: min_port to max_port */
	spore_list reserved_ports;   /* of spore_list of spore_port_range */
	uint32_t share;              /* tunnels of one identity may share a port */
	spore_list send_proxy_ports; /* of spore_list of spore_port_range */
	/* Lists of spore_port_range, which check_server makes. public_ports: `ports` without the
	 * reserved ones, the shared ones and the control port. routed_ports: each listen_port of
	 * the section "public". */
	spore_list public_ports, routed_ports;
	int64_t workers;                            /* 0: one for each CPU of the process */
	int64_t busy_poll_us;                       /* 0: an idle worker sleeps at once */
	int64_t io;                                 /* IO_* */
	int64_t sndbuf, recbuf;                     /* bytes; 0: the system's */
	int64_t keepalive_data, keepalive_visitors; /* ms; 0: never */
	int64_t peer_timeout;                       /* ms */
	int64_t relay_buffer;                       /* bytes; of relay_limits */
	int64_t drain_timeout, drain_grace;         /* ms */
	int64_t auth_timeout;   /* ms; from a question to an auth plugin until its verdict */
	int64_t on_reload;      /* ON_RELOAD_* */
	uint32_t watch;         /* reload when a file of the configuration changes */
	uint32_t watch_files;   /* renew an instance when a file that it reads changes */
	const char *usage_file; /* NULL: none */
};

/* A server that a client may use. */
struct client_server {
	const char *host; /* without brackets */
	uint16_t port;
	const char *name; /* "HOST:PORT", for people */
};

enum { CLIENT_SERVERS_MAX = 16 };

struct client_settings {
	spore_list to;        /* of const char *, as given */
	int64_t control_port; /* of those that have none in `to` */
	/* For the documents: entry_expand takes them out of the section. */
	const char *proxy, *no_proxy;
	spore_str proxy_password;
	uint32_t prefer_first; /* return to the first server when it answers again */
	/* The servers of `to`, in order. check_client makes this list. */
	const struct client_server *servers;
	size_t n_servers;
	int64_t workers, busy_poll_us;
	int64_t io; /* IO_* */
	int64_t sndbuf, recbuf, relay_buffer;
	int64_t keepalive_data, keepalive_services; /* ms; 0: never */
	int64_t peer_timeout;                       /* ms */
	int64_t connect_timeout;                    /* ms; for the server, and for a service */
	int64_t answer_timeout;                     /* ms; for each answer of the server */
	int64_t max_dials;                          /* connections being set up at once */
	int64_t ahead;                              /* connections opened ahead for each tunnel */
	uint32_t reconnect, retry;                  /* after a loss; after a failed first attempt */
	uint32_t screen;                            /* on a terminal */
	int64_t drain_timeout;                      /* ms */
};

/* While a service is down: the public port is closed, or stays open. */
enum { CHECK_CLOSES_PORT, CHECK_LEAVES_SHARE };

/* How a service is checked. */
struct check_settings {
	const char *use;           /* an instance of "checks"; NULL: a connection is enough */
	int64_t interval, timeout; /* ms */
	int64_t rise, fall;        /* checks in a row */
	int64_t when_down;         /* CHECK_* */
	bool is_wanted;            /* made by check_client: the operator wants checks */
};

struct tunnel_settings {
	const char *name;
	const char *local;      /* "HOST:PORT" or "unix:PATH"; NULL: local_host and local_port */
	const char *local_host; /* NULL: see local_path */
	const char *local_path; /* of `local`, made by check_client; NULL: it is no unix socket */
	int64_t local_port;
	int64_t port;               /* public; 0: the server chooses */
	int64_t send_proxy;         /* enum proxy_header_version */
	uint32_t share;             /* with other clients of its identity */
	int64_t share_by;           /* 0: load; 1: source */
	spore_addr source;          /* to connect to the service from; family 0: any */
	int64_t connect_timeout;    /* ms; that of the client if the operator gives none */
	int64_t rate_up, rate_down; /* bytes per second; 0: no limit */
	struct check_settings check;
	spore_list hosts; /* of const char * */
	spore_map tags;   /* of const char * */
	/* What the client says about the tunnel: valid items (wire/about), at most ABOUT_MAX bytes
	 * in all. Made by check_client. */
	const char *const *about;
	size_t n_about;
};

/* 0 means no limit unless the row says otherwise. A source is an IPv4 address or an IPv6 /64. */
struct limit_settings {
	int64_t max_conns_per_ip;       /* tunnels of one source */
	int64_t max_tunnels;            /* in total */
	int64_t max_relays;             /* visitors, waiting or relayed, in total */
	int64_t max_pending;            /* visitors waiting for a client, in total */
	int64_t max_pending_per_tunnel; /* visitors waiting for a client, on one tunnel */
	int64_t max_ahead_per_tunnel;   /* connections that a client may open ahead; 0: none */
	int64_t max_visitors_per_ip;    /* of one source, on all tunnels */
	int64_t visitor_rate;           /* new visitors of one source per second */
	int64_t visitor_burst;          /* new visitors of one source at once */
	int64_t max_handshakes;         /* visitors whose transports open, in total; 0: a share of
	                                 * the visitors */
	int64_t max_handshakes_per_ip;  /* of one source */
	int64_t relay_idle_timeout;     /* ms */
	int64_t max_unauthenticated;    /* connections that are authenticating, in total; 0: a share
	                                 * of the descriptors */
	int64_t max_unauthenticated_per_ip; /* of one source, not counting data connections that
	                                     * the server requested */
	int64_t secret_rate;                /* checks of a secret for one source per second */
	int64_t secret_burst;               /* checks of a secret for one source at once */
	int64_t ban_after;                  /* wrong secrets; 0: never */
	int64_t ban_time;                   /* ms */
	spore_list ban_exempt;              /* of spore_cidr */
	/* The limits of an identity that has none of its own. */
	int64_t rate_up, rate_down;             /* bytes per second */
	int64_t bytes_per_day, bytes_per_month; /* in both directions */
	int64_t visitors_per_second;
};

struct plugin_settings {
	spore_list path;                   /* of const char * */
	spore_map pin;                     /* of spore_sha256 */
	int64_t start_timeout;             /* ms */
	int64_t slow_after, unready_after; /* ms; 0: never */
};

struct admin_settings {
	const char *socket; /* path; "": no socket; NULL: see admin_socket_path */
};

struct log_settings {
	int64_t level, format; /* enum log_level, enum log_format */
	uint32_t visitors;     /* a line for each visitor that has ended */
};

struct instance_settings {
	const char *use, *name;
	int64_t on_error;      /* 1: next, 2: last_good */
	int64_t last_good_for; /* ms */
	int64_t queue;         /* events */
};

/* An entry of "public": what visitors of these ports pass. With `listen_port` it is about a port of
 * its own, which several tunnels share. */
struct public_settings {
	const char *name;                       /* NULL: none */
	spore_list ports;                       /* of spore_port_range */
	int64_t listen_port;                    /* 0: none */
	spore_list listen_addr;                 /* of spore_addr */
	int64_t route_timeout;                  /* ms */
	const char *unknown_host;               /* NULL: none */
	const spore_cfg *chains[PUBLIC_CHAINS]; /* sections of instances, for chain_read */
};

/* The whole file of `spore server` or `spore local`. */
struct settings {
	struct server_settings server;
	struct client_settings client;
	struct limit_settings limits;
	spore_list tunnels; /* of struct tunnel_settings */
	spore_list public;  /* of struct public_settings */
	struct plugin_settings plugins;
	struct log_settings log;
	struct admin_settings admin;
	const spore_cfg *chains[N_CHAINS]; /* sections of instances, for chain_read */
};

extern const struct option_table settings_server, settings_client;
/* The keys of an instance that are not options of its plugin. This table documents them; chain_read
 * reads them, since they are needed before the plugin is known. */
extern const struct option_table settings_instance;

#endif
