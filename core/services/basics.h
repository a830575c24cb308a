/* basics - of spore_host: time, randomness, digests, and the number of a worker. [any] */
#ifndef CORE_BASICS_H
#define CORE_BASICS_H

#include <spore/host.h>

int64_t host_now_ms(void);
spore_status host_random(void *buf, size_t len);
int64_t host_wall_ms(void);
spore_status host_sha256(const void *data, size_t len, uint8_t digest_out[32]);
spore_status host_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                              uint8_t mac_out[32]);
uint32_t host_equal(const void *a, const void *b, size_t len);
uint32_t host_worker_index(const spore_worker *worker);

#endif
