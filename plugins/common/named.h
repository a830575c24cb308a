/* named - an answer with the client's name in front, so that a server looks at the key of that name
 * only:
 *
 *   answer = name ":" proof
 *
 * The name is percent-encoded (RFC 3986, 2.1): letters, digits and - . _ ~ @ + stand for
 * themselves, every other byte is %HH. This code is compiled into each plugin that uses it. */
#ifndef COMMON_NAMED_H
#define COMMON_NAMED_H

#include <spore/auth.h>
#include <stdbool.h>

struct named_answer {
	char name[SPORE_IDENTITY_MAX + 1]; /* decoded; "": the answer has no name */
	spore_str proof;                   /* what follows; points into the answer */
};

/* The size of a text that is encoded like a name. [any] */
size_t named_encoded_size(spore_str text);
/* Writes the encoded text, without a NUL, and returns its end. [any] */
char *named_encode(spore_str text, char *out);
/* Decodes a text that named_encode has written, and puts a NUL behind the result. False: the text
 * has another form, or the result contains NUL or has more than size - 1 bytes. *out is then
 * undefined. [any] */
bool named_decode(spore_str encoded, char *out, size_t size);

/* The size of the encoded name with its colon. [any] */
size_t named_size(spore_str name);
/* Writes the encoded name and the colon: named_size(name) bytes, without a NUL. [any] */
void named_write(spore_str name, char *out);
/* Splits an answer. An answer without a colon is a proof without a name. False: the name is empty,
 * too long, contains NUL, or is not encoded as above. [any] */
bool named_parse(spore_str answer, struct named_answer *out);

#endif
