#include "client/retry.h"

#include "config/settings.h"

/* A port that the server chose is asked for again until the server has refused it MAX_PORT_REFUSALS
 * times. Then the client asks for any port. */
enum { MAX_PORT_REFUSALS = 5 };
enum { MAX_DOUBLINGS = 8 };
static const double first_s = 0.2;
/* The longest pause: where an attempt is cheap for both sides, and elsewhere. */
static const double short_s = 1.5, long_s = 30.0;

void retry_init(struct retry *retry, const struct client_settings *settings, uint16_t wanted_port)
{
	*retry = (struct retry){ .settings = settings, .wanted_port = wanted_port };
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
	retry->losses = retry->port_refusals = 0;
	return is_new;
}

struct loss retry_loss_of(enum refusal refusal, const char *why)
{
	static const enum client_exit statuses[] = {
		[SUBJECT_CONNECTION] = CLIENT_FAILED,
		[SUBJECT_PORT] = CLIENT_PORT_REFUSED,
		[SUBJECT_IDENTITY] = CLIENT_NOT_AUTHENTICATED,
	};

	return (struct loss){ .why = why,
		              .status = statuses[refusal_subject(refusal)],
		              .retry = refusal_retry(refusal) };
}

bool retry_is_due(const struct retry *retry, const struct loss *loss)
{
	const struct client_settings *settings = retry->settings;
	bool is_allowed = retry->last_port ? settings->reconnect : settings->retry;

	switch (loss->retry) {
	case RETRY_NEVER:
		return false;
	case RETRY_ANY_PORT: /* the server chose the last port, and may choose another one */
		return is_allowed && retry->last_port && !retry->wanted_port;
	case RETRY_LATER:
		return is_allowed;
	case RETRY_WHEN_ASKED: /* the server has not refused: it asks for patience */
		return settings->reconnect || settings->retry;
	}
	return false;
}

bool retry_is_news(const struct retry *retry, const struct loss *loss)
{
	unsigned n = retry->losses + 1;

	return loss->status != retry->last_status || (n & (n - 1)) == 0 || n % 512 == 0;
}

/* The pause doubles with each loss. A random part of its second half is left out, so that the
 * clients of a server that returns do not all come at once. */
double retry_count(struct retry *retry, const struct loss *loss, double random)
{
	/* A port in use is often our own, soon to be released. If no server answers, one may be
	 * starting. */
	bool is_port = loss->status == CLIENT_PORT_REFUSED;
	double most_s = is_port || loss->is_unreached ? short_s : long_s;
	unsigned doublings = retry->losses < MAX_DOUBLINGS ? retry->losses : MAX_DOUBLINGS;
	double pause_s = first_s * (double)(1u << doublings);

	retry->losses++;
	retry->last_status = loss->status;
	retry->port_refusals += is_port;
	pause_s = pause_s < most_s ? pause_s : most_s;
	return pause_s * (1.0 - 0.5 * random);
}
