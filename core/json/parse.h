/* parse - reads a JSON text into nodes: scanned strictly (scan), parsed by cJSON, then copied into
 * nodes that know their offsets. A text with mistakes may still be read (mend), to find more of
 * them. Not thread-safe for one document. */
#ifndef CORE_PARSE_H
#define CORE_PARSE_H

#include "json/json.h"
#include "json/mend.h"

struct json_error {
	size_t offset;
	char text[256]; /* "expected ..., found ..." */
};

/* Reads the source's text. NULL and *error_out on the first mistake. The node has no parent yet. */
struct json *json_parse(struct json_doc *doc, struct json_source *source,
                        struct json_error *error_out);
/* Like json_parse, but reports all mistakes and returns what it could read in spite of them; NULL
 * if it could read nothing. */
struct json *json_parse_all(struct json_doc *doc, struct json_source *source, mend_report *report,
                            void *arg);

#endif
