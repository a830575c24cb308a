#include "net/silence.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t patience_ms(const struct tcp_info *info, int64_t least_ms)
{
	return larger(least_ms, (int64_t)info->tcpi_rtt * SILENCE_RTTS / 1000);
}

/* How long ago the oldest unacknowledged byte was sent, at least. The current wait is W, and the n
 * waits before it were W/2, W/4, ... W/2^n, which add up to W - W/2^n. */
static int64_t least_age_ms(const struct tcp_info *info)
{
	int64_t wait_ms = info->tcpi_rto / 1000;
	unsigned n = info->tcpi_retransmits < 30 ? info->tcpi_retransmits : 30;

	return wait_ms - (wait_ms >> n) + info->tcpi_last_data_sent;
}

bool silence_follows_from(const struct tcp_info *info)
{
	int64_t unheard_ms = smaller(info->tcpi_last_ack_recv, info->tcpi_last_data_recv);
	int64_t silent_ms = smaller(least_age_ms(info), unheard_ms);
	bool was_repeated = info->tcpi_unacked > 0 && info->tcpi_retransmits >= SILENCE_REPEATS;
	/* The peer has had the time to answer what was sent last. */
	bool was_answerable = (int64_t)info->tcpi_last_data_sent * 1000 > info->tcpi_rtt;

	return was_repeated && was_answerable && silent_ms > patience_ms(info, SILENCE_LEAST_MS);
}

static bool ask_kernel(int fd, struct tcp_info *info_out)
{
	socklen_t len = sizeof *info_out;

	*info_out = (struct tcp_info){ 0 };
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info_out, &len) == 0;
}

bool silence_is_proven(int fd)
{
	struct tcp_info info;

	return ask_kernel(fd, &info) && silence_follows_from(&info);
}

int64_t silence_patience_ms(int fd, int64_t least_ms)
{
	struct tcp_info info;

	return ask_kernel(fd, &info) ? patience_ms(&info, least_ms) : least_ms;
}
