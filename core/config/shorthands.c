#include "config/shorthands.h"

#define BOTH (ROLE_SERVER | ROLE_LOCAL)

const struct shorthand shorthands[] = {
	/* name           letter roles       variable bore   number target                   metavar   */
	{ "min_port",        0, ROLE_SERVER, NULL,     true,  true,  "/server/min_port",     "PORT",     NULL },
	{ "max_port",        0, ROLE_SERVER, NULL,     true,  true,  "/server/max_port",     "PORT",     NULL },
	{ "bind_addr",       0, ROLE_SERVER, NULL,     false, false, "/server/bind_addr",    "ADDRESS",  NULL },
	{ "bind_tunnels",    0, ROLE_SERVER, NULL,     false, false, "/server/bind_tunnels", "ADDRESS",  NULL },
	{ "control_port",    0, ROLE_SERVER, NULL,     false, true,  "/server/control_port", "PORT",     NULL },
	{ "workers",         0, ROLE_SERVER, NULL,     false, true,  "/server/workers",      "N",        NULL },
	{ "sndbuf",          0, ROLE_SERVER, NULL,     false, false, "/server/sndbuf",       "BYTES",    NULL },
	{ "recbuf",          0, ROLE_SERVER, NULL,     false, false, "/server/recbuf",       "BYTES",    NULL },
	{ "drain_timeout",   0, ROLE_SERVER, NULL,     false, false, "/server/drain_timeout", "DURATION", NULL },
	{ "to",            't', ROLE_LOCAL,  "SERVER", true,  false, "/client/to",           "HOST",     NULL },
	{ "local_port",      0, ROLE_LOCAL,  NULL,     true,  true,  "/tunnels[0]/local_port", "PORT",   NULL },
	{ "local_host",    'l', ROLE_LOCAL,  NULL,     false, false, "/tunnels[0]/local_host", "HOST",   NULL },
	{ "port",          'p', ROLE_LOCAL,  NULL,     false, true,  "/tunnels[0]/port",     "PORT",     NULL },
	{ "control_port",    0, ROLE_LOCAL,  NULL,     false, true,  "/client/control_port", "PORT",     NULL },
	{ "workers",         0, ROLE_LOCAL,  NULL,     false, true,  "/client/workers",      "N",        NULL },
	{ "sndbuf",          0, ROLE_LOCAL,  NULL,     false, false, "/client/sndbuf",       "BYTES",    NULL },
	{ "recbuf",          0, ROLE_LOCAL,  NULL,     false, false, "/client/recbuf",       "BYTES",    NULL },
	{ "drain_timeout",   0, ROLE_LOCAL,  NULL,     false, false, "/client/drain_timeout", "DURATION", NULL },
	{ "secret",        's', BOTH,        NULL,     true,  false, "/auth[hmac]/secret",   "TEXT",
	  "secret that both ends share" },
	{ "log_level",       0, BOTH,        NULL,     false, false, "/log/level",           "LEVEL",    NULL },
	{ "log_format",      0, BOTH,        NULL,     false, false, "/log/format",          "FORMAT",   NULL },
};
const size_t n_shorthands = sizeof shorthands / sizeof *shorthands;

const struct default_section default_sections[] = {
	{ "transport", "[{\"use\":\"plain\"}]" },
};
const size_t n_default_sections = sizeof default_sections / sizeof *default_sections;
