/* list_file - reads a list from a text file with one element per line: {"file": "office.txt"}.
 * [main]
 *
 *     # the office
 *     192.0.2.0/24
 *     2001:db8::/32    # a comment also starts at a '#' after white space
 *
 * The text is UTF-8, with or without a byte order mark. A line ends with LF or CRLF. */
#ifndef CORE_LIST_FILE_H
#define CORE_LIST_FILE_H

#include "option/scope.h"

/* Returns the elements as an array of strings that know their lines. `node` is the object that
 * stands in place of the array. NULL after adding the mistake to the diag. */
struct json *list_file_read(const struct option_scope *scope, const struct json *node);

#endif
