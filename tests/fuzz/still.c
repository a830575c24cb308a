#include "still.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Atomic: threads of the core's pools look at the clock, too. */
static atomic_int_fast64_t now_ms = 1000000;
static uint64_t dice;

int __wrap_RAND_bytes(unsigned char *bytes, int n);

void still_begin(void)
{
	dice = 0;
}

void still_pass(int64_t ms)
{
	atomic_fetch_add(&now_ms, ms);
}

/* In place of the C library's, for libev, too. Other clocks run as ever: libFuzzer counts its time.
 */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t ms = atomic_load(&now_ms);

	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, now);
	now->tv_sec = ms / 1000;
	now->tv_nsec = ms % 1000 * 1000000;
	return 0;
}

/* In place of OpenSSL's, for the core (see CMakeLists.txt): SplitMix64, to tell ids apart. */
int __wrap_RAND_bytes(unsigned char *bytes, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t z = dice += 0x9E3779B97F4A7C15;

		z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
		z = (z ^ z >> 27) * 0x94D049BB133111EB;
		bytes[i] = (unsigned char)(z >> 56);
	}
	return 1;
}
