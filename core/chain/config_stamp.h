/* config_stamp - a digest of what the configuration of one instance says: the values of its
 * options, secrets included, and the states of the files that they name. Two instances with the
 * same stamp judge alike. [control] */
#ifndef CORE_CONFIG_STAMP_H
#define CORE_CONFIG_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "files/files.h"

struct json;
struct option_table;

/* node: the instance in the configuration. conf: what the table has filled from the node. files:
 * those that were read for this. False: out of memory. */
bool config_stamp(const struct option_table *table, const struct json *node, const void *conf,
                  const struct noted_file *files, size_t n_files,
                  uint8_t stamp_out[CRYPTO_SHA256_SIZE]);

#endif
