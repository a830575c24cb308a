#include "chain/config_stamp.h"

#include <string.h>

#include "config/effective.h"

/* Adds a name and its bytes to the stamp. The new stamp is a digest of the old one, of the name's
 * digest and of the bytes' digest. False: OpenSSL failed. */
static bool add_to_stamp(uint8_t stamp[CRYPTO_SHA256_SIZE], const char *name, const void *bytes,
                         size_t len)
{
	uint8_t all[3 * CRYPTO_SHA256_SIZE];
	bool good = crypto_sha256(name, strlen(name), all + CRYPTO_SHA256_SIZE) &&
	            crypto_sha256(bytes, len, all + (size_t)2 * CRYPTO_SHA256_SIZE);

	memcpy(all, stamp, CRYPTO_SHA256_SIZE);
	good = good && crypto_sha256(all, sizeof all, stamp);
	crypto_wipe(all, sizeof all);
	return good;
}

bool config_stamp(const struct option_table *table, const struct json *node, const void *conf,
                  const struct noted_file *files, size_t n_files,
                  uint8_t stamp_out[CRYPTO_SHA256_SIZE])
{
	struct effective values = { 0 };
	bool good = true;

	memset(stamp_out, 0, CRYPTO_SHA256_SIZE);
	effective_add(&values,
	              &(struct effective_part){
			      .table = table, .object = node, .conf = conf, .pointer = "" });
	good = !values.failed;
	for (size_t i = 0; i < values.n && good; i++)
		good = add_to_stamp(stamp_out, values.items[i].pointer, values.items[i].digest,
		                    sizeof values.items[i].digest);
	effective_fini(&values);
	for (size_t i = 0; i < n_files && good; i++)
		good = add_to_stamp(stamp_out, files[i].path, &files[i].stamp,
		                    sizeof files[i].stamp);
	return good;
}
