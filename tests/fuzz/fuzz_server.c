/* fuzz_server - the server's state machine, played by a crowd of clients and visitors: the input is
 * a program (server_program.h). */
#include "fuzz.h"
#include "host/grant.h"
#include "host/instance.h"
#include "scarce.h"
#include "server/server_worker.h"
#include "server_crowd.h"
#include "server_program.h"
#include "session/tunnel_session.h"
#include "still.h"

static struct house house;
static struct crowd crowd;

static enum act act_of(const uint8_t d[ACT_SIZE])
{
	return (enum act)((d[0] & ACT_MASK) % ACTS);
}

/* ---- acts ---- */

static void run_revision(struct house *at, void *arg)
{
	server_sessions_revise(&at->worker, arg);
}

static void revalidate(unsigned a, unsigned b)
{
	const struct chain *auth = house.worker.set->chains[CHAIN_AUTH];
	const char *identity = house.plan->identities[b & 1];
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = a >> 1 & 7,
		                     .max_tunnels = 1,
		                     .max_conns = a >> 4 & 3,
		                     .life_ms = 500 };
	struct revision revision = { .identity = spore_cstr(identity ? identity : "") };
	struct grant *grant = a & 1 ? NULL : grant_new(&result);

	if (auth->n == 0 || (!grant && !(a & 1))) { /* the second: FAINT */
		grant_free(grant);
		return;
	}
	revision.by = auth->items[b % auth->n];
	revision.grant = grant;
	revisions_add(&auth->items[b % auth->n]->revisions, revision.identity);
	house_call(&house, run_revision, &revision);
	grant_free(grant);
}

static void pass(unsigned a, unsigned b)
{
	/* About the deadlines: of a next frame, a heartbeat, lingering, a life, ... */
	static const int64_t times[] = { 0,    10,   50,   99,   450,  1000,
		                         2000, 2900, 5000, 6400, 8000, 9900 };

	house_pass(&house, times[a % (sizeof times / sizeof *times)] + b);
}

static void say_much(unsigned who, unsigned a)
{
	uint8_t much[64 * 256];

	memset(much, 'h', a * 64);
	memcpy(much, "Muc", 4); /* one end of a frame is enough: each costs time */
	crowd_say_bytes(&crowd, who, much, a * 64);
}

static void drain(unsigned a)
{
	house_drain(&house);
	if (a & 1)
		server_worker_stop_listening(&house.worker);
}

/* All but the sending and the running. Takes bytes for SAY_BYTES from `rest`, and says how many. */
static size_t perform(const uint8_t d[ACT_SIZE], const uint8_t *rest, size_t left)
{
	unsigned who = d[1] % CROWD_SIZE, a = d[2], b = d[3];
	size_t n = 0;

	switch (act_of(d)) {
	case CONNECT:
		crowd_connect(&crowd, who, a, !(b & 1));
		break;
	case VISIT:
		crowd_visit(&crowd, who, a, b);
		break;
	case SAY:
		crowd_say(&crowd, who, a % PHRASES, b);
		break;
	case SAY_BYTES:
		n = a % 16 * ACT_SIZE < left ? a % 16 * ACT_SIZE : left;
		crowd_say_bytes(&crowd, who, rest, n);
		break;
	case SAY_MUCH:
		say_much(who, a);
		break;
	case SEND:
		crowd_send(&crowd, who, a ? a : CROWD_MAX_OUT);
		break;
	case HALF_CLOSE:
		crowd_half_close(&crowd, who);
		break;
	case LEAVE:
	case RESET:
		crowd_leave(&crowd, who, act_of(d) == RESET);
		break;
	case DEAFEN:
		crowd.peers[who].deaf = !(a & 1);
		break;
	case PASS:
		pass(a, b);
		break;
	case STARVE:
		house_run_starved(&house);
		break;
	case FAINT:
		scarce_memory(a % 32);
		break;
	case REVALIDATE:
		revalidate(a, b);
		break;
	case DRAIN:
		drain(a);
		break;
	default:
		break;
	}
	return n;
}

/* True if the server ends before its crowd. */
static bool perform_all(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + ACT_SIZE <= size;) {
		const uint8_t *d = data + at;

		if (act_of(d) == END)
			return true;
		at += ACT_SIZE;
		at += perform(d, data + at, size - at);
		if (act_of(d) <= SAY_MUCH && !(d[0] & KEEP))
			crowd_send(&crowd, d[1] % CROWD_SIZE, CROWD_MAX_OUT);
		if (d[0] & LATER || act_of(d) == FAINT)
			continue;
		house_run(&house);
		scarce_memory(0);
		crowd_listen(&crowd);
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool ends;

	if (size == 0)
		return 0;
	still_begin();
	house_open(&house, data[0] % house_n_plans);
	crowd_init(&crowd, &house);
	ends = perform_all(data + 1, size - 1);
	scarce_memory(0);
	if (ends)
		house_end(&house);
	for (unsigned i = 0; i < CROWD_SIZE; i++)
		crowd_leave(&crowd, i, true);
	if (!ends) {
		house_settle(&house);
		house_end(&house);
	}
	house_close(&house);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	house_init(&house);
	return 0;
}
