#include "net/silence.h"

#include <netinet/tcp.h>

#include "sockets.h"
#include "suite.h"

/* What the kernel reports n repetitions, and then last_sent_ms, after it has sent something to a
 * peer that vanished. The first wait is the round trip and 200 ms. */
static struct tcp_info vanished(unsigned rtt_ms, unsigned n, unsigned last_sent_ms)
{
	unsigned first_ms = rtt_ms + 200, age_ms = (first_ms << n) - first_ms + last_sent_ms;

	return (struct tcp_info){ .tcpi_unacked = 1,
		                  .tcpi_retransmits = (uint8_t)n,
		                  .tcpi_rto = (first_ms << n) * 1000,
		                  .tcpi_rtt = rtt_ms * 1000,
		                  .tcpi_last_data_sent = last_sent_ms,
		                  .tcpi_last_ack_recv = age_ms,
		                  .tcpi_last_data_recv = age_ms };
}

/* Milliseconds from the first byte that a vanished peer did not get to the proof. */
static unsigned time_to_proof(unsigned rtt_ms)
{
	for (unsigned n = 0, age_ms = 0; n < 10; n++) {
		unsigned wait_ms = (rtt_ms + 200) << n;

		for (unsigned sent_ms = 0; sent_ms < wait_ms; sent_ms++, age_ms++) {
			struct tcp_info info = vanished(rtt_ms, n, sent_ms);

			if (silence_follows_from(&info))
				return age_ms;
		}
	}
	return 0;
}

START_TEST(a_vanished_peer_is_found_in_multiples_of_the_round_trip)
{
	ck_assert_uint_eq(time_to_proof(0), SILENCE_LEAST_MS + 1);
	ck_assert_uint_le(time_to_proof(100), 2300); /* the third repetition has had its time */
	ck_assert_uint_eq(time_to_proof(600), 600 * SILENCE_RTTS + 1);
	ck_assert_uint_eq(time_to_proof(2000), 2000 * SILENCE_RTTS + 1);
}
END_TEST

/* The heartbeat before was acknowledged 9 s ago, and nothing was due since. */
START_TEST(one_repetition_after_a_long_pause_is_no_silence)
{
	struct tcp_info info = vanished(600, 1, 100);

	info.tcpi_last_ack_recv = info.tcpi_last_data_recv = 9000;
	ck_assert(!silence_follows_from(&info));
	info = vanished(600, 2, 1500);
	info.tcpi_last_ack_recv = info.tcpi_last_data_recv = 9000;
	ck_assert(!silence_follows_from(&info));
}
END_TEST

START_TEST(whatever_comes_from_the_peer_shows_that_it_is_there)
{
	struct tcp_info gone = vanished(600, 4, 5000), info = gone;

	ck_assert(silence_follows_from(&info));
	info.tcpi_last_ack_recv = 5000; /* a duplicate acknowledgement */
	ck_assert(!silence_follows_from(&info));
	info = gone;
	info.tcpi_last_data_recv = 5000;
	ck_assert(!silence_follows_from(&info));
	info = gone;
	info.tcpi_unacked = 0;
	ck_assert(!silence_follows_from(&info));
	info = gone;
	info.tcpi_last_data_sent = 500; /* the last repetition can still be answered */
	ck_assert(!silence_follows_from(&info));
}
END_TEST

START_TEST(a_peer_that_answers_is_not_silent)
{
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert_int_eq(send(fds[0], "x", 1, 0), 1);
	ck_assert(!silence_is_proven(fds[0]));
	ck_assert_int_eq(silence_patience_ms(fds[0], 1234), 1234);
	close(fds[0]);
	close(fds[1]);
	ck_assert(!silence_is_proven(fds[0])); /* no socket at all */
	ck_assert_int_eq(silence_patience_ms(fds[0], 1234), 1234);
}
END_TEST

SUITE("silence", a_vanished_peer_is_found_in_multiples_of_the_round_trip,
      one_repetition_after_a_long_pause_is_no_silence,
      whatever_comes_from_the_peer_shows_that_it_is_there, a_peer_that_answers_is_not_silent)
