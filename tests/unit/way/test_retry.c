#include "way/retry.h"

#include "config/settings.h"
#include "suite.h"

static const struct client_settings both = { .reconnect = true, .retry = true };
static const struct client_settings reconnect = { .reconnect = true };
static const struct client_settings retry_only = { .retry = true };
static const struct client_settings neither = { 0 };

static struct loss loss_of(enum refusal refusal)
{
	return retry_loss_of(refusal, refusal_text(refusal));
}

static bool is_due(const struct client_settings *settings, uint16_t wanted, uint16_t last,
                   enum refusal refusal)
{
	struct loss loss = loss_of(refusal);
	struct retry retry;

	retry_init(&retry, settings, wanted);
	retry.last_port = last;
	return retry_is_due(&retry, &loss);
}

START_TEST(statuses_of_refusals)
{
	static const struct {
		enum refusal refusal;
		enum client_exit status;
	} rows[] = {
		{ REFUSED_NO_SECRET, CLIENT_NOT_AUTHENTICATED },
		{ REFUSED_WRONG_SECRET, CLIENT_NOT_AUTHENTICATED },
		{ REFUSED_UNKNOWN_CLIENT, CLIENT_NOT_AUTHENTICATED },
		{ REFUSED_REVOKED, CLIENT_NOT_AUTHENTICATED },
		{ REFUSED_PORT_IN_USE, CLIENT_PORT_REFUSED },
		{ REFUSED_NO_PORT_LEFT, CLIENT_PORT_REFUSED },
		{ REFUSED_PORT_NOT_ALLOWED, CLIENT_PORT_REFUSED },
		{ REFUSED_PORT_NOT_BOUND, CLIENT_PORT_REFUSED },
		{ REFUSED_PORT_PERMISSION, CLIENT_PORT_REFUSED },
		{ REFUSED_TOO_MANY_TRIES, CLIENT_FAILED },
		{ REFUSED_TOO_MANY_TUNNELS, CLIENT_FAILED },
		{ REFUSED_DRAINING, CLIENT_FAILED },
		{ REFUSED_UNKNOWN, CLIENT_FAILED },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct loss loss = loss_of(rows[i].refusal);

		ck_assert_int_eq(loss.status, rows[i].status);
		ck_assert_str_eq(loss.why, refusal_text(rows[i].refusal));
		ck_assert_int_eq(loss.is_unreached, rows[i].refusal == REFUSED_DRAINING);
		ck_assert_int_eq(loss.is_of_tunnel,
		                 rows[i].status == CLIENT_PORT_REFUSED ||
		                         rows[i].refusal == REFUSED_TOO_MANY_TUNNELS ||
		                         rows[i].refusal == REFUSED_UNKNOWN);
	}
}
END_TEST

/* A cause that may pass: --retry counts until the tunnel stood, --no-reconnect after that. */
START_TEST(first_attempts_and_later_ones_have_options_of_their_own)
{
	ck_assert(is_due(&retry_only, 0, 0, REFUSED_PORT_IN_USE));
	ck_assert(!is_due(&reconnect, 0, 0, REFUSED_PORT_IN_USE));
	ck_assert(!is_due(&retry_only, 0, 1234, REFUSED_PORT_IN_USE));
	ck_assert(is_due(&reconnect, 0, 1234, REFUSED_PORT_IN_USE));
	ck_assert(!is_due(&neither, 0, 0, REFUSED_UNKNOWN));
	ck_assert(!is_due(&neither, 0, 1234, REFUSED_UNKNOWN));
}
END_TEST

START_TEST(wrong_secrets_are_never_tried_again)
{
	for (uint16_t last = 0; last < 2; last++) {
		ck_assert(!is_due(&both, 0, last, REFUSED_WRONG_SECRET));
		ck_assert(!is_due(&both, 0, last, REFUSED_NO_SECRET));
		ck_assert(!is_due(&both, 0, last, REFUSED_REVOKED));
		ck_assert(!is_due(&both, 0, last, REFUSED_KICKED));
	}
}
END_TEST

