/* json_writer - writes a JSON text (RFC 8259) into memory that grows.
 *
 * The caller writes a valid sequence: json_open and json_close in pairs, and in an object a key
 * before each value. Commas come by themselves. A failure of memory shows at the end. This code
 * is compiled into each plugin that uses it. */
#ifndef COMMON_JSON_WRITER_H
#define COMMON_JSON_WRITER_H

#include <spore/base.h>
#include <stdbool.h>

/* A zeroed struct is empty. */
struct json_writer {
	char *bytes; /* owned */
	size_t len, room;
	bool has_failed, needs_comma;
};

/* [any] */
void json_writer_open(struct json_writer *json, char bracket);  /* '{' or '[' */
void json_writer_close(struct json_writer *json, char bracket); /* '}' or ']' */
void json_writer_key(struct json_writer *json, const char *key);
/* A byte that is no UTF-8 becomes U+FFFD. */
void json_writer_string(struct json_writer *json, spore_str text);
void json_writer_number(struct json_writer *json, int64_t value);
void json_writer_bool(struct json_writer *json, bool value);
/* The bytes in lower-case hexadecimal. */
void json_writer_hex(struct json_writer *json, spore_str bytes);
/* True: `bytes` and `len` are the whole text. */
bool json_writer_is_good(const struct json_writer *json);
/* Wipes and frees; the struct is empty again. */
void json_writer_fini(struct json_writer *json);

#endif
