/* reply - reads the status of an HTTP/1 reply, and the statuses that an operator expects. Pure. */
#ifndef CHECK_HTTP_REPLY_H
#define CHECK_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

enum { REPLY_MORE = 0, REPLY_INVALID = -1 };

/* The final status of the reply of which these bytes have come, 200 to 999. REPLY_MORE: it has not
 * come yet. REPLY_INVALID: the bytes are no HTTP/1 reply. Interim replies (1xx) are skipped. */
int reply_status(const char *bytes, size_t len);

/* Is `text` a list such as "200-299, 401", with statuses from 100 to 999? */
bool reply_is_list(const char *text);
/* list: a valid one. */
bool reply_is_expected(const char *list, int status);

#endif
