#include "services/basics.h"

#include <limits.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "host/instance.h"
#include "log/mistake.h"
#include "loop/loop.h"
#include "services/backing.h"

int64_t host_now_ms(void)
{
	struct loop *loop = loop_current();
	bool on_worker = loop && loop_index(loop) < backing()->n_workers;

	return on_worker ? loop_now_ms(loop) : clock_ms();
}

spore_status host_random(void *buf, size_t len)
{
	if ((!buf && len) || len > INT_MAX)
		return mistake(NULL, "random", buf ? "len is above INT_MAX" : "buf is NULL");
	return crypto_random(buf, len) ? SPORE_OK : SPORE_ESYS;
}

int64_t host_wall_ms(void)
{
	return clock_wall_ms();
}

/* A plugin that ignores the failure must not find a value that an attacker could guess. */
static spore_status finish_digest(bool good, uint8_t out[CRYPTO_SHA256_SIZE])
{
	if (!good)
		crypto_random(out, CRYPTO_SHA256_SIZE);
	return good ? SPORE_OK : SPORE_ESYS;
}

static const char *digest_fault(const void *data, size_t len, const void *out)
{
	if (!out)
		return "the output is NULL";
	return !data && len ? "data is NULL" : NULL;
}

spore_status host_sha256(const void *data, size_t len, uint8_t digest_out[32])
{
	const char *fault = digest_fault(data, len, digest_out);

	if (!fault)
		return finish_digest(crypto_sha256(data, len, digest_out), digest_out);
	if (digest_out)
		finish_digest(false, digest_out);
	return mistake(NULL, "sha256", fault);
}

spore_status host_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                              uint8_t mac_out[32])
{
	const char *fault = !key && key_len ? "key is NULL" : digest_fault(data, len, mac_out);

	if (!fault)
		return finish_digest(crypto_hmac_sha256(key, key_len, data, len, mac_out), mac_out);
	if (mac_out)
		finish_digest(false, mac_out);
	return mistake(NULL, "hmac_sha256", fault);
}

uint32_t host_equal(const void *a, const void *b, size_t len)
{
	if (len == 0 || (a && b))
		return crypto_equal(a, b, len);
	mistake(NULL, "equal", "a or b is NULL");
	return 0;
}

uint32_t host_worker_index(const spore_worker *worker)
{
	if (worker)
		return instance_worker_index(worker);
	mistake(NULL, "worker_index", "worker is NULL");
	return UINT32_MAX;
}
