#include "config/shorthands.h"

#define BOTH    (ROLE_SERVER | ROLE_LOCAL)
#define TEXT    SHORTHAND_TEXT
#define NUMBER  SHORTHAND_NUMBER
#define SECRET  SHORTHAND_SECRET
#define SECRETS SHORTHAND_SECRETS
#define LIST    SHORTHAND_LIST
#define TEXTS   SHORTHAND_TEXTS
#define PATH    SHORTHAND_FILE
#define YES     SHORTHAND_YES
#define NO      SHORTHAND_NO
#define ENTRY   SHORTHAND_ENTRY

/* A table, aligned by hand. */
/* clang-format off */
const struct shorthand shorthands[] = {
	/* name                letter roles   variable  bore   type    target, metavar, doc */
	{ "min_port",         0,   ROLE_SERVER, NULL,     true,  NUMBER, "/server/min_port", "PORT", NULL },
	{ "max_port",         0,   ROLE_SERVER, NULL,     true,  NUMBER, "/server/max_port", "PORT", NULL },
	{ "bind_addr",        0,   ROLE_SERVER, NULL,     false, TEXTS,  "/server/bind_addr", "ADDRESS", NULL },
	{ "bind_tunnels",     0,   ROLE_SERVER, NULL,     false, TEXTS,  "/server/bind_tunnels", "ADDRESS", NULL },
	{ "control_port",     0,   ROLE_SERVER, NULL,     false, NUMBER, "/server/control_port", "PORT", NULL },
	{ "workers",          0,   ROLE_SERVER, NULL,     false, NUMBER, "/server/workers", "N", NULL },
	{ "busy_poll_us",     0,   ROLE_SERVER, NULL,     false, NUMBER, "/server/busy_poll_us", "N", NULL },
	{ "io",               0,   ROLE_SERVER, NULL,     false, TEXT,   "/server/io", "NAME", NULL },
	{ "sndbuf",           0,   ROLE_SERVER, NULL,     false, TEXT,   "/server/sndbuf", "BYTES", NULL },
	{ "recbuf",           0,   ROLE_SERVER, NULL,     false, TEXT,   "/server/recbuf", "BYTES", NULL },
	{ "drain_timeout",    0,   ROLE_SERVER, NULL,     false, TEXT,   "/server/drain_timeout", "DURATION", NULL },
	{ "watch",            0,   ROLE_SERVER, NULL,     false, YES,    "/server/watch", "", NULL },
	{ "max_conns_per_ip", 0,   ROLE_SERVER, NULL,     false, NUMBER, "/limits/max_conns_per_ip", "N", NULL },
	{ "allow",            0,   ROLE_SERVER, NULL,     false, LIST,   "/acl/control[cidr]/allow", "PREFIX,...",
	  "prefixes that may connect to the control port; all others are refused" },
	{ "deny",             0,   ROLE_SERVER, NULL,     false, LIST,   "/acl/control[cidr]/deny", "PREFIX,...",
	  "prefixes that may not connect to the control port; the longest matching prefix "
	  "decides" },
	{ "to",               't', ROLE_LOCAL,  "SERVER", true,  TEXTS,  "/client/to", "HOST", NULL },
	{ "local_port",       0,   ROLE_LOCAL,  NULL,     true,  NUMBER, "/tunnels[0]/local_port", "PORT",
	  "port of the service; several, or ranges such as 8000-8003, may stand without the flag" },
	{ "local",            0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/tunnels[0]/local", "SERVICE",
	  "the service as HOST:PORT or unix:PATH; unix:PATH may stand without the flag" },
	{ "local_host",       'l', ROLE_LOCAL,  NULL,     false, TEXT,   "/tunnels[0]/local_host", "HOST", NULL },
	{ "port",             'p', ROLE_LOCAL,  NULL,     false, NUMBER, "/tunnels[0]/port", "PORT", NULL },
	{ "send_proxy",       0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/tunnels[0]/send_proxy", "VERSION", NULL },
	{ "tunnel_name",      0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/tunnels[0]/name", "NAME", NULL },
	{ "control_port",     0,   ROLE_LOCAL,  NULL,     false, NUMBER, "/client/control_port", "PORT", NULL },
	{ "proxy",            0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/client/proxy", "URL",
	  "proxy on the way to the server, such as http://HOST:PORT or socks5h://USER@HOST:PORT; "
	  "default: ALL_PROXY" },
	{ "proxy_password",   0,   ROLE_LOCAL,  NULL,     false, SECRET, "/client/proxy_password", "TEXT",
	  "password for the proxy (other users of this machine may see a flag: prefer a variable or "
	  "a file)" },
	{ "proxy_password_file", 0, ROLE_LOCAL, NULL,     false, PATH,   "/client/proxy_password", "PATH",
	  "file that contains the password for the proxy" },
	{ "workers",          0,   ROLE_LOCAL,  NULL,     false, NUMBER, "/client/workers", "N", NULL },
	{ "busy_poll_us",     0,   ROLE_LOCAL,  NULL,     false, NUMBER, "/client/busy_poll_us", "N", NULL },
	{ "io",               0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/client/io", "NAME", NULL },
	{ "sndbuf",           0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/client/sndbuf", "BYTES", NULL },
	{ "recbuf",           0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/client/recbuf", "BYTES", NULL },
	{ "drain_timeout",    0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/client/drain_timeout", "DURATION", NULL },
	{ "ahead",            0,   ROLE_LOCAL,  NULL,     false, NUMBER, "/client/ahead", "N", NULL },
	{ "retry",            0,   ROLE_LOCAL,  NULL,     false, YES,    "/client/retry", "", NULL },
	{ "no_reconnect",     0,   ROLE_LOCAL,  NULL,     false, NO,     "/client/reconnect", "",
	  "exit with status 1 when the connection to the server is lost" },
	{ "plain",            0,   ROLE_LOCAL,  NULL,     false, NO,     "/client/screen", "",
	  "print lines on a terminal, too, in place of a screen" },
	{ "admin_socket",     0,   BOTH,        NULL,     false, TEXT,   "/admin/socket", "PATH", NULL },
	{ "secret",           's', ROLE_SERVER, NULL,     true,  SECRETS, "/auth[hmac]/secret", "TEXT",
	  "secret that clients must know, or several with commas between them (other users of this "
	  "machine may see a flag: prefer a variable or a file)" },
	{ "secret",           's', ROLE_LOCAL,  NULL,     true,  SECRET, "/auth[hmac]/secret", "TEXT",
	  "secret that server and client share (other users of this machine may see a flag: prefer a "
	  "variable or a file)" },
	{ "secret_file",      0,   BOTH,        NULL,     false, PATH,   "/auth[hmac]/secret", "PATH",
	  "file that contains the secret" },
	{ "metrics_port",     0,   BOTH,        NULL,     false, NUMBER, "/metrics[prometheus]/port", "PORT",
	  "serve metrics over HTTP on this port of the loopback address" },
	{ "tls",              0,   BOTH,        NULL,     false, ENTRY,  "/transport[tls]", "",
	  "use TLS" },
	{ "certfile",         0,   BOTH,        NULL,     false, TEXT,   "/transport[tls]/certfile", "PATH",
	  "certificate with its chain, PEM (with --tls)" },
	{ "keyfile",          0,   BOTH,        NULL,     false, TEXT,   "/transport[tls]/keyfile", "PATH",
	  "private key of the certificate, PEM (with --tls)" },
	{ "client_certfile",  0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/transport[tls]/certfile", "PATH",
	  "alias of --certfile" },
	{ "client_keyfile",   0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/transport[tls]/keyfile", "PATH",
	  "alias of --keyfile" },
	{ "cacertfile",       0,   ROLE_SERVER, NULL,     false, TEXT,   "/transport[tls]/cacertfile", "PATH",
	  "authorities, PEM; one of them must have issued the certificate of each client (with "
	  "--tls)" },
	{ "cacertfile",       0,   ROLE_LOCAL,  NULL,     false, TEXT,   "/transport[tls]/cacertfile", "PATH",
	  "authorities, PEM, to trust instead of the system's (with --tls)" },
	{ "insecure",         0,   ROLE_LOCAL,  NULL,     false, YES,    "/transport[tls]/insecure", "",
	  "do not verify the server's certificate; only for tests (with --tls)" },
	{ "log_level",        0,   BOTH,        NULL,     false, TEXT,   "/log/level", "LEVEL", NULL },
	{ "log_format",       0,   BOTH,        NULL,     false, TEXT,   "/log/format", "FORMAT", NULL },
	{ "log_visitors",     0,   BOTH,        NULL,     false, YES,    "/log/visitors", "",
	  "log a line for each visitor that has ended" },
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

const struct entry_keys shorthand_entry = {
	.section = "client",
	.list = "transport",
	.use = "via",
	.keys = {
		{ "proxy", "url", { "all_proxy", "ALL_PROXY" } },
		{ "proxy_password", "password", { NULL } },
		{ "no_proxy", "no_proxy", { "no_proxy", "NO_PROXY" } },
	},
};

const struct shorthand_client shorthand_clients[] = {
	{ "hmac", "identity", "secret", false, NULL },
	{ "password", "identity", "password", false, "tls" },
	{ "pubkey", NULL, "keyfile", true, "tls" },
};
const size_t n_shorthand_clients = sizeof shorthand_clients / sizeof *shorthand_clients;

static const char by_record[] =
	"a client uses \"hmac\", \"password\" or \"pubkey\", as its record says";
static const char by_password[] = "a client uses \"password\", with its name and password";

const struct shorthand_counterpart shorthand_counterparts[] = {
	{ "multi_secret", ROLE_LOCAL, "a client uses \"hmac\", with its own secret" },
	{ "http", ROLE_LOCAL, "a client uses \"hmac\", with its identity and secret" },
	{ "htpasswd", ROLE_LOCAL, by_password },
	{ "ldap", ROLE_LOCAL, by_password },
	{ "redis", ROLE_LOCAL, by_record },
	{ "postgres", ROLE_LOCAL, by_record },
	{ "mtls", ROLE_LOCAL,
	  "a client gives its certificate to the transport \"tls\" (certfile and keyfile)" },
	{ "password", ROLE_SERVER, "a server uses \"htpasswd\" or \"ldap\", for example" },
};
const size_t n_shorthand_counterparts = sizeof shorthand_counterparts /
                                        sizeof *shorthand_counterparts;

const struct shorthand_group shorthand_groups[] = {
	{ "Common flags",
	  { "--to", "--local-port", "--local-host", "--port", "--min-port", "--max-port",
	    "--secret-file", "--secret", "--tls", "--config", "--check", "--help" } },
	{ "Connections",
	  { "--local", "--control-port", "--bind-addr", "--bind-tunnels", "--tunnel-name",
	    "--send-proxy", "--retry", "--no-reconnect", "--ahead", "--proxy",
	    "--proxy-password-file", "--proxy-password" } },
	{ "Certificates",
	  { "--certfile", "--keyfile", "--client-certfile", "--client-keyfile", "--cacertfile",
	    "--insecure" } },
	{ "Access to the server", { "--allow", "--deny", "--max-conns-per-ip" } },
	{ "Operation",
	  { "--log-level", "--log-format", "--log-visitors", "--metrics-port", "--admin-socket",
	    "--watch", "--drain-timeout", "--plain", "--print-config", "--version" } },
	{ "Other flags", { NULL } },
};
const size_t n_shorthand_groups = sizeof shorthand_groups / sizeof *shorthand_groups;
