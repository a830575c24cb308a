#include "config/shorthands.h"

#define BOTH   (ROLE_SERVER | ROLE_LOCAL)
#define TEXT   SHORTHAND_TEXT
#define NUMBER SHORTHAND_NUMBER
#define SECRET SHORTHAND_SECRET
#define LIST   SHORTHAND_LIST
#define PATH   SHORTHAND_FILE
#define YES    SHORTHAND_YES
#define NO     SHORTHAND_NO
#define ENTRY  SHORTHAND_ENTRY

/* A table, aligned by hand. */
/* clang-format off */
const struct shorthand shorthands[] = {
	/* name         letter roles        variable  bore   type           target                   metavar */
	{ "min_port",      0,   ROLE_SERVER, NULL,     true,  NUMBER,        "/server/min_port",      "PORT", NULL },
	{ "max_port",      0,   ROLE_SERVER, NULL,     true,  NUMBER,        "/server/max_port",      "PORT", NULL },
	{ "bind_addr",     0,   ROLE_SERVER, NULL,     false, TEXT,          "/server/bind_addr",     "ADDRESS", NULL },
	{ "bind_tunnels",  0,   ROLE_SERVER, NULL,     false, TEXT,          "/server/bind_tunnels",  "ADDRESS", NULL },
	{ "control_port",  0,   ROLE_SERVER, NULL,     false, NUMBER,        "/server/control_port",  "PORT", NULL },
	{ "workers",       0,   ROLE_SERVER, NULL,     false, NUMBER,        "/server/workers",       "N", NULL },
	{ "busy_poll_us",  0,   ROLE_SERVER, NULL,     false, NUMBER,        "/server/busy_poll_us",  "N", NULL },
	{ "sndbuf",        0,   ROLE_SERVER, NULL,     false, TEXT,          "/server/sndbuf",        "BYTES", NULL },
	{ "recbuf",        0,   ROLE_SERVER, NULL,     false, TEXT,          "/server/recbuf",        "BYTES", NULL },
	{ "drain_timeout", 0,   ROLE_SERVER, NULL,     false, TEXT,          "/server/drain_timeout", "DURATION", NULL },
	{ "watch",         0,   ROLE_SERVER, NULL,     false, YES,           "/server/watch",         "", NULL },
	{ "max_conns_per_ip", 0, ROLE_SERVER, NULL,    false, NUMBER,        "/limits/max_conns_per_ip", "N", NULL },
	{ "allow",         0,   ROLE_SERVER, NULL,     false, LIST,          "/acl/control[cidr]/allow", "PREFIX,...",
	  "addresses that may connect to the control port; all others may not" },
	{ "deny",          0,   ROLE_SERVER, NULL,     false, LIST,          "/acl/control[cidr]/deny", "PREFIX,...",
	  "addresses that may not connect to the control port; the longest prefix decides" },
	{ "admin_socket",  0,   ROLE_SERVER, NULL,     false, TEXT,          "/admin/socket",         "PATH", NULL },
	{ "to",            't', ROLE_LOCAL,  "SERVER", true,  TEXT,          "/client/to",            "HOST", NULL },
	{ "local_port",    0,   ROLE_LOCAL,  NULL,     true,  NUMBER,        "/tunnels[0]/local_port", "PORT", NULL },
	{ "local_host",    'l', ROLE_LOCAL,  NULL,     false, TEXT,          "/tunnels[0]/local_host", "HOST", NULL },
	{ "port",          'p', ROLE_LOCAL,  NULL,     false, NUMBER,        "/tunnels[0]/port",      "PORT", NULL },
	{ "control_port",  0,   ROLE_LOCAL,  NULL,     false, NUMBER,        "/client/control_port",  "PORT", NULL },
	{ "workers",       0,   ROLE_LOCAL,  NULL,     false, NUMBER,        "/client/workers",       "N", NULL },
	{ "busy_poll_us",  0,   ROLE_LOCAL,  NULL,     false, NUMBER,        "/client/busy_poll_us",  "N", NULL },
	{ "sndbuf",        0,   ROLE_LOCAL,  NULL,     false, TEXT,          "/client/sndbuf",        "BYTES", NULL },
	{ "recbuf",        0,   ROLE_LOCAL,  NULL,     false, TEXT,          "/client/recbuf",        "BYTES", NULL },
	{ "drain_timeout", 0,   ROLE_LOCAL,  NULL,     false, TEXT,          "/client/drain_timeout", "DURATION", NULL },
	{ "ahead",         0,   ROLE_LOCAL,  NULL,     false, NUMBER,        "/client/ahead",         "N", NULL },
	{ "retry",         0,   ROLE_LOCAL,  NULL,     false, YES,           "/client/retry",         "", NULL },
	{ "no_reconnect",  0,   ROLE_LOCAL,  NULL,     false, NO,            "/client/reconnect",     "",
	  "exit with status 1 when the server goes away" },
	{ "secret",        's', ROLE_SERVER, NULL,     true,  SHORTHAND_SECRETS, "/auth[hmac]/secret", "TEXT",
	  "secret that clients must know, or several with commas between them (others on this machine may see it: "
	  "better a variable or a file)" },
	{ "secret",        's', ROLE_LOCAL,  NULL,     true,  SECRET,        "/auth[hmac]/secret",    "TEXT",
	  "secret that both ends share (others on this machine may see it: better a variable or a file)" },
	{ "secret_file",   0,   BOTH,        NULL,     false, PATH,          "/auth[hmac]/secret",    "PATH",
	  "file that holds the secret" },
	{ "metrics_port",  0,   BOTH,        NULL,     false, NUMBER,        "/metrics[prometheus]/port", "PORT",
	  "serve metrics over HTTP, to this machine alone" },
	{ "tls",           0,   BOTH,        NULL,     false, ENTRY,         "/transport[tls]",       "",
	  "speak TLS with the other side" },
	{ "certfile",      0,   BOTH,        NULL,     false, TEXT,          "/transport[tls]/certfile", "PATH",
	  "this side's certificate and its chain, PEM (with --tls)" },
	{ "keyfile",       0,   BOTH,        NULL,     false, TEXT,          "/transport[tls]/keyfile", "PATH",
	  "its private key, PEM (with --tls)" },
	{ "client_certfile", 0, ROLE_LOCAL,  NULL,     false, TEXT,          "/transport[tls]/certfile", "PATH",
	  "the same as --certfile" },
	{ "client_keyfile", 0,  ROLE_LOCAL,  NULL,     false, TEXT,          "/transport[tls]/keyfile", "PATH",
	  "the same as --keyfile" },
	{ "cacertfile",    0,   ROLE_SERVER, NULL,     false, TEXT,          "/transport[tls]/cacertfile", "PATH",
	  "authorities, PEM, one of which must have issued each client's certificate (with --tls)" },
	{ "cacertfile",    0,   ROLE_LOCAL,  NULL,     false, TEXT,          "/transport[tls]/cacertfile", "PATH",
	  "authorities, PEM, to trust in place of the system's (with --tls)" },
	{ "insecure",      0,   ROLE_LOCAL,  NULL,     false, YES,           "/transport[tls]/insecure", "",
	  "do not check the server's certificate, for tests only (with --tls)" },
	{ "log_level",     0,   BOTH,        NULL,     false, TEXT,          "/log/level",            "LEVEL", NULL },
	{ "log_format",    0,   BOTH,        NULL,     false, TEXT,          "/log/format",           "FORMAT", NULL },
};
/* clang-format on */
const size_t n_shorthands = sizeof shorthands / sizeof *shorthands;

const struct shorthand_list shorthand_lists[] = {
	{ "/auth[hmac]/secret", "/auth[multi_secret]/secrets", "secret" },
};
const size_t n_shorthand_lists = sizeof shorthand_lists / sizeof *shorthand_lists;

const struct default_section default_sections[] = {
	{ "transport", "[{\"use\":\"plain\"}]" },
};
const size_t n_default_sections = sizeof default_sections / sizeof *default_sections;
