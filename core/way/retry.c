#include "way/retry.h"

#include <math.h>

#include "config/settings.h"

/* A port that the server chose is asked for again until the server has refused it MAX_PORT_REFUSALS
 * times. Then the client asks for any port. */
enum { MAX_PORT_REFUSALS = 5 };
enum { MAX_DOUBLINGS = 8 };
static const double first_s = 0.2;
/* The longest pause: where an attempt is cheap for both sides, and elsewhere. */
static const double short_s = 1.5, long_s = 30.0;
/* A port in use is often our own: after about fifteen seconds, which are so many refusals, the
 * server has found out that the old connection is dead. If the port is still in use, somebody else
 * has it. */
enum { OWN_PORT_REFUSALS = 16 };
/* After the way to the server has changed. */
enum { MAX_HURRIES = 16 };
static const double hurried_s = 0.3, prompt_s = 0.05;
/* On some machines news of the network never end. */
enum { NEWS_MS = 30000, NEWS_MOST = 4 };
/* The longest pause that a server can ask for: without TLS, anybody on the way can ask. */
static const double asked_s = 60.0;

void retry_init(struct retry *retry, const struct client_settings *settings, uint16_t wanted_port)
{
	*retry = (struct retry){ .settings = settings, .wanted_port = wanted_port };
	ration_init(&retry->news, NEWS_MS, NEWS_MOST);
}

uint16_t retry_port(const struct retry *retry)
{
	if (retry->wanted_port || retry->port_refusals >= MAX_PORT_REFUSALS)
		return retry->wanted_port;
	return retry->last_port;
}

bool retry_succeed(struct retry *retry, uint16_t port)
{
	bool is_new = !port || retry->last_port != port;

	retry->last_port = port;
	retry_start_over(retry);
	return is_new;
}

void retry_start_over(struct retry *retry)
{
	retry->losses = retry->port_refusals = retry->hurries = 0;
}

void retry_hurry(struct retry *retry)
{
	retry_start_over(retry);
	retry->hurries = MAX_HURRIES;
}

bool retry_take_news(struct retry *retry, int64_t now_ms)
{
	if (retry->losses > 0 && retry->last_status == CLIENT_PORT_REFUSED)
		return false;
	if (ration_take(&retry->news, now_ms) > 0)
		return false;
	retry_hurry(retry);
	return true;
}

struct loss retry_loss_of(enum refusal refusal, const char *why)
{
	static const enum client_exit statuses[] = {
		[SUBJECT_CONNECTION] = CLIENT_FAILED,
		[SUBJECT_TUNNEL] = CLIENT_FAILED,
		[SUBJECT_PORT] = CLIENT_PORT_REFUSED,
		[SUBJECT_IDENTITY] = CLIENT_NOT_AUTHENTICATED,
	};

	enum refusal_subject subject = refusal_subject(refusal);

	return (struct loss){ .why = why,
		              .status = statuses[subject],
		              .is_of_tunnel = subject == SUBJECT_TUNNEL ||
		                              subject == SUBJECT_PORT || refusal == REFUSED_UNKNOWN,
		              .retry = refusal_retry(refusal),
		              .is_unreached = refusal == REFUSED_DRAINING };
}

bool retry_is_due(const struct retry *retry, const struct loss *loss)
{
	const struct client_settings *settings = retry->settings;
	bool has_stood = retry->last_port || retry->is_late;
	bool is_allowed = has_stood ? settings->reconnect : settings->retry;

	switch (loss->retry) {
	case RETRY_NEVER:
		return false;
	case RETRY_ANY_PORT: /* the server chose the last port, and may choose another one */
		return is_allowed && retry->last_port && !retry->wanted_port;
	case RETRY_LATER:
		return is_allowed;
	case RETRY_WHEN_ASKED: /* the server has not refused the client: it asks it to wait */
		return settings->reconnect || settings->retry;
	}
	return false;
}

bool retry_may_depend(const struct retry *retry, const struct loss *loss)
{
	return !retry->last_port && (loss->retry == RETRY_LATER || loss->retry == RETRY_WHEN_ASKED);
}

bool retry_is_news(const struct retry *retry, const struct loss *loss)
{
	unsigned n = retry->losses + 1;

	return loss->status != retry->last_status || (n & (n - 1)) == 0 || n % 512 == 0;
}

/* The longest pause after this loss. */
static double most_pause_s(const struct retry *retry, const struct loss *loss)
{
	bool is_port = loss->status == CLIENT_PORT_REFUSED;

	/* If no server answers, one may be starting. */
	return loss->is_unreached || (is_port && retry->port_refusals < OWN_PORT_REFUSALS) ? short_s
	                                                                                   : long_s;
}

/* Is this the refusal of a port that the tunnel's old connection has, most likely? */
static bool take_hurry(struct retry *retry, const struct loss *loss)
{
	if (loss->status != CLIENT_PORT_REFUSED || retry->hurries == 0)
		return false;
	retry->hurries--;
	return true;
}

/* The pause doubles with each loss. A random part of its second half is left out, so that the
 * clients of a server that returns do not all come at once. */
double retry_count(struct retry *retry, const struct loss *loss, double random)
{
	double most_s = most_pause_s(retry, loss);
	unsigned doublings = retry->losses < MAX_DOUBLINGS ? retry->losses : MAX_DOUBLINGS;
	double pause_s = first_s * (double)(1u << doublings);
	bool is_hurried = take_hurry(retry, loss);

	retry->losses++;
	retry->last_status = loss->status;
	retry->port_refusals += loss->status == CLIENT_PORT_REFUSED && !is_hurried;
	if (loss->wait_ms)
		return fmin((double)loss->wait_ms / 1000.0 + random, asked_s);
	if (loss->is_prompt)
		return prompt_s * random;
	pause_s = pause_s < most_s ? pause_s : most_s;
	if (is_hurried && pause_s > hurried_s)
		pause_s = hurried_s;
	return pause_s * (1.0 - 0.5 * random);
}
