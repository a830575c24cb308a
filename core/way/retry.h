/* retry - decides whether, when and with which port a client opens a lost tunnel again. Pure.
 *
 * An attempt that fails and a tunnel that is lost are both a loss. */
#ifndef CORE_WAY_RETRY_H
#define CORE_WAY_RETRY_H

#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/shortage.h"
#include "way/exit.h"
#include "way/ration.h"
#include "way/servers.h"
#include "wire/refusal.h"

struct client_settings;

struct retry {
	const struct client_settings *settings; /* borrowed */
	uint16_t wanted_port;                   /* configured; 0: the server chooses */
	uint16_t last_port;                     /* public port of this tunnel; 0: it never stood */
	bool is_late;     /* a reload has opened it: it is tried again as one that has stood */
	unsigned hurries; /* so many refusals of the port are followed by a short pause */
	unsigned losses;  /* in a row; since the tunnel last stood */
	unsigned port_refusals;       /* losses among them because of the port */
	enum client_exit last_status; /* of the last loss */
	struct ration news;           /* how often news of the network shortens the pauses */
};

struct loss {
	const char *why; /* for the log */
	enum client_exit status;
	enum refusal_retry retry;
	bool is_unreached;   /* no server answers, or one that ends: another may come at any time */
	bool is_prompt;      /* its cause was found at once: the next attempt may help now */
	bool is_lasting;     /* most likely the next attempt fails, too, until someone mends it */
	enum shortage lacks; /* what this machine lacked for the connection */
	bool is_of_tunnel;   /* the client was let in, and this tunnel refused; or that may be */
	int64_t wait_ms;     /* what the server asks for; 0: nothing */
	struct server_place by; /* the server that asks for it */
};

void retry_init(struct retry *retry, const struct client_settings *settings, uint16_t wanted_port);
/* The public port to ask for; 0: any. */
uint16_t retry_port(const struct retry *retry);
/* The tunnel stands at this public port. True if it is not the port that it had before. */
bool retry_succeed(struct retry *retry, uint16_t port);
/* The next attempts are as the first ones after a loss. */
void retry_start_over(struct retry *retry);

/* The way to the server may have changed: the next attempts are as the first ones after a loss. If
 * the server has the port for the tunnel's old connection, it finds out within about two seconds
 * that this one is dead, and is asked again soon. */
void retry_hurry(struct retry *retry);
/* The same for a tunnel whose own connection is not known to be lost. False, and nothing changes:
 * the server was reached and has refused the port, so it is another program's, or there was such
 * news often of late. now_ms: of clock_ms. */
bool retry_take_news(struct retry *retry, int64_t now_ms);

/* The loss that an Error of the server means. `why` is borrowed. */
struct loss retry_loss_of(enum refusal refusal, const char *why);
/* Another attempt may help, and the operator allows it. */
bool retry_is_due(const struct retry *retry, const struct loss *loss);
/* Another attempt may help a tunnel that has never stood. It is made even without the operator's
 * wish, as long as another tunnel of the client lives. */
bool retry_may_depend(const struct retry *retry, const struct loss *loss);
/* Is this loss, which is not counted yet, worth a line in the log? The first one is, one of another
 * kind than the last, then the 2nd, 4th, 8th in a row and so on, and every 512th. */
bool retry_is_news(const struct retry *retry, const struct loss *loss);
/* Counts the loss and returns the seconds until the next attempt: what the server asks for, at most
 * a minute, or what the client chooses. random: from 0 to 1. */
double retry_count(struct retry *retry, const struct loss *loss, double random);

#endif
