/* reply - a JSON text from outside, such as the reply of a plugin's back-end, as a read-only tree.
 *
 * The text is read strictly: nothing is mended, and a key that is repeated, a \u0000 or a number
 * that is too large for a double is a mistake. The size and the number of values are limited,
 * because a value takes some hundred bytes. [any] */
#ifndef CORE_REPLY_H
#define CORE_REPLY_H

#include <spore/base.h>

#include "json/json.h"

enum { REPLY_MAX_BYTES = 1 << 20, REPLY_MAX_VALUES = 1 << 14 };

/* Returns SPORE_OK and the root of the tree, or SPORE_ENOMEM, or SPORE_EINVAL and a message that
 * says where the first mistake is and what was expected. The message contains nothing of the text.
 * `error_out` is a buffer of `error_size` bytes for it, which may be 0. */
spore_status reply_parse(const char *text, size_t len, struct json **root_out, char *error_out,
                         size_t error_size);
/* Wipes and frees the tree of this root. NULL is fine. False: it is not the root of a reply. */
bool reply_free(struct json *root);

#endif
