/* The plans of server_house: between them every way into the server. */
#include "server_house.h"

/* Small, so that a few connections reach them; one source is an exception. */
#define LIMITS                                                                                     \
	"\"limits\": {\"max_unauthenticated\": 8, \"max_unauthenticated_per_ip\": 5, "             \
	"\"secret_rate\": "                                                                        \
	"1,"                                                                                       \
	"\"secret_burst\": 4, \"ban_after\": 2, \"ban_time\": \"5s\", \"ban_exempt\": "            \
	"[\"127.0.0.13/32\"]}"
#define SERVER                                                                                     \
	"\"server\": {\"ports\": \"7834-7838\", \"reserved_ports\": [7836],"                       \
	"\"sndbuf\": \"4k\", \"recbuf\": \"4k\"}"
#define CONFIG(more) "{" SERVER "," LIMITS more "}"

static const char *const secrets[] = { "one", "two" };
static const char *const texts[] = { "alice", "bob", "later" };
static const char *const late_texts[] = { "x" };

const struct house_plan house_plans[] = {
	{ .config = CONFIG("") },
	{
		.config = CONFIG(", \"auth\": [{\"use\": \"hmac\", \"secret\": \"one\"}]"),
		.answers = secrets,
		.n_answers = 1,
		.hmac = true,
	},
	{
		/* Two secrets are two owners. */
		.config = CONFIG(
			", \"auth\": [{\"use\": \"hmac\", \"name\": \"a\", \"secret\": \"one\"},"
			"{\"use\": \"hmac\", \"name\": \"b\", \"secret\": \"two\"}]"),
		.answers = secrets,
		.n_answers = 2,
		.hmac = true,
	},
	{
		/* Names with policies and sessions, a verdict that takes its time, access lists. */
		.config = CONFIG(
			", \"auth\": [{\"use\": \"policy\", \"names\": [\"alice\", \"bob\"],"
			"\"max_tunnels\": 1, \"max_conns\": 2, \"life\": \"8s\", \"ports\": "
			"\"7834,7837\"},"
			"{\"use\": \"timer\", \"answer\": \"later\", \"twice\": true}],"
			"\"acl\": {\"control\": [{\"use\": \"deny\", \"point\": \"control\","
			"\"deny\": [\"127.0.0.13/32\"]}],"
			"\"public\": [{\"use\": \"deny\", \"point\": \"public\","
			"\"deny\": [\"127.0.0.12/32\"]}]}"),
		.answers = texts,
		.n_answers = 3,
		.identities = { "alice", "bob" },
	},
	{
		/* No Challenge: who comes from the right address is in. */
		.config = CONFIG(", \"auth\": [{\"use\": \"silent\", \"peer\": \"127.0.0.11\"}]"),
	},
	{
		/* A transport that is awkward at every call, and has a handshake. */
		.config = CONFIG(
			", \"auth\": [{\"use\": \"hmac\", \"secret\": \"one\"}],"
			"\"transport\": [{\"use\": \"xor\", \"key\": 90, \"handshake\": \"byte\","
			"\"chunk\": 24, \"hold\": 64, \"stutter\": true}]"),
		.answers = secrets,
		.n_answers = 1,
		.hmac = true,
		.coded = true,
	},
	{
		/* All are asked, and take their time; one fails. */
		.config = CONFIG(
			", \"auth\": [{\"use\": \"timer\", \"name\": \"first\", \"answer\": \"x\","
			"\"verdict\": \"next\"},"
			"{\"use\": \"timer\", \"name\": \"second\", \"answer\": \"x\", "
			"\"verdict\": "
			"\"fail\","
			"\"delay\": \"0.1\", \"keep\": true, \"twice\": true, \"on_error\": "
			"\"next\"},"
			"{\"use\": \"policy\", \"names\": [\"x\"]}]"),
		.answers = late_texts,
		.n_answers = 1,
		.identities = { "x", "x" },
	},
	{
		/* Nobody can be judged. */
		.config = CONFIG(", \"auth\": [{\"use\": \"timer\", \"answer\": \"x\", "
	                         "\"verdict\": \"fail\"}]"),
		.answers = late_texts,
		.n_answers = 1,
	},
};
const unsigned house_n_plans = sizeof house_plans / sizeof *house_plans;
