/* list_file - a list of texts that stands in a file, one a line: {"file": "office.txt"}. [main]
 *
 *     # the office
 *     192.0.2.0/24
 *     2001:db8::/32    # what stands behind white space and a '#' is a remark, too
 */
#ifndef CORE_LIST_FILE_H
#define CORE_LIST_FILE_H

#include "option/option.h"

/* The elements as an array of strings that know their lines. `node` is the object in place of the
 * array. NULL, and the diag says why. */
struct json *list_file_read(const struct option_scope *scope, const struct json *node);

#endif