START_TEST(server_that_asks_for_patience_gets_it)
{
	ck_assert(is_due(&reconnect, 0, 0, REFUSED_TOO_MANY_TRIES));
	ck_assert(is_due(&retry_only, 0, 1234, REFUSED_TOO_MANY_TRIES));
	ck_assert(!is_due(&neither, 0, 1234, REFUSED_TOO_MANY_TRIES));
}
END_TEST

/* Whatever the operator has said about retries. */
START_TEST(a_tunnel_that_never_stood_may_depend_on_others)
{
	static const struct {
		enum refusal refusal;
		bool may;
	} rows[] = { { REFUSED_PORT_IN_USE, true },
		     { REFUSED_TOO_MANY_TUNNELS, true },
		     { REFUSED_SOURCE, true },
		     { REFUSED_WRONG_SECRET, false },
		     { REFUSED_PORT_NOT_ALLOWED, false } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct loss loss = loss_of(rows[i].refusal);
		struct retry retry;

		retry_init(&retry, &neither, 0);
		ck_assert_int_eq(retry_may_depend(&retry, &loss), rows[i].may);
		retry_succeed(&retry, 1234);
		ck_assert(!retry_may_depend(&retry, &loss));
	}
}
END_TEST

/* Only a port that the server chose can be replaced by another one. */
START_TEST(refused_port_is_tried_again_when_another_will_do)
{
	static const enum refusal ports[] = { REFUSED_PORT_NOT_ALLOWED, REFUSED_PORT_NOT_BOUND,
		                              REFUSED_PORT_PERMISSION };

	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		ck_assert(is_due(&both, 0, 1234, ports[i]));
		ck_assert(!is_due(&both, 0, 0, ports[i]));
		ck_assert(!is_due(&both, 1234, 1234, ports[i]));
		ck_assert(!is_due(&retry_only, 0, 1234, ports[i]));
	}
}
END_TEST

START_TEST(port_of_the_last_tunnel_is_asked_for_until_it_was_refused_five_times)
{
	struct loss taken = loss_of(REFUSED_PORT_IN_USE), gone = loss_of(REFUSED_UNKNOWN);
	struct retry retry;

	retry_init(&retry, &both, 0);
	ck_assert_uint_eq(retry_port(&retry), 0);
	ck_assert(retry_succeed(&retry, 1234));
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(retry_port(&retry), 1234);
		retry_count(&retry, &taken, 0.0);
		retry_count(&retry, &gone, 0.0); /* counts no refusal */
	}
	ck_assert_uint_eq(retry_port(&retry), 0);
	ck_assert(retry_succeed(&retry, 5678));
	ck_assert_uint_eq(retry_port(&retry), 5678);
	ck_assert(!retry_succeed(&retry, 5678));
	ck_assert(retry_succeed(&retry, 0));
}
END_TEST

START_TEST(configured_port_is_always_asked_for)
{
	struct loss taken = loss_of(REFUSED_PORT_IN_USE);
	struct retry retry;

	retry_init(&retry, &both, 77);
	for (int i = 0; i < 9; i++) {
		ck_assert_uint_eq(retry_port(&retry), 77);
		retry_count(&retry, &taken, 0.0);
	}
}
END_TEST

static void check_pause(double got, double expected)
{
	ck_assert_msg(got > expected - 1e-9 && got < expected + 1e-9, "%f, not %f", got, expected);
}

/* A random part is added to it; more than a minute is too much to ask. */
START_TEST(server_that_names_a_time_gets_it)
{
	struct loss banned = loss_of(REFUSED_SOURCE);
	struct retry retry;

	retry_init(&retry, &both, 0);
	banned.wait_ms = 42000;
	check_pause(retry_count(&retry, &banned, 0.0), 42);
	check_pause(retry_count(&retry, &banned, 0.5), 42.5);
	banned.wait_ms = 86400000;
	check_pause(retry_count(&retry, &banned, 0.5), 60);
	ck_assert(is_due(&reconnect, 0, 0, REFUSED_SOURCE));
}
END_TEST

