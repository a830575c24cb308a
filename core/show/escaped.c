#include "show/escaped.h"

#include <string.h>

#include "base/utf8.h"

void escaped_print(const char *text, FILE *out)
{
	for (size_t len = strlen(text); len > 0;) {
		size_t n = utf8_is_clear(text, len) ? utf8_sequence(text, len) : 0;

		if (n == 0 && *text != '\n')
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			fwrite(text, n ? n : 1, 1, out);
		text += n ? n : 1;
		len -= n ? n : 1;
	}
}
