#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int page_make(spore_str page, spore_str *out)
{
	static const char format[] = "HTTP/1.1 404 Not Found\r\n"
				     "Content-Type: text/html; charset=utf-8\r\n"
				     "Content-Length: %zu\r\n"
				     "Cache-Control: no-store\r\n"
				     "Connection: close\r\n"
				     "\r\n";
	size_t room = sizeof format + 20 + page.len;
	char *text = malloc(room);
	int n;

	if (!text)
		return 0;
	n = snprintf(text, room, format, page.len);
	memcpy(text + n, page.ptr, page.len);
	*out = (spore_str){ text, (size_t)n + page.len };
	return 1;
}