START_TEST(pauses_double_up_to_a_bound)
{
	static const double expected[] = { 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30 };
	struct loss gone = loss_of(REFUSED_UNKNOWN);
	struct retry retry;

	retry_init(&retry, &both, 0);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		check_pause(retry_count(&retry, &gone, 0.0), expected[i]);
	ck_assert_uint_eq(retry.losses, sizeof expected / sizeof *expected);
	retry_succeed(&retry, 1234);
	check_pause(retry_count(&retry, &gone, 0.0), 0.2);
	check_pause(retry_count(&retry, &gone, 0.0), 0.4);
	retry_start_over(&retry);
	check_pause(retry_count(&retry, &gone, 0.0), 0.2);
	ck_assert_uint_eq(retry.last_port, 1234);
}
END_TEST

START_TEST(a_row_of_losses_is_news_ever_more_rarely)
{
	static const unsigned told[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1536 };
	struct loss loss = { .status = CLIENT_FAILED, .retry = RETRY_LATER };
	struct retry retry;
	size_t n = 0;

	retry_init(&retry, &(const struct client_settings){ .retry = true }, 0);
	for (unsigned i = 1; i <= 1600; i++) {
		if (retry_is_news(&retry, &loss))
			ck_assert_uint_eq(told[n++], i);
		retry_count(&retry, &loss, 0);
	}
	ck_assert_uint_eq(n, sizeof told / sizeof *told);
	loss.status = CLIENT_PORT_REFUSED;
	ck_assert(retry_is_news(&retry, &loss));
	retry_count(&retry, &loss, 0);
	ck_assert(!retry_is_news(&retry, &loss));
}
END_TEST

static double pause_after(struct retry *retry, const struct loss *loss)
{
	return retry_count(retry, loss, 0.0);
}

/* If no server answers, one may be starting. */
START_TEST(pauses_are_short_where_nobody_answers)
{
	struct loss loss = { .why = "", .status = CLIENT_FAILED, .is_unreached = true };
	struct retry retry;

	retry_init(&retry, &both, 0);
	for (int tries = 0; tries < 40; tries++)
		ck_assert(pause_after(&retry, &loss) <= 1.5);
	check_pause(retry_count(&retry, &loss, 0.0), 1.5);
	check_pause(retry_count(&retry, &loss, 1.0), 0.75);
	check_pause(retry_count(&retry, &loss, 0.5), 1.125);
}
END_TEST

/* It may be our own, for as long as the server needs to find out. Then somebody else has it. */
START_TEST(a_port_in_use_is_asked_for_often_at_first_and_then_calmly)
{
	struct loss loss = loss_of(REFUSED_PORT_IN_USE);
	double total_s = 0;
	struct retry retry;

	retry_init(&retry, &both, 77);
	for (int tries = 0; tries < 16; tries++) {
		double pause_s = pause_after(&retry, &loss);

		ck_assert(pause_s <= 1.5);
		total_s += pause_s;
	}
	ck_assert(total_s > 20 && total_s < 25);
	check_pause(pause_after(&retry, &loss), 30);
	check_pause(pause_after(&retry, &loss), 30);
	retry_succeed(&retry, 77);
	check_pause(pause_after(&retry, &loss), 0.2);
}
END_TEST

START_TEST(after_a_change_of_the_network_the_port_is_asked_for_often)
{
	struct loss lost = { .retry = RETRY_LATER, .status = CLIENT_FAILED, .is_prompt = true };
	struct loss refused = loss_of(REFUSED_PORT_IN_USE);
	struct retry retry;
	double total_s = 0;

	retry_init(&retry, &both, 0);
	retry_succeed(&retry, 77);
	for (int i = 0; i < 9; i++)
		retry_count(&retry, &refused, 0.5);
	ck_assert_uint_eq(retry_port(&retry), 0);
	retry_hurry(&retry);
	ck_assert(retry_count(&retry, &lost, 1.0) <= 0.05);
	for (int i = 0; i < 10; i++) {
		double pause_s = retry_count(&retry, &refused, 0.0);

		ck_assert(pause_s <= 0.3);
		total_s += pause_s;
		ck_assert_uint_eq(retry_port(&retry), 77); /* it is our own, most likely */
	}
	ck_assert(total_s > 2.5);
	for (int i = 0; i < 11; i++)
		retry_count(&retry, &refused, 0.0);
	ck_assert_uint_eq(retry_port(&retry), 0);
	retry_hurry(&retry);
	retry_succeed(&retry, 77);
	for (int i = 0; i < 5; i++)
		retry_count(&retry, &refused, 0.0);
	ck_assert_uint_eq(retry_port(&retry), 0);
}
END_TEST

START_TEST(news_of_the_network_leave_a_port_of_another_program_alone)
{
	struct loss lost = { .status = CLIENT_FAILED, .retry = RETRY_LATER };
	struct loss refused = { .status = CLIENT_PORT_REFUSED, .retry = RETRY_LATER };
	struct retry retry;

	retry_init(&retry, &(const struct client_settings){ .reconnect = true }, 77);
	retry_succeed(&retry, 77);
	retry_count(&retry, &lost, 0.0);
	for (int i = 0; i < 9; i++)
		retry_count(&retry, &refused, 0.0);
	ck_assert(!retry_take_news(&retry, 1000));
	ck_assert_uint_eq(retry.losses, 10);
	ck_assert_uint_eq(retry.hurries, 0);
	retry_hurry(&retry); /* its own connection was lost */
	ck_assert(retry_count(&retry, &refused, 0.0) <= 0.3);
	ck_assert(!retry_take_news(&retry, 1000));
	retry_succeed(&retry, 77);
	ck_assert(retry_take_news(&retry, 1000));
}
END_TEST

START_TEST(news_of_the_network_shorten_a_few_pauses_only)
{
	struct loss lost = { .status = CLIENT_FAILED, .retry = RETRY_LATER };
	struct retry retry;
	unsigned n = 0;

	retry_init(&retry, &(const struct client_settings){ .retry = true }, 0);
	for (int64_t ms = 0; ms < 600000; ms += 5000) {
		for (int i = 0; i < 9; i++)
			retry_count(&retry, &lost, 0.0);
		if (retry_take_news(&retry, ms)) {
			ck_assert(retry_count(&retry, &lost, 0.0) <= 0.2);
			n++;
		} else {
			ck_assert(retry_count(&retry, &lost, 0.0) >= 25.0);
		}
	}
	ck_assert_uint_ge(n, 20);
	ck_assert_uint_le(n, 24);
}
END_TEST

SUITE("retry", a_tunnel_that_never_stood_may_depend_on_others,
      a_row_of_losses_is_news_ever_more_rarely, statuses_of_refusals,
      first_attempts_and_later_ones_have_options_of_their_own, wrong_secrets_are_never_tried_again,
      server_that_asks_for_patience_gets_it, refused_port_is_tried_again_when_another_will_do,
      port_of_the_last_tunnel_is_asked_for_until_it_was_refused_five_times,
      configured_port_is_always_asked_for, server_that_names_a_time_gets_it,
      pauses_double_up_to_a_bound, pauses_are_short_where_nobody_answers,
      a_port_in_use_is_asked_for_often_at_first_and_then_calmly,
      after_a_change_of_the_network_the_port_is_asked_for_often,
      news_of_the_network_leave_a_port_of_another_program_alone,
      news_of_the_network_shorten_a_few_pauses_only)
